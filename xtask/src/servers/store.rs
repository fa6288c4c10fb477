//! What one colo's platform cache holds, by the rules that Cloudflare documents for production.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    AGE, CACHE_CONTROL, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SET_COOKIE,
    TRANSFER_ENCODING, VARY,
};

/// A response as it was put.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    since: Instant,
    fresh: Duration,
}

/// Namespace and URL.
pub(super) type Key = (String, String);

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Unreadable,
    Forbidden,
    TooLarge,
}

/// One store; the oldest entry goes when the bound is reached.
#[derive(Debug, Default)]
pub(super) struct Store {
    entries: BTreeMap<Key, Stored>,
    order: VecDeque<Key>,
    bytes: usize,
}

impl Store {
    /// The fresh response under `key`, with its `Age`.
    pub(super) fn matching(&self, key: &Key) -> Option<Stored> {
        let stored = self.entries.get(key)?;
        let age = stored.since.elapsed();
        if age >= stored.fresh {
            return None;
        }
        let mut found = stored.clone();
        found.headers.insert(AGE, HeaderValue::from(age.as_secs()));
        Some(found)
    }

    /// Stores a serialized HTTP response.
    pub(super) fn put(&mut self, key: Key, message: &Bytes) -> Result<(), Refused> {
        let stored = parse(message).ok_or(Refused::Unreadable)?;
        if stored.fresh.is_zero() {
            return Err(Refused::Forbidden);
        }
        if stored.body.len() > LARGEST {
            return Err(Refused::TooLarge);
        }
        self.delete(&key);
        self.bytes += stored.body.len();
        self.order.push_back(key.clone());
        self.entries.insert(key, stored);
        while self.bytes > BOUND
            && let Some(oldest) = self.order.front().cloned()
        {
            self.delete(&oldest);
        }
        Ok(())
    }

    /// Whether there was something to delete.
    pub(super) fn delete(&mut self, key: &Key) -> bool {
        let Some(stored) = self.entries.remove(key) else { return false };
        self.bytes -= stored.body.len();
        self.order.retain(|listed| listed != key);
        true
    }

    /// How many responses it holds.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn parse(message: &Bytes) -> Option<Stored> {
    let mut lines = [httparse::EMPTY_HEADER; 256];
    let mut response = httparse::Response::new(&mut lines);
    let httparse::Status::Complete(head) = response.parse(message).ok()? else { return None };
    let status = StatusCode::from_u16(response.code?).ok()?;
    let mut headers = HeaderMap::new();
    for line in response.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(line.value).ok()?);
    }
    let body = message.slice(head..);
    headers.remove(TRANSFER_ENCODING);
    headers.remove(CONTENT_LENGTH);
    let fresh = lifetime(status, &mut headers);
    Some(Stored { status, headers, body, since: Instant::now(), fresh })
}

/// How long the platform keeps a response; zero if it does not store it at all.
fn lifetime(status: StatusCode, headers: &mut HeaderMap) -> Duration {
    let control: Vec<String> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    let says = |name: &str| control.iter().any(|directive| directive == name);
    let seconds = |name: &str| {
        let prefix = format!("{name}=");
        control.iter().find_map(|directive| directive.strip_prefix(&prefix)?.parse().ok())
    };
    if says("private=set-cookie") {
        headers.remove(SET_COOKIE);
    }
    let starred = headers.get_all(VARY).iter().any(|value| value == "*");
    let forbidden = says("no-store") || says("private") || says("no-cache") || starred;
    if forbidden || status == StatusCode::PARTIAL_CONTENT || headers.contains_key(SET_COOKIE) {
        return Duration::ZERO;
    }
    let explicit: Option<u64> = seconds("s-maxage").or_else(|| seconds("max-age"));
    explicit.map_or_else(|| by_default(status), Duration::from_secs)
}

fn by_default(status: StatusCode) -> Duration {
    let minutes = match status.as_u16() {
        200 | 301 => 120,
        302 | 303 => 20,
        404 | 410 => 3,
        _ => 0,
    };
    Duration::from_secs(60 * minutes)
}

const LARGEST: usize = 32 << 20;
const BOUND: usize = 256 << 20;
