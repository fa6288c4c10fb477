//! The field `Age`.

use http::{HeaderMap, header};

use super::Seconds;
use super::grammar::{lines, trim};

/// How long ago the origin generated or validated a response, as the last cache says
/// (RFC 9111 §5.1).
///
/// ```text
/// Age = delta-seconds
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(pub Seconds);

impl Age {
    /// The value in a response's fields: the first one if there are several, none if that is not
    /// a non-negative integer (RFC 9111 §5.1).
    pub fn parse(headers: &HeaderMap) -> Option<Self> {
        let lines = lines(headers, header::AGE);
        let first = lines.first()?.split(',').next()?;
        Seconds::parse(trim(first)).map(Self)
    }
}
