//! The short way says what the machine says, from the few request fields that it is told.

use std::time::Duration;

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{
    Action, Again, Content, Exchange, Found, Held, Limits, Outcome, Plan,
};
use breadbox::cache::family::Generation;
use breadbox::cache::field::Vary;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::Stamp;
use breadbox::cache::policy::{Pace, Standing, selecting};
use breadbox::cache::tuning::History;
use breadbox::cache::{Lifetime, RequestHead, ResponseHead, Tier, Time, Verdict};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::messages::{NOW, URL, fields, plan, request, rule};

/// Request lines that matter to caches, and some that do not.
const ASKED: [&str; 18] = [
    "cache-control: no-cache",
    "cache-control: max-age=30",
    "cache-control: max-stale",
    "cache-control: only-if-cached",
    "pragma: no-cache",
    "range: bytes=0-1",
    "if-range: \"a\"",
    "if-none-match: \"a\"",
    "if-none-match: \"b\"",
    "if-match: \"a\"",
    "if-modified-since: {-60}",
    "upgrade: websocket",
    "content-length: 3",
    "authorization: Basic eA==",
    "accept-language: en",
    "cookie: a=b",
    "accept-encoding: gzip",
    "accept-encoding: br, identity;q=0",
];

/// Response lines.
const STORED: [&str; 11] = [
    "cache-control: max-age=60",
    "cache-control: no-cache",
    "cache-control: must-revalidate",
    "cache-control: immutable",
    "cdn-cache-control: max-age=90",
    "etag: \"a\"",
    "last-modified: {-120}",
    "vary: accept-language",
    "vary: cookie, accept-language",
    "cache-status: Origin; hit",
    "content-encoding: gzip",
];

fn lines(pool: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(pool, 0..4)
}

fn entry(stored: &[&str], first: &RequestHead) -> Entry {
    let headers = fields(stored);
    let seconds = Duration::from_secs;
    let lifetime =
        Lifetime { fresh: seconds(60), stale: seconds(90), rescue: seconds(90), keep: seconds(99) };
    Entry {
        kind: Kind::Response,
        stamp: Stamp::default(),
        generated: NOW,
        lifetime,
        generation: Generation::NONE,
        fetch: Duration::ZERO,
        key: Key::of_url(URL).as_str().to_owned(),
        tags: Vec::new(),
        selecting: selecting(&Vary::parse(&headers), first),
        head: ResponseHead { status: 200, headers },
        body_len: 10,
        history: History::default(),
    }
}

fn asks(
    request: &RequestHead,
    words: &str,
    found: &Found<u8>,
    at: Time,
) -> (Exchange<u8>, Action<u8>) {
    let plan = Plan {
        key: Key::of_url(URL),
        treatment: rule(words),
        tags: Vec::new(),
        tiers: vec![Tier::Memory],
        limits: Limits::default(),
        stamp: Stamp::default(),
        hint: None,
        search: None,
    };
    let (exchange, action) = Exchange::begin(request.clone(), at, 1, plan);
    match action {
        Action::Lookup { .. } => exchange.resume(Outcome::Found(found.clone()), at),
        action => (exchange, action),
    }
}

