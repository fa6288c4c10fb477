//! The course of an exchange where HTTP says in which order things happen.

use std::cell::Cell;
use std::time::Duration;

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{Action, Exchange, Fault, Found, Held, Lease, Outcome, Reach};
use breadbox::cache::family::Generation;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{Record, Stamp};
use breadbox::cache::policy::{Standing, Treatment};
use breadbox::cache::tuning::History;
use breadbox::cache::{Lifetime, Reason, RequestHead};

use super::messages::{NOW, URL, plan, request, response};

/// Plays an exchange, answering each question with `answer`, and tells what was asked.
fn course(asked: &[&str], answer: impl FnMut(&Action<u8>) -> Outcome<u8>) -> Vec<String> {
    slow_course(asked, Duration::ZERO, answer)
}

/// The same where every answer takes so long.
fn slow_course(
    asked: &[&str],
    took: Duration,
    mut answer: impl FnMut(&Action<u8>) -> Outcome<u8>,
) -> Vec<String> {
    let request: RequestHead = request(asked);
    let treatment = Treatment { origin: Some(ORIGIN.to_owned()), ..Treatment::default() };
    let plan = plan(treatment);
    let (mut exchange, mut action) = Exchange::begin(request, NOW, 1, plan);
    let mut told = Vec::new();
    let mut now = NOW;
    while !matches!(action, Action::Stop) {
        told.push(word(&action));
        let outcome = answer(&action);
        now = now.after(took);
        (exchange, action) = exchange.resume(outcome, now);
    }
    told
}

pub(super) fn word(action: &Action<u8>) -> String {
    match action {
        Action::Acquire { reach, .. } => format!("acquire {reach:?}"),
        Action::Collect { .. } => "collect".to_owned(),
        Action::Compress { .. } => "compress".to_owned(),
        Action::Digest { .. } => "digest".to_owned(),
        Action::Fetch(fetch) => format!("fetch {}", fetch.method),
        Action::Invalidate { keys, take } => {
            let urls: Vec<&str> = keys.iter().map(Key::url).collect();
            let taking = take.map_or("", |_| " taking");
            format!("invalidate {}{taking}", urls.join(" "))
        }
        Action::Lookup { .. } => "lookup".to_owned(),
        Action::Purge { records, .. } => {
            let members: Vec<String> = records.iter().map(Record::member).collect();
            format!("purge {}", members.join(" "))
        }
        Action::Release { .. } => "release".to_owned(),
        Action::Reply(reply) => format!("reply {}", reply.head.status),
        Action::Stop => "stop".to_owned(),
        Action::Store { .. } => "store".to_owned(),
        Action::Wait { .. } => "wait".to_owned(),
    }
}

pub(super) fn answered(lines: &[&str]) -> Outcome<u8> {
    Outcome::Answered { response: response(lines), length: Some(1) }
}

pub(super) fn granted(reach: Reach) -> Outcome<u8> {
    let generation = Generation::NONE;
    let lease = Lease { token: 1, stamp: Stamp::default(), reach, generation };
    Outcome::Granted { lease, found: None::<Found<u8>> }
}

#[test]
fn what_a_change_made_invalid_is_forgotten_before_the_reply() {
    let location = format!("location: {ORIGIN}/c");
    for forgotten in [Outcome::Done, Outcome::Failed(Fault::Timeout)] {
        let told = course(&["POST"], |action| match action {
            Action::Fetch(_) => answered(&["201", &location]),
            Action::Invalidate { .. } => forgotten.clone(),
            _ => Outcome::Done,
        });
        let forget = format!("invalidate {URL} https://example.com/c");
        assert_eq!(told, ["fetch POST", &forget, "reply 201"], "RFC 9111 §4.4");
    }
    let told = course(&["POST"], |action| match action {
        Action::Fetch(_) => answered(&["500"]),
        _ => Outcome::Done,
    });
    assert_eq!(told, ["fetch POST", "reply 500"], "RFC 9111 §4.4");
}

/// A change is remembered for a minute: what took longer may be older than another change.
#[test]
fn what_came_of_a_slow_change_is_not_stored() {
    let named = format!("content-location: {URL}");
    for (took, stored) in [(59_999, true), (60_000, false)] {
        let told = slow_course(&["POST"], Duration::from_millis(took), |action| match action {
            Action::Collect { .. } => Outcome::Collected { body: 1, length: 1 },
            Action::Fetch(_) => answered(&["200", "cache-control: max-age=600", &named]),
            Action::Invalidate { take: Some(_), .. } => granted(Reach::Everywhere),
            Action::Store { .. } => Outcome::Stored,
            _ => Outcome::Done,
        });
        let expected = match stored {
            true => {
                format!("fetch POST, invalidate {URL} taking, reply 200, collect, digest, store")
            }
            false => format!("fetch POST, invalidate {URL}, reply 200"),
        };
        assert_eq!(told.join(", "), expected, "RFC 9110 §9.3.3: {took} ms");
    }
}

