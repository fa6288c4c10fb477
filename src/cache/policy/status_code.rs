//! What status codes mean to a cache (RFC 9110 §15).

/// Whether we know what the code asks of a cache and do it (RFC 9111 §3).
///
/// `206` and `304` are not among them: they are parts of and confirmations for responses, never
/// stored by themselves.
pub(super) fn is_understood(status: u16) -> bool {
    matches!(
        status,
        200..=204 | 300..=303 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 451 | 500..=505
            | 205 | 207 | 208 | 226 | 423..=425 | 428 | 429 | 431 | 506..=508 | 511
    )
}

/// Whether a response without explicit lifetime may be given one (RFC 9110 §15.1).
pub(super) fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Whether the code says that the request was wrong, and nothing of what it asked for
/// (RFC 9110 §15.5): another one for the same may fare otherwise.
pub(crate) fn blames_request(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 404 | 410 | 451)
}

/// Whether the code says that the request failed, by whosever fault.
pub(super) fn is_error(status: u16) -> bool {
    status >= 400
}
