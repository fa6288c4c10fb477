//! What is left behind of an answer: an entry, a mark, a lease given back, a failure told.

use std::time::Duration;

use breadbox::cache::Tier;
use breadbox::cache::entry::Kind;
use breadbox::cache::exchange::{Action, Exchange, Fault, Outcome, Reach};
use breadbox::cache::family::Generation;
use breadbox::cache::ledger::Sequence;
use breadbox::cache::policy::Standing;
use http::HeaderValue;

use super::courses::{answered, granted, stored_before, word};
use super::messages::{NOW, URL, plan, request, rule};

const STORABLE: [&str; 3] = ["200", "cache-control: max-age=9", "etag: \"a\""];

/// What is asked after the lease was granted, where these tiers exist.
fn after(
    words: &str,
    asked: &[&str],
    tiers: &[Tier],
    mut answer: impl FnMut(&Action<u8>) -> Option<Outcome<u8>>,
) -> Vec<String> {
    let mut plan = plan(rule(words));
    plan.tiers = tiers.to_vec();
    let (mut exchange, mut action) = Exchange::begin(request(asked), NOW, 1, plan);
    let mut told = Vec::new();
    while !matches!(action, Action::Stop) {
        told.push(match &action {
            Action::Release { hold: Some(hold), .. } => format!("release after {}", hold.status),
            Action::Store { tier, entry, .. } => match entry.kind {
                Kind::Pass => format!("mark {tier:?}"),
                _ => format!("store {tier:?}"),
            },
            action => word(action),
        });
        let outcome = answer(&action).unwrap_or_else(|| match &action {
            Action::Acquire { .. } => granted(Reach::Everywhere),
            Action::Collect { .. } => Outcome::Collected { body: 1, length: 1 },
            Action::Fetch(_) => answered(&STORABLE),
            Action::Lookup { .. } => Outcome::Absent,
            Action::Store { .. } => Outcome::Stored,
            _ => Outcome::Done,
        });
        (exchange, action) = exchange.resume(outcome, NOW);
    }
    let granted = told.iter().rposition(|word| word.starts_with("acquire"));
    told.split_off(granted.map_or(0, |at| at + 1))
}

/// An entry that a purge has overtaken is offered again if the purge was of something else, and
/// not without end.
#[test]
fn purges_of_other_things_delay_a_store_but_few_times() {
    for (standing, offers) in [(Standing::Clean, 5), (Standing::Dead, 1), (Standing::Soft, 1)] {
        let told = after("", &[], &[Tier::Shared, Tier::Platform], |action| {
            let superseded = Outcome::Superseded { sequence: Sequence(7), standing };
            matches!(action, Action::Store { .. }).then_some(superseded)
        });
        let mut expected = vec!["fetch GET", "reply 200", "collect"];
        expected.extend(["store Shared"].repeat(offers));
        expected.push("release");
        assert_eq!(told, expected, "{standing:?}");
    }
}

/// What could not be committed to Redis is still of use in this data centre, and the lease is given
/// back; but who has lost the lease has nothing to store.
#[test]
fn what_was_not_stored_is_given_up_with_its_lease() {
    let near = [Tier::Shared, Tier::Platform];
    let lost = Outcome::Failed(Fault::Timeout);
    let head = ["fetch GET", "reply 200", "collect"];
    for (tiers, outcome, then) in [
        (&near[..], Outcome::Stored, &["store Shared", "store Platform"][..]),
        (&near, Outcome::Displaced, &["store Shared", "store Platform"]),
        (&near, lost.clone(), &["store Shared", "store Platform", "release"]),
        (&near, Outcome::Lost, &["store Shared"]),
        (&near[..1], Outcome::Stored, &["store Shared"]),
        (&near[..1], lost, &["store Shared", "release"]),
    ] {
        let told = after("", &[], tiers, |action| match action {
            Action::Store { tier: Tier::Shared, .. } => Some(outcome.clone()),
            _ => None,
        });
        assert_eq!(told, [&head, then].concat(), "{outcome:?}");
    }
    let isolate = |action: &Action<u8>| {
        matches!(action, Action::Acquire { .. }).then(|| granted(Reach::Isolate))
    };
    let told = after("", &[], &near, isolate);
    assert_eq!(told, [&head[..], &["store Platform", "release"]].concat(), "without Redis");
    let told = after("", &[], &near[..1], isolate);
    assert_eq!(told, [&head[..], &["release"]].concat(), "nowhere to store");
}

