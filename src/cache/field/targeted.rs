//! Cache directives for us rather than for everybody (RFC 9213).

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, ListEntry};

use super::structured::{dictionary, item};
use super::{CacheControl, Scope, Seconds};

/// The directives that count for this cache, and which field they come from (RFC 9213 §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directives {
    /// The directives.
    pub control: CacheControl,
    /// The field that they come from.
    pub source: Source,
}

/// Which field rules. The first valid one does, alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `Cache-Control`, and with it `Expires` and `Pragma`.
    CacheControl,
    /// `CDN-Cache-Control`; all others are ignored (RFC 9213 §2.2).
    CdnCacheControl,
    /// `Surrogate-Control`; all but the above are ignored.
    SurrogateControl,
}

impl Directives {
    /// The directives of a response (RFC 9213 §2.2).
    ///
    /// A targeted field that is empty or malformed as a structured field counts as absent.
    pub fn parse(headers: &HeaderMap) -> Self {
        if let Some(control) = targeted(headers) {
            return Self { control, source: Source::CdnCacheControl };
        }
        if let Some(control) = CacheControl::parse_surrogate(headers) {
            return Self { control, source: Source::SurrogateControl };
        }
        Self { control: CacheControl::parse(headers), source: Source::CacheControl }
    }
}

/// `CDN-Cache-Control` as a dictionary (RFC 9213 §2.1).
fn targeted(headers: &HeaderMap) -> Option<CacheControl> {
    let dictionary = dictionary(headers, &CDN_CACHE_CONTROL)?;
    let mut control = CacheControl::default();
    for (key, entry) in &dictionary {
        set(&mut control, key.as_str(), entry);
    }
    Some(control)
}

/// One member. A value of the wrong type is not coerced: a lifetime is then zero, a permission
/// absent, and a prohibition holds (RFC 9213 §2.1).
fn set(control: &mut CacheControl, key: &str, entry: &ListEntry) {
    match key {
        "immutable" => control.immutable = permitted(entry),
        "max-age" => control.max_age = Some(seconds(entry).unwrap_or(Seconds::ZERO)),
        "must-revalidate" => control.must_revalidate = !denied(entry),
        "must-understand" => control.must_understand = !denied(entry),
        "no-cache" => control.no_cache = scope(entry),
        "no-store" => control.no_store = !denied(entry),
        "no-transform" => control.no_transform = !denied(entry),
        "private" => control.private = scope(entry),
        "proxy-revalidate" => control.proxy_revalidate = !denied(entry),
        "public" => control.public = permitted(entry),
        "s-maxage" => control.s_maxage = Some(seconds(entry).unwrap_or(Seconds::ZERO)),
        "stale-if-error" => control.stale_if_error = seconds(entry),
        "stale-while-revalidate" => control.stale_while_revalidate = seconds(entry),
        _ => {}
    }
}

fn seconds(entry: &ListEntry) -> Option<Seconds> {
    let number = i64::from(item(entry)?.as_integer()?);
    u64::try_from(number).ok().map(Seconds::new)
}

fn permitted(entry: &ListEntry) -> bool {
    item(entry).and_then(BareItem::as_boolean) == Some(true)
}

fn denied(entry: &ListEntry) -> bool {
    item(entry).and_then(BareItem::as_boolean) == Some(false)
}

fn scope(entry: &ListEntry) -> Scope {
    let mut scope = Scope::Absent;
    if !denied(entry) {
        scope.add(item(entry).and_then(BareItem::as_string).map(|s| s.as_str()));
    }
    scope
}

/// Directives for content delivery networks (RFC 9213 §3.1).
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
