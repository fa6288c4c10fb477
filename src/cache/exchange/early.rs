//! Refreshing what is fresh a little before its time, so that nobody finds it stale.
//!
//! One lucky request does it after its reply: the nearer the end and the longer the origin takes,
//! the likelier (Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede
//! Prevention", PVLDB 8(8), 2015). Its lease keeps others from doing the same. And what was stored
//! together shall not all be asked for together: each entry's refresh is due at a moment of its own
//! in the last part of its lifetime.
//!
//! That fails what is asked for a few times in its lifetime and no more: mostly nobody asks in the
//! moment that chance or the entry has chosen. Where a rule wants it ahead, a request refreshes
//! that is likely to be the last: when less of the lifetime is left than two usual gaps between
//! requests, another comes in time in six cases of seven, and this one need not wait.

use std::time::Duration;

use super::course::Course;
use crate::cache::entry::Entry;
use crate::cache::policy::{self, Pace, Refresh, Treatment};
use crate::cache::{RequestHead, Time, checksum, millis};

/// Whether a response that is served as fresh is to be refreshed after the reply.
pub(super) fn due(course: &mut Course, entry: &Entry, now: Time) -> bool {
    let Some(left) = late(&course.request, &course.plan.treatment, entry, now) else {
        return false;
    };
    let drawn = f64::from(u32::try_from(course.chance() >> 32).unwrap_or(0));
    let lucky = entry.fetch.as_secs_f64() * -((drawn + 1.0) / PARTS).ln();
    let pace = match course.plan.treatment.refresh {
        Refresh::Ahead(pace) => Some(pace),
        Refresh::Usual => None,
    };
    left.as_secs_f64() <= lucky || own_moment(entry, left) || last(pace, left, now)
}

/// Whether it can be due: whether chance, at its best, would have it.
pub(super) fn may_be_due(
    request: &RequestHead,
    treatment: &Treatment,
    pace: Pace,
    entry: &Entry,
    now: Time,
) -> bool {
    let luckiest = entry.fetch.as_secs_f64() * PARTS.ln();
    let pace = (treatment.refresh != Refresh::Usual).then_some(pace);
    late(request, treatment, entry, now).is_some_and(|left| {
        left.as_secs_f64() <= luckiest || own_moment(entry, left) || last(pace, left, now)
    })
}

/// Whether a request is likely to be the last one while so much is left: of what is asked for
/// often enough to be asked for again.
fn last(pace: Option<Pace>, left: Duration, now: Time) -> bool {
    let Some(Pace { requests, since }) = pace.filter(|pace| pace.requests >= HOT) else {
        return false;
    };
    let gap = now.since(since).checked_div(requests).unwrap_or_default();
    left <= gap.saturating_mul(GAPS)
}

/// What is left of a lifetime, in its last part, for a request that may have the origin asked.
fn late(
    request: &RequestHead,
    treatment: &Treatment,
    entry: &Entry,
    now: Time,
) -> Option<Duration> {
    let fresh = entry.lifetime.fresh;
    let left = fresh.saturating_sub(now.since(entry.generated));
    let last = left <= fresh.checked_div(WINDOW).unwrap_or_default();
    (last && !policy::only_if_cached(request, treatment)).then_some(left)
}

fn own_moment(entry: &Entry, left: Duration) -> bool {
    let fresh = entry.lifetime.fresh;
    let own = fresh.as_secs_f64() / SPREAD * f64::from(mark(entry)) / PARTS;
    millis(fresh) >= SPREAD_MIN && left.as_secs_f64() <= own
}

/// A number by which entries differ: stored anew, a key has another.
fn mark(entry: &Entry) -> u32 {
    let bytes = [entry.key.as_bytes(), &entry.generated.0.to_le_bytes()].concat();
    checksum(&bytes)
}

/// Only in the last part of a lifetime, one of so many, is anything refreshed early.
const WINDOW: u32 = 4;

/// What was asked for less often is not hot.
const HOT: u32 = 4;

/// A request is taken for the last one when less is left than so many usual gaps.
const GAPS: u32 = 2;

/// Over the last part of a lifetime, one of so many, refreshes are spread.
const SPREAD: f64 = 20.0;

/// Lifetimes shorter than this, in milliseconds, are too short to be spread.
const SPREAD_MIN: i64 = 20_000;

const PARTS: f64 = 4_294_967_296.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_that_is_likely_to_be_the_last_is_known_by_the_gaps() {
        let pace = |requests| Some(Pace { requests, since: Time(0) });
        let seconds = Duration::from_secs;
        let now = Time(100_000);
        // One in ten seconds, so two gaps are twenty.
        assert!(last(pace(10), seconds(20), now));
        assert!(!last(pace(10), seconds(21), now));
        assert!(last(pace(4), seconds(50), now));
        assert!(!last(pace(3), seconds(1), now), "it may never be asked for again");
        assert!(!last(pace(10_000), seconds(1), now), "others will come");
        assert!(!last(None, Duration::ZERO, now), "no rule wants it");
    }
}
