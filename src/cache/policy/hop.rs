//! Fields that belong to a connection, not to the message (RFC 9110 §7.6.1).

use http::{HeaderMap, HeaderName, header};

use crate::cache::field::{lines, members};

/// The fields of this message that end at the next hop, the ones that `Connection` names
/// included (RFC 9110 §7.6.1, RFC 9111 §3.1).
pub(super) fn fields(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut names: Vec<HeaderName> =
        HOP_BY_HOP.into_iter().filter(|name| headers.contains_key(name)).collect();
    for line in lines(headers, header::CONNECTION) {
        for member in members(&line) {
            let name = HeaderName::from_bytes(member.as_bytes());
            names.extend(name.into_iter().filter(|name| !END_TO_END.contains(name)));
        }
    }
    names
}

/// Removes them.
pub(super) fn remove(headers: &mut HeaderMap) {
    for name in fields(headers) {
        headers.remove(name);
    }
}

const HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Nobody may have these taken off by naming them: what decides on caching must reach the cache
/// (RFC 9110 §7.6.1).
const END_TO_END: [HeaderName; 9] = [
    header::AGE,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::DATE,
    header::HOST,
    header::SET_COOKIE,
    header::VARY,
];
