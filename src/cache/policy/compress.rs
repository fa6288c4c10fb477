//! What is stored compressed (RFC 9110 §8.4).

use http::{HeaderName, HeaderValue, header};

use super::{Compression, Treatment};
use crate::cache::field::{AcceptEncoding, CacheControl, Coding, Vary, single, trim};
use crate::cache::{RequestHead, ResponseHead};

/// Whether the answer to a request may be stored compressed, if its body is long enough.
///
/// The rule has to say so, and the origin must not forbid it (RFC 9111 §5.2.2.6). What is coded
/// already, is no text, streams, or comes with a digest or a signature of its octets is left as it
/// is. Where the origin tells codings apart by `Vary`, only those who ask for gzip get this answer
/// compressed, for to all others it would only have to be decompressed.
pub fn compressible(request: &RequestHead, response: &ResponseHead, treatment: &Treatment) -> bool {
    let headers = &response.headers;
    let asked = AcceptEncoding::parse(&request.headers).asks_for(Coding::Gzip);
    let for_others = match Vary::parse(headers) {
        Vary::Any => false,
        Vary::Fields(names) => names.contains(&header::ACCEPT_ENCODING),
        Vary::None => false,
    };
    let kind = single(headers, header::CONTENT_TYPE).unwrap_or_default();
    treatment.compression == Compression::Gzip
        && response.status != 206
        && !CacheControl::parse(headers).no_transform
        && !BOUND_TO_OCTETS.iter().any(|name| headers.contains_key(name))
        && is_text(&kind)
        && (asked || !for_others)
}

/// Whether a body of `compressed` bytes is worth its decompression, where it had `plain`: it has
/// to be smaller by an eighth. `None` for what is not compressed yet.
pub fn pays(plain: u64, compressed: Option<u64>) -> bool {
    let saved = compressed.map_or(plain, |compressed| plain.saturating_sub(compressed));
    plain >= PLAIN_MIN && saved >= plain / 8
}

/// Says that a response depends on which codings the client takes (RFC 9110 §12.5.5).
pub fn negotiated(head: &mut ResponseHead) {
    let named = match Vary::parse(&head.headers) {
        Vary::Any => true,
        Vary::Fields(names) => names.contains(&header::ACCEPT_ENCODING),
        Vary::None => false,
    };
    if !named {
        head.headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// Whether a media type is that of text, or of what compresses like it.
fn is_text(kind: &str) -> bool {
    let kind = kind.split(';').next().map(trim).unwrap_or_default().to_ascii_lowercase();
    let (main, sub) = kind.split_once('/').unwrap_or_default();
    if sub.contains([',', ' ']) {
        // Two types at once are none (RFC 9110 §8.3).
        return false;
    }
    let known = match main {
        "text" => sub != "event-stream",
        "application" => APPLICATIONS.contains(&sub),
        _ => false,
    };
    known || sub.ends_with("+json") || sub.ends_with("+xml")
}

const APPLICATIONS: [&str; 7] =
    ["ecmascript", "javascript", "json", "wasm", "x-javascript", "x-ndjson", "xml"];

/// What would be false, or lost, with other octets.
const BOUND_TO_OCTETS: [HeaderName; 7] = [
    HeaderName::from_static("content-digest"),
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("signature"),
];

/// Shorter bodies are not worth a coding: an entry's head is of that order.
const PLAIN_MIN: u64 = 1024;
