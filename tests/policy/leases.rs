//! Who fetches, who waits and for how long, and who stands back.

use std::time::Duration;

use breadbox::cache::entry::Kind;
use breadbox::cache::exchange::{
    Action, Backoff, Exchange, Fault, Found, Held, Holds, Outcome, Reach, told,
};
use breadbox::cache::key::Key;
use breadbox::cache::policy::{Standing, Treatment};
use breadbox::cache::{Lifetime, Reason, Time, Verdict};

use super::courses::{answered, granted, stored_before, word};
use super::messages::{NOW, plan, request, response};

/// An exchange from its beginning to its end, where nothing but waiting takes time.
#[derive(Debug, Default)]
struct Course {
    told: Vec<String>,
    waits: Vec<Duration>,
    deadlines: Vec<Option<Duration>>,
    reply: Option<(u16, Verdict, Option<Reason>)>,
    ttl: Option<i64>,
    origin: Option<(Option<u16>, bool)>,
    words: Vec<String>,
}

fn course(asked: &[&str], mut answer: impl FnMut(&Action<u8>) -> Outcome<u8>) -> Course {
    let plan = plan(Treatment::default());
    let (mut exchange, mut action) = Exchange::begin(request(asked), NOW, 1, plan);
    let (mut course, mut now) = (Course::default(), NOW);
    while !matches!(action, Action::Stop) {
        course.told.push(word(&action));
        course.words.push(told::action(&action));
        match &action {
            Action::Fetch(fetch) => course.deadlines.push(fetch.deadline),
            Action::Reply(reply) => {
                let status = &reply.status;
                course.reply = Some((reply.head.status, status.verdict, status.reason));
                course.ttl = status.ttl;
                course.origin = Some((status.fwd_status, status.stored));
            }
            Action::Wait { at_most, .. } => {
                course.waits.push(*at_most);
                now = now.after(*at_most);
            }
            _ => {}
        }
        let outcome = answer(&action);
        (exchange, action) = exchange.resume(outcome, now);
    }
    course
}

/// A response that is fresh for ten seconds, and stale for fifty more, as old as that.
fn kept(millis: u64) -> Found<u8> {
    let Outcome::Found(mut found) = stored_before(0) else { unreachable!("it finds") };
    let seconds = Duration::from_secs;
    found.entry.generated = NOW.before(Duration::from_millis(millis));
    found.entry.lifetime = Lifetime {
        fresh: seconds(10),
        stale: seconds(60),
        rescue: seconds(900),
        keep: seconds(1000),
    };
    found.entry.head = response(&["cache-control: max-age=10", "etag: \"a\""]);
    found
}

/// A mark that nothing can be stored under the key, left a moment ago.
fn mark() -> Found<u8> {
    let mut found = kept(0);
    found.entry.kind = Kind::Pass;
    found
}

/// A lease with what is stored at that moment.
fn lease(found: Option<Found<u8>>) -> Outcome<u8> {
    match granted(Reach::Everywhere) {
        Outcome::Granted { lease, .. } => Outcome::Granted { lease, found },
        other => other,
    }
}

/// After the reply, a refresh is one request's: who finds it done, or under way, or no lease to do
/// it under, leaves it.
#[test]
fn a_refresh_is_one_requests() {
    let fetched = ["fetch GET", "collect", "store"];
    let held = |by| Outcome::Held { by, found: Some(kept(20_000)) };
    for (outcome, then) in [
        (lease(Some(kept(20_000))), &fetched[..]),
        (lease(None), &fetched),
        (lease(Some(mark())), &fetched),
        (lease(Some(kept(1_000))), &["release"]),
        (held(Held::Elsewhere), &[]),
        (held(Held::Here), &[]),
        (held(Held::Backoff { status: 503, since: None }), &[]),
        (Outcome::Failed(Fault::Timeout), &[]),
    ] {
        let found = course(&[], |action| match action {
            Action::Acquire { .. } => outcome.clone(),
            Action::Collect { .. } => Outcome::Collected { body: 1, length: 1 },
            Action::Fetch(_) => answered(&["200", "cache-control: max-age=10", "etag: \"a\""]),
            Action::Lookup { .. } => Outcome::Found(kept(20_000)),
            Action::Store { .. } => Outcome::Stored,
            _ => Outcome::Done,
        });
        let expected = [&["lookup", "reply 200", "acquire Everywhere"], then].concat();
        assert_eq!(found.told, expected, "RFC 5861 §3: {outcome:?}");
        assert_eq!(found.reply, Some((200, Verdict::Stale, Some(Reason::Stale))));
    }
}

