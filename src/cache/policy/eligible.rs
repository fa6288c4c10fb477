//! Whether a request is for the cache at all.

use http::{HeaderMap, Method, header};

use super::{Caching, ClientDirectives, Treatment};
use crate::cache::field::{CacheControl, single, trim};
use crate::cache::{Reason, RequestHead};

/// Whether a request may be answered from the cache; if not, it is forwarded untouched.
///
/// Not for the cache are: what a rule excludes; methods other than GET and HEAD (RFC 9111 §3)
/// unless a rule includes them; protocol upgrades (RFC 9110 §7.8); GET and HEAD with content, for
/// no key covers it (RFC 9110 §9.3.1); conditions that only the origin can evaluate
/// (RFC 9111 §4.3.2).
pub fn eligible(request: &RequestHead, treatment: &Treatment) -> Result<(), Reason> {
    let headers = &request.headers;
    let read = [Method::GET, Method::HEAD].contains(&request.method);
    if treatment.caching == Caching::Bypass {
        return Err(Reason::Rule);
    }
    if !read && !treatment.methods.contains(&request.method) {
        return Err(Reason::Method);
    }
    if headers.contains_key(header::UPGRADE) {
        return Err(Reason::Upgrade);
    }
    if read && has_content(headers) {
        return Err(Reason::Body);
    }
    match ORIGIN_CONDITIONS.iter().any(|name| headers.contains_key(name)) {
        true => Err(Reason::Precondition),
        false => Ok(()),
    }
}

/// Whether the cache must answer `504` rather than fetch (RFC 9111 §5.2.1.7).
pub fn only_if_cached(request: &RequestHead, treatment: &Treatment) -> bool {
    treatment.client_directives == ClientDirectives::Obey
        && CacheControl::parse(&request.headers).only_if_cached
}

fn has_content(headers: &HeaderMap) -> bool {
    let empty = single(headers, header::CONTENT_LENGTH).is_some_and(|l| trim(&l) == "0");
    let length = headers.contains_key(header::CONTENT_LENGTH) && !empty;
    length || headers.contains_key(header::TRANSFER_ENCODING)
}

const ORIGIN_CONDITIONS: [header::HeaderName; 2] = [header::IF_MATCH, header::IF_UNMODIFIED_SINCE];
