//! What a response makes invalid, and the names under which it can be (RFC 9111 §4.4, RFC 9875).

use crate::cache::{Reason, RequestHead, ResponseHead};

/// The URIs that the answer to an unsafe method invalidates, all of one origin (RFC 9111 §4.4).
pub fn invalidates(_request: &RequestHead, _response: &ResponseHead) -> Vec<String> {
    Vec::new()
}

/// The tags that the answer to an unsafe method invalidates (RFC 9875 §3).
pub fn group_invalidation(_request: &RequestHead, _response: &ResponseHead) -> Vec<String> {
    Vec::new()
}

/// The tags that a response names for itself: `Cache-Tag`, `Surrogate-Key`, `xkey`,
/// `Cache-Groups` (RFC 9875 §2).
pub fn tags(_response: &ResponseHead) -> Result<Vec<String>, Reason> {
    Ok(Vec::new())
}
