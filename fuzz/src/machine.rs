//! The machine under any sequence of outcomes, and the policy that it follows.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{
    Action, Exchange, Fault, Found, Held, Lease, Limits, Outcome, Plan, Reach,
};
use breadbox::cache::family::Generation;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{Epoch, Sequence, Stamp};
use breadbox::cache::policy::{self, Arrival, Reuse, Standing, Stored, Treatment};
use breadbox::cache::tuning::History;
use breadbox::cache::{Lifetime, RequestHead, ResponseHead, Tier, Time};
use http::{HeaderMap, HeaderValue, Method, header};

use super::fields::head;

/// One reply, no end before it, and every lease given back once; short sequences are enumerated in
/// `tests/simulation`.
pub fn exchange(bytes: &[u8]) {
    let Ok(told) = Vec::<Told>::arbitrary(&mut Unstructured::new(bytes)) else { return };
    let (mut exchange, mut action, mut now) = begin(told.len());
    let mut replies = 0;
    for told in told {
        replies += u32::from(matches!(action, Action::Reply(_)));
        if let Action::Store { entry, .. } = &action {
            let control = entry.head.headers.get(header::CACHE_CONTROL);
            let control = control.map_or(&[][..], HeaderValue::as_bytes);
            let forbidden = [&b"private"[..], b"no-store"].contains(&control);
            assert!(entry.kind == Kind::Pass || !forbidden, "{entry:?}");
        }
        now = told.later(now);
        (exchange, action) = exchange.resume(told.outcome(&action), now);
    }
    assert!(replies <= 1 && (replies == 1 || !matches!(action, Action::Stop)));
}

/// What forbids storing is never stored; what was admitted may be served without a panic, and not
/// as fresh when its lifetime is over.
pub fn policy(bytes: &[u8]) {
    let names = [
        "cache-control",
        "vary",
        "date",
        "age",
        "etag",
        "last-modified",
        "expires",
        "set-cookie",
        "cdn-cache-control",
        "content-length",
        "connection",
        "content-location",
    ];
    let asked = [
        "cache-control",
        "range",
        "if-none-match",
        "if-modified-since",
        "authorization",
        "if-range",
        "pragma",
        "accept",
        "te",
        "connection",
    ];
    let (one, rest) = bytes.split_at(bytes.len().min(2));
    let half = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let (first, second) = rest.split_at(half);
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS];
    let request = RequestHead {
        method: methods[usize::from(one.first().copied().unwrap_or(0)) % 4].clone(),
        url: URL.to_owned(),
        headers: head(&asked, first),
    };
    let status = 100 + 4 * u16::from(one.get(1).copied().unwrap_or(25));
    let response = ResponseHead { status, headers: head(&names, second.get(1..).unwrap_or(&[])) };
    let treatment = Treatment::default();
    let _ = policy::eligible(&request, &treatment);
    let _ = (policy::pass(&request), policy::forward(&request, Some(&response)));
    let _ = policy::invalidates(&request, &response, Some("https://origin.test"));
    let _ = policy::freshen(&response, &response);
    let arrival = Arrival { asked: BEGUN, received: BEGUN.after(Duration::from_millis(80)) };
    let admitted = policy::admit(&request, &response, arrival, &treatment);
    let Ok(admission) = admitted else { return };
    let control = breadbox::cache::field::CacheControl::parse(&response.headers);
    assert!(!control.no_store || control.must_understand);
    assert!(
        !response.headers.contains_key(header::SET_COOKIE)
            || admission.strip.contains(&header::SET_COOKIE)
    );
    let generated =
        arrival.received.before(policy::initial_age(&response, arrival.asked, arrival.received));
    let stored = Stored { head: &response, generated, lifetime: admission.lifetime };
    let over = generated.after(admission.lifetime.fresh);
    let reuse = policy::reuse(&request, &stored, Standing::Clean, over, &treatment);
    assert_ne!(reuse, Reuse::Serve, "at the age of its lifetime it is stale");
    let dead = policy::reuse(&request, &stored, Standing::Dead, BEGUN, &treatment);
    assert!(matches!(dead, Reuse::Unusable(_)));
    for length in [0, 1, 1 << 30] {
        let answer = policy::answer(&request, &response, length);
        let _ = policy::present(&stored, &answer, over);
        let _ = policy::convey(&response, &answer);
    }
}

