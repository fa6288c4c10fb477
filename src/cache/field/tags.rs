//! The names under which responses are purged.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName};

use super::structured::strings;

/// The tags that a response names for itself, each once, in the order of the alphabet.
///
/// `Cache-Tag` separates them by commas, `Surrogate-Key` and `xkey` by spaces, and `Cache-Groups`
/// is a list of strings that counts only if it is well-formed (RFC 9875 §2).
pub fn tags(headers: &HeaderMap) -> BTreeSet<String> {
    let mut tags = BTreeSet::new();
    tags.extend(groups(headers));
    for (name, separators) in SEPARATORS {
        for value in headers.get_all(name) {
            let text = String::from_utf8_lossy(value.as_bytes());
            let words = text.split(separators).map(str::trim);
            tags.extend(words.filter(|w| !w.is_empty()).map(str::to_owned));
        }
    }
    tags
}

/// The groups that a response belongs to (RFC 9875 §2).
pub fn groups(headers: &HeaderMap) -> Vec<String> {
    strings(headers, &CACHE_GROUPS).unwrap_or_default()
}

/// The groups that a response invalidates (RFC 9875 §3).
pub fn invalidated_groups(headers: &HeaderMap) -> Vec<String> {
    strings(headers, &CACHE_GROUP_INVALIDATION).unwrap_or_default()
}

/// The tags that a response asks to be purged by the field of this name: a list like `Cache-Tag`.
pub fn purged_tags(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let words = text.split(',').map(str::trim);
        tags.extend(words.filter(|w| !w.is_empty()).map(str::to_owned));
    }
    tags
}

/// The field by which a response purges tags at once.
pub(crate) const PURGE: HeaderName = HeaderName::from_static("breadbox-purge");

/// The field by which a response makes what carries a tag stale.
pub(crate) const SOFT_PURGE: HeaderName = HeaderName::from_static("breadbox-soft-purge");

/// The fields that name tags for us and are not for clients.
pub(crate) const TAG_FIELDS: [HeaderName; 3] = [CACHE_TAG, SURROGATE_KEY, XKEY];

const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const XKEY: HeaderName = HeaderName::from_static("xkey");

const SEPARATORS: [(HeaderName, &[char]); 3] =
    [(CACHE_TAG, &[',']), (SURROGATE_KEY, &[' ', '\t']), (XKEY, &[' ', '\t', ','])];
