//! What is counted and told of a request when its reply goes out.

use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::{Array, Function, Object, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;

use super::js;
use super::state::Edge;
use crate::cache::entry::Entry;
use crate::cache::exchange::{Action, Content, Outcome, Piece, Reply};
use crate::cache::key::Key;
use crate::cache::policy::Status;
use crate::cache::tally::sheet::{Event, Subject};
use crate::cache::tally::{Cell, Patience, Saving, Source, Supply};
use crate::cache::{Reason, RequestHead, Tier, Time, Verdict, millis};
use crate::config::Level;

/// What a request has been through so far.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub began: Time,
    pub client: Patience,
    pub rule: Option<usize>,
    pub tags: Vec<String>,
    pub debug: Debug,
    key: String,
    found: Option<Tier>,
    waits: Vec<(&'static str, u64)>,
}

/// Whether the client is told more than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Debug {
    Off,
    On,
}

/// An effect that is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking {
    what: &'static str,
    tier: Tier,
    at: Time,
}

impl Asking {
    pub fn of(action: &Action<Uint8Array>) -> Self {
        let (what, tier) = match action {
            Action::Acquire { .. } => ("lease", Tier::Shared),
            Action::Fetch(_) => ("origin", Tier::Shared),
            Action::Lookup { tier, .. } => ("lookup", *tier),
            _ => ("other", Tier::Shared),
        };
        Self { what, tier, at: js::now() }
    }
}

impl Course {
    pub fn new(now: Time) -> Self {
        Self {
            began: now,
            client: Patience::Foreground,
            rule: None,
            tags: Vec::new(),
            debug: Debug::Off,
            key: String::new(),
            found: None,
            waits: Vec::new(),
        }
    }

    /// Keeps the key, for a client that is told of it.
    pub fn keep_key(&mut self, key: &Key) {
        if self.debug == Debug::On {
            key.as_str().clone_into(&mut self.key);
        }
    }

    /// Tells a client that may know: key, tags, rule, and what was waited for.
    pub fn annotate(&self, status: &Status, headers: &mut HeaderMap) {
        if self.debug == Debug::Off {
            return;
        }
        let rule = self.rule.map_or("none".into(), |rule| rule.saturating_add(1).to_string());
        let total = ("total", millis(js::now().since(self.began)).unsigned_abs());
        let waits = self.waits.iter().chain([&total]);
        let timing: Vec<String> = waits.map(|(name, took)| format!("{name};dur={took}")).collect();
        for (name, value) in [
            ("x-cache-key", self.key.as_str()),
            ("x-cache-tags", &self.tags.join(",")),
            ("x-cache-rule", &rule),
            ("x-cache-verdict", status.verdict.as_str()),
            ("x-cache-source", self.source(status.verdict).as_str()),
            ("server-timing", &timing.join(", ")),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
    }

    /// Takes note of what was waited for, and of where something was found.
    pub fn note(&mut self, asked: &Asking, outcome: &Outcome<Uint8Array>) {
        if self.debug == Debug::On {
            self.waits.push((asked.what, js::since(asked.at)));
        }
        let found = match outcome {
            Outcome::Found(found) => found,
            Outcome::Granted { found: Some(found), .. } => found,
            Outcome::Held { found: Some(found), .. } => found,
            _ => return,
        };
        self.found = Some(asked.tier);
        self.tags.clone_from(&found.entry.tags);
    }

    fn source(&self, verdict: Verdict) -> Source {
        match (verdict, self.found) {
            (Verdict::Miss | Verdict::Bypass, _) => Source::Origin,
            (Verdict::Error, _) => Source::Edge,
            (_, Some(Tier::Memory)) => Source::Memory,
            (_, Some(Tier::Platform)) => Source::Platform,
            (_, Some(Tier::Shared) | None) => Source::Shared,
        }
    }
}

impl Edge {
    /// Takes off the field by which a client asks for more detail; it goes no further.
    pub fn debug(&self, headers: &mut HeaderMap) -> Debug {
        let Some(secret) = headers.remove(DEBUG) else { return Debug::Off };
        let known = secret.to_str().is_ok_and(|secret| self.config.tokens.find(secret).is_some());
        if known { Debug::On } else { Debug::Off }
    }

    /// Counts a reply. `length` is that of the origin's body, where it is declared.
    pub fn served(
        &self,
        course: &Course,
        head: &RequestHead,
        reply: &Reply<Uint8Array>,
        length: Option<u64>,
    ) {
        let Status { verdict, reason, .. } = reply.status;
        let (supply, bytes) = sent(&reply.content, length);
        self.tell(&Told {
            verdict,
            reason,
            source: course.source(verdict),
            status: reply.head.status,
            rule: course.rule,
            tags: &course.tags,
            url: &head.url,
            supply,
            bytes,
            saved: reply.saved,
            took: millis(js::now().since(course.began)),
        });
    }

