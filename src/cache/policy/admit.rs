//! Whether a response may be stored, and for how long (RFC 9111 §3).

use http::HeaderName;

use super::Treatment;
use crate::cache::{Lifetime, Reason, RequestHead, ResponseHead};

/// How a response is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// For how long, counted from the response's generation.
    pub lifetime: Lifetime,
    /// Fields that the client of this exchange gets but the store must not have.
    pub strip: Vec<HeaderName>,
}

/// Whether `response` may be stored for others than the client that asked for it (RFC 9111 §3).
pub fn admit(
    _request: &RequestHead,
    _response: &ResponseHead,
    _treatment: &Treatment,
) -> Result<Admission, Reason> {
    Err(Reason::NoLifetime)
}
