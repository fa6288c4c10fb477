//! Refreshing what is fresh a little before its time, so that nobody finds it stale.
//!
//! One lucky request does it after its reply: the nearer the end and the longer the origin takes,
//! the likelier (Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede
//! Prevention", PVLDB 8(8), 2015). Its lease keeps others from doing the same. And what was stored
//! together shall not all be asked for together: each entry's refresh is due at a moment of its own
//! in the last part of its lifetime.

use std::time::Duration;

use super::course::Course;
use crate::cache::entry::Entry;
use crate::cache::policy::{self, Treatment};
use crate::cache::{RequestHead, Time, millis};

/// Whether a response that is served as fresh is to be refreshed after the reply.
pub(super) fn due(course: &mut Course, entry: &Entry, now: Time) -> bool {
    let Some(left) = late(&course.request, &course.plan.treatment, entry, now) else {
        return false;
    };
    let drawn = f64::from(u32::try_from(course.chance() >> 32).unwrap_or(0));
    let lucky = entry.fetch.as_secs_f64() * -((drawn + 1.0) / PARTS).ln();
    left.as_secs_f64() <= lucky || own_moment(entry, left)
}

/// Whether it can be due: whether chance, at its best, would have it.
pub(super) fn may_be_due(
    request: &RequestHead,
    treatment: &Treatment,
    entry: &Entry,
    now: Time,
) -> bool {
    let luckiest = entry.fetch.as_secs_f64() * PARTS.ln();
    late(request, treatment, entry, now)
        .is_some_and(|left| left.as_secs_f64() <= luckiest || own_moment(entry, left))
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
    crc32fast::hash(&bytes)
}

/// Only in the last part of a lifetime, one of so many, is anything refreshed early.
const WINDOW: u32 = 4;

/// Over the last part of a lifetime, one of so many, refreshes are spread.
const SPREAD: f64 = 20.0;

/// Lifetimes shorter than this, in milliseconds, are too short to be spread.
const SPREAD_MIN: i64 = 20_000;

const PARTS: f64 = 4_294_967_296.0;
