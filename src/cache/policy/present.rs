//! The head that the client gets.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Answer, Stored, TagFields, hop};
use crate::cache::field::{PURGE, SOFT_PURGE, SURROGATE_CONTROL, TAG_FIELDS};
use crate::cache::{ResponseHead, Time};

/// The head of a stored response as sent to the client (RFC 9111 §4, RFC 9111 §5.1).
///
/// Fields of the connection are taken off, `Age` is set, `Date` stays as the origin set it
/// (RFC 9110 §6.6.1).
pub fn present(stored: &Stored<'_>, answer: &Answer, now: Time) -> ResponseHead {
    let mut head = convey(stored.head, answer);
    head.headers.insert(header::AGE, HeaderValue::from(age(stored, now)));
    head
}

/// A stored response's age as told to clients, in seconds (RFC 9111 §5.1).
pub fn age(stored: &Stored<'_>, now: Time) -> u64 {
    now.since(stored.generated).as_secs().min(AGE_MAX)
}

/// The head of a response that the origin has just given or confirmed: as [`present`], but with
/// the `Age` it came with, since another would say that it was not (RFC 9111 §5.1).
pub fn convey(response: &ResponseHead, answer: &Answer) -> ResponseHead {
    let mut head = relay(response);
    head.headers.remove(&SURROGATE_CONTROL);
    shape(&mut head, answer);
    head
}

/// The head of a response that passes through without being stored (RFC 9110 §7.6.1).
pub fn relay(response: &ResponseHead) -> ResponseHead {
    let mut head = response.clone();
    hop::remove(&mut head.headers);
    head
}

/// Takes off what is meant for us alone.
pub fn withhold(headers: &mut HeaderMap, tags: TagFields) {
    for name in [&PURGE, &SOFT_PURGE] {
        headers.remove(name);
    }
    if tags == TagFields::Stripped {
        for name in &TAG_FIELDS {
            headers.remove(name);
        }
    }
}

fn shape(head: &mut ResponseHead, answer: &Answer) {
    match answer {
        Answer::Full | Answer::HeadOnly => {}
        Answer::NotModified => {
            head.status = 304;
            for name in CONTENT {
                head.headers.remove(name);
            }
        }
        Answer::Partial(range) => {
            head.status = 206;
            set(&mut head.headers, header::CONTENT_RANGE, &range.to_string());
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.len()));
        }
        Answer::Multipart(parts) => {
            head.status = 206;
            let content_type = format!("multipart/byteranges; boundary={}", parts.boundary);
            set(&mut head.headers, header::CONTENT_TYPE, &content_type);
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(parts.len()));
            head.headers.remove(header::CONTENT_RANGE);
        }
        Answer::RangeNotSatisfiable { complete } => {
            head.status = 416;
            for name in CONTENT {
                head.headers.remove(name);
            }
            head.headers.remove(header::ETAG);
            head.headers.remove(header::LAST_MODIFIED);
            set(&mut head.headers, header::CONTENT_RANGE, &format!("bytes */{complete}"));
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// Fields about content that a response without content does not carry. A `304` keeps all others:
/// those that RFC 9110 §15.4.5 asks for and those that guide caches.
const CONTENT: [HeaderName; 6] = [
    HeaderName::from_static("content-digest"),
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
];

/// Larger ages are told as this one (RFC 9111 §1.2.2).
const AGE_MAX: u64 = 1 << 31;
