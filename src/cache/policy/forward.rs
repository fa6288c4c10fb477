//! What of a request goes to the origin (RFC 9111 §4.3.1, RFC 9110 §7.6.1).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::hop;
use crate::cache::field::{HttpDate, TAG_FIELDS, US};
use crate::cache::{RequestHead, ResponseHead};

/// The fields to ask the origin with when the answer may be stored (RFC 9111 §4.3.1).
///
/// The client's own conditions and range are taken off, for the answer must be complete and good
/// for others; if there is a stored response its validators are the only conditions. `Range` and
/// `If-Range` are put back by no one: ranges are cut from the complete response.
pub fn forward(request: &RequestHead, prior: Option<&ResponseHead>) -> HeaderMap {
    let mut headers = pass_without_upgrade(request);
    for name in CONDITIONS {
        headers.remove(name);
    }
    if let Ok(capability) = HeaderValue::try_from(format!("{US}=\"Surrogate/1.0\"")) {
        headers.append(SURROGATE_CAPABILITY, capability);
    }
    if let Some(prior) = prior {
        validate(&mut headers, &prior.headers);
    }
    headers
}

/// The fields of a request that passes through uncached, its own conditions and range kept.
///
/// A request to change the protocol keeps the two fields that say so (RFC 9110 §7.8).
pub fn pass(request: &RequestHead) -> HeaderMap {
    let mut headers = pass_without_upgrade(request);
    if let Some(protocol) = request.headers.get(header::UPGRADE) {
        headers.insert(header::UPGRADE, protocol.clone());
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    headers
}

fn pass_without_upgrade(request: &RequestHead) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        if !is_poisonous(name) && is_clean(value) {
            headers.append(name.clone(), value.clone());
        }
    }
    hop::remove(&mut headers);
    headers
}

/// The validators of a stored response as conditions, octet by octet as received
/// (RFC 9110 §13.1.2, RFC 9110 §13.1.3).
fn validate(headers: &mut HeaderMap, stored: &HeaderMap) {
    if let Some(tag) = stored.get(header::ETAG) {
        headers.insert(header::IF_NONE_MATCH, tag.clone());
    }
    let modified = HttpDate::field(stored, header::LAST_MODIFIED);
    if let Some(date) = stored.get(header::LAST_MODIFIED).filter(|_| modified.is_some()) {
        headers.insert(header::IF_MODIFIED_SINCE, date.clone());
    }
}

/// Fields by which a client could have the origin answer another request than the one in the key,
/// or make it speak to us in the client's words.
fn is_poisonous(name: &HeaderName) -> bool {
    // Servers that hand fields on as variables take an underscore for a hyphen.
    let name = name.as_str().replace('_', "-");
    let name = name.as_str();
    let forwarded = name.starts_with("x-forwarded-") && name != "x-forwarded-for";
    forwarded || OVERRIDES.contains(&name) || TAG_FIELDS.iter().any(|tag| tag.as_str() == name)
}

/// Control characters never pass (RFC 9110 §5.5).
fn is_clean(value: &HeaderValue) -> bool {
    value.as_bytes().iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f))
}

/// Conditions and ranges of clients (RFC 9110 §13.1).
pub(crate) const CONDITIONS: [HeaderName; 6] = [
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
];

const SURROGATE_CAPABILITY: HeaderName = HeaderName::from_static("surrogate-capability");

/// Besides `X-Forwarded-*`, which the edge sets itself afterwards.
const OVERRIDES: [&str; 27] = [
    "breadbox-receipt",
    "expect",
    "fastly-soft-purge",
    "forwarded",
    "surrogate-control",
    "x-backend-host",
    "x-cache-key",
    "x-forwarded",
    "x-get-cache-key",
    "x-host",
    "x-host-name",
    "x-host-override",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-http-path-override",
    "x-method-override",
    "x-middleware-subrequest",
    "x-original-host",
    "x-original-url",
    "x-override-url",
    "x-proxy-url",
    "x-rewrite-url",
    "x-server-name",
    "x-url-scheme",
    "xroxy-connection",
];