/// What is fresh is refreshed early only while it is still what this request has served.
#[test]
fn an_early_refresh_that_another_request_has_done_is_not_done_again() {
    for (at_lease, then) in [(9_999, "fetch GET"), (0, "release")] {
        let nearly = |millis| {
            let mut found = kept(millis);
            found.entry.fetch = Duration::from_secs(3600);
            found
        };
        let found = course(&[], |action| match action {
            Action::Acquire { .. } => lease(Some(nearly(at_lease))),
            Action::Fetch(_) => Outcome::Failed(Fault::Timeout),
            Action::Lookup { .. } => Outcome::Found(nearly(9_999)),
            _ => Outcome::Done,
        });
        assert_eq!(found.reply, Some((200, Verdict::Hit, None)));
        assert_eq!(found.told[3], then, "RFC 9111 §4.2: {:?}", found.told);
    }
}

/// With the lease comes what is stored by then: another request may have fetched meanwhile, or have
/// found that nothing can be stored.
#[test]
fn what_was_stored_meanwhile_answers() {
    let hit = Some((200, Verdict::Hit, None));
    let stale = Some((200, Verdict::Stale, Some(Reason::Stale)));
    let bypass = |verdict| Some((200, verdict, Some(Reason::PassMarker)));
    let held = |found| Outcome::Held { by: Held::Elsewhere, found: Some(found) };
    for (outcome, then, reply) in [
        (lease(Some(kept(0))), &["reply 200", "release"][..], hit),
        (lease(Some(kept(20_000))), &["reply 200", "release"], stale),
        (lease(Some(mark())), &["release", "fetch GET", "reply 200"], bypass(Verdict::Miss)),
        (held(kept(0)), &["reply 200"], hit),
        (held(kept(20_000)), &["reply 200"], stale),
        (held(mark()), &["fetch GET", "reply 200"], bypass(Verdict::Bypass)),
    ] {
        let found = course(&[], |action| match action {
            Action::Acquire { .. } => outcome.clone(),
            Action::Fetch(_) => answered(&["200"]),
            Action::Lookup { .. } => Outcome::Absent,
            _ => Outcome::Done,
        });
        let expected = [&["lookup", "acquire Everywhere"], then].concat();
        assert_eq!(found.told, expected, "RFC 9111 §4: {outcome:?}");
        assert_eq!(found.reply, reply, "{outcome:?}");
    }
}

/// After a failure of the origin a request waits for the next try, for as long as the back-off is;
/// who has waited for the fetch that failed shares its failure.
#[test]
fn who_has_waited_for_a_failure_shares_it() {
    let before = NOW.before(Duration::from_millis(1));
    let failed = Some((503, Verdict::Error, Some(Reason::Backoff)));
    let play = |first: Held, since: Option<Time>| {
        let mut tries = 0;
        course(&[], |action| match action {
            Action::Acquire { .. } => {
                tries += 1;
                let later = Held::Backoff { status: 503, since };
                Outcome::Held { by: if tries == 1 { first } else { later }, found: None }
            }
            Action::Lookup { .. } => Outcome::Absent,
            _ => Outcome::Done,
        })
    };
    let backoff = |since| Held::Backoff { status: 503, since };
    let shared = play(backoff(Some(NOW)), Some(NOW));
    assert_eq!(shared.told, ["lookup", "acquire Everywhere", "reply 503"], "it came first");
    assert_eq!(shared.reply, failed);
    let waited = play(Held::Elsewhere, Some(before));
    let acquire = "acquire Everywhere";
    assert_eq!(waited.told, ["lookup", acquire, "wait", acquire, "reply 503"], "it has waited");
    for since in [None, Some(before)] {
        let outwaited = play(backoff(since), since);
        let waits: Duration = outwaited.waits.iter().sum();
        let (least, most) = (Duration::from_secs(2), Duration::from_millis(2800));
        assert!(least <= waits && waits < most, "for the next try: {outwaited:?}");
        assert_eq!(outwaited.reply, failed);
    }
}

/// While the origin is left alone, what may stand in for it does so at once.
#[test]
fn what_is_stored_stands_in_during_a_backoff() {
    let by = Held::Backoff { status: 503, since: None };
    let found = course(&[], |action| match action {
        Action::Acquire { .. } => Outcome::Held { by, found: Some(kept(70_000)) },
        Action::Lookup { .. } => Outcome::Found(kept(70_000)),
        _ => Outcome::Done,
    });
    assert_eq!(found.told, ["lookup", "acquire Everywhere", "lookup", "reply 200"]);
    let reply = Some((200, Verdict::Rescue, Some(Reason::Backoff)));
    assert_eq!(found.reply, reply, "RFC 5861 §4");
    let beyond = course(&[], |action| match action {
        Action::Acquire { .. } => Outcome::Held { by, found: Some(kept(950_000)) },
        Action::Lookup { .. } => Outcome::Found(kept(950_000)),
        _ => Outcome::Done,
    });
    assert_eq!(beyond.told[2], "wait", "RFC 5861 §4: {:?}", beyond.told);
}

