//! What a response makes invalid, and the names under which it can be (RFC 9111 §4.4, RFC 9875).

use http::{Method, header};

use super::status_code::is_error;
use super::uri;
use crate::cache::field::{self, single, trim};
use crate::cache::{Reason, RequestHead, ResponseHead};

/// The URIs that the answer to an unsafe method invalidates: the request's own and those of
/// `Location` and `Content-Location`, all of one origin (RFC 9111 §4.4).
///
/// A server that was asked by its own name may name its resources by it: what lies below the base
/// URL `origin` counts as the same path of the request's origin.
pub fn invalidates(
    request: &RequestHead,
    response: &ResponseHead,
    origin: Option<&str>,
) -> Vec<String> {
    if !changes(request, response) {
        return Vec::new();
    }
    let mut uris = vec![request.url.clone()];
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        let reference = single(&response.headers, name);
        let target = reference.and_then(|r| uri::resolve(&request.url, trim(&r)));
        let target = target.and_then(|target| match origin {
            Some(origin) => uri::seen_from(target, origin, &request.url),
            None => Some(target),
        });
        let target = target.filter(|target| uri::is_same_origin(target, &request.url));
        if let Some(target) = target.map(String::from)
            && !uris.contains(&target)
        {
            uris.push(target);
        }
    }
    uris
}

/// The tags that the answer to an unsafe method invalidates (RFC 9875 §3).
pub fn group_invalidation(request: &RequestHead, response: &ResponseHead) -> Vec<String> {
    match is_safe(&request.method) {
        true => Vec::new(),
        false => field::invalidated_groups(&response.headers),
    }
}

/// The tags that a response names for itself: `Cache-Tag`, `Surrogate-Key`, `xkey`,
/// `Cache-Groups` (RFC 9875 §2), each once. More than a purge could keep track of is an error.
pub fn tags(response: &ResponseHead) -> Result<Vec<String>, Reason> {
    let tags = field::tags(&response.headers);
    let bytes = tags.iter().map(String::len).fold(0, usize::saturating_add);
    if tags.len() > TAGS_MAX || bytes > TAG_BYTES_MAX {
        return Err(Reason::Tags);
    }
    Ok(tags.into_iter().collect())
}

/// Whether the request has changed something: it was not safe and did not fail
/// (RFC 9111 §4.4). Unknown methods count as unsafe.
fn changes(request: &RequestHead, response: &ResponseHead) -> bool {
    !is_safe(&request.method) && response.status >= 200 && !is_error(response.status)
}

/// Methods that ask for no change (RFC 9110 §9.2.1), QUERY among them.
fn is_safe(method: &Method) -> bool {
    let known = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE];
    known.contains(method) || method.as_str() == "QUERY"
}

/// A response with more tags is not stored.
const TAGS_MAX: usize = 1000;

/// Nor is one whose tags have more bytes together.
const TAG_BYTES_MAX: usize = 16 * 1024;
