//! The machine against every short sequence of outcomes, likely and absurd alike.
//!
//! A machine of this size need not be sampled: each question is given every answer that can be told
//! apart, down to a depth, and from there on the ways of ending are walked.

use std::time::Duration;

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{
    Action, Exchange, Fault, Found, Held, Hint, Lease, Limits, Outcome, Plan, Reach,
};
use breadbox::cache::family::Generation;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{Epoch, Receipt, Sequence, Stamp};
use breadbox::cache::policy::{Standing, Treatment};
use breadbox::cache::tuning::History;
use breadbox::cache::{Lifetime, RequestHead, ResponseHead, Tier, Time};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

type Machine = Exchange<u8>;

#[test]
fn every_short_course_keeps_the_machines_laws() {
    let mut walk = Walk::default();
    for request in requests() {
        for tiers in [
            &[Tier::Shared, Tier::Platform][..],
            &[Tier::Memory, Tier::Shared],
            &[Tier::Platform],
            &[],
        ] {
            walk.start = format!("{} {:?} {tiers:?}", request.method, request.headers);
            let begun = Exchange::begin(request.clone(), BEGUN, 7, plan(tiers));
            walk.on(begun, BEGUN, Tally::default(), DEPTH);
        }
    }
    for tiers in [&[Tier::Shared, Tier::Platform][..], &[Tier::Platform]] {
        let request = requests().remove(0);
        walk.start = format!("{} with a hint {tiers:?}", request.method);
        let mut seen = finds(&Key::of_url(URL)).remove(7).entry;
        seen.selecting = vec![(header::ACCEPT, "image/png".to_owned())];
        let plan = Plan { hint: Hint::of(&seen), ..plan(tiers) };
        assert!(plan.hint.is_some(), "the eighth find is a variant");
        walk.on(Exchange::begin(request, BEGUN, 7, plan), BEGUN, Tally::default(), DEPTH);
    }
    assert!(walk.ends > 10_000, "only {} courses: is the walk cut short?", walk.ends);
    crate::say(&format!("enumerated {} steps, {} ends", walk.steps, walk.ends));
}

#[derive(Default)]
struct Walk {
    start: String,
    path: Vec<(Action<u8>, Outcome<u8>)>,
    steps: u64,
    ends: u64,
}

/// What the laws count on the way to a state.
#[derive(Clone, Default)]
struct Tally {
    replies: u32,
    /// The leases granted, by token.
    granted: Vec<u64>,
    /// Those of them not given back.
    held: Vec<u64>,
}

impl Walk {
    fn on(&mut self, step: (Machine, Action<u8>), now: Time, mut tally: Tally, depth: u32) {
        let (exchange, action) = step;
        self.steps += 1;
        if let Err(law) = tally.asked(&action, self.path.len()) {
            self.fail(law, &action);
        }
        if matches!(action, Action::Stop) {
            self.ends += 1;
            let (_, after) = exchange.resume(Outcome::Done, now);
            assert!(matches!(after, Action::Stop), "Stop stays Stop");
            return;
        }
        let outcomes = match depth {
            0 => endings(&action),
            _ => answers(&action),
        };
        let spent = u32::from(!matches!(action, Action::Reply(_) | Action::Release { .. }));
        for outcome in outcomes {
            let mut tally = tally.clone();
            if let Err(law) = tally.told(&action, &outcome) {
                self.fail(law, &action);
            }
            let now = now.after(took(&action));
            self.path.push((action.clone(), outcome.clone()));
            self.on(exchange.clone().resume(outcome, now), now, tally, depth.saturating_sub(spent));
            self.path.pop();
        }
    }

    fn fail(&self, law: &str, last: &Action<u8>) -> ! {
        let short = |text: String| text.chars().take(200).collect::<String>();
        let steps = self.path.iter().map(|(action, outcome)| {
            let (asks, told) = (short(format!("{action:?}")), short(format!("{outcome:?}")));
            format!("\n  asks {asks}\n  told {told}")
        });
        let steps: String = steps.collect();
        panic!("{law}\n  {}{steps}\n  asks {}", self.start, short(format!("{last:?}")))
    }
}

