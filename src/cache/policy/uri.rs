//! References to URIs, as far as fields of responses need them (RFC 3986 §5).

use url::Url;

/// The URI that a reference stands for, seen from `base`; `None` if either is malformed or no
/// web address (RFC 3986 §5.2). Fragments are cut off.
pub(super) fn resolve(base: &str, reference: &str) -> Option<Url> {
    let mut target = Url::parse(base).ok()?.join(reference).ok()?;
    target.set_fragment(None);
    matches!(target.scheme(), "http" | "https").then_some(target)
}

/// Whether a URI has the scheme, host and port of an absolute one (RFC 9110 §4.3.1).
pub(super) fn is_same_origin(target: &Url, base: &str) -> bool {
    Url::parse(base).is_ok_and(|base| base.origin() == target.origin())
}
