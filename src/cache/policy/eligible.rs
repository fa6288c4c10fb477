//! Whether a request is for the cache at all.

use super::Treatment;
use crate::cache::{Reason, RequestHead};

/// Whether a request may be answered from the cache; if not, it is forwarded untouched.
pub fn eligible(_request: &RequestHead, _treatment: &Treatment) -> Result<(), Reason> {
    Ok(())
}

/// Whether the cache must answer `504` rather than fetch (RFC 9111 §5.2.1.7).
pub fn only_if_cached(_request: &RequestHead, _treatment: &Treatment) -> bool {
    false
}