impl Tally {
    fn asked(&mut self, action: &Action<u8>, steps: usize) -> Result<(), &'static str> {
        if steps > STEPS_MAX {
            return Err("Stop comes within a bound");
        }
        match action {
            Action::Reply(reply) => {
                self.replies += 1;
                law(self.replies == 1, "there is one Reply")?;
                law((100..600).contains(&reply.head.status), "a Reply has a status")
            }
            Action::Store { tier, lease, entry, .. } => {
                let leases = match tier {
                    Tier::Shared => &self.held,
                    Tier::Memory | Tier::Platform => &self.granted,
                };
                law(leases.contains(&lease.token), "a Store is under a lease")?;
                law(entry.generation == lease.generation, "a Store is of the lease's family")?;
                law(storable(entry), "nothing forbidden is stored")
            }
            Action::Release { lease, .. } => self.given_back(lease.token),
            Action::Stop => {
                law(self.replies == 1, "there is one Reply before Stop")?;
                law(self.held.is_empty(), "each lease is given back")
            }
            _ => Ok(()),
        }
    }

    fn told(&mut self, action: &Action<u8>, outcome: &Outcome<u8>) -> Result<(), &'static str> {
        match (action, outcome) {
            (
                Action::Acquire { .. } | Action::Invalidate { .. },
                Outcome::Granted { lease, .. },
            ) => {
                self.granted.push(lease.token);
                self.held.push(lease.token);
                Ok(())
            }
            (
                Action::Store { tier: Tier::Shared, lease, .. },
                Outcome::Stored | Outcome::Displaced | Outcome::Lost,
            ) => self.given_back(lease.token),
            _ => Ok(()),
        }
    }

    fn given_back(&mut self, token: u64) -> Result<(), &'static str> {
        let place = self.held.iter().position(|held| *held == token);
        let place = place.ok_or("a lease is given back once")?;
        self.held.swap_remove(place);
        Ok(())
    }
}

fn law(holds: bool, law: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(law) }
}

/// How long an effect takes; pauses use up the patience after a few of them.
fn took(action: &Action<u8>) -> Duration {
    match action {
        Action::Wait { at_most, .. } => (*at_most).max(Duration::from_secs(5)),
        _ => Duration::from_millis(10),
    }
}

/// The answers from which the course comes to its end soon: one per question.
fn endings(action: &Action<u8>) -> Vec<Outcome<u8>> {
    vec![match action {
        Action::Acquire { .. } => {
            Outcome::Granted { lease: lease(9, Reach::Everywhere), found: None }
        }
        Action::Fetch(_) => answered(200, &["cache-control: max-age=60"]),
        Action::Collect { .. } => Outcome::Collected { body: 1, length: 1 },
        Action::Store { .. } => Outcome::Stored,
        _ => Outcome::Failed(Fault::Timeout),
    }]
}

/// Every answer to a question that can be told from the others, and some that answer another.
fn answers(action: &Action<u8>) -> Vec<Outcome<u8>> {
    let mut all = match action {
        Action::Acquire { key, .. } => granted_or_held(key),
        Action::Collect { .. } => {
            vec![Outcome::Collected { body: 1, length: 1 }, Outcome::Failed(Fault::TooLarge)]
        }
        Action::Compress { .. } => {
            [1, 900, 2000].map(|length| Outcome::Compressed { body: 2, length }).to_vec()
        }
        Action::Digest { .. } => {
            return vec![Outcome::Digested(1), Outcome::Failed(Fault::Timeout)];
        }
        Action::Fetch(_) => origins(),
        Action::Lookup { key, .. } => {
            finds(key).into_iter().map(Outcome::Found).chain([Outcome::Absent]).collect()
        }
        Action::Store { .. } => [Standing::Clean, Standing::Dead]
            .map(|standing| Outcome::Superseded { sequence: Sequence(9), standing })
            .into_iter()
            .chain([Outcome::Stored, Outcome::Displaced, Outcome::Lost])
            .collect(),
        Action::Purge { .. } => vec![Outcome::Purged(Receipt::default()), Outcome::Overspent],
        Action::Invalidate { take: Some(_), .. } => {
            let granted = Outcome::Granted { lease: lease(5, Reach::Everywhere), found: None };
            return vec![granted, Outcome::Done, Outcome::Failed(Fault::Timeout)];
        }
        Action::Invalidate { .. } | Action::Release { .. } | Action::Reply(_) | Action::Stop => {
            return vec![Outcome::Done, Outcome::Failed(Fault::Timeout)];
        }
        Action::Wait { .. } => return vec![Outcome::Done],
    };
    all.extend([Outcome::Failed(Fault::Timeout), Outcome::Done]);
    all
}

fn granted_or_held(key: &Key) -> Vec<Outcome<u8>> {
    let mut all = vec![
        Outcome::Granted { lease: lease(1, Reach::Everywhere), found: None },
        Outcome::Granted { lease: lease(2, Reach::Isolate), found: None },
        Outcome::Held { by: Held::Here, found: None },
        Outcome::Held { by: Held::Elsewhere, found: None },
        Outcome::Held { by: FAILED, found: None },
    ];
    for found in finds(key) {
        let lease = lease(3, Reach::Everywhere);
        all.push(Outcome::Granted { lease, found: Some(found.clone()) });
        all.push(Outcome::Held { by: Held::Elsewhere, found: Some(found.clone()) });
        all.push(Outcome::Held { by: FAILED, found: Some(found) });
    }
    all
}

