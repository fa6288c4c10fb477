//! The origin: a few resources whose versions are published and purged.

use std::collections::BTreeMap;

use breadbox::cache::exchange::{Fault, Fetch, Piece};
use breadbox::cache::{RequestHead, ResponseHead};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

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
    /// It fails every other time.
    Flapping,
    /// Its bodies end early.
    Truncating,
    /// Its bodies take up to a minute.
    Trickling,
    /// It declares more than it sends.
    LyingOfLength,
    /// All versions have one tag, and some answers are confirmations that nobody asked for.
    LyingOfVersion,
}

impl Mood {
    /// All but `Well`.
    pub const AILING: [Self; 8] = [
        Self::Slow,
        Self::Failing,
        Self::Away,
        Self::Flapping,
        Self::Truncating,
        Self::Trickling,
        Self::LyingOfLength,
        Self::LyingOfVersion,
    ];
}

/// A resource's constant part.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    /// Its path.
    pub path: &'static str,
    /// Its tag.
    pub tag: &'static str,
    /// Its `Cache-Control`.
    pub control: &'static str,
    /// Its freshness lifetime and what may be added for SWR, in seconds.
    pub fresh: i64,
    pub stale: i64,
    /// Whom a response is for.
    pub audience: Audience,
    /// By how much its bodies are longer than need be.
    pub padding: usize,
    /// By what its responses may be told from each other.
    pub mark: Mark,
}

/// By what the responses of a resource may be told from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// By nothing but their bodies.
    None,
    /// By their tags.
    Tag,
}

impl Resource {
    /// Whether what one request fetches is of use to others that wait for it: not if it must be
    /// validated for each, nor if it is stale when it comes to a clock that is so far ahead.
    pub fn is_shared(&self, ahead: i64) -> bool {
        !self.control.contains("no-cache") && self.fresh * 1000 > ahead + ROUNDED
    }
}

/// Whom a response is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    All,
    /// Who has these credentials.
    Credentials,
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
    /// When it last vouched for whatever somebody held.
    vouched: BTreeMap<&'static str, i64>,
    asked: u64,
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
        let confirmed = self.confirmed.get(&(path.to_owned(), version));
        confirmed.max(self.vouched.get(path)).copied()
    }
}

/// What the origin sends.
#[derive(Clone, Debug)]
pub struct Sent {
    pub head: ResponseHead,
    pub body: Bytes,
    /// What it says that the body's length is.
    pub length: Option<u64>,
    pub ending: Ending,
    /// How long the body takes.
    pub takes: i64,
}

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
    let sent = respond(stage, fetch, head, mood);
    let pause = match mood {
        Mood::Slow => 500 + world::random(15_000) as i64,
        _ => 5 + world::random(60) as i64,
    };
    world::sleep(pause).await;
    Ok(sent)
}

fn respond(stage: &Stage, fetch: &Fetch, head: &RequestHead, mood: Mood) -> Sent {
    let resource = resource(&head.url);
    let field = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let mut site = stage.site.borrow_mut();
    site.asked += 1;
    let version = site.version_at(resource.path, world::elapsed());
    let whom = match resource.audience {
        Audience::All => "all",
        Audience::Credentials => field(header::AUTHORIZATION).unwrap_or("nobody"),
        Audience::Language => field(header::ACCEPT_LANGUAGE).unwrap_or("en"),
        Audience::User => field(header::COOKIE).unwrap_or("nobody"),
    };
    let whom = whom.replace(' ', "-");
    let lying = mood == Mood::LyingOfVersion;
    let tag = if lying { "\"same\"".to_owned() } else { format!("\"{version}-{whom}\"") };
    let date = httpdate::fmt_http_date(
        std::time::UNIX_EPOCH + std::time::Duration::from_millis(world::true_time()),
    );
    let fields = fields(&resource, &tag, &date);
    if mood == Mood::Failing || (mood == Mood::Flapping && site.asked.is_multiple_of(2)) {
        let head = ResponseHead { status: 503, headers: headers(&[("date", &date)]) };
        return whole(head, "failing".to_owned());
    }
    if fetch.method == Method::POST {
        drop(site);
        return change(&mut stage.site.borrow_mut(), resource, &date);
    }
    if lying && fetch.method == Method::HEAD {
        site.vouched.insert(resource.path, world::elapsed());
    }
    site.confirmed.insert((resource.path.to_owned(), version), world::elapsed());
    let asked = fetch.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let body = format!("{} {version} {whom} {}.", resource.path, "-".repeat(resource.padding));
    world::note(|| format!("origin answers {} {version} {whom} (asked {asked:?})", resource.path));
    let unasked = lying && world::once_in(4);
    if asked.is_some_and(|asked| asked.split(", ").any(|asked| asked == tag)) || unasked {
        if lying {
            site.vouched.insert(resource.path, world::elapsed());
        }
        let head = ResponseHead { status: 304, headers: headers(&fields) };
        return whole(head, String::new());
    }
    let mut sent = whole(ResponseHead { status: 200, headers: headers(&fields) }, body);
    let cuts = if mood == Mood::Truncating { 2 } else { 40 };
    if mood == Mood::LyingOfLength {
        (sent.length, sent.ending) = (sent.length.map(|length| length + 7), Ending::Early);
    } else if world::mishap_in(cuts) {
        sent.ending = Ending::Early;
        sent.length = sent.length.filter(|_| world::once_in(2));
        sent.body.truncate(sent.body.len() - 1 - world::random(4) as usize);
    }
    if mood == Mood::Trickling {
        sent.takes = world::random(60_000) as i64;
    }
    sent
}

