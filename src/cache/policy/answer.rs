//! What to send of a stored response: conditions and ranges (RFC 9110 §13.2.2, RFC 9110 §14).

use crate::cache::field::ByteRange;
use crate::cache::{RequestHead, ResponseHead, Time};

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
        let _ = range;
        String::new()
    }

    /// What follows the last part.
    pub fn end(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }

    /// The length of the whole body in bytes.
    pub fn len(&self) -> u64 {
        0
    }

    /// Whether there is no part at all; never so in an [`Answer`].
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// What to send to the client for a stored response with a body of `body_len` bytes
/// (RFC 9110 §13.2.2).
pub fn answer(
    _request: &RequestHead,
    _stored: &ResponseHead,
    _body_len: u64,
    _now: Time,
) -> Answer {
    Answer::Full
}