fn origins() -> Vec<Outcome<u8>> {
    vec![
        answered(200, &["cache-control: max-age=60", "vary: accept"]),
        answered(200, &["cache-control: private, max-age=60"]),
        answered(200, &["cache-control: no-store"]),
        answered(200, &["cache-control: max-age=60", "content-location: /page"]),
        answered(200, &["cache-control: max-age=60", "etag: \"a\""]),
        answered(200, &["cache-control: max-age=60", "set-cookie: a=b"]),
        answered(200, &["cache-control: max-age=60", "vary: *"]),
        answered(206, &["cache-control: max-age=60", "content-range: bytes 0-0/2"]),
        answered(304, &["etag: \"a\"", "cache-control: max-age=60"]),
        answered(304, &["etag: \"other\""]),
        answered(304, &["etag: \"a\"", "cache-control: private"]),
        answered(503, &[]),
        Outcome::Answered {
            response: response(200, &["cache-control: s-maxage=9"]),
            length: Some(1 << 40),
        },
        Outcome::Absent,
    ]
}

/// What a tier may hold under a key: each kind of reuse that policy knows, and the useless.
fn finds(key: &Key) -> Vec<Found<u8>> {
    let control = "cache-control: max-age=60, stale-while-revalidate=60, stale-if-error=600";
    let found = |age: u64, standing, fields: &[&str]| Found {
        entry: entry(key.as_str(), age, response(200, fields)),
        body: 1,
        standing,
    };
    let mut foreign = found(1, Standing::Clean, &[control]);
    foreign.entry.key = "GET https://other.test/".to_owned();
    let mut variant = found(1, Standing::Clean, &[control, "vary: accept"]);
    variant.entry.selecting = vec![(header::ACCEPT, "image/png".to_owned())];
    let mut mark = found(1, Standing::Clean, &[]);
    mark.entry.kind = Kind::Pass;
    vec![
        found(1, Standing::Clean, &[control, "etag: \"a\""]),
        found(90, Standing::Clean, &[control, "etag: \"a\""]),
        found(300, Standing::Clean, &[control, "etag: \"a\""]),
        found(7000, Standing::Clean, &[control, "etag: \"a\""]),
        found(1, Standing::Soft, &[control]),
        found(1, Standing::Dead, &[control]),
        foreign,
        variant,
        mark,
    ]
}

fn requests() -> Vec<RequestHead> {
    let request = |method, fields: &[&str]| RequestHead {
        method,
        url: URL.to_owned(),
        headers: headers(fields),
    };
    vec![
        request(Method::GET, &[]),
        request(Method::GET, &["authorization: Basic eDp5"]),
        request(Method::GET, &["range: bytes=0-0"]),
        request(Method::GET, &["cache-control: no-cache", "if-none-match: \"a\""]),
        request(Method::GET, &["cache-control: only-if-cached"]),
        request(Method::HEAD, &[]),
        request(Method::POST, &[]),
    ]
}

fn plan(tiers: &[Tier]) -> Plan {
    Plan {
        key: Key::of_url(URL),
        treatment: Treatment::default(),
        tags: vec!["rule".to_owned()],
        tiers: tiers.to_vec(),
        limits: Limits::default(),
        stamp: STAMP,
        hint: None,
        search: None,
    }
}

fn lease(token: u64, reach: Reach) -> Lease {
    Lease { token, stamp: STAMP, reach, generation: Generation(token) }
}

fn answered(status: u16, fields: &[&str]) -> Outcome<u8> {
    Outcome::Answered { response: response(status, fields), length: Some(1) }
}

fn response(status: u16, fields: &[&str]) -> ResponseHead {
    ResponseHead { status, headers: headers(fields) }
}

fn headers(fields: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter().filter_map(|field| field.split_once(": ")) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a field name");
        headers.append(name, HeaderValue::from_str(value).expect("a field value"));
    }
    headers
}

fn entry(key: &str, age: u64, head: ResponseHead) -> Entry {
    let seconds = Duration::from_secs;
    Entry {
        kind: Kind::Response,
        stamp: STAMP,
        generation: Generation::NONE,
        generated: BEGUN.before(seconds(age)),
        lifetime: Lifetime {
            fresh: seconds(60),
            stale: seconds(120),
            rescue: seconds(660),
            keep: seconds(86_400),
        },
        fetch: Duration::ZERO,
        key: key.to_owned(),
        tags: Vec::new(),
        selecting: Vec::new(),
        head,
        body_len: 1,
        history: History::default(),
    }
}

/// Whether no field and no status forbids storing, read as naively as can be.
fn storable(entry: &Entry) -> bool {
    let field =
        |name| entry.head.headers.get(name).map_or("", |v: &HeaderValue| v.to_str().unwrap_or(""));
    let control = field(header::CACHE_CONTROL);
    entry.kind == Kind::Pass
        || !(control.contains("private")
            || control.contains("no-store")
            || entry.head.headers.contains_key(header::SET_COOKIE)
            || field(header::VARY) == "*"
            || matches!(entry.head.status, 206 | 304))
}

const FAILED: Held = Held::Backoff { status: 503, since: None };
const URL: &str = "https://a.test/page";
const BEGUN: Time = Time(1_800_000_000_000);
const STAMP: Stamp = Stamp { epoch: Epoch(1), sequence: Sequence(1) };

/// Down to here every answer is tried.
const DEPTH: u32 = 5;

/// No course is longer.
const STEPS_MAX: usize = 40;
