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
    ///
    /// Case does not matter (RFC 9111 §4.2), nor does a day of the week that is not the date's.
    /// Zones other than GMT and any other deviation do.
    pub fn parse(text: &str) -> Option<Self> {
        let text = trim(text);
        let date = httpdate::parse_http_date(text).ok().or_else(|| tolerant(text))?;
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

/// The date in a text whose case or day of the week is not as it should be.
fn tolerant(text: &str) -> Option<SystemTime> {
    let (day, rest) = text.split_once(' ')?;
    let (day, comma) = match day.strip_suffix(',') {
        Some(day) => (day, ","),
        None => (day, ""),
    };
    let weeks = [SHORT_DAYS, LONG_DAYS];
    let days = weeks.iter().find(|days| days.iter().any(|d| d.eq_ignore_ascii_case(day)))?;
    let rest = capitalised(rest);
    days.iter().find_map(|day| httpdate::parse_http_date(&format!("{day}{comma} {rest}")).ok())
}

/// The text with each word in the case of its kind: `Aug`, `GMT`.
fn capitalised(text: &str) -> String {
    let mut inside = false;
    let text = text.chars().map(|c| {
        let cased = if inside { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
        inside = c.is_ascii_alphabetic();
        cased
    });
    text.collect::<String>().replace("Gmt", "GMT")
}

const SHORT_DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG_DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;
