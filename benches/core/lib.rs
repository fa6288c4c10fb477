//! A request and the entry that answers it, as they are on a busy site.

use std::time::Duration;

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{Action, Again, Exchange, Found, Limits, Outcome, Plan};
use breadbox::cache::family::Generation;
use breadbox::cache::field::Vary;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{Epoch, Mirror, Mode, Page, Record, Selector, Sequence, Stamp};
use breadbox::cache::policy::{self, Pace, Standing, Treatment};
use breadbox::cache::{Lifetime, RequestHead, ResponseHead, Tier, Time};
use breadbox::cache::tuning::History;
use http::{HeaderMap, HeaderValue, Method};

/// When the request comes.
pub const NOW: Time = Time(1_800_000_000_000);

/// How often the page was asked for in this isolate: it is a hot one.
pub const PACE: Pace = Pace { requests: 3_000, since: Time(NOW.0 - 30_000) };

/// A browser's request for a page.
pub fn request() -> RequestHead {
    let headers = fields(&[
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-GB,en;q=0.5"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ]);
    RequestHead { method: Method::GET, url: URL.to_owned(), headers }
}

/// What the operator says of it.
pub fn plan() -> Plan {
    Plan {
        key: Key::of_url(URL),
        treatment: Treatment::default(),
        tags: vec!["builds".to_owned()],
        tiers: vec![Tier::Shared, Tier::Platform],
        limits: Limits::default(),
        stamp: Stamp::default(),
        hint: None,
        search: None,
    }
}

/// A fresh stored page.
pub fn entry() -> Entry {
    let seconds = Duration::from_secs;
    let headers = fields(&[
        ("cache-control", "public, max-age=300, stale-while-revalidate=600"),
        ("cache-tag", "builds, build:7"),
        ("content-encoding", "br"),
        ("content-type", "text/html; charset=utf-8"),
        ("date", "Fri, 15 Jan 2027 07:59:30 GMT"),
        ("etag", "\"5f2b7c\""),
        ("vary", "accept-encoding"),
    ]);
    let selecting = policy::selecting(&Vary::parse(&headers), &request());
    Entry {
        kind: Kind::Response,
        stamp: Stamp { epoch: Epoch(1), sequence: Sequence(900) },
        generation: Generation::NONE,
        generated: NOW.before(seconds(30)),
        lifetime: Lifetime {
            fresh: seconds(300),
            stale: seconds(900),
            rescue: seconds(900),
            keep: seconds(86_400),
        },
        fetch: Duration::from_millis(40),
        key: Key::of_url(URL).as_str().to_owned(),
        tags: vec!["builds".to_owned(), "build:7".to_owned()],
        selecting,
        head: ResponseHead { status: 200, headers },
        body_len: BODY,
        history: History::default(),
    }
}

/// The reply that the page made once, to be made again.
pub fn again() -> Again {
    let (exchange, _) = Exchange::begin(request(), NOW, 1, plan());
    let found = Found { entry: entry(), body: (), standing: Standing::Clean };
    let (exchange, action) = exchange.resume(Outcome::Found(found), NOW);
    let Action::Reply(reply) = action else { panic!("the page is fresh") };
    exchange.again(&reply).expect("a plain hit")
}

/// A mirror of a ledger with a thousand purges.
pub fn mirror() -> Mirror {
    let record = |n: u64| {
        let selector = Selector::Tag(format!("user:{n}"));
        (Record { mode: Mode::Hard, selector }, Sequence(n))
    };
    let records = (1..=1000).map(record).collect();
    let (sequence, floor) = (Sequence(1000), Sequence(0));
    let mut mirror = Mirror::default();
    let page = Page::Present { epoch: Epoch(1), sequence, floor, records, changes: Vec::new() };
    mirror.apply(page, Sequence(0), NOW);
    mirror
}

fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    headers
}

/// The body's length in bytes.
pub const BODY: u64 = 24 * 1024;

const URL: &str = "https://builds.test/api/builds/7";
