//! How often content changes, and which lifetime suits that.
//!
//! Changes are taken for a Poisson process: in a lifetime `T` there are `x = rate · T` of them, and
//! of the hits in it the share `1 - (1 - e^-x) / x`, about `x / 2`, is outdated. What a check tells
//! is whether anything has changed since the last one, not how often; so a change counts for as
//! many as are to be expected where there is at least one, `x / (1 - e^-x)` (Cho and
//! Garcia-Molina's correction). What is older counts less, since rates change.
//!
//! A change that was announced by a purge made nothing outdated, so it is no reason for a shorter
//! lifetime.

use std::time::Duration;

/// What was found when a stored response was compared with the origin's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has changed, and was purged before that was found.
    Announced,
    /// It is the same.
    None,
    /// It has changed.
    Silent,
}

/// A comparison of a stored response with the origin's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// How long ago it was generated, or confirmed last.
    pub after: Duration,
    /// The freshness lifetime that it had.
    pub granted: Duration,
    /// What came out.
    pub change: Change,
}

/// What checks have told of one stored response.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct History {
    /// Silent changes, the older the less.
    pub changes: f64,
    /// The seconds in which they came, likewise.
    pub seconds: f64,
    /// The body's digest, where the response has no validator that would tell a change.
    pub digest: Option<u32>,
}

/// Between which lifetimes one is chosen, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
    /// The percentage of hits that may be outdated.
    pub staleness: u8,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { min: Duration::from_secs(2), max: Duration::from_secs(60 * 60), staleness: 5 }
    }
}

impl Bounds {
    /// The share of hits that may be outdated, twice: so many changes a lifetime may have.
    fn changes(self) -> f64 {
        changes_for(self.staleness)
    }
}

/// How many changes a lifetime may have for such a percentage of outdated hits.
fn changes_for(staleness: u8) -> f64 {
    f64::from(staleness.clamp(1, 50)) / 50.0
}

impl History {
    /// The history after another check.
    #[must_use]
    pub fn after(self, check: &Check, bounds: Bounds) -> Self {
        let (changes, seconds) = (self.changes * MEMORY, self.seconds * MEMORY);
        let seconds = seconds + check.after.as_secs_f64();
        let before = Self { changes, seconds, ..self };
        let expected = before.rate(bounds) * check.after.as_secs_f64();
        let changes = match check.change {
            Change::Silent => changes + expected_if_any(expected),
            Change::Announced | Change::None => changes,
        };
        Self { changes, ..before }
    }

    /// The lifetime that suits it.
    pub fn lifetime(&self, bounds: Bounds) -> Duration {
        let wanted = Duration::try_from_secs_f64(bounds.changes() / self.rate(bounds));
        wanted.unwrap_or(bounds.max).min(bounds.max).max(bounds.min)
    }

    /// Changes a second. Before anything is known, so many as suit five times the shortest
    /// lifetime; that counts as half a change.
    fn rate(&self, bounds: Bounds) -> f64 {
        let start = bounds.min.as_secs_f64().max(1e-3) * START;
        let seconds = DOUBT * start / bounds.changes();
        (self.changes + DOUBT) / (self.seconds + seconds)
    }
}

/// What checks have told of all that a rule is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// How many checks there were.
    pub checks: u64,
    /// How many of them found a silent change.
    pub silent: u64,
    /// How many found one that a purge had announced.
    pub announced: u64,
    /// How long ago the last check was each time, in seconds together.
    pub seconds: u64,
    /// The freshness lifetimes that were granted, in seconds together.
    pub granted: u64,
}

/// What another lifetime would bring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advice {
    /// The mean freshness lifetime as it is, in seconds.
    pub now: f64,
    /// The one that suits, in seconds.
    pub ttl: f64,
    /// The share of the origin's fetches that it would save; negative where it costs more.
    pub saved: f64,
    /// The share of hits that are outdated as it is.
    pub stale_now: f64,
    /// The share that would be.
    pub stale_then: f64,
}

impl Watch {
    /// Which lifetime suits what was seen; `None` where that is too little.
    pub fn advice(&self, staleness: u8) -> Option<Advice> {
        if self.checks < CHECKS_MIN || self.seconds == 0 {
            return None;
        }
        let [checks, silent, seconds, granted] =
            [self.checks, self.silent, self.seconds, self.granted].map(number);
        let none = (checks - silent.min(checks) + DOUBT) / (checks + DOUBT);
        let rate = (DOUBT - checks * none.ln()) / seconds;
        let now = granted / checks;
        let ttl = (changes_for(staleness) / rate).clamp(1.0, TTL_MAX);
        // A check comes with the first request after the lifetime's end.
        let pause = (seconds / checks - now).max(0.0);
        let saved = 1.0 - (now + pause) / (ttl + pause);
        let (stale_now, stale_then) = (outdated(rate * now), outdated(rate * ttl));
        Some(Advice { now, ttl, saved, stale_now, stale_then })
    }
}

/// How many changes are to be expected where there is at least one, if `x` were without knowing.
fn expected_if_any(x: f64) -> f64 {
    if x < SMALL { 1.0 + x / 2.0 } else { x / (1.0 - (-x).exp()) }
}

/// The share of hits that are outdated, where a lifetime has so many changes.
pub fn outdated(x: f64) -> f64 {
    if x < SMALL { x / 2.0 } else { 1.0 - (1.0 - (-x).exp()) / x }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

/// What a check counts when the next one comes.
const MEMORY: f64 = 0.9;

/// What is assumed before anything is known counts as so many changes.
const DOUBT: f64 = 0.5;

/// The first lifetime, as a multiple of the shortest.
const START: f64 = 5.0;

/// Below this, series are good enough, and quotients of differences are not.
const SMALL: f64 = 1e-4;

/// With fewer checks nothing is advised.
const CHECKS_MIN: u64 = 20;

/// No longer lifetime is advised: a day.
const TTL_MAX: f64 = 86_400.0;
