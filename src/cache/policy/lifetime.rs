//! For how long a response may serve which purpose (RFC 9111 §4.2, RFC 5861).

use std::time::Duration;

use http::header;

use super::Treatment;
use super::status_code::{blames_request, is_error, is_heuristically_cacheable};
use crate::cache::field::{Directives, Expires, HttpDate, Scope, Source};
use crate::cache::policy::Prohibition;
use crate::cache::{Lifetime, ResponseHead, Time};

/// What a lifetime is reckoned from.
pub(super) struct Basis<'a> {
    pub response: &'a ResponseHead,
    pub directives: &'a Directives,
    pub treatment: &'a Treatment,
    /// The age at receipt.
    pub age: Duration,
    /// The time of receipt.
    pub received: Time,
}

/// Where a freshness lifetime comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// The origin's word (RFC 9111 §4.2.1).
    Explicit(Duration),
    /// A guess from the last modification (RFC 9111 §4.2.2).
    Heuristic(Duration),
    /// None.
    Unknown,
}

impl Basis<'_> {
    /// The freshness lifetime that the origin gives, in the order of RFC 9111 §4.2.1 with targeted
    /// fields first (RFC 9213 §2.2).
    pub fn freshness(&self) -> Freshness {
        let control = &self.directives.control;
        if let Some(seconds) = control.s_maxage.or(control.max_age) {
            return Freshness::Explicit(seconds.into());
        }
        if self.directives.source == Source::CacheControl {
            match Expires::parse(&self.response.headers) {
                Expires::Absent => {}
                Expires::At(date) => {
                    return Freshness::Explicit(date.time().since(self.date()));
                }
                Expires::Past => return Freshness::Explicit(Duration::ZERO),
            }
        }
        self.heuristic().map_or(Freshness::Unknown, Freshness::Heuristic)
    }

    /// The whole lifetime, counted from generation; `None` if the response has no freshness
    /// lifetime, explicit or not.
    ///
    /// The operator's `fresh` counts from receipt. What an origin asks for is cut to `fresh_max`
    /// from receipt. Errors get none of the operator's spans but `negative`.
    pub fn lifetime(&self) -> Option<Lifetime> {
        let fresh = self.fresh()?;
        let control = &self.directives.control;
        let validates = control.no_cache == Scope::Whole
            && !self.treatment.caching.ignores(Prohibition::NoCache);
        if validates {
            let keep = self.age.saturating_add(self.keep());
            return Some(Lifetime { keep, ..Lifetime::default() });
        }
        let (stale, rescue) = match is_error(self.response.status) {
            true => (None, None),
            false => (self.treatment.stale, self.treatment.rescue),
        };
        let granted = |seconds: Option<_>| match control.forbids_stale() {
            true => Duration::ZERO,
            false => seconds.map(Duration::from).unwrap_or_default(),
        };
        let stale = stale.unwrap_or_else(|| granted(control.stale_while_revalidate));
        let rescue = rescue.unwrap_or_else(|| granted(control.stale_if_error));
        let stale = fresh.saturating_add(stale);
        let rescue = fresh.saturating_add(rescue).max(stale);
        let keep = rescue.max(self.age).saturating_add(self.keep());
        Some(Lifetime { fresh, stale, rescue, keep })
    }

    fn fresh(&self) -> Option<Duration> {
        let rule = match self.response.status {
            // Whoever can provoke such an error would have it kept for everybody.
            status if blames_request(status) => None,
            status if is_error(status) => self.treatment.negative,
            _ => self.treatment.fresh,
        };
        if let Some(span) = rule {
            return Some(self.age.saturating_add(span));
        }
        let longest = self.age.saturating_add(self.treatment.fresh_max);
        match self.freshness() {
            Freshness::Explicit(span) | Freshness::Heuristic(span) => Some(span.min(longest)),
            // `no-cache` alone is a lifetime of its own kind: none, but validated each time.
            Freshness::Unknown if self.directives.control.no_cache == Scope::Whole => {
                Some(Duration::ZERO)
            }
            Freshness::Unknown => None,
        }
    }

    /// A tenth of the time since the last modification, at most a day (RFC 9111 §4.2.2).
    fn heuristic(&self) -> Option<Duration> {
        let status = self.response.status;
        if !is_heuristically_cacheable(status) && !self.directives.control.public {
            return None;
        }
        let modified = HttpDate::field(&self.response.headers, header::LAST_MODIFIED)?;
        let unchanged = self.date().since(modified.time());
        Some(unchanged.checked_div(HEURISTIC_PART)?.min(HEURISTIC_MAX))
    }

    fn date(&self) -> Time {
        let date = HttpDate::field(&self.response.headers, header::DATE);
        date.map_or(self.received, HttpDate::time)
    }

    fn keep(&self) -> Duration {
        self.treatment.keep.unwrap_or(KEEP)
    }
}

/// The divisor of the time since the last modification (RFC 9111 §4.2.2).
const HEURISTIC_PART: u32 = 10;

/// No guess is good for longer.
const HEURISTIC_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long responses are kept for validation unless a rule says otherwise.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);