/// Pauses begin with half of what the last fetch took, double, and end with the patience.
#[test]
fn pauses_grow_from_half_of_a_fetch() {
    for (took, first) in [(None, 25), (Some(0), 25), (Some(400), 200), (Some(10), 12)] {
        let prior = took.map(|millis| {
            let Outcome::Found(mut found) = stored_before(60) else { unreachable!("it finds") };
            found.entry.fetch = Duration::from_millis(millis);
            found
        });
        let found = course(&[], |action| match action {
            Action::Acquire { .. } => Outcome::Held { by: Held::Elsewhere, found: prior.clone() },
            Action::Fetch(_) => answered(&["200", "cache-control: max-age=9"]),
            Action::Lookup { .. } => Outcome::Absent,
            _ => Outcome::Done,
        });
        assert_eq!(found.told.last().map(String::as_str), Some("reply 200"), "not stored");
        assert_eq!(found.waits.iter().sum::<Duration>(), Duration::from_secs(14));
        let pauses = found.waits.split_last().map(|(_, whole)| whole).unwrap_or_default();
        for (number, pause) in pauses.iter().enumerate() {
            let most = Duration::from_millis((first << number.min(10)).min(800));
            assert!(most / 2 <= *pause + Duration::from_millis(1) && *pause <= most, "{found:?}");
        }
    }
    let found = course(&[], |action| match action {
        Action::Acquire { .. } => Outcome::Held { by: Held::Here, found: None },
        Action::Lookup { .. } => Outcome::Absent,
        _ => Outcome::Done,
    });
    assert_eq!(found.waits[0], Duration::from_secs(14), "this isolate wakes it");
}

/// The origin gets its own time where a client waits and nothing else could be served.
#[test]
fn who_could_be_served_otherwise_does_not_wait_for_long() {
    let long = Some(Duration::from_secs(10));
    let strict = ["cache-control: max-age=10, must-revalidate", "etag: \"a\""];
    for (age, fields, deadline) in [
        (None, &["etag: \"a\""][..], None),
        (Some(20), &["cache-control: max-age=10", "etag: \"a\""], long),
        (Some(70), &["cache-control: max-age=10", "etag: \"a\""], long),
        (Some(950), &["cache-control: max-age=10", "etag: \"a\""], long),
        (Some(950), &strict, None),
    ] {
        let outcome = age.map_or(Outcome::Absent, |seconds: u64| {
            let mut found = kept(seconds * 1000);
            found.entry.head = response(fields);
            Outcome::Found(found)
        });
        let found = course(&[], |action| match action {
            Action::Acquire { .. } => granted(Reach::Everywhere),
            Action::Fetch(_) => Outcome::Failed(Fault::Timeout),
            Action::Lookup { .. } => outcome.clone(),
            _ => Outcome::Done,
        });
        assert_eq!(found.deadlines, [deadline], "RFC 5861 §4: {age:?} {fields:?}");
        let answers = if deadline.is_some() { "lookup" } else { "reply 504" };
        let then = found.told.get(3).map_or("stop", String::as_str);
        assert!(then == answers || found.reply.is_some_and(|it| it.1 == Verdict::Stale), "{then}");
    }
}

/// A waiting request has its pauses counted from its own beginning, so an answer that comes late is
/// taken; but not one that was purged.
#[test]
fn what_the_leader_brought_is_judged_when_it_is_found() {
    for (standing, last) in [(Standing::Clean, "reply 200"), (Standing::Dead, "wait")] {
        let mut tries = 0;
        let found = course(&[], |action| match action {
            Action::Acquire { .. } => {
                tries += 1;
                let found = (tries == 2).then(|| Found { standing, ..kept(0) });
                Outcome::Held { by: Held::Elsewhere, found }
            }
            Action::Fetch(_) => Outcome::Failed(Fault::Timeout),
            Action::Lookup { .. } => Outcome::Absent,
            _ => Outcome::Done,
        });
        assert_eq!(found.told[4], last, "RFC 9111 §4.4: {:?}", found.told);
    }
}

/// The remaining freshness, in whole seconds; of what is stale it is how long ago that ended.
#[test]
fn what_is_left_of_a_lifetime_is_told() {
    for (age, ttl) in [(0, 10), (3_000, 7), (3_001, 6), (9_999, 0), (12_500, -3)] {
        let found = course(&[], |action| match action {
            Action::Lookup { .. } => Outcome::Found(kept(age)),
            _ => Outcome::Done,
        });
        assert_eq!(found.ttl, Some(ttl), "RFC 9211 §2.4: {age} ms");
    }
    let fetched = course(&[], |action| match action {
        Action::Acquire { .. } => granted(Reach::Everywhere),
        Action::Fetch(_) => answered(&["200", "cache-control: max-age=9", "age: 2"]),
        Action::Lookup { .. } => Outcome::Absent,
        _ => Outcome::Done,
    });
    assert_eq!(fetched.ttl, Some(7), "RFC 9211 §2.4: of what is being stored");
}