/// What HEAD has told is about the response that was stored when it was asked.
#[test]
fn what_head_tells_is_not_told_of_what_was_stored_meanwhile() {
    for (meanwhile, last) in [(60, "store"), (59, "release")] {
        let told = course(&["HEAD", "cache-control: no-cache"], |action| match action {
            Action::Acquire { reach: Reach::Isolate, .. } => granted(Reach::Isolate),
            Action::Acquire { .. } => {
                let Outcome::Granted { lease, .. } = granted(Reach::Everywhere) else {
                    return Outcome::Done;
                };
                let Outcome::Found(found) = stored_before(meanwhile) else { return Outcome::Done };
                Outcome::Granted { lease, found: Some(found) }
            }
            Action::Fetch(_) => answered(&["200", "cache-control: max-age=9", "etag: \"a\""]),
            Action::Lookup { .. } => stored_before(60),
            Action::Store { .. } => Outcome::Stored,
            _ => Outcome::Done,
        });
        assert_eq!(told.last().map(String::as_str), Some(last), "RFC 9111 §4.3.5: {told:?}");
    }
}

#[test]
fn a_part_waits_for_the_whole_that_this_isolate_fetches() {
    let part = ["range: bytes=0-1"];
    let whole = course(&part, |action| match action {
        Action::Acquire { .. } => granted(Reach::Isolate),
        Action::Fetch(_) => answered(&["206", "content-range: bytes 0-1/9"]),
        Action::Lookup { .. } => Outcome::Absent,
        _ => Outcome::Done,
    });
    let pass = ["lookup", "acquire Isolate", "release", "fetch GET", "reply 206"];
    assert_eq!(whole, pass, "RFC 9110 §14.2: nobody fetches the whole, so the part passes");
    let waited = course(&part, |action| match action {
        Action::Acquire { .. } => Outcome::Held { by: Held::Here, found: None },
        Action::Fetch(_) => answered(&["206", "content-range: bytes 0-1/9"]),
        Action::Lookup { .. } => Outcome::Absent,
        _ => Outcome::Done,
    });
    let once = ["lookup", "acquire Isolate", "wait", "lookup", "fetch GET", "reply 206"];
    assert_eq!(waited, once, "RFC 9110 §14.2: it waits once");
}

/// A purge that came while the origin was waited for is final, whatever the origin says then.
#[test]
fn what_was_purged_while_the_origin_failed_does_not_stand_in() {
    let unreachable = Outcome::Failed(Fault::Unreachable);
    for (failure, error) in [(answered(&["503"]), "reply 503"), (unreachable, "reply 502")] {
        for (second, reply) in [
            (stored(Standing::Clean), "reply 200"),
            (stored(Standing::Soft), "reply 200"),
            (stored(Standing::Dead), error),
            (Outcome::Absent, error),
            (Outcome::Failed(Fault::Timeout), "reply 200"),
        ] {
            let mut looks = 0;
            let told = course(&[], |action| match action {
                Action::Acquire { .. } => granted(Reach::Everywhere),
                Action::Fetch(_) => failure.clone(),
                Action::Lookup { .. } => {
                    looks += 1;
                    if looks == 1 { stored(Standing::Clean) } else { second.clone() }
                }
                _ => Outcome::Done,
            });
            let expected =
                ["lookup", "acquire Everywhere", "fetch GET", "lookup", reply, "release"];
            assert_eq!(told, expected, "RFC 5861 §4: {second:?}");
        }
    }
}

