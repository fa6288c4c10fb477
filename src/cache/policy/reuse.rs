//! What a stored response is good for (RFC 9111 §4).

use super::Treatment;
use crate::cache::{Lifetime, Reason, RequestHead, ResponseHead, Time};

/// A stored response as policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Its head.
    pub head: &'a ResponseHead,
    /// When the origin generated it: the time of receipt less the initial age.
    pub generated: Time,
    /// For how long it is good, from then on.
    pub lifetime: Lifetime,
}

/// What the purge ledger says of a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No purge concerns it.
    Clean,
    /// It was purged.
    Dead,
    /// It was purged softly: it counts as stale.
    Soft,
}

/// What a stored response may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Answer with it.
    Serve,
    /// Answer with it now and refresh it in the background (RFC 5861 §3).
    ServeStale(Reason),
    /// Not at all.
    Unusable(Reason),
    /// Ask the origin first (RFC 9111 §4.3).
    Validate {
        /// Whether it may be used should the origin fail.
        rescue: Rescue,
        /// Why the origin is asked.
        reason: Reason,
    },
}

/// Whether a stale response may stand in for a failing origin (RFC 9111 §4.2.4, RFC 5861 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rescue {
    /// When the origin answers with 500, 502, 503 or 504, or not at all.
    Allowed,
    /// Never.
    Forbidden,
    /// Only when the origin does not answer at all.
    Unreachable,
}

/// What a stored response is good for, for this request, now (RFC 9111 §4).
pub fn reuse(
    _request: &RequestHead,
    _stored: &Stored<'_>,
    _standing: Standing,
    _now: Time,
    _treatment: &Treatment,
) -> Reuse {
    Reuse::Validate { rescue: Rescue::Forbidden, reason: Reason::Stale }
}
