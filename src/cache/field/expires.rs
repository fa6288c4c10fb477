//! The field `Expires`.

use http::{HeaderMap, header};

use super::HttpDate;

/// When a response becomes stale (RFC 9111 §5.3).
///
/// ```text
/// Expires = HTTP-date
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expires {
    /// Not said.
    #[default]
    Absent,
    /// At this date.
    At(HttpDate),
    /// Long ago: the field is there but is no single date, as in `0`.
    Past,
}

impl Expires {
    /// The value in a response's fields (RFC 9111 §5.3).
    pub fn parse(headers: &HeaderMap) -> Self {
        if !headers.contains_key(header::EXPIRES) {
            return Self::Absent;
        }
        HttpDate::field(headers, header::EXPIRES).map_or(Self::Past, Self::At)
    }
}