/// What the origin has answered, and whether that is being stored (RFC 9211 §2.3, RFC 9211 §2.5).
#[test]
fn what_came_of_asking_the_origin_is_told() {
    let purged = |looks: &mut u32| {
        *looks += 1;
        let standing = if *looks > 1 { Standing::Dead } else { Standing::Clean };
        Outcome::Found(Found { standing, ..kept(70_000) })
    };
    let etag = "etag: \"a\"";
    let stands = "content-location: https://example.com/a/b?q=1";
    for (asked, stored, answer, origin, reason) in [
        (&[][..], "", &["200", "cache-control: max-age=9"][..], (200, true), Reason::Absent),
        (&[], "", &["200", "cache-control: no-store"], (200, false), Reason::NoStore),
        (&[], "old", &["304", etag, "cache-control: max-age=9"], (304, false), Reason::Stale),
        (&[], "old", &["503"], (503, false), Reason::OriginError),
        (&[], "purged", &["503"], (503, false), Reason::Purged),
        (&["POST"], "", &["201"], (201, false), Reason::Method),
        (&["POST"], "", &["200", "cache-control: max-age=9", stands], (200, true), Reason::Method),
        (&["POST"], "", &["201", "cache-control: max-age=9", stands], (201, false), Reason::Method),
    ] {
        let mut looks = 0;
        let found = course(asked, |action| match action {
            Action::Acquire { .. } | Action::Invalidate { take: Some(_), .. } => {
                granted(Reach::Everywhere)
            }
            Action::Fetch(_) => answered(answer),
            Action::Lookup { .. } if stored == "purged" => purged(&mut looks),
            Action::Lookup { .. } if stored == "old" => Outcome::Found(kept(70_000)),
            Action::Lookup { .. } => Outcome::Absent,
            _ => Outcome::Done,
        });
        let (status, is_stored) = origin;
        assert_eq!(found.origin, Some((Some(status), is_stored)), "{asked:?} {answer:?}");
        assert_eq!(found.reply.and_then(|reply| reply.2), Some(reason), "{asked:?} {answer:?}");
    }
}

/// An explanation says how the origin was asked.
#[test]
fn fetches_are_told_apart_in_explanations() {
    for (asked, stored, fetch) in [
        (&["POST"][..], Outcome::Absent, "fetch POST passing"),
        (&[], Outcome::Absent, "fetch GET whole"),
        (&[], Outcome::Found(kept(70_000)), "fetch GET conditionally"),
    ] {
        let found = course(asked, |action| match action {
            Action::Acquire { .. } => granted(Reach::Everywhere),
            Action::Fetch(_) => answered(&["200"]),
            Action::Lookup { .. } => stored.clone(),
            _ => Outcome::Done,
        });
        assert!(found.words.iter().any(|word| word == fetch), "{:?}", found.words);
        let look = format!("look shared {}", Key::of_url(super::messages::URL).id());
        assert!(asked == ["POST"] || found.words[0] == look, "{:?}", found.words);
    }
}

/// While an isolate knows that an origin has just failed, nobody there asks Redis about it; it
/// knows so much and no more.
#[test]
fn an_isolate_leaves_keys_alone_by_itself() {
    let id = |number: usize| Key::of_url(&format!("https://a.test/{number}")).id();
    let hold = Backoff { since: NOW, span: Duration::from_secs(2), status: 503 };
    let at = |millis| NOW.after(Duration::from_millis(millis));
    let held = Some(Held::Backoff { status: 503, since: Some(NOW) });
    let mut holds = Holds::default();
    holds.hold(id(0), hold, NOW);
    assert_eq!(holds.by(id(0), NOW), held);
    assert_eq!(holds.by(id(0), at(1_999)), held);
    assert_eq!(holds.by(id(1), NOW), None, "another key");
    assert_eq!(holds.by(id(0), at(2_000)), None, "it is over");
    holds.hold(id(0), hold, at(1));
    assert_eq!(holds.by(id(0), NOW), None, "the clock was set back");
    (0..1_024).for_each(|number| holds.hold(id(number), hold, NOW));
    holds.hold(id(1_024), hold, NOW);
    assert_eq!((holds.by(id(1_023), NOW), holds.by(id(1_024), NOW)), (held, None), "it is full");
    holds.hold(id(1_024), hold, at(2_000));
    assert_eq!(holds.by(id(1_024), at(2_000)), held, "the others have ended");
}
