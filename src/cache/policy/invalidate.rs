//! What a response makes invalid, and the names under which it can be (RFC 9111 §4.4, RFC 9875).

use http::{Method, header};

use super::status_code::is_error;
use super::{OriginPurges, uri};
use crate::cache::field::{self, single, trim};
use crate::cache::ledger::{Mode, Place, Record, Selector};
use crate::cache::sort::sort_unique;
use crate::cache::{Reason, RequestHead, ResponseHead};

/// The URIs that the answer to an unsafe method invalidates: the request's own and those of
/// `Location` and `Content-Location`, all of one origin (RFC 9111 §4.4).
///
/// A server that was asked by its own name may name its resources by it: what lies below the base
/// URL `origin` counts as the same path of the request's origin.
pub fn invalidates(
    request: &RequestHead,
    response: &ResponseHead,
    origin: Option<&str>,
) -> Vec<String> {
    if !changes(request, response) {
        return Vec::new();
    }
    let mut uris = vec![request.url.clone()];
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        let reference = single(&response.headers, name);
        let target = reference.and_then(|r| uri::resolve(&request.url, trim(&r)));
        let target = target.and_then(|target| match origin {
            Some(origin) => uri::seen_from(target, origin, &request.url),
            None => Some(target),
        });
        let target = target.filter(|target| uri::is_same_origin(target, &request.url));
        if let Some(target) = target.map(String::from)
            && !uris.contains(&target)
        {
            uris.push(target);
        }
    }
    uris
}

/// The purges that a response asks for: the groups of its origin that the answer to an unsafe
/// method invalidates (RFC 9875 §3), and the tags that it names in fields of ours, if the operator
/// heeds them.
///
/// More tags than a purge request may name purge all that is stored of the host: too much may be
/// purged, too little never.
pub fn purges(request: &RequestHead, response: &ResponseHead, heed: OriginPurges) -> Vec<Record> {
    let mut records = Vec::new();
    let mut purge = |mode, tags: Vec<String>| {
        records.extend(tags.into_iter().map(|tag| Record { mode, selector: Selector::Tag(tag) }));
    };
    if !is_safe(&request.method) {
        let groups = field::invalidated_groups(&response.headers);
        purge(Mode::Hard, qualified(&request.url, groups));
    }
    if heed == OriginPurges::Heeded {
        purge(Mode::Hard, field::purged_tags(&response.headers, &field::PURGE));
        purge(Mode::Soft, field::purged_tags(&response.headers, &field::SOFT_PURGE));
    }
    if records.len() > TAGS_MAX {
        return vec![widened(request, &records)];
    }
    sort_unique(&mut records, Record::cmp);
    records
}

/// One purge for many: of all that is stored of the host, hard if one of them is.
pub fn widened(request: &RequestHead, records: &[Record]) -> Record {
    let hard = records.iter().any(|record| record.mode == Mode::Hard);
    let mode = if hard { Mode::Hard } else { Mode::Soft };
    Record { mode, selector: Selector::Host(Place::of(&request.url).host().to_owned()) }
}

/// The tags by which the groups of a response are told from those of other origins
/// (RFC 9875 §2.1).
pub fn group_tags(request: &RequestHead, response: &ResponseHead) -> Vec<String> {
    qualified(&request.url, field::groups(&response.headers))
}

/// Groups with their origin before them. No origin has a space.
fn qualified(url: &str, groups: Vec<String>) -> Vec<String> {
    let start = url.find("://").map_or(0, |at| at.saturating_add(3));
    let host = url.get(start..).unwrap_or_default();
    let end = host.find(['/', '?']).map_or(url.len(), |at| at.saturating_add(start));
    let origin = url.get(..end).unwrap_or(url);
    groups.into_iter().map(|group| format!("{origin} {group}")).collect()
}

/// The tags that a response names for itself: `Cache-Tag`, `Surrogate-Key`, `xkey`,
/// `Cache-Groups` (RFC 9875 §2), each once. More than a purge could keep track of is an error.
pub fn tags(response: &ResponseHead) -> Result<Vec<String>, Reason> {
    let tags = field::tags(&response.headers);
    let bytes = tags.iter().map(String::len).fold(0, usize::saturating_add);
    if tags.len() > TAGS_MAX || bytes > TAG_BYTES_MAX {
        return Err(Reason::Tags);
    }
    Ok(tags.into_iter().collect())
}

/// Whether the request has changed something: it was not safe and did not fail
/// (RFC 9111 §4.4). Unknown methods count as unsafe.
fn changes(request: &RequestHead, response: &ResponseHead) -> bool {
    !is_safe(&request.method) && response.status >= 200 && !is_error(response.status)
}

/// Methods that ask for no change (RFC 9110 §9.2.1), QUERY among them.
fn is_safe(method: &Method) -> bool {
    let known = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE];
    known.contains(method) || method.as_str() == "QUERY"
}

/// A response with more tags is not stored.
const TAGS_MAX: usize = 1000;

/// Nor is one whose tags have more bytes together.
const TAG_BYTES_MAX: usize = 16 * 1024;