/// What another cache has had for too long, or an origin whose clock is late, is stale on arrival:
/// nobody can share it, so nobody waits for it again and again (RFC 9111 §4).
#[test]
fn what_comes_stale_is_not_queued_for() {
    let aged = |seconds: u64, fields: &[&str]| {
        let Outcome::Found(mut found) = stored(Standing::Clean) else { return None };
        found.entry.generated = NOW.before(Duration::from_secs(seconds));
        found.entry.head = response(fields);
        Some(found)
    };
    let fields = ["200", "cache-control: max-age=1", "age: 30"];
    let told = course(&[], |action| match action {
        Action::Acquire { .. } => Outcome::Held { by: Held::Elsewhere, found: aged(60, &fields) },
        Action::Fetch(_) => answered(&["200"]),
        Action::Lookup { .. } => aged(60, &fields).map_or(Outcome::Absent, Outcome::Found),
        _ => Outcome::Done,
    });
    assert_eq!(told, ["lookup", "acquire Everywhere", "fetch GET", "reply 200"], "its age tells");
    let mut landed = 0;
    let told = course(&[], |action| match action {
        Action::Acquire { .. } => {
            landed += 1;
            let found = aged(60 - landed, &["200", "cache-control: max-age=1"]);
            Outcome::Held { by: Held::Elsewhere, found }
        }
        Action::Fetch(_) => answered(&["200"]),
        Action::Lookup { .. } => Outcome::Absent,
        _ => Outcome::Done,
    });
    let wait = ["acquire Everywhere", "wait"];
    let expected = [&["lookup"], &wait[..], &wait, &["acquire Everywhere", "fetch GET"]].concat();
    assert_eq!(told[..7], expected, "twice in vain is enough");
    let told = course(&[], |action| match action {
        Action::Acquire { .. } => Outcome::Held { by: Held::Here, found: None },
        Action::Fetch(_) => answered(&["200"]),
        Action::Lookup { .. } => Outcome::Absent,
        _ => Outcome::Done,
    });
    let waits = told.iter().filter(|word| *word == "wait").count();
    assert_eq!((waits, told.last().map(String::as_str)), (5, Some("reply 200")), "{told:?}");
}

/// Where an error was provoked, requests neither pass by the cache nor queue for it: one that gets
/// the lease fills it (RFC 9110 §15.5).
#[test]
fn what_one_request_provoked_keeps_no_other_from_filling() {
    let mark = |status: &str| {
        let Outcome::Found(mut found) = stored(Standing::Clean) else { return None };
        found.entry.kind = Kind::Pass;
        found.entry.generated = NOW;
        found.entry.head = response(&[status]);
        Some(found)
    };
    let reason = Cell::new(None);
    let play = |status: &str, by: Option<Held>| {
        course(&[], |action| match action {
            Action::Acquire { .. } => match by {
                Some(by) => Outcome::Held { by, found: mark(status) },
                None => granted(Reach::Everywhere),
            },
            Action::Fetch(_) => answered(&["200", "cache-control: max-age=9", "etag: \"a\""]),
            Action::Lookup { .. } => mark(status).map_or(Outcome::Absent, Outcome::Found),
            Action::Collect { .. } => Outcome::Collected { body: 1, length: 1 },
            Action::Reply(reply) => {
                reason.set(reply.status.reason);
                Outcome::Done
            }
            _ => Outcome::Done,
        })
    };
    let fills = ["lookup", "acquire Everywhere", "fetch GET", "reply 200", "collect", "store"];
    assert_eq!(play("403", None)[..6], fills);
    assert_eq!(reason.get(), Some(Reason::Absent), "it is no bypass");
    assert_eq!(
        play("404", None),
        ["lookup", "fetch GET", "reply 200"],
        "it is not there for anybody"
    );
    let away = ["lookup", "acquire Everywhere", "fetch GET", "reply 200"];
    assert_eq!(play("403", Some(Held::Elsewhere)), away, "nobody queues");
    let here = [&["lookup", "acquire Everywhere", "wait"], &away[..]].concat();
    assert_eq!(play("403", Some(Held::Here)), here, "but for a fetch of its own isolate, once");
}

/// A response that is stale and may only stand in for a failing origin.
fn stored(standing: Standing) -> Outcome<u8> {
    stored_at(60, standing)
}

pub(super) fn stored_before(secs: u64) -> Outcome<u8> {
    stored_at(secs, Standing::Clean)
}

fn stored_at(secs: u64, standing: Standing) -> Outcome<u8> {
    let long = |secs| Duration::from_secs(secs);
    let lifetime = Lifetime { fresh: long(1), stale: long(1), rescue: long(900), keep: long(1000) };
    let entry = Entry {
        kind: Kind::Response,
        stamp: Stamp::default(),
        generation: Generation::NONE,
        generated: NOW.before(long(secs)),
        lifetime,
        fetch: Duration::ZERO,
        key: Key::of_url(URL).as_str().to_owned(),
        tags: Vec::new(),
        selecting: Vec::new(),
        head: response(&["200", "cache-control: max-age=1, stale-if-error=900", "etag: \"a\""]),
        body_len: 1,
        history: History::default(),
    };
    Outcome::Found(Found { entry, body: 1, standing })
}

const ORIGIN: &str = "http://origin.internal:8000";
