//! What to send of a stored response: conditions and ranges (RFC 9110 §13.2.2, RFC 9110 §14).

use http::{HeaderMap, Method, header};

use crate::cache::field::{
    ByteRange, EntityTag, HttpDate, IfNoneMatch, IfRange, Range, Selection, single,
};
use crate::cache::{RequestHead, ResponseHead};

/// What the client gets of a complete stored response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All of it.
    Full,
    /// Its head, for a HEAD request (RFC 9110 §9.3.2).
    HeadOnly,
    /// Several parts of it, each with a head of its own (RFC 9110 §15.3.7.2).
    Multipart(Multipart),
    /// `304`: the client has it already (RFC 9110 §15.4.5).
    NotModified,
    /// One part of it (RFC 9110 §15.3.7.1).
    Partial(ByteRange),
    /// `416`: no part asked for exists (RFC 9110 §15.5.17).
    RangeNotSatisfiable {
        /// The length of the stored body in bytes.
        complete: u64,
    },
}

/// The parts of a `multipart/byteranges` answer (RFC 9110 §14.6).
///
/// The body is, for each range, `part(range)` and the bytes of the range, and `end()` at last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    /// The parts in the order asked for.
    pub ranges: Vec<ByteRange>,
    /// What separates the parts.
    pub boundary: String,
    /// The `Content-Type` that each part repeats.
    pub content_type: Option<String>,
}

impl Multipart {
    /// What precedes the bytes of a part: delimiter and head.
    pub fn part(&self, range: &ByteRange) -> String {
        let content_type = match &self.content_type {
            Some(content_type) => format!("Content-Type: {content_type}\r\n"),
            None => String::new(),
        };
        let boundary = &self.boundary;
        format!("\r\n--{boundary}\r\n{content_type}Content-Range: {range}\r\n\r\n")
    }

    /// What follows the last part.
    pub fn end(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }

    /// The length of the whole body in bytes.
    pub fn len(&self) -> u64 {
        let size = |text: String| u64::try_from(text.len()).unwrap_or(u64::MAX);
        let parts = self.ranges.iter().map(|r| size(self.part(r)).saturating_add(r.len()));
        parts.fold(size(self.end()), u64::saturating_add)
    }

    /// Whether there is no part at all; never so in an [`Answer`].
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// What to send to the client for a stored response with a body of `body_len` bytes
/// (RFC 9110 §13.2.2).
///
/// Conditions first, `If-None-Match` before `If-Modified-Since`, then the range. Only successful
/// responses are subject to conditions (RFC 9110 §13.2.1) and only `200` to ranges.
pub fn answer(request: &RequestHead, stored: &ResponseHead, body_len: u64) -> Answer {
    let reads = [Method::GET, Method::HEAD].contains(&request.method);
    let succeeded = (200..300).contains(&stored.status);
    if reads && succeeded && client_has_it(&request.headers, &stored.headers) {
        return Answer::NotModified;
    }
    if request.method == Method::HEAD {
        return Answer::HeadOnly;
    }
    if request.method != Method::GET || stored.status != 200 {
        return Answer::Full;
    }
    range(&request.headers, &stored.headers, body_len)
}

/// Whether the client's condition says that it holds the stored response (RFC 9110 §13.1.2,
/// RFC 9110 §13.1.3).
fn client_has_it(request: &HeaderMap, stored: &HeaderMap) -> bool {
    if let Some(condition) = IfNoneMatch::parse(request) {
        return condition.matches(stored);
    }
    let Some(since) = HttpDate::field(request, header::IF_MODIFIED_SINCE) else { return false };
    modified(stored).is_some_and(|modified| modified <= since)
}

/// When a response was last modified: at its `Date` if it does not say (RFC 9111 §4.3.2).
fn modified(stored: &HeaderMap) -> Option<HttpDate> {
    let modified = HttpDate::field(stored, header::LAST_MODIFIED);
    modified.or_else(|| HttpDate::field(stored, header::DATE))
}

fn range(request: &HeaderMap, stored: &HeaderMap, body_len: u64) -> Answer {
    let Some(range) = Range::parse(request).filter(|_| range_applies(request, stored)) else {
        return Answer::Full;
    };
    match range.select(body_len) {
        Selection::Whole => Answer::Full,
        Selection::Unsatisfiable => Answer::RangeNotSatisfiable { complete: body_len },
        Selection::Parts(parts) => match parts.as_slice() {
            [only] => Answer::Partial(*only),
            _ => Answer::Multipart(multipart(parts, stored)),
        },
    }
}

/// Whether the client's parts are of the stored response; the comparison is strong
/// (RFC 9110 §13.1.5).
fn range_applies(request: &HeaderMap, stored: &HeaderMap) -> bool {
    match IfRange::parse(request) {
        None => true,
        Some(IfRange::Never) => false,
        Some(IfRange::Tag(tag)) => EntityTag::field(stored).is_some_and(|t| t.strong_eq(&tag)),
        Some(IfRange::Date(date)) => {
            HttpDate::field(stored, header::LAST_MODIFIED) == Some(date) && is_strong(stored)
        }
    }
}

/// Whether a modification date tells two versions apart: it is if the response was generated at
/// least a second later (RFC 9110 §8.8.2.2).
fn is_strong(stored: &HeaderMap) -> bool {
    let date = HttpDate::field(stored, header::DATE);
    let modified = HttpDate::field(stored, header::LAST_MODIFIED);
    date.zip(modified).is_some_and(|(date, modified)| date > modified)
}

/// The boundary is drawn from the ranges, the validators and the date: the same answer has the
/// same boundary, and no body can know it in advance of its own tag.
fn multipart(ranges: Vec<ByteRange>, stored: &HeaderMap) -> Multipart {
    let content_type = single(stored, header::CONTENT_TYPE).map(|t| t.into_owned());
    let mut state = FNV_OFFSET;
    for name in [header::ETAG, header::LAST_MODIFIED, header::DATE, header::CONTENT_TYPE] {
        for value in stored.get_all(name) {
            state = mix(state, value.as_bytes());
        }
    }
    for range in &ranges {
        state = mix(state, range.to_string().as_bytes());
    }
    Multipart { ranges, boundary: format!("Breadbox-{state:032x}"), content_type }
}

/// One round of FNV-1a over 128 bits: spreads, does not hide.
fn mix(state: u128, bytes: &[u8]) -> u128 {
    bytes.iter().fold(state, |state, &byte| (state ^ u128::from(byte)).wrapping_mul(FNV_PRIME))
}

const FNV_OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