/// Does what an unsafe request asks for; where all get the same, it answers with what came of it.
fn change(site: &mut Site, resource: Resource, date: &str) -> Sent {
    let path = resource.path;
    let version = site.publish(path);
    world::note(|| format!("{path} is changed to version {version}"));
    if resource.audience != Audience::All {
        let head = ResponseHead { status: 200, headers: HeaderMap::new() };
        return whole(head, format!("{CHANGED} {version}"));
    }
    site.confirmed.insert((path.to_owned(), version), world::elapsed());
    let tag = format!("\"{version}-all\"");
    let mut fields = fields(&resource, &tag, date);
    fields.push(("content-location", path));
    let head = ResponseHead { status: 200, headers: headers(&fields) };
    whole(head, format!("{path} {version} all {}.", "-".repeat(resource.padding)))
}

fn whole(head: ResponseHead, body: String) -> Sent {
    let takes = 1 + world::random(50) as i64;
    let length = Some(body.len() as u64);
    Sent { head, body: body.into(), length, ending: Ending::Clean, takes }
}

fn fields<'a>(resource: &Resource, tag: &'a str, date: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("cache-control", resource.control),
        ("cache-tag", resource.tag),
        ("content-type", "text/plain"),
        ("date", date),
    ];
    if resource.mark == Mark::Tag {
        fields.push(("etag", tag));
    }
    if resource.audience == Audience::Language {
        fields.push(("vary", "accept-language"));
    }
    if resource.path == "/greeting" {
        fields.push(("set-cookie", "seen=1"));
    }
    fields
}

/// The bytes of a body that pieces name.
pub fn cut(body: &Bytes, pieces: &[Piece]) -> Bytes {
    let mut bytes = Vec::new();
    for piece in pieces {
        if let Piece::Range(range) = piece {
            bytes.extend_from_slice(&body[range.first as usize..=range.last as usize]);
        }
    }
    bytes.into()
}

/// Whether an origin confirms what nobody asked about.
pub fn unasked(fetch: &Fetch, sent: &Sent) -> bool {
    sent.head.status == 304 && !fetch.headers.contains_key(header::IF_NONE_MATCH)
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

/// How the answer to a change begins where it is not what came of it; its version follows.
pub const CHANGED: &str = "changed";

/// Before every path.
pub const HOST: &str = "https://site.test";

const fn page(
    path: &'static str,
    tag: &'static str,
    control: &'static str,
    spans: (i64, i64),
    audience: Audience,
) -> Resource {
    let (fresh, stale) = spans;
    Resource { path, tag, control, fresh, stale, audience, padding: 0, mark: Mark::Tag }
}

/// The origin dates its answers by the second.
const ROUNDED: i64 = 1000;

/// The largest body that is stored.
pub const BODY_MAX: u64 = 1500;

/// So much more makes a body worth compressing.
const LONG: usize = 1100;

/// What the site consists of.
pub const RESOURCES: [Resource; 11] = [
    page(
        "/brief",
        "page:/brief",
        "max-age=2, stale-while-revalidate=5, stale-if-error=60",
        (2, 5),
        Audience::All,
    ),
    page("/long", "page:/long", "max-age=600, stale-if-error=600", (600, 0), Audience::All),
    page(
        "/language",
        "page:/language",
        "max-age=30, stale-while-revalidate=30",
        (30, 30),
        Audience::Language,
    ),
    page("/account", "page:/account", "private, max-age=60", (0, 0), Audience::User),
    page("/checked", "page:/checked", "no-cache", (0, 0), Audience::All),
    page("/strict", "page:/strict", "max-age=3, must-revalidate", (3, 0), Audience::All),
    page("/greeting", "page:/greeting", "max-age=60", (60, 0), Audience::User),
    page("/secret", "page:/secret", "max-age=60", (60, 0), Audience::Credentials),
    Resource {
        padding: LONG,
        ..page(
            "/text",
            "page:/text",
            "max-age=20, stale-while-revalidate=20, stale-if-error=60",
            (20, 20),
            Audience::All,
        )
    },
    Resource {
        padding: LONG,
        mark: Mark::None,
        ..page("/bare", "page:/bare", "max-age=5", (5, 0), Audience::All)
    },
    Resource {
        padding: 1600,
        ..page("/large", "page:/large", "max-age=60", (60, 0), Audience::All)
    },
];
