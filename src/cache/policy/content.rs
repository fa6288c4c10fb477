//! Keys that cover a request's content.

use std::borrow::Cow;

use http::{HeaderValue, Method, header};

use super::{Caching, ContentForm, Treatment};
use crate::cache::RequestHead;
use crate::cache::field::{single, trim};
use crate::cache::graphql::{self, Changes, Json};
use crate::cache::key::Key;

/// Whether the answer depends on the request's content, so that its key has to cover that: the
/// methods besides GET and HEAD that are looked up at all.
pub fn is_keyed_by_content(request: &RequestHead, treatment: &Treatment) -> bool {
    let read = is_read(request);
    !read && treatment.caching != Caching::Bypass && treatment.methods.contains(&request.method)
}

/// Whether a request that comes without content only reads, as far as its rule has a say in that.
pub fn reads(request: &RequestHead, treatment: &Treatment) -> bool {
    match treatment.content {
        ContentForm::GraphQl(_) if is_read(request) => graphql::reads_by_url(&request.url),
        ContentForm::Exact | ContentForm::GraphQl(_) | ContentForm::Json => true,
    }
}

/// What becomes of what is stored of a URL when a request may have changed it.
pub fn heeds_changes(treatment: &Treatment) -> Changes {
    match &treatment.content {
        ContentForm::GraphQl(rule) => rule.changes,
        ContentForm::Exact | ContentForm::Json => Changes::Heeded,
    }
}

/// The key under `key` of a request with this content: the content in its form, and what says how
/// that is to be understood. None if such a request is not for the cache.
pub fn content_key(
    request: &RequestHead,
    treatment: &Treatment,
    key: &Key,
    content: &[u8],
) -> Option<Key> {
    let accepted;
    let (form, more) = match &treatment.content {
        ContentForm::Exact => (Cow::Borrowed(content), None),
        ContentForm::Json => (json(request, content), None),
        ContentForm::GraphQl(rule) => {
            accepted = graphql::accepted(request);
            let form = graphql::content_form(request, content, rule)?;
            (Cow::Owned(form), Some(accepted.as_bytes()))
        }
    };
    let mut parts: Vec<&[u8]> = vec![&form];
    for name in CONTENT_FIELDS {
        // An absent field and an empty one are two things.
        let values: Vec<_> = request.headers.get_all(&name).iter().collect();
        parts.push(if values.is_empty() { b"-" } else { b"+" });
        parts.extend(values.into_iter().map(HeaderValue::as_bytes));
    }
    parts.extend(more);
    Some(key.with_content(&request.method, &parts))
}

/// JSON in its one form; what is none, or can't be told for certain, as it is.
fn json<'a>(request: &RequestHead, content: &'a [u8]) -> Cow<'a, [u8]> {
    let kind = single(&request.headers, header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().map(trim).unwrap_or_default().to_ascii_lowercase();
    let named = kind == "application/json" || kind.ends_with("+json");
    let plain = named && !request.headers.contains_key(header::CONTENT_ENCODING);
    let form = plain.then(|| Json::parse(content)?.form()).flatten();
    form.map_or(Cow::Borrowed(content), |form| Cow::Owned(form.into_bytes()))
}

fn is_read(request: &RequestHead) -> bool {
    [Method::GET, Method::HEAD].contains(&request.method)
}

const CONTENT_FIELDS: [header::HeaderName; 3] =
    [header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_TYPE];