/// What of a request the short way is told.
fn told(request: &RequestHead, stored: &HeaderMap) -> RequestHead {
    let mut names = Again::FIELDS.to_vec();
    if let Vary::Fields(more) = Vary::parse(stored) {
        names.extend(more);
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        if names.contains(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    RequestHead { method: request.method.clone(), url: String::new(), headers }
}

/// What is made again is all of a fresh stored response, as it was sent for GET: neither a part,
/// nor what was changed for its client, nor what another fetch has just brought.
#[test]
fn only_plain_hits_are_made_again() {
    let gzip = Kind::Compressed { plain: 99 };
    for (asked, words, kind, later, again) in [
        (&[][..], "", Kind::Response, 0, true),
        (&["accept-encoding: gzip"], "", gzip, 0, true),
        (&[], "", gzip, 0, false),
        (&["HEAD"], "", Kind::Response, 0, false),
        (&["QUERY"], "method=QUERY", Kind::Response, 0, false),
        (&["range: bytes=0-1"], "", Kind::Response, 0, false),
        (&["if-none-match: \"a\""], "", Kind::Response, 0, false),
        (&[], "", Kind::Response, 60_000, false),
    ] {
        let asked = request(asked);
        let entry = Entry { kind, ..entry(&["etag: \"a\""], &asked) };
        let found = Found { entry, body: 7u8, standing: Standing::Clean };
        let (exchange, action) = asks(&asked, words, &found, Time(NOW.0 + later));
        let Action::Reply(reply) = action else { panic!("{action:?}") };
        assert_eq!(exchange.again(&reply).is_some(), again, "{asked:?} {kind:?} {later}");
    }
    let asked = request(&[]);
    let entry = entry(&[], &asked);
    let (mut exchange, mut action) = Exchange::begin(asked, NOW, 1, plan(rule("")));
    let mut looks = 0;
    let reply = loop {
        let outcome = match action {
            Action::Acquire { .. } => Outcome::Held { by: Held::Here, found: None },
            Action::Lookup { .. } if looks > 0 => {
                let entry = entry.clone();
                Outcome::Found(Found { entry, body: 7u8, standing: Standing::Clean })
            }
            Action::Lookup { .. } => Outcome::Absent,
            Action::Reply(reply) => break reply,
            _ => Outcome::Done,
        };
        looks += 1;
        (exchange, action) = exchange.resume(outcome, NOW);
    };
    assert_eq!(reply.status.verdict, Verdict::Collapsed);
    assert!(exchange.again(&reply).is_none(), "the next one is a hit");
}

proptest! {
    #[test]
    fn the_short_way_says_what_the_machine_says(
        asked in lines(&ASKED),
        stored in lines(&STORED),
        language in prop::option::of(prop::sample::select(vec![
            "accept-language: en",
            "accept-encoding: gzip",
        ])),
        words in prop::sample::select(vec!["", "deaf", "bypass", "stale=60", "ahead=4", "ahead=3"]),
        standing in prop::sample::select(vec![Standing::Clean, Standing::Soft, Standing::Dead]),
        compressed in any::<bool>(),
        later in 0i64..70_000,
    ) {
        let first = request(&language.into_iter().collect::<Vec<_>>());
        let mut entry = entry(&stored, &first);
        if compressed {
            entry.kind = Kind::Compressed { plain: 99 };
            entry.head.headers.remove("content-encoding");
        }
        let found = |standing| Found { entry: entry.clone(), body: 7u8, standing };
        let (exchange, action) = asks(&first, words, &found(Standing::Clean), NOW);
        let Action::Reply(before) = action else { return Ok(()) };
        let Some(again) = exchange.again(&before) else { return Ok(()) };

        let now = Time(NOW.0 + later);
        let second = request(&asked);
        let requests = words.strip_prefix("ahead=").map_or(9, |text| text.parse().unwrap_or(0));
        let pace = Pace { requests, since: NOW };
        let heard = told(&second, &entry.head.headers);
        let says = again.answers(&heard, &entry, standing, pace, now);
        let (exchange, action) = asks(&second, words, &found(standing), now);
        let (_, then) = exchange.resume(Outcome::Done, now);
        let plain = match &action {
            Action::Reply(reply) if matches!(reply.content, Content::Stored(_, None)) => {
                let done = matches!(then, Action::Stop) && reply.decode.is_none();
                (reply.status.verdict == Verdict::Hit && done).then_some(reply)
            }
            _ => None,
        };
        prop_assert_eq!(says, plain.is_some(), "{:?} {:?}", second.headers, action);
        if let Some(reply) = plain {
            let (age, ttl) = Again::changes(&entry, now);
            let mut head = before.head;
            head.headers.insert("age", HeaderValue::from(age));
            let others: Vec<HeaderValue> =
                head.headers.get_all("cache-status").iter().rev().skip(1).cloned().collect();
            head.headers.remove("cache-status");
            for line in others.into_iter().rev() {
                head.headers.append("cache-status", line);
            }
            let member = HeaderValue::try_from(again.member(ttl)).expect("a member");
            head.headers.append("cache-status", member);
            prop_assert_eq!(&reply.head, &head);
        }
    }
}
