//! Ranges of bytes (RFC 9110 §14).

use std::fmt;

use http::{HeaderMap, header};

use super::grammar::{single, trim};
use crate::cache::sort::sort_by;

/// A satisfiable part of a representation: `first` to `last`, both included, of `complete` bytes
/// (RFC 9110 §14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The offset of the first byte.
    pub first: u64,
    /// The offset of the last byte, at least `first`.
    pub last: u64,
    /// The length of the complete representation.
    pub complete: u64,
}

impl ByteRange {
    /// How many bytes the range has.
    pub fn len(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// Never: a range has at least one byte.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The range that a `206` says it carries; `None` unless all three numbers are given and fit
    /// each other (RFC 9110 §14.4).
    pub fn of_response(headers: &HeaderMap) -> Option<Self> {
        let value = single(headers, header::CONTENT_RANGE)?;
        let (unit, range) = trim(&value).split_once(' ')?;
        let (bounds, complete) = range.split_once('/')?;
        let (first, last) = bounds.split_once('-')?;
        let range =
            Self { first: digits(first)?, last: digits(last)?, complete: digits(complete)? };
        let sound = range.first <= range.last && range.last < range.complete;
        (unit.eq_ignore_ascii_case("bytes") && sound).then_some(range)
    }
}

impl fmt::Display for ByteRange {
    /// The form of `Content-Range`: `bytes 0-4/10`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {}-{}/{}", self.first, self.last, self.complete)
    }
}

/// The parts that a request asks for, in its order (RFC 9110 §14.2).
///
/// ```text
/// Range       = bytes "=" 1#( int-range / suffix-range )
/// int-range   = first-pos "-" [ last-pos ]
/// suffix-range = "-" suffix-length
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range(Vec<Part>);

/// One part of a range, before the length of the representation is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// From an offset to the end.
    From(u64),
    /// From an offset to another, included.
    Between(u64, u64),
    /// The last so many bytes.
    Suffix(u64),
}

/// What a range selects of a representation of known length (RFC 9110 §14.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These parts, at least one.
    Parts(Vec<ByteRange>),
    /// Nothing that exists.
    Unsatisfiable,
    /// Everything: the range is not worth honouring.
    Whole,
}

impl Range {
    /// The range in a request's fields; `None` if there is none that we understand, which is the
    /// same as none (RFC 9110 §14.2).
    pub fn parse(headers: &HeaderMap) -> Option<Self> {
        let value = single(headers, header::RANGE)?;
        let (unit, set) = value.split_once('=')?;
        if !trim(unit).eq_ignore_ascii_case("bytes") {
            return None;
        }
        let parts = set.split(',').map(trim).filter(|p| !p.is_empty());
        let parts: Vec<Part> = parts.map(Part::parse).collect::<Option<_>>()?;
        (!parts.is_empty()).then_some(Self(parts))
    }

    /// What the range selects of `complete` bytes.
    ///
    /// A client that asks for many or for overlapping parts gets everything instead
    /// (RFC 9110 §14.2, RFC 9110 §17.15).
    pub fn select(&self, complete: u64) -> Selection {
        if self.0.len() > PARTS_MAX {
            return Selection::Whole;
        }
        let parts: Vec<ByteRange> = self.0.iter().filter_map(|p| p.of(complete)).collect();
        if parts.is_empty() {
            return self.select_nothing(complete);
        }
        if overlap(&parts) { Selection::Whole } else { Selection::Parts(parts) }
    }

    /// A suffix of an empty representation exists, but has no bounds to name (RFC 9110 §14.1.2).
    fn select_nothing(&self, complete: u64) -> Selection {
        let suffix = self.0.iter().any(|p| matches!(p, Part::Suffix(length) if *length > 0));
        if complete == 0 && suffix { Selection::Whole } else { Selection::Unsatisfiable }
    }
}

impl Part {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        match (trim(first), trim(last)) {
            ("", length) => digits(length).map(Self::Suffix),
            (first, "") => digits(first).map(Self::From),
            (first, last) => {
                let (first, last) = (digits(first)?, digits(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    fn of(&self, complete: u64) -> Option<ByteRange> {
        let end = complete.checked_sub(1)?;
        let (first, last) = match *self {
            Self::From(first) => (first, end),
            Self::Between(first, last) => (first, last.min(end)),
            Self::Suffix(0) => return None,
            Self::Suffix(length) => (complete.saturating_sub(length), end),
        };
        (first <= end).then_some(ByteRange { first, last, complete })
    }
}

fn overlap(parts: &[ByteRange]) -> bool {
    let mut sorted = parts.to_vec();
    sort_by(&mut sorted, |a, b| a.first.cmp(&b.first));
    sorted.iter().zip(sorted.iter().skip(1)).any(|(a, b)| b.first <= a.last)
}

/// A number of digits only, saturating.
fn digits(text: &str) -> Option<u64> {
    let valid = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| text.parse().unwrap_or(u64::MAX))
}

/// A request for more parts is answered with everything.
const PARTS_MAX: usize = 16;
