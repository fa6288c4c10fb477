//! No neighbour hides a prohibition, and nothing panics.
#![no_main]

use breadbox::cache::field::CacheControl;
use http::{HeaderMap, HeaderValue, header};

libfuzzer_sys::fuzz_target!(|line: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(line) else { return };
    let mut headers = HeaderMap::new();
    headers.append(header::CACHE_CONTROL, value);
    headers.append(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    assert!(CacheControl::parse(&headers).no_store);
});
