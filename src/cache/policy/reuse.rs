//! What a stored response is good for (RFC 9111 §4).

use std::time::Duration;

use http::HeaderMap;

use super::{ClientDirectives, Doubt, Treatment};
use crate::cache::field::{CacheControl, Directives, Scope, Seconds, lines, members};
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
    /// Whether it was purged can't be known: the ledger has been out of reach for too long.
    Unknown,
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
///
/// Freshness is strict: at the age of its lifetime a response is stale (RFC 9111 §4.2).
pub fn reuse(
    request: &RequestHead,
    stored: &Stored<'_>,
    standing: Standing,
    now: Time,
    treatment: &Treatment,
) -> Reuse {
    if standing == Standing::Dead {
        return Reuse::Unusable(Reason::Purged);
    }
    let case = Case { stored, standing, age: now.since(stored.generated), treatment };
    let wishes = match treatment.client_directives {
        ClientDirectives::Ignore => CacheControl::default(),
        ClientDirectives::Obey => wishes(&request.headers),
    };
    if standing == Standing::Unknown {
        return case.validate(Reason::StoreUnavailable, &wishes);
    }
    match case.objection(&wishes) {
        Some(reason) => case.validate(reason, &wishes),
        None if case.is_fresh() => Reuse::Serve,
        None => case.stale(&wishes),
    }
}

/// The client's directives; without any, `Pragma: no-cache` counts as one (RFC 9111 §5.4).
fn wishes(headers: &HeaderMap) -> CacheControl {
    let mut wishes = CacheControl::parse(headers);
    let pragma = lines(headers, http::header::PRAGMA);
    let mut members = pragma.iter().flat_map(|line| members(line));
    if !headers.contains_key(http::header::CACHE_CONTROL)
        && members.any(|member| member.eq_ignore_ascii_case("no-cache"))
    {
        wishes.no_cache = Scope::Whole;
    }
    wishes
}

/// A stored response at a moment.
struct Case<'a> {
    stored: &'a Stored<'a>,
    standing: Standing,
    age: Duration,
    treatment: &'a Treatment,
}

impl Case<'_> {
    fn is_fresh(&self) -> bool {
        self.standing == Standing::Clean && self.age < self.stored.lifetime.fresh
    }

    /// Why the client would not take the response as fresh as it is (RFC 9111 §5.2.1).
    fn objection(&self, wishes: &CacheControl) -> Option<Reason> {
        let fresh = self.stored.lifetime.fresh;
        if wishes.no_cache.is_present() {
            return Some(Reason::RequestNoCache);
        }
        let too_old = wishes.max_age.is_some_and(|limit| self.age > Duration::from(limit));
        if too_old && !self.is_immutable() {
            return Some(Reason::MaxAge);
        }
        let left = fresh.saturating_sub(self.age);
        let short = wishes.min_fresh.is_some_and(|wanted| left < Duration::from(wanted));
        short.then_some(Reason::MinFresh)
    }

    /// A reload is no reason to validate what does not change while fresh (RFC 8246 §2).
    fn is_immutable(&self) -> bool {
        self.is_fresh() && self.directives().immutable
    }

    /// What becomes of a stale response that the client does not object to.
    fn stale(&self, wishes: &CacheControl) -> Reuse {
        let span = self.stored.lifetime;
        let limited = wishes.max_age.is_some() || wishes.min_fresh.is_some();
        if span.stale > span.fresh && self.age < span.stale && !limited {
            return Reuse::ServeStale(self.staleness());
        }
        if self.accepts_stale(wishes.max_stale) {
            return Reuse::ServeStale(Reason::MaxStale);
        }
        self.validate(self.staleness(), wishes)
    }

    /// Whether the client takes a response as stale as it is, and the response lets itself be
    /// taken (RFC 9111 §5.2.1.2, RFC 9111 §4.2.4).
    fn accepts_stale(&self, limit: Option<Seconds>) -> bool {
        let staleness = self.age.saturating_sub(self.stored.lifetime.fresh);
        limit.is_some_and(|limit| staleness <= Duration::from(limit))
            && self.standing == Standing::Clean
            && !self.directives().forbids_stale()
    }

    fn staleness(&self) -> Reason {
        match self.standing {
            Standing::Soft => Reason::SoftPurged,
            Standing::Unknown => Reason::StoreUnavailable,
            Standing::Clean | Standing::Dead if self.directives().no_cache == Scope::Whole => {
                Reason::NoCache
            }
            Standing::Clean | Standing::Dead => Reason::Stale,
        }
    }

    fn validate(&self, reason: Reason, wishes: &CacheControl) -> Reuse {
        Reuse::Validate { rescue: self.rescue(wishes), reason }
    }

    /// A fresh response serves whatever happens to the origin; a stale one within its window or
    /// the client's (RFC 5861 §4), and beyond that only the disconnected, unless forbidden
    /// (RFC 9111 §4.2.4). The operator's window ends all of them. What would be served if it were
    /// known not to be purged serves if nobody else can answer, unless purges are to be final even
    /// then.
    fn rescue(&self, wishes: &CacheControl) -> Rescue {
        let span = self.stored.lifetime;
        if self.standing == Standing::Unknown && self.treatment.doubt == Doubt::Withheld {
            return Rescue::Forbidden;
        }
        let good = match self.standing {
            Standing::Unknown => self.age < span.fresh.max(span.stale),
            Standing::Clean | Standing::Dead | Standing::Soft => self.is_fresh(),
        };
        if good || (span.rescue > span.fresh && self.age < span.rescue) {
            return Rescue::Allowed;
        }
        let decided = self.treatment.rescue.is_some();
        if decided || self.age >= span.keep || self.directives().forbids_stale() {
            return Rescue::Forbidden;
        }
        if self.accepts_stale(wishes.stale_if_error) {
            return Rescue::Allowed;
        }
        Rescue::Unreachable
    }

    fn directives(&self) -> CacheControl {
        Directives::parse(&self.stored.head.headers).control
    }
}
