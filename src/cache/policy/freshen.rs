//! What a confirmation changes in a stored response (RFC 9111 §4.3.4).

use http::{HeaderMap, HeaderName, header};

use super::hop;
use crate::cache::field::{EntityTag, HttpDate, single, trim};
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

/// What a response to HEAD tells of a stored response (RFC 9111 §4.3.5).
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// It is what HEAD has seen, with these fields.
    Current(ResponseHead),
    /// Nothing: there is no validator that would tell.
    Nothing,
    /// The resource has changed, so it counts as stale.
    Outdated,
}

/// What a response to HEAD tells of a stored one with a body of `body_len` bytes
/// (RFC 9111 §4.3.5).
///
/// Every validator that it names must match, and its length if it names one. One that names no
/// validator updates nothing: the same length alone does not say that the body is the same.
pub fn head_tells(stored: &ResponseHead, body_len: u64, told: &ResponseHead) -> Told {
    if told.status != 200 || stored.status != 200 {
        return Told::Nothing;
    }
    let validators = [header::ETAG, header::LAST_MODIFIED];
    let named = validators.iter().any(|name| told.headers.contains_key(name));
    let length = single(&told.headers, header::CONTENT_LENGTH);
    let other = length.is_some_and(|length| trim(&length).parse() != Ok(body_len));
    let differs = validators.iter().any(|name| {
        let fields = (told.headers.get(name), stored.headers.get(name));
        matches!(fields, (Some(told), Some(stored)) if told != stored)
    });
    if differs || (named && other) {
        return Told::Outdated;
    }
    if !named || !confirms(&stored.headers, &told.headers) {
        return Told::Nothing;
    }
    let mut head = stored.clone();
    head.headers.remove(header::AGE);
    replace(&mut head.headers, &told.headers);
    Told::Current(head)
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