/// A body of the very limit is stored; of a longer one it is only marked that it is too long.
#[test]
fn bodies_are_stored_up_to_their_limit() {
    for (declared, collected, last) in [
        (Some(5), Ok(5), "store Shared"),
        (Some(6), Ok(6), "mark Shared"),
        (None, Ok(5), "store Shared"),
        (None, Err(Fault::TooLarge), "mark Shared"),
        (None, Err(Fault::Truncated), "release"),
        (Some(5), Err(Fault::Unreachable), "release"),
    ] {
        let told = after("body=5", &[], &[Tier::Shared], |action| match action {
            Action::Collect { .. } => Some(match collected {
                Ok(length) => Outcome::Collected { body: 1, length },
                Err(fault) => Outcome::Failed(fault),
            }),
            Action::Fetch(_) => {
                let Outcome::Answered { response, .. } = answered(&STORABLE) else { return None };
                Some(Outcome::Answered { response, length: declared })
            }
            _ => None,
        });
        assert_eq!(told.last().map(String::as_str), Some(last), "{declared:?} {collected:?}");
    }
}

/// Others are told of what can't be stored for anybody, and not of what was this request's doing.
#[test]
fn only_what_concerns_others_leaves_a_mark() {
    let auth = "authorization: Basic eA==";
    for (asked, answer, last) in [
        (&[][..], &["200", "cache-control: no-store"][..], "mark Shared"),
        (&[], &["200", "cache-control: private"], "mark Shared"),
        (&["cache-control: no-store"], &STORABLE, "release"),
        (&[], &["206", "content-range: bytes 0-1/9"], "release"),
        (&[], &["500"], "release after 500"),
        (&[], &["499"], "mark Shared"),
        (&[auth], &STORABLE, "mark Shared"),
    ] {
        let told = after("", asked, &[Tier::Shared], |action| {
            matches!(action, Action::Fetch(_)).then(|| answered(answer))
        });
        let found = told.last().map(String::as_str);
        assert_eq!(found, Some(last), "RFC 9111 §3: {asked:?} {answer:?} {told:?}");
    }
}

/// A confirmation may bring that the response must not be stored any longer (RFC 9111 §4.3.4).
#[test]
fn a_confirmation_may_take_the_permission_to_store() {
    let auth = "authorization: Basic eA==";
    for (asked, answer, last) in [
        (&[][..], "cache-control: max-age=9", "store Shared"),
        (&[], "cache-control: no-store", "mark Shared"),
        (&[auth], "cache-control: max-age=9", "release"),
    ] {
        let told = after("", asked, &[Tier::Shared], |action| match action {
            Action::Fetch(_) => Some(answered(&["304", answer, "etag: \"a\""])),
            Action::Lookup { .. } => Some(stored_before(60)),
            _ => None,
        });
        assert_eq!(told, ["fetch GET", "reply 200", last], "{asked:?} {answer}");
    }
}

/// A stored response stands in for errors that say that the server is in trouble, and for no other
/// (RFC 5861 §4).
#[test]
fn errors_that_what_is_stored_stands_in_for() {
    for (status, stands_in) in [
        ("500", true),
        ("501", false),
        ("502", true),
        ("503", true),
        ("504", true),
        ("505", false),
        ("404", false),
    ] {
        let told = after("", &[], &[Tier::Shared], |action| match action {
            Action::Fetch(_) => Some(answered(&[status])),
            Action::Lookup { .. } => Some(stored_before(60)),
            _ => None,
        });
        let reply = if stands_in { "reply 200".to_owned() } else { format!("reply {status}") };
        assert!(told.contains(&reply), "{status}: {told:?}");
    }
}

