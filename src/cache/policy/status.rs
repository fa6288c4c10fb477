//! The `Cache-Status` that a response carries (RFC 9211).

use http::HeaderMap;

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

    /// Our member of the field (RFC 9211 §2).
    pub fn member(&self) -> String {
        format!("Breadbox; detail={}", self.verdict)
    }

    /// Appends our member after those of the caches nearer to the origin (RFC 9211 §2).
    pub fn append(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }
}
