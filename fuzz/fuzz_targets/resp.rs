//! Whatever a server answers is a reply or nothing.
#![no_main]

use breadbox::redis::Reply;
use bytes::Bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let reply = Reply::parse(&Bytes::copy_from_slice(bytes));
    assert!(reply.is_none_or(|reply| reply.text().is_none_or(|text| text.len() <= bytes.len())));
});
