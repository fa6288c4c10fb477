//! What of a request goes to the origin (RFC 9111 §4.3.1, RFC 9110 §7.6.1).

use http::HeaderMap;

use crate::cache::{RequestHead, ResponseHead};

/// The fields to ask the origin with when the answer may be stored (RFC 9111 §4.3.1).
pub fn forward(request: &RequestHead, _prior: Option<&ResponseHead>) -> HeaderMap {
    request.headers.clone()
}

/// The fields of a request that passes through uncached, its own conditions and range kept.
pub fn pass(request: &RequestHead) -> HeaderMap {
    request.headers.clone()
}
