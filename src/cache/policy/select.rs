//! Which of several stored responses a request selects (RFC 9111 §4.1).

use http::HeaderName;

use crate::cache::RequestHead;
use crate::cache::field::Vary;

/// The selecting fields of a request with their normalised values, in the order of `vary`
/// (RFC 9111 §4.1).
pub fn selecting(_vary: &Vary, _request: &RequestHead) -> Vec<(HeaderName, String)> {
    Vec::new()
}

/// Whether a request selects the response stored with these selecting fields (RFC 9111 §4.1).
pub fn selects(vary: &Vary, stored: &[(HeaderName, String)], request: &RequestHead) -> bool {
    !matches!(vary, Vary::Any) && selecting(vary, request) == stored
}