    /// Counts a reply, and writes of it where that is wanted.
    pub fn tell(&self, told: &Told<'_>) {
        let Told { verdict, reason, source, rule, bytes, .. } = *told;
        self.count(Cell::Requests(verdict), 1);
        if let Some(reason) = reason {
            self.count(Cell::Reasons(reason), 1);
        }
        self.count(Cell::Sources(source), 1);
        self.count(Cell::Statuses(told.status), 1);
        self.count(Cell::Rules(rule), 1);
        self.count(Cell::Bytes(told.supply), bytes);
        self.count(Cell::Saved(Saving::Sent), told.saved);
        let number = rule.map_or(0, |rule| rule.saturating_add(1)).to_string();
        self.counts.write(|sheet| {
            sheet.count(Subject::Urls, told.url, verdict, bytes);
            sheet.count(Subject::Rules, &number, verdict, bytes);
            for tag in told.tags {
                sheet.count(Subject::Tags, tag, verdict, bytes);
            }
            let now = js::now();
            if sheet.samples(now) {
                let words = told.words();
                let words = words.iter().map(String::as_str).chain([number.as_str(), told.url]);
                sheet.note_request(Event::new(now, words));
            }
        });
        let logs = self.config.logs;
        if logs.level == Level::Request && js_sys::Math::random() < logs.sample {
            let words = told.words();
            let names = ["verdict", "reason", "source", "status", "ms", "url"];
            let words = words.iter().map(String::as_str).chain([told.url]);
            let fields: Vec<_> = names.into_iter().zip(words).collect();
            self.log(Level::Request, "request", &fields);
        }
        if let Some(dataset) = &self.analytics {
            let blobs = [verdict.as_str(), reason.map_or("", |r| r.as_str()), source.as_str()];
            let numbers = [f64::from(told.status), told.took as f64, bytes as f64];
            write_point(dataset, told.url, &blobs, &numbers);
        }
    }
}

/// What is told of a reply.
pub(super) struct Told<'a> {
    verdict: Verdict,
    reason: Option<Reason>,
    source: Source,
    status: u16,
    rule: Option<usize>,
    tags: &'a [String],
    url: &'a str,
    supply: Supply,
    bytes: u64,
    saved: u64,
    took: i64,
}

impl<'a> Told<'a> {
    /// A reply that was made again.
    pub fn again(url: &'a str, rule: Option<usize>, entry: &'a Entry) -> Self {
        Self {
            verdict: Verdict::Hit,
            reason: None,
            source: Source::Memory,
            status: entry.head.status,
            rule,
            tags: &entry.tags,
            url,
            supply: Supply::Stored,
            bytes: entry.body_len,
            saved: entry.saved(),
            took: 0,
        }
    }

    /// Verdict, reason, source, status and milliseconds in words.
    fn words(&self) -> [String; 5] {
        [
            self.verdict.as_str().to_owned(),
            self.reason.map_or("", Reason::as_str).to_owned(),
            self.source.as_str().to_owned(),
            self.status.to_string(),
            self.took.to_string(),
        ]
    }
}

/// How much of whose body goes out, as far as that is known.
fn sent(content: &Content<Uint8Array>, length: Option<u64>) -> (Supply, u64) {
    match content {
        Content::Empty | Content::Head(_) => (Supply::Stored, 0),
        Content::Origin | Content::OriginKept => (Supply::Origin, length.unwrap_or(0)),
        Content::Stored(body, None) => (Supply::Stored, u64::from(body.length())),
        Content::Stored(_, Some(pieces)) => {
            let length = |piece: &Piece| match piece {
                Piece::Text(text) => text.len() as u64,
                Piece::Range(range) => range.last.saturating_add(1).saturating_sub(range.first),
            };
            (Supply::Stored, pieces.iter().map(length).sum())
        }
        Content::Text(text) => (Supply::Stored, text.len() as u64),
    }
}

pub(super) const DEBUG: HeaderName = HeaderName::from_static("breadbox-debug");

/// The optional dataset of the Workers Analytics Engine.
pub(super) fn analytics(env: &Env) -> Option<JsValue> {
    let dataset = js::property(env, "ANALYTICS");
    (!dataset.is_undefined()).then_some(dataset)
}

/// One data point a request: index host, blobs verdict, reason, source, path; doubles status,
/// milliseconds, bytes.
fn write_point(dataset: &JsValue, url: &str, blobs: &[&str], numbers: &[f64]) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // A point of more than 16 KB is refused as a whole.
    let path = path.get(..PATH_MAX).unwrap_or(path);
    let point = Object::new();
    let texts = blobs.iter().copied().chain([path]).map(JsValue::from);
    js::set(&point, "blobs", texts.collect::<Array>());
    js::set(&point, "doubles", numbers.iter().copied().map(JsValue::from).collect::<Array>());
    js::set(&point, "indexes", [JsValue::from(host)].into_iter().collect::<Array>());
    if let Ok(write) = js::property(dataset, "writeDataPoint").dyn_into::<Function>() {
        let _ = write.call1(dataset, &point);
    }
}

/// So much of a path goes into a data point.
const PATH_MAX: usize = 1024;
