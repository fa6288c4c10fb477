//! The circuit breaker: a store that keeps failing is left alone for a moment.

use std::time::Duration;

use crate::cache::Time;

/// Counts failures in a row and decides whether the next call is made at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Breaker {
    /// Calls are made; so many have failed in a row.
    Closed {
        /// The failures.
        failures: u32,
    },
    /// No call is made before `until`.
    Open {
        /// When the next probe may go.
        until: Time,
    },
    /// One probe is under way; other calls are given up until it returns or `until` passes.
    Probing {
        /// When another probe may go.
        until: Time,
    },
    /// Nothing has been tried.
    #[default]
    Untried,
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// Make it.
    Call,
    /// Give up without trying.
    Refuse,
}

impl Breaker {
    /// Whether a call may be made now.
    pub fn admit(&mut self, now: Time) -> Admit {
        match *self {
            Self::Open { until } | Self::Probing { until } if now < until => Admit::Refuse,
            Self::Open { .. } | Self::Probing { .. } => {
                *self = Self::Probing { until: now.after(PAUSE) };
                Admit::Call
            }
            Self::Closed { .. } | Self::Untried => Admit::Call,
        }
    }

    /// Takes note of a call that was answered.
    pub fn succeeded(&mut self) {
        *self = Self::Closed { failures: 0 };
    }

    /// Takes note of a call that failed; true if that has opened the breaker.
    pub fn failed(&mut self, now: Time) -> bool {
        let was_closed = matches!(self, Self::Closed { .. } | Self::Untried);
        *self = match *self {
            Self::Closed { failures } if failures < FAILURES_BORNE => {
                Self::Closed { failures: failures.saturating_add(1) }
            }
            Self::Untried => Self::Closed { failures: 1 },
            Self::Closed { .. } | Self::Open { .. } | Self::Probing { .. } => {
                Self::Open { until: now.after(PAUSE) }
            }
        };
        was_closed && matches!(self, Self::Open { .. })
    }

    /// The word for the state in the health report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed { .. } | Self::Untried => "closed",
            Self::Open { .. } => "open",
            Self::Probing { .. } => "half-open",
        }
    }
}

/// So many failures in a row are borne; the next opens the breaker.
const FAILURES_BORNE: u32 = 2;

/// How long it stays open before a probe. With the default timeout of the probe it is shorter than
/// the default bound on purges: a store that is back is seen in time for what is purged then.
const PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_open_it_and_one_probe_closes_it() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.admit(Time(0)), Admit::Call);
            breaker.failed(Time(0));
        }
        assert_eq!(breaker.admit(Time(499)), Admit::Refuse);
        assert_eq!(breaker.admit(Time(500)), Admit::Call, "one probe goes");
        assert_eq!(breaker.admit(Time(501)), Admit::Refuse, "and only one");
        breaker.succeeded();
        assert_eq!(breaker.admit(Time(1002)), Admit::Call);
    }

    #[test]
    fn a_failed_probe_keeps_it_open() {
        let mut breaker = Breaker::Probing { until: Time(5000) };
        breaker.failed(Time(4500));
        assert_eq!(breaker.admit(Time(4999)), Admit::Refuse);
        assert_eq!(breaker.admit(Time(5000)), Admit::Call);
    }

    #[test]
    fn a_probe_that_never_returns_is_followed_by_another() {
        let mut breaker = Breaker::Open { until: Time(0) };
        assert_eq!(breaker.admit(Time(10)), Admit::Call);
        assert_eq!(breaker.admit(Time(1010)), Admit::Call);
    }
}
