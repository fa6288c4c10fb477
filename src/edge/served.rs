//! What is counted and told of a request when its reply goes out.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::{Array, Function, Object};
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;

use super::js;
use super::state::Edge;
use crate::cache::exchange::{Action, Content, Outcome, Piece, Reply};
use crate::cache::key::Key;
use crate::cache::policy::Status;
use crate::cache::tally::sheet::{Event, Subject};
use crate::cache::tally::{Cell, Patience, Source, Supply};
use crate::cache::{RequestHead, Tier, Time, Verdict, millis};
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
    pub fn of(action: &Action<Bytes>) -> Self {
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
    pub fn note(&mut self, asked: &Asking, outcome: &Outcome<Bytes>) {
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
        reply: &Reply<Bytes>,
        length: Option<u64>,
    ) {
        let Status { verdict, reason, .. } = reply.status;
        let source = course.source(verdict);
        let (supply, bytes) = sent(&reply.content, length);
        self.count(Cell::Requests(verdict), 1);
        if let Some(reason) = reason {
            self.count(Cell::Reasons(reason), 1);
        }
        self.count(Cell::Sources(source), 1);
        self.count(Cell::Statuses(reply.head.status), 1);
        self.count(Cell::Rules(course.rule), 1);
        self.count(Cell::Bytes(supply), bytes);
        let took = millis(js::now().since(course.began));
        let rule = course.rule.map_or(0, |rule| rule.saturating_add(1)).to_string();
        self.counts.write(|sheet| {
            sheet.count(Subject::Urls, &head.url, verdict, bytes);
            sheet.count(Subject::Rules, &rule, verdict, bytes);
            for tag in &course.tags {
                sheet.count(Subject::Tags, tag, verdict, bytes);
            }
            if sheet.samples(js::now()) {
                let (status, took) = (reply.head.status.to_string(), took.to_string());
                let reason = reason.map_or("", |reason| reason.as_str());
                let words = [verdict.as_str(), reason, source.as_str(), &status, &took, &rule];
                sheet.note_request(Event::new(js::now(), words.into_iter().chain([&*head.url])));
            }
        });
        let logs = self.config.logs;
        if logs.level == Level::Request && js_sys::Math::random() < logs.sample {
            let (status, took) = (reply.head.status.to_string(), took.to_string());
            self.log(
                Level::Request,
                "request",
                &[
                    ("verdict", verdict.as_str()),
                    ("reason", reason.map_or("", |reason| reason.as_str())),
                    ("source", source.as_str()),
                    ("status", &status),
                    ("ms", &took),
                    ("url", &head.url),
                ],
            );
        }
        if let Some(dataset) = &self.analytics {
            let blobs = [verdict.as_str(), reason.map_or("", |r| r.as_str()), source.as_str()];
            let numbers = [f64::from(reply.head.status), took as f64, bytes as f64];
            write_point(dataset, &head.url, &blobs, &numbers);
        }
    }
}

/// How much of whose body goes out, as far as that is known.
fn sent(content: &Content<Bytes>, length: Option<u64>) -> (Supply, u64) {
    match content {
        Content::Empty | Content::Head(_) => (Supply::Stored, 0),
        Content::Origin | Content::OriginKept => (Supply::Origin, length.unwrap_or(0)),
        Content::Stored(body, None) => (Supply::Stored, body.len() as u64),
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

const DEBUG: HeaderName = HeaderName::from_static("breadbox-debug");

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
    let point = Object::new();
    let texts = blobs.iter().copied().chain([path]).map(JsValue::from);
    js::set(&point, "blobs", texts.collect::<Array>());
    js::set(&point, "doubles", numbers.iter().copied().map(JsValue::from).collect::<Array>());
    js::set(&point, "indexes", [JsValue::from(host)].into_iter().collect::<Array>());
    if let Ok(write) = js::property(dataset, "writeDataPoint").dyn_into::<Function>() {
        let _ = write.call1(dataset, &point);
    }
}
