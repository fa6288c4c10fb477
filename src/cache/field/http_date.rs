//! Dates.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::AsHeaderName;

use super::grammar::{single, trim};
use crate::cache::Time;

/// A point in time with a resolution of a second (RFC 9110 §5.6.7).
///
/// ```text
/// HTTP-date = IMF-fixdate / rfc850-date / asctime-date
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpDate(Time);

impl HttpDate {
    /// The date that a text stands for, in any of the three forms; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let date = httpdate::parse_http_date(trim(text)).ok()?;
        let since = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let millis = i64::try_from(since.as_millis()).ok()?;
        Some(Self(Time(millis)))
    }

    /// The date in a field; `None` if it is absent, repeated or malformed.
    pub fn field(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Self> {
        Self::parse(&single(headers, name)?)
    }

    /// The date of a point in time, fractions of a second cut off; the ends of the calendar bound
    /// it.
    pub fn at(time: Time) -> Self {
        let seconds = time.0.div_euclid(1000).clamp(0, LAST_SECOND);
        Self(Time(seconds.saturating_mul(1000)))
    }

    /// The point in time.
    pub fn time(self) -> Time {
        self.0
    }
}

impl std::fmt::Display for HttpDate {
    /// The preferred form, `Sun, 06 Nov 1994 08:49:37 GMT`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = u64::try_from(self.0.0).unwrap_or(0);
        let date = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis));
        let date = date.unwrap_or(SystemTime::UNIX_EPOCH);
        write!(f, "{}", httpdate::HttpDate::from(date))
    }
}

/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;
