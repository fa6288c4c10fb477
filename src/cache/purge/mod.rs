//! Purge requests: from a client's words to records of the ledger, and the answer in its words.
//!
//! One file per dialect, which only translates. What a selector may hold is settled by [`Order`],
//! and what a token may purge by [`Bounds`], for all dialects alike.

mod bounds;
mod cloudflare;
mod fastly;
mod limit;
mod native;
mod order;
mod varnish;

pub use bounds::Bounds;
pub use limit::{Limit, Spending};
pub use native::parse;
pub use order::{Effect, Order, SELECTORS_MAX};

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use serde_json::Value;

use super::exchange::Fault;
use super::ledger::Receipt;
use super::{RequestHead, Time};

/// What is wrong with a purge request, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The status code that says so.
    pub status: u16,
    /// A word for programs.
    pub code: &'static str,
    /// The offending field, where there is one.
    pub field: Option<String>,
    /// A sentence for people.
    pub message: String,
    /// How long to wait before trying again, where that helps.
    pub wait: Option<Duration>,
}

impl Complaint {
    /// A complaint about the whole request.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, field: None, message: message.into(), wait: None }
    }

    /// The ledger could not be written, for this reason.
    pub fn unreached(fault: Fault) -> Self {
        let fault = fault.as_str();
        let message = format!("the purge did not reach the ledger ({fault}); it may be repeated");
        let wait = Some(Duration::from_secs(1));
        Self { wait, ..Self::new(503, "ledger-unreachable", message) }
    }

    /// A purger has spent its limit and has to wait.
    pub fn overspent(purger: &str, limit: Limit, wait: Duration) -> Self {
        let Limit { rate, burst } = limit;
        let message = format!(
            "{purger} may purge {rate} new selectors a second, and {burst} at once (PURGE_RATE, \
             PURGE_BURST); nothing was purged; try again in {} s, or purge by what they share",
            seconds(wait)
        );
        Self { wait: Some(wait), ..Self::new(429, "too-many-purges", message) }
    }

    /// A complaint about a field of it.
    pub fn of(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(400, code, message) }
    }
}

/// When a purge is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// When it is recorded.
    No,
    /// When it is visible everywhere.
    Visible,
}

/// Whose words a purge request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `POST …/purge_cache` as Cloudflare's API takes it.
    Cloudflare,
    /// Fastly's API and its `PURGE`.
    Fastly,
    /// Our own.
    Native,
    /// `PURGE` and `BAN` as configurations of Varnish take them.
    Varnish,
}

impl Dialect {
    /// The dialect of a request that some other cache's client has sent, by its method, path and
    /// credentials; `None` for what is the site's own.
    pub fn of(head: &RequestHead) -> Option<Self> {
        let (path, _) = path_and_query(&head.url);
        let fastly = fastly::is_signed(&head.headers);
        match head.method.as_str() {
            "PURGE" if fastly => Some(Self::Fastly),
            "BAN" | "PURGE" => Some(Self::Varnish),
            "DELETE" | "POST" | "PUT" if cloudflare::is_route(path) => Some(Self::Cloudflare),
            "POST" | "PUT" if fastly && fastly::Route::of(path).is_some() => Some(Self::Fastly),
            _ => None,
        }
    }

    /// The signature of a request, where there is one. What other dialects say in fields of the
    /// request no signature would cover.
    pub fn signature(self, headers: &HeaderMap) -> Option<&str> {
        (self == Self::Native).then(|| text(headers, "breadbox-signature")).flatten()
    }

    /// What the caller wishes beside the purge, where purges are visible after `bound`; an error
    /// for what is not understood about the request as a whole.
    pub fn wait(self, head: &RequestHead, bound: Duration) -> Result<Wait, Complaint> {
        match self {
            Self::Native => native::wait(head, bound),
            _ => Ok(Wait::No),
        }
    }

    /// Reads a request. `fold` turns a URL into the form that keys are made of.
    pub fn read(
        self,
        head: &RequestHead,
        body: &[u8],
        fold: &dyn Fn(&str) -> String,
    ) -> Result<Order, Complaint> {
        match self {
            Self::Cloudflare => cloudflare::read(body, fold),
            Self::Fastly => fastly::read(head, body, fold),
            Self::Native => parse(body, fold),
            Self::Varnish => varnish::read(head, fold),
        }
    }

    /// The answer to a purge that was recorded.
    pub fn answer(self, head: &RequestHead, order: &Order, receipt: Option<&Receipt>) -> Value {
        let id = receipt.map(ToString::to_string).unwrap_or_default();
        match self {
            Self::Cloudflare => cloudflare::answer(&id),
            Self::Fastly => fastly::answer(head, order, &id),
            Self::Native => native::answer(order, receipt),
            Self::Varnish => fastly::ok(&id),
        }
    }

    /// The answer to a purge that was refused.
    pub fn refusal(self, complaint: &Complaint) -> Value {
        match self {
            Self::Cloudflare => cloudflare::refusal(complaint),
            Self::Fastly | Self::Varnish => fastly::refusal(complaint),
            Self::Native => native::refusal(complaint),
        }
    }

    /// The fields that go with a refusal at this time.
    pub fn refusal_fields(self, complaint: &Complaint, now: Time) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        if complaint.status == 401 {
            fields.push(("www-authenticate", "Bearer realm=\"breadbox\"".to_owned()));
        }
        let Some(wait) = complaint.wait else { return fields };
        fields.push(("retry-after", seconds(wait).to_string()));
        if self == Self::Fastly && complaint.status == 429 {
            let reset = now.0.unsigned_abs().div_ceil(1_000).saturating_add(seconds(wait));
            fields.push(("fastly-ratelimit-remaining", "0".to_owned()));
            fields.push(("fastly-ratelimit-reset", reset.to_string()));
        }
        fields
    }

    /// The secret that a request carries, in one of the ways that the dialect's clients have.
    /// `Basic` is left to methods that no form on a page can send.
    pub fn secret(self, headers: &HeaderMap) -> Option<String> {
        let named = |name| text(headers, name).map(str::to_owned);
        let bearer = || scheme(headers, "bearer").map(str::to_owned);
        match self {
            Self::Cloudflare => bearer().or_else(|| named("x-auth-key")),
            Self::Fastly => named("fastly-key"),
            Self::Native => bearer(),
            Self::Varnish => bearer().or_else(|| basic(headers)),
        }
    }
}

/// A span in whole seconds, never too short.
fn seconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
}

/// The path of a normalised URL, and its query where there is one.
fn path_and_query(url: &str) -> (&str, Option<&str>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/");
    path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)))
}

/// A field's value, if it is there once and readable.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The credentials of an `Authorization` field of this scheme (RFC 9110 §11.4).
fn scheme<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let (scheme, rest) = text(headers, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then(|| rest.trim())
}

/// The password that came with whatever name.
fn basic(headers: &HeaderMap) -> Option<String> {
    let pair = BASE64.decode(scheme(headers, "basic")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}