/// Without anything stored a client is told whether the origin was too slow or not there
/// (RFC 9110 §15.6.3, RFC 9110 §15.6.5).
#[test]
fn what_a_client_is_told_of_an_origin_that_does_not_answer() {
    for (fault, status) in
        [(Fault::Timeout, 504), (Fault::Unreachable, 502), (Fault::Truncated, 502)]
    {
        let told = after("", &[], &[Tier::Shared], |action| {
            matches!(action, Action::Fetch(_)).then_some(Outcome::Failed(fault))
        });
        let reply = format!("reply {status}");
        let release = format!("release after {status}");
        assert_eq!(told, ["fetch GET", &reply, &release], "{fault:?}");
    }
}

/// No store is asked to keep an entry for less than a second, nor for longer than it is of use.
#[test]
fn entries_are_kept_for_as_long_as_they_are_of_use() {
    for (words, keep) in [("keep=0", 9), ("keep=99", 108), ("ttl=0 keep=0 stale=0 rescue=0", 1)] {
        let mut kept = None;
        after(words, &[], &[Tier::Shared], |action| {
            if let Action::Store { keep, .. } = action {
                kept = Some(*keep);
            }
            None
        });
        assert_eq!(kept, Some(Duration::from_secs(keep)), "{words}");
    }
    let mut kept = None;
    after("keep=99", &[], &[Tier::Shared], |action| match action {
        Action::Fetch(_) => Some(answered(&["cache-control: no-cache", "etag: \"a\""])),
        Action::Store { keep, .. } => {
            kept = Some(*keep);
            None
        }
        _ => None,
    });
    assert_eq!(kept, Some(Duration::from_secs(99)), "RFC 9111 §4.3.1: to be confirmed");
}

/// Fields that are for one client are never stored, whoever has allowed to store the rest
/// (RFC 9111 §5.2.2.7): not those of a new response, nor those of a confirmation.
#[test]
fn fields_that_are_for_one_client_are_not_stored() {
    let qualified = "cache-control: max-age=9, private=\"x-own\"";
    let plain = "cache-control: max-age=9";
    for (words, control, stored, status) in [
        ("force=set-cookie", plain, false, "200"),
        ("force=set-cookie", plain, true, "304"),
        ("", qualified, false, "200"),
        ("", qualified, true, "304"),
        ("force=vary", plain, false, "200"),
    ] {
        let own = match words {
            "" => "x-own: a",
            "force=vary" => "vary: *",
            _ => "set-cookie: a=b",
        };
        let mut fields = None;
        let told = after(words, &[], &[Tier::Shared], |action| match action {
            Action::Fetch(_) => Some(answered(&[status, control, "etag: \"a\"", own])),
            Action::Lookup { .. } => stored.then(|| stored_before(60)),
            Action::Store { entry, .. } => {
                fields = Some(entry.head.headers.clone());
                None
            }
            _ => None,
        });
        let fields = fields.unwrap_or_else(|| panic!("nothing stored: {told:?}"));
        let (name, _) = own.split_once(':').expect("a field");
        assert!(!fields.contains_key(name), "{words} {control} {status}: {fields:?}");
    }
}

/// Tags that a confirmation names are the response's from then on; one that names none leaves them
/// (RFC 9111 §3.2).
#[test]
fn a_confirmation_may_name_other_tags() {
    for (named, tags) in [("cache-tag: new", vec!["new"]), ("x-other: a", vec!["old"])] {
        let mut found = None;
        after("", &[], &[Tier::Shared], |action| match action {
            Action::Fetch(_) => {
                Some(answered(&["304", "cache-control: max-age=9", "etag: \"a\"", named]))
            }
            Action::Lookup { .. } => {
                let Outcome::Found(mut found) = stored_before(60) else { return None };
                found.entry.tags = vec!["old".to_owned()];
                Some(Outcome::Found(found))
            }
            Action::Store { entry, .. } => {
                found = Some(entry.tags.clone());
                None
            }
            _ => None,
        });
        assert_eq!(found.unwrap_or_default(), tags, "{named}");
    }
}

