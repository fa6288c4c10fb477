//! What a confirmation changes in a stored response (RFC 9111 §4.3.4).

use http::{HeaderMap, HeaderName, header};

use super::hop;
use crate::cache::field::{EntityTag, HttpDate};
use crate::cache::{Reason, ResponseHead};

/// The stored head with the fields of a `304`, or why the `304` is not about it
/// (RFC 9111 §4.3.4).
///
/// A `304` without any validator is taken to confirm what it was asked about, since nothing else
/// was asked about. The age of the confirmed response is the one of the `304`.
pub fn freshen(stored: &ResponseHead, update: &ResponseHead) -> Result<ResponseHead, Reason> {
    if !confirms(&stored.headers, &update.headers) {
        return Err(Reason::Validator);
    }
    let mut head = stored.clone();
    head.headers.remove(header::AGE);
    replace(&mut head.headers, &update.headers);
    Ok(head)
}

/// Whether an update is about the stored response: a strong validator must be equal, a weak one
/// must not contradict (RFC 9111 §4.3.4).
fn confirms(stored: &HeaderMap, update: &HeaderMap) -> bool {
    let (held, named) = (EntityTag::field(stored), EntityTag::field(update));
    match (held, named) {
        (Some(held), Some(named)) if named.is_strong() => return held.strong_eq(&named),
        (Some(held), Some(named)) => return held.weak_eq(&named),
        (None, Some(named)) if named.is_strong() => return false,
        (None, Some(_)) | (_, None) => {}
    }
    let date = |headers| HttpDate::field(headers, header::LAST_MODIFIED);
    match (date(stored), date(update)) {
        (Some(held), Some(named)) => held == named,
        (_, None) | (None, Some(_)) => true,
    }
}

/// Adds every field of the update, in place of those of the same name (RFC 9111 §3.2).
fn replace(headers: &mut HeaderMap, update: &HeaderMap) {
    let excluded = hop::fields(update);
    for name in update.keys() {
        if excluded.contains(name) || BOUND_TO_CONTENT.contains(name) {
            continue;
        }
        headers.remove(name);
        for value in update.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// Fields that describe the stored octets, which a `304` does not bring (RFC 9111 §3.2).
const BOUND_TO_CONTENT: [HeaderName; 5] = [
    HeaderName::from_static("content-digest"),
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    HeaderName::from_static("content-md5"),
    header::CONTENT_RANGE,
];
