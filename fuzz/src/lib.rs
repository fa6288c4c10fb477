//! What a fuzzer tells the machine, made of a few bytes.

use std::time::Duration;

use arbitrary::Arbitrary;
use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{
    Action, Exchange, Fault, Found, Held, Lease, Limits, Outcome, Plan, Reach,
};
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{Epoch, Sequence, Stamp};
use breadbox::cache::policy::{Standing, Treatment};
use breadbox::cache::{Lifetime, RequestHead, ResponseHead, Tier, Time};
use http::{HeaderMap, HeaderValue, Method, header};

/// An answer to whatever the machine asks.
#[derive(Arbitrary, Clone, Debug)]
pub struct Told {
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
pub fn begin(kind: usize) -> (Exchange<u8>, Action<u8>, Time) {
    let methods = [Method::GET, Method::HEAD, Method::POST];
    let method = methods[kind % methods.len()].clone();
    let request = RequestHead { method, url: URL.to_owned(), headers: HeaderMap::new() };
    let plan = Plan {
        key: Key::of_url(URL),
        treatment: Treatment::default(),
        tags: Vec::new(),
        tiers: vec![Tier::Shared, Tier::Platform],
        limits: Limits::default(),
    };
    let (exchange, action) = Exchange::begin(request, BEGUN, kind as u64, plan);
    (exchange, action, BEGUN)
}

impl Told {
    /// When it is told.
    pub fn later(&self, now: Time) -> Time {
        now.after(Duration::from_millis(u64::from(self.millis)))
    }

    /// The outcome; some answer another question than the one that was asked.
    pub fn outcome(&self, action: &Action<u8>) -> Outcome<u8> {
        let key = match action {
            Action::Lookup { key, .. } | Action::Acquire { key, .. } => key.as_str(),
            _ => URL,
        };
        let found = self.found.then(|| self.stored(key));
        let stamp = Stamp { epoch: Epoch(1), sequence: Sequence(1) };
        let lease = Lease { token: u64::from(self.age), stamp, reach: Reach::Everywhere };
        match self.what {
            What::Absent => Outcome::Absent,
            What::Answered => Outcome::Answered { response: self.response(), length: None },
            What::Collected => Outcome::Collected { body: 1, length: 1 },
            What::Done => Outcome::Done,
            What::Failed => Outcome::Failed(Fault::Timeout),
            What::Found => Outcome::Found(self.stored(key)),
            What::Granted => Outcome::Granted { lease, found },
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
            generated: BEGUN.before(seconds(u64::from(self.age % 300))),
            lifetime: Lifetime { fresh, stale, rescue, keep: seconds(240) },
            fetch: Duration::ZERO,
            key: key.to_owned(),
            tags: Vec::new(),
            selecting: Vec::new(),
            head: self.response(),
            body_len: 1,
        };
        Found { entry, body: 1, standing: self.standing() }
    }
}

const URL: &str = "https://a.test/";
const BEGUN: Time = Time(1_800_000_000_000);
