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
    /// a non-negative integer (RFC 9111 §5.1). Parameters after a readable number do not make the
    /// response younger: they are ignored, not the number.
    pub fn parse(headers: &HeaderMap) -> Option<Self> {
        let lines = lines(headers, header::AGE);
        let first = lines.first()?.split(',').next()?;
        let number = first.split(';').next()?;
        Seconds::parse(trim(number)).map(Self)
    }
}
