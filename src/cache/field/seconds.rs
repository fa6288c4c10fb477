//! Spans in whole seconds.

use std::time::Duration;

/// A non-negative number of seconds that saturates at 2^31 (RFC 9111 §1.2.2).
///
/// ```text
/// delta-seconds = 1*DIGIT
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(u32);

impl Seconds {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// What every larger number counts as (RFC 9111 §1.2.2).
    pub const MAX: Self = Self(1 << 31);

    /// A number of seconds, saturating.
    pub fn new(seconds: u64) -> Self {
        Self(u32::try_from(seconds).map_or(Self::MAX.0, |s| s.min(Self::MAX.0)))
    }

    /// The value of a text of digits, however long; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(text.parse().map_or(Self::MAX, Self::new))
    }

    /// The number.
    pub fn count(self) -> u32 {
        self.0
    }
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(u64::from(seconds.0))
    }
}
