//! Stored responses as Redis and the other tiers keep them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::rest::Failure;
use super::wire::Blob;
use crate::cache::entry::Entry;
use crate::cache::exchange::Fault;
use crate::cache::family::Family;

/// A variant's value, if it is one of its family.
pub(super) fn member<B: Blob>(family: Option<B>, value: Option<B>) -> Result<Option<B>, Failure> {
    let Some(bytes) = value else { return Ok(None) };
    let (entry, _) = decode(&bytes)?;
    let text = family.map(|family| family.copy(0..family.len()));
    let living = text.and_then(|text| Family::parse(std::str::from_utf8(&text).ok()?));
    Ok(living.is_some_and(|living| living.generation == entry.generation).then_some(bytes))
}

/// Reads an entry, also one that a server without binary values keeps as base64.
pub(super) fn decode<B: Blob>(bytes: &B) -> Result<(Entry, B), Failure> {
    match bytes.copy(0..MAGIC_BASE64.len()).starts_with(MAGIC_BASE64) {
        true => open(&B::of(plain(&bytes.copy(0..bytes.len()))?)),
        false => open(bytes),
    }
}

/// The bytes of an entry, or of its beginning, as they were before a server made base64 of them.
pub(super) fn plain(bytes: &Bytes) -> Result<Bytes, Failure> {
    let corrupt = |detail: String| Failure::new(Fault::Corrupt, detail);
    match bytes.starts_with(MAGIC_BASE64) {
        true => Ok(BASE64.decode(bytes).map_err(|error| corrupt(error.to_string()))?.into()),
        false => Ok(bytes.clone()),
    }
}

/// Reads an entry and its body, as every tier keeps them.
pub fn open<B: Blob>(bytes: &B) -> Result<(Entry, B), Failure> {
    let mut head = bytes.copy(0..HEAD);
    if let Some(length) = Entry::head_len(&head)
        && length > head.len()
    {
        head = bytes.copy(0..length.min(bytes.len()));
    }
    let (entry, body) = Entry::decode_head(&head, bytes.len())
        .map_err(|damage| Failure::new(Fault::Corrupt, damage.to_string()))?;
    Ok((entry, bytes.part(body..bytes.len())))
}

/// Most heads are shorter than this, so one copy brings them whole.
const HEAD: usize = 2048;

/// How an entry's magic begins in base64.
const MAGIC_BASE64: &[u8] = b"QkJY";
