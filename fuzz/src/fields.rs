//! Values of header fields.

use std::time::Duration;

use breadbox::cache::field::{
    Age, ByteRange, CacheControl, Directives, EntityTag, Expires, HttpDate, IfNoneMatch, IfRange,
    KeyOrder, NoVarySearch, Params, Range, Selection, Vary, groups, invalidated_groups, tags,
};
use breadbox::cache::policy::prefetches;
use breadbox::cache::{RequestHead, ResponseHead, Time};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// A head whose fields have these names in turn and the lines of the input as values.
pub fn head(names: &[&'static str], bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let lines = bytes.split(|byte| *byte == b'\n').take(LINES_MAX);
    for (line, name) in lines.zip(names.iter().cycle()) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// No neighbour hides a prohibition, on its own line or at the end of ours.
pub fn cache_control(bytes: &[u8]) {
    let mut headers = head(&["cache-control"], bytes);
    let before = CacheControl::parse(&headers);
    headers.append(header::CACHE_CONTROL, HeaderValue::from_static("no-store, max-age=7"));
    let control = CacheControl::parse(&headers);
    assert!(control.no_store);
    let shortest = before.max_age.map_or(7, |age| age.count().min(7));
    assert_eq!(control.max_age.map(|age| age.count()), Some(shortest), "the smallest counts");
    CacheControl::parse_surrogate(&head(&["surrogate-control"], bytes));
}

/// A tag is equal to itself as written, and what matches strongly matches weakly.
pub fn conditions(bytes: &[u8]) {
    let headers = head(&["etag", "if-none-match", "if-range", "if-none-match"], bytes);
    let tag = EntityTag::field(&headers);
    if let Some(tag) = &tag {
        assert!(tag.weak_eq(tag) && tag.strong_eq(tag) == tag.is_strong());
    }
    let _ = IfRange::parse(&headers);
    let Some(condition) = IfNoneMatch::parse(&headers) else { return };
    let matches = condition.matches(&headers);
    if let (IfNoneMatch::Any, true) = (&condition, tag.is_some()) {
        assert!(matches, "`*` matches whatever there is");
    }
}

/// A date reads back as the same time; ages and expiries are never negative.
pub fn dates(bytes: &[u8]) {
    let headers = head(&["date", "expires", "age", "last-modified"], bytes);
    if let Some(date) = HttpDate::field(&headers, header::DATE) {
        let written = httpdate(date);
        assert_eq!(HttpDate::parse(&written), Some(date), "{written}");
    }
    let _ = (Expires::parse(&headers), Age::parse(&headers));
}

fn httpdate(date: HttpDate) -> String {
    let millis = u64::try_from(date.time().0).expect("dates are after 1970");
    let at = std::time::UNIX_EPOCH + Duration::from_millis(millis);
    assert_eq!(HttpDate::at(Time(date.time().0)), date);
    httpdate::fmt_http_date(at)
}

/// Parts lie within the representation and do not overlap.
pub fn range(bytes: &[u8]) {
    let headers = head(&["range", "content-range"], bytes);
    if let Some(range) = ByteRange::of_response(&headers) {
        assert!(range.first <= range.last && range.last < range.complete);
    }
    let Some(range) = Range::parse(&headers) else { return };
    for complete in [0, 1, 7, 1 << 20, u64::MAX] {
        let Selection::Parts(mut parts) = range.select(complete) else { continue };
        assert!(!parts.is_empty());
        parts.sort_by_key(|part| part.first);
        for part in &parts {
            assert!(part.first <= part.last && part.last < complete && !part.is_empty());
        }
        assert!(parts.windows(2).all(|pair| pair[0].last < pair[1].first), "{parts:?}");
    }
}

/// Equivalent queries have one form, which is equivalent to them.
pub fn structured(bytes: &[u8]) {
    let names = ["no-vary-search", "cdn-cache-control", "cache-groups", "vary", "cache-tag"];
    let (query, rest) = bytes.split_at(bytes.iter().position(|b| *b == b'\n').unwrap_or(0));
    let headers = head(&names, rest.get(1..).unwrap_or_default());
    let (folding, query) = (NoVarySearch::parse(&headers), String::from_utf8_lossy(query));
    let once = folding.canonical(&query);
    assert_eq!(folding.canonical(&once), once, "{folding:?} on {query}");
    if let (Params::Except(names), KeyOrder::Significant) = (&folding.params, folding.order) {
        assert!(!names.is_empty() || folding.is_default());
    }
    let _ = (Directives::parse(&headers), Vary::parse(&headers));
    let (all, named) = (tags(&headers), groups(&headers));
    assert!(named.iter().all(|group| all.contains(group)), "{named:?} in {all:?}");
    let _ = invalidated_groups(&headers);
    links_lead_here(bytes);
}

/// Whatever links a page has, what is fetched of them is of the same site, and bounded.
fn links_lead_here(bytes: &[u8]) {
    let url = "https://a.test/b".to_owned();
    let request = RequestHead { method: Method::GET, url, headers: HeaderMap::new() };
    let response = ResponseHead { status: 200, headers: head(&["link"], bytes) };
    let urls = prefetches(&request, &response, 5);
    assert!(
        urls.len() <= 5 && urls.iter().all(|url| url.starts_with("https://a.test/")),
        "{urls:?}"
    );
}

/// More lines are no other case.
const LINES_MAX: usize = 12;
