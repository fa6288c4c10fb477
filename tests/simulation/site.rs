//! The origin: a few resources whose versions are published and purged.

use std::collections::BTreeMap;

use breadbox::cache::exchange::{Fault, Fetch};
use breadbox::cache::{RequestHead, ResponseHead};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::stage::Stage;
use super::world;

/// How the origin feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It answers within a moment.
    Well,
    /// It takes seconds.
    Slow,
    /// It answers with 503.
    Failing,
    /// It does not answer.
    Away,
}

/// A resource's constant part.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    /// Its path.
    pub path: &'static str,
    /// Its `Cache-Control`.
    pub control: &'static str,
    /// Its freshness lifetime and what may be added for SWR, in seconds.
    pub fresh: i64,
    pub stale: i64,
    /// Whom a response is for.
    pub audience: Audience,
}

/// Whom a response is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    All,
    /// Those who speak its language.
    Language,
    /// Its user.
    User,
}

/// What has been published, and when each version was last confirmed.
#[derive(Default)]
pub struct Site {
    versions: BTreeMap<&'static str, Vec<i64>>,
    confirmed: BTreeMap<(String, u64), i64>,
}

impl Site {
    /// Publishes another version.
    pub fn publish(&mut self, path: &'static str) -> u64 {
        let versions = self.versions.entry(path).or_default();
        versions.push(world::elapsed());
        versions.len() as u64
    }

    /// The version that was current at a time.
    pub fn version_at(&self, path: &str, time: i64) -> u64 {
        let versions = self.versions.get(path).into_iter().flatten();
        versions.filter(|published| **published <= time).count() as u64
    }

    /// When the origin last vouched for a version.
    pub fn confirmed(&self, path: &str, version: u64) -> Option<i64> {
        self.confirmed.get(&(path.to_owned(), version)).copied()
    }
}

/// What the origin sends: head, body, and whether the body ends early.
pub type Sent = (ResponseHead, Bytes, Ending);

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Clean,
    Early,
}

/// Asks the origin.
pub async fn ask(stage: &Stage, fetch: &Fetch, head: &RequestHead) -> Result<Sent, Fault> {
    world::sleep(5 + world::random(20) as i64).await;
    let mood = stage.mood.get();
    if mood == Mood::Away {
        world::sleep(world::random(12_000) as i64).await;
        return Err(Fault::Unreachable);
    }
    let response = respond(stage, fetch, head, mood);
    let pause = match mood {
        Mood::Slow => 500 + world::random(15_000) as i64,
        _ => 5 + world::random(60) as i64,
    };
    world::sleep(pause).await;
    Ok(response)
}

fn respond(stage: &Stage, fetch: &Fetch, head: &RequestHead, mood: Mood) -> Sent {
    let resource = resource(&head.url);
    let field = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let mut site = stage.site.borrow_mut();
    let version = site.version_at(resource.path, world::elapsed());
    let whom = match resource.audience {
        Audience::All => "all",
        Audience::Language => field(header::ACCEPT_LANGUAGE).unwrap_or("en"),
        Audience::User => field(header::COOKIE).unwrap_or("nobody"),
    };
    let date = httpdate::fmt_http_date(
        std::time::UNIX_EPOCH + std::time::Duration::from_millis(world::true_time()),
    );
    let tag = format!("\"{version}-{whom}\"");
    let path = resource.path;
    let named = format!("page:{path}");
    let mut fields = vec![
        ("cache-control", resource.control),
        ("cache-tag", &named),
        ("date", &date),
        ("etag", &tag),
    ];
    if resource.audience == Audience::Language {
        fields.push(("vary", "accept-language"));
    }
    if mood == Mood::Failing {
        let head = ResponseHead { status: 503, headers: headers(&[("date", &date)]) };
        return (head, Bytes::from_static(b"failing"), Ending::Clean);
    }
    site.confirmed.insert((path.to_owned(), version), world::elapsed());
    let asked = fetch.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let body = format!("{path} {version} {whom}");
    world::note(|| format!("origin answers {body} (asked {asked:?})"));
    if asked == Some(&tag) {
        let head = ResponseHead { status: 304, headers: headers(&fields) };
        return (head, Bytes::new(), Ending::Clean);
    }
    let ending = if world::once_in(40) { Ending::Early } else { Ending::Clean };
    (ResponseHead { status: 200, headers: headers(&fields) }, body.into(), ending)
}

/// The resource at a URL.
pub fn resource(url: &str) -> Resource {
    let path = url.strip_prefix(HOST).expect("a URL of the site");
    let found = RESOURCES.into_iter().find(|resource| resource.path == path);
    found.expect("a resource of the site")
}

/// A head's fields.
pub fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a field name");
        headers.append(name, HeaderValue::from_str(value).expect("a field value"));
    }
    headers
}

/// Before every path.
pub const HOST: &str = "https://site.test";

/// What the site consists of.
pub const RESOURCES: [Resource; 5] = [
    Resource {
        path: "/brief",
        control: "max-age=2, stale-while-revalidate=5, stale-if-error=60",
        fresh: 2,
        stale: 5,
        audience: Audience::All,
    },
    Resource {
        path: "/long",
        control: "max-age=600, stale-if-error=600",
        fresh: 600,
        stale: 0,
        audience: Audience::All,
    },
    Resource {
        path: "/language",
        control: "max-age=30, stale-while-revalidate=30",
        fresh: 30,
        stale: 30,
        audience: Audience::Language,
    },
    Resource {
        path: "/account",
        control: "private, max-age=60",
        fresh: 0,
        stale: 0,
        audience: Audience::User,
    },
    Resource { path: "/checked", control: "no-cache", fresh: 0, stale: 0, audience: Audience::All },
];
