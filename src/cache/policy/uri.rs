//! References to URIs, as far as fields of responses need them (RFC 3986 §5).

use url::Url;

/// The URI that a reference stands for, seen from `base`; `None` if either is malformed or no
/// web address (RFC 3986 §5.2). Fragments are cut off.
pub(super) fn resolve(base: &str, reference: &str) -> Option<Url> {
    let mut target = Url::parse(base).ok()?.join(reference).ok()?;
    target.set_fragment(None);
    matches!(target.scheme(), "http" | "https").then_some(target)
}

/// A URI below the base URL of the origin as the edge names it, in the place of `edge`; any other
/// as it is.
pub(super) fn seen_from(target: Url, origin: &str, edge: &str) -> Option<Url> {
    let base = Url::parse(origin).ok();
    let below = base.filter(|base| base.origin() == target.origin()).and_then(|base| {
        let path = target.path().strip_prefix(base.path().trim_end_matches('/'))?;
        path.starts_with('/').then(|| path.to_owned())
    });
    let Some(path) = below else { return Some(target) };
    let mut seen = Url::parse(edge).ok()?;
    seen.set_path(&path);
    seen.set_query(target.query());
    Some(seen)
}

/// Whether a URI has the scheme, host and port of an absolute one (RFC 9110 §4.3.1).
pub(super) fn is_same_origin(target: &Url, base: &str) -> bool {
    Url::parse(base).is_ok_and(|base| base.origin() == target.origin())
}
