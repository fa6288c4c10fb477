//! The `Cache-Status` that a response carries (RFC 9211).

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{KeyRef, ListSerializer, StringRef, TokenRef};

use crate::cache::field::{US, split};
use crate::cache::{Reason, Tier, Verdict};

/// What became of a request, as told to the client (RFC 9211 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What became of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<Reason>,
    /// The remaining freshness lifetime in seconds, negative when stale (RFC 9211 §2.4).
    pub ttl: Option<i64>,
    /// The status code of the origin's answer (RFC 9211 §2.3).
    pub fwd_status: Option<u16>,
    /// Whether the origin's answer was stored (RFC 9211 §2.5).
    pub stored: bool,
    /// Whether the request waited for another one's fetch (RFC 9211 §2.6).
    pub collapsed: bool,
    /// The tier that the stored response came from.
    pub tier: Option<Tier>,
    /// The cache key (RFC 9211 §2.7).
    pub key: Option<String>,
}

impl Status {
    /// The status of a verdict about which nothing more is known.
    pub fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            reason: None,
            ttl: None,
            fwd_status: None,
            stored: false,
            collapsed: false,
            tier: None,
            key: None,
        }
    }

    /// Our member of the field (RFC 9211 §2): `Breadbox; hit; ttl=30; detail=hit`.
    ///
    /// `detail` is the reason, or the verdict if there is none. A space after each semicolon is for
    /// human readers.
    pub fn member(&self) -> String {
        let member = self.serialize().unwrap_or_else(|| US.to_owned());
        let parts: Vec<&str> = split(&member, ';').collect();
        parts.join("; ")
    }

    /// Appends our member after those of the caches nearer to the origin (RFC 9211 §2).
    pub fn append(&self, headers: &mut HeaderMap) {
        if let Ok(member) = HeaderValue::try_from(self.member()) {
            headers.append(CACHE_STATUS, member);
        }
    }

    fn serialize(&self) -> Option<String> {
        let mut list = ListSerializer::new();
        let mut member = list.bare_item(token(US)?);
        match self.fwd() {
            None => member = member.parameter(key("hit")?, true),
            Some(fwd) => {
                member = member.parameter(key("fwd")?, token(fwd)?);
                if let Some(status) = self.fwd_status {
                    member = member.parameter(key("fwd-status")?, sfv::Integer::from(status));
                }
                for (name, set) in [("stored", self.stored), ("collapsed", self.is_collapsed())] {
                    if set {
                        member = member.parameter(key(name)?, true);
                    }
                }
            }
        }
        if let Some(ttl) = self.ttl.and_then(|ttl| sfv::Integer::try_from(ttl).ok()) {
            member = member.parameter(key("ttl")?, ttl);
        }
        if let Some(text) = self.key.as_deref().and_then(|k| StringRef::from_str(k).ok()) {
            member = member.parameter(key("key")?, text);
        }
        let detail = self.reason.map_or(self.verdict.as_str(), Reason::as_str);
        let member = member.parameter(key("detail")?, token(detail)?);
        if let Some(tier) = self.tier {
            let _ = member.parameter(key("breadbox-tier")?, token(tier_word(tier))?);
        }
        list.finish()
    }

    fn is_collapsed(&self) -> bool {
        self.collapsed || self.verdict == Verdict::Collapsed
    }

    /// Why the request went forward; `None` for a hit (RFC 9211 §2.2).
    ///
    /// A stale response whose refresh runs in the background is a hit (RFC 9211 §2.1), as is one
    /// that stands in for a failing origin; the origin's failure is then in `detail`.
    fn fwd(&self) -> Option<&'static str> {
        match self.verdict {
            Verdict::Hit | Verdict::Stale => None,
            Verdict::Rescue | Verdict::Revalidated => Some("stale"),
            Verdict::Collapsed | Verdict::Miss => Some(self.reason.map_or("uri-miss", fwd_of)),
            Verdict::Bypass | Verdict::Error => Some(self.reason.map_or("bypass", fwd_of)),
        }
    }
}

/// The registered word that comes nearest (RFC 9211 §2.2).
fn fwd_of(reason: Reason) -> &'static str {
    match reason {
        Reason::Absent | Reason::Unleased | Reason::Patience => "uri-miss",
        Reason::Variant | Reason::Coding => "vary-miss",
        Reason::Method => "method",
        Reason::Stale | Reason::NoCache | Reason::SoftPurged | Reason::MaxStale => "stale",
        Reason::MaxAge | Reason::MinFresh | Reason::RequestNoCache | Reason::OnlyIfCached => {
            "request"
        }
        Reason::Partial => "partial",
        Reason::Body | Reason::PassMarker | Reason::Precondition | Reason::Rule => "bypass",
        Reason::Upgrade => "bypass",
        _ => "miss",
    }
}

fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Memory => "memory",
        Tier::Platform => "platform",
        Tier::Shared => "shared",
    }
}

fn token(text: &str) -> Option<&TokenRef> {
    TokenRef::from_str(text).ok()
}

fn key(text: &str) -> Option<&KeyRef> {
    KeyRef::from_str(text).ok()
}

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
