//! The head that the client gets.

use super::{Answer, Stored};
use crate::cache::{ResponseHead, Time};

/// The head of a stored response as sent to the client (RFC 9111 §4, RFC 9111 §5.1).
pub fn present(stored: &Stored<'_>, _answer: &Answer, _now: Time) -> ResponseHead {
    stored.head.clone()
}

/// The head of a response that passes through without being stored (RFC 9110 §7.6.1).
pub fn relay(response: &ResponseHead) -> ResponseHead {
    response.clone()
}
