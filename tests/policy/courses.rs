//! The course of an exchange where HTTP says in which order things happen.

use breadbox::cache::exchange::{
    Action, Exchange, Fault, Found, Held, Lease, Limits, Outcome, Plan, Reach,
};
use breadbox::cache::key::Key;
use breadbox::cache::ledger::Stamp;
use breadbox::cache::policy::Treatment;
use breadbox::cache::{RequestHead, Tier};

use super::messages::{NOW, URL, request, response};

/// Plays an exchange, answering each question with `answer`, and tells what was asked.
fn course(asked: &[&str], mut answer: impl FnMut(&Action<u8>) -> Outcome<u8>) -> Vec<String> {
    let request: RequestHead = request(asked);
    let plan = Plan {
        key: Key::of_url(URL),
        treatment: Treatment { origin: Some(ORIGIN.to_owned()), ..Treatment::default() },
        tags: Vec::new(),
        tiers: vec![Tier::Shared],
        limits: Limits::default(),
    };
    let (mut exchange, mut action) = Exchange::begin(request, NOW, 1, plan);
    let mut told = Vec::new();
    while !matches!(action, Action::Stop) {
        told.push(word(&action));
        let outcome = answer(&action);
        (exchange, action) = exchange.resume(outcome, NOW);
    }
    told
}

fn word(action: &Action<u8>) -> String {
    match action {
        Action::Acquire { reach, .. } => format!("acquire {reach:?}"),
        Action::Collect { .. } => "collect".to_owned(),
        Action::Fetch(fetch) => format!("fetch {}", fetch.method),
        Action::Invalidate(keys) => {
            let urls: Vec<&str> = keys.iter().map(Key::url).collect();
            format!("invalidate {}", urls.join(" "))
        }
        Action::Lookup { .. } => "lookup".to_owned(),
        Action::Release { .. } => "release".to_owned(),
        Action::Reply(reply) => format!("reply {}", reply.head.status),
        Action::Stop => "stop".to_owned(),
        Action::Store { .. } => "store".to_owned(),
        Action::Wait { .. } => "wait".to_owned(),
    }
}

fn answered(lines: &[&str]) -> Outcome<u8> {
    Outcome::Answered { response: response(lines), length: Some(1) }
}

fn granted(reach: Reach) -> Outcome<u8> {
    let lease = Lease { token: 1, stamp: Stamp::default(), reach };
    Outcome::Granted { lease, found: None::<Found<u8>> }
}

#[test]
fn what_a_change_made_invalid_is_forgotten_before_the_reply() {
    let location = format!("location: {ORIGIN}/c");
    for forgotten in [Outcome::Done, Outcome::Failed(Fault::Timeout)] {
        let told = course(&["POST"], |action| match action {
            Action::Fetch(_) => answered(&["201", &location]),
            Action::Invalidate(_) => forgotten.clone(),
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

const ORIGIN: &str = "http://origin.internal:8000";
