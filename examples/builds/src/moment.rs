//! Points in time as the catalogue stores and shows them.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

/// A point in time in whole seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// The present.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_second())
    }

    /// The day, as `7 Mar 2025`.
    pub fn day(self) -> String {
        self.timestamp().strftime("%-d %b %Y").to_string()
    }

    /// The time of day in UTC, as `14:02:11`.
    pub fn clock(self) -> String {
        self.timestamp().strftime("%H:%M:%S").to_string()
    }

    /// The same time for a `Last-Modified` field (RFC 9110 §8.8.2).
    pub fn system(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(self.0).unwrap_or(0))
    }

    fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// RFC 3339, in UTC.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