/// What is stored belongs to the family that its lease was given for: a family that is forgotten
/// meanwhile takes with it what is on its way (RFC 9111 §4.4).
#[test]
fn what_is_stored_is_of_the_leases_family() {
    let stands = format!("content-location: {URL}");
    let fresh = [STORABLE[1], STORABLE[2]];
    for (asked, answer) in [
        (&[][..], vec!["200"]),
        (&["POST"], vec!["200", &stands]),
        (&["HEAD", "cache-control: no-cache"], vec!["200"]),
    ] {
        let answer = [&answer[..], &fresh].concat();
        let mut found = None;
        let told = after("", asked, &[Tier::Shared], |action| match action {
            Action::Acquire { .. } | Action::Invalidate { take: Some(_), .. } => {
                let Outcome::Granted { mut lease, .. } = granted(Reach::Everywhere) else {
                    return None;
                };
                lease.generation = Generation(5);
                let Outcome::Found(found) = stored_before(60) else { return None };
                Some(Outcome::Granted { lease, found: (asked.len() == 2).then_some(found) })
            }
            Action::Fetch(_) => Some(answered(&answer)),
            Action::Lookup { .. } if asked.len() == 2 => Some(stored_before(60)),
            Action::Store { entry, .. } => {
                found = Some(entry.generation);
                None
            }
            _ => None,
        });
        assert_eq!(found, Some(Generation(5)), "{asked:?}: {told:?}");
    }
}

/// A client that takes no coding gets none, also while the coded form is being stored
/// (RFC 9110 §12.5.3).
#[test]
fn a_coding_is_taken_off_on_the_way_to_who_can_not_take_it() {
    for (accepted, coded) in [("accept-encoding: gzip", true), ("accept-encoding: identity", false)]
    {
        let mut found = None;
        after("", &[accepted], &[Tier::Shared], |action| match action {
            Action::Fetch(_) => Some(answered(&[
                "200",
                "cache-control: max-age=9",
                "content-encoding: gzip",
                "vary: accept-encoding",
            ])),
            Action::Reply(reply) => {
                let named = reply.head.headers.contains_key("content-encoding");
                found = Some((named, reply.decode.is_some()));
                None
            }
            _ => None,
        });
        assert_eq!(found, Some((coded, !coded)), "{accepted}");
    }
}

/// Who overrides `Vary: *` overrides nothing that names fields: variants stay apart
/// (RFC 9111 §4.1).
#[test]
fn a_vary_that_names_fields_stays_whatever_is_forced() {
    let mut found = None;
    after("force=vary", &[], &[Tier::Shared], |action| match action {
        Action::Fetch(_) => Some(answered(&["200", "cache-control: max-age=9", "vary: accept"])),
        Action::Store { entry, .. } => {
            found = Some(entry.head.headers.contains_key("vary"));
            None
        }
        _ => None,
    });
    assert_eq!(found, Some(true));
}

/// What was replaced meanwhile by something that forbids it does not stand in
/// (RFC 9111 §4.2.4).
#[test]
fn what_came_meanwhile_stands_in_only_where_it_may() {
    let mut looks = 0;
    let told = after("", &[], &[Tier::Shared], |action| match action {
        Action::Fetch(_) => Some(Outcome::Failed(Fault::Timeout)),
        Action::Lookup { .. } => {
            looks += 1;
            let Outcome::Found(mut found) = stored_before(60) else { return None };
            if looks == 2 {
                found.entry.lifetime.rescue = Duration::ZERO;
                let strict = HeaderValue::from_static("max-age=1, must-revalidate");
                found.entry.head.headers.insert("cache-control", strict);
            }
            Some(Outcome::Found(found))
        }
        _ => None,
    });
    assert_eq!(told[..3], ["fetch GET", "lookup", "reply 504"]);
}