/// An answer to whatever the machine asks.
#[derive(Arbitrary, Clone, Debug)]
struct Told {
    what: What,
    millis: u16,
    age: u16,
    status: u16,
    control: Control,
    standing: u8,
    found: bool,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum What {
    Absent,
    Answered,
    Collected,
    Done,
    Failed,
    Found,
    Granted,
    HeldBackoff,
    HeldElsewhere,
    HeldHere,
    Lost,
    Stored,
    Superseded,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Control {
    Brief,
    NoCache,
    NoStore,
    Private,
    Stale,
}

/// The beginning of an exchange of one of a few kinds.
fn begin(kind: usize) -> (Exchange<u8>, Action<u8>, Time) {
    let methods = [Method::GET, Method::HEAD, Method::POST];
    let method = methods[kind % methods.len()].clone();
    let request = RequestHead { method, url: URL.to_owned(), headers: HeaderMap::new() };
    let plan = Plan {
        key: Key::of_url(URL),
        treatment: Treatment::default(),
        tags: Vec::new(),
        tiers: vec![Tier::Shared, Tier::Platform],
        limits: Limits::default(),
        stamp: Stamp::default(),
        hint: None,
        search: None,
    };
    let (exchange, action) = Exchange::begin(request, BEGUN, kind as u64, plan);
    (exchange, action, BEGUN)
}

impl Told {
    /// When it is told.
    fn later(&self, now: Time) -> Time {
        now.after(Duration::from_millis(u64::from(self.millis)))
    }

    /// The outcome; some answer another question than the one that was asked.
    fn outcome(&self, action: &Action<u8>) -> Outcome<u8> {
        let key = match action {
            Action::Lookup { key, .. } | Action::Acquire { key, .. } => key.as_str(),
            _ => URL,
        };
        let found = self.found.then(|| self.stored(key));
        let stamp = Stamp { epoch: Epoch(1), sequence: Sequence(1) };
        let (reach, generation) = (Reach::Everywhere, Generation::NONE);
        let lease = Lease { token: u64::from(self.age), stamp, reach, generation };
        match self.what {
            What::Absent => Outcome::Absent,
            What::Answered => Outcome::Answered { response: self.response(), length: None },
            What::Collected => Outcome::Collected { body: 1, length: 1 },
            What::Done => Outcome::Done,
            What::Failed => Outcome::Failed(Fault::Timeout),
            What::Found => Outcome::Found(self.stored(key)),
            What::Granted => Outcome::Granted { lease, found },
            What::HeldBackoff => {
                let since = (self.age > 9).then_some(BEGUN);
                Outcome::Held { by: Held::Backoff { status: self.status, since }, found }
            }
            What::HeldElsewhere => Outcome::Held { by: Held::Elsewhere, found },
            What::HeldHere => Outcome::Held { by: Held::Here, found },
            What::Lost => Outcome::Lost,
            What::Stored => Outcome::Stored,
            What::Superseded => {
                Outcome::Superseded { sequence: Sequence(2), standing: self.standing() }
            }
        }
    }

    fn standing(&self) -> Standing {
        match self.standing % 3 {
            0 => Standing::Clean,
            1 => Standing::Dead,
            _ => Standing::Soft,
        }
    }

    fn response(&self) -> ResponseHead {
        let control = match self.control {
            Control::Brief => "max-age=1",
            Control::NoCache => "no-cache",
            Control::NoStore => "no-store",
            Control::Private => "private",
            Control::Stale => "max-age=60, stale-while-revalidate=60, stale-if-error=60",
        };
        let mut headers = HeaderMap::new();
        headers.append(header::CACHE_CONTROL, HeaderValue::from_static(control));
        headers.append(header::ETAG, HeaderValue::from_static("\"a\""));
        ResponseHead { status: 100 + self.status % 500, headers }
    }

    fn stored(&self, key: &str) -> Found<u8> {
        let seconds = Duration::from_secs;
        let (fresh, stale, rescue) = (seconds(60), seconds(120), seconds(180));
        let entry = Entry {
            kind: if self.standing < 200 { Kind::Response } else { Kind::Pass },
            stamp: Stamp { epoch: Epoch(1), sequence: Sequence(1) },
            generation: Generation::NONE,
            generated: BEGUN.before(seconds(u64::from(self.age % 300))),
            lifetime: Lifetime { fresh, stale, rescue, keep: seconds(240) },
            fetch: Duration::ZERO,
            key: key.to_owned(),
            tags: Vec::new(),
            selecting: Vec::new(),
            head: self.response(),
            body_len: 1,
            history: History::default(),
        };
        Found { entry, body: 1, standing: self.standing() }
    }
}

const URL: &str = "https://a.test/";
const BEGUN: Time = Time(1_800_000_000_000);
