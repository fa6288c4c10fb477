//! Keys that cover a request's content.

use std::borrow::Cow;

use http::{HeaderValue, Method, header};

use super::{Caching, ContentForm, Treatment};
use crate::cache::RequestHead;
use crate::cache::field::{single, trim};
use crate::cache::graphql::{self, Changes};
use crate::cache::json::Json;
use crate::cache::key::Key;

/// Whether a request's content has to be read before it is known what becomes of it: the answer
/// depends on it where a method besides GET and HEAD is looked up, and of GraphQL it tells whether
/// anything is changed.
pub fn needs_content(request: &RequestHead, treatment: &Treatment) -> bool {
    let told = treatment.caching != Caching::Bypass
        || matches!(treatment.content, ContentForm::GraphQl(_));
    !is_read(request) && told && treatment.methods.contains(&request.method)
}

/// What becomes of a request with this content, and its key under `key` if it is looked up. Content
/// that was not read whole has none.
pub fn with_content(
    request: &RequestHead,
    treatment: Treatment,
    key: &Key,
    content: Option<&[u8]>,
) -> (Treatment, Option<Key>) {
    let key = content.and_then(|content| content_key(request, &treatment, key, content));
    match (key, treatment.caching == Caching::Bypass) {
        (Some(key), false) => (treatment, Some(key)),
        // It only reads, so it may pass without a trace.
        (Some(_), true) => (treatment, None),
        (None, _) => (Treatment { methods: Vec::new(), ..treatment }, None),
    }
}

/// Whether a request that comes without content only reads, as far as its rule has a say in that.
pub fn reads(request: &RequestHead, treatment: &Treatment) -> bool {
    match treatment.content {
        ContentForm::GraphQl(_) if is_read(request) => graphql::reads_by_url(&request.url),
        ContentForm::Exact | ContentForm::GraphQl(_) | ContentForm::Json => true,
    }
}

/// What a request that passes means for what is stored of its URL. A method for which the operator
/// vouches changes nothing.
pub fn heeds_changes(request: &RequestHead, treatment: &Treatment) -> Changes {
    if treatment.methods.contains(&request.method) {
        return Changes::Kept;
    }
    match &treatment.content {
        ContentForm::GraphQl(rule) => rule.changes,
        ContentForm::Exact | ContentForm::Json => Changes::Heeded,
    }
}

/// The key under `key` of a request with this content: the content in its form, and what says how
/// that is to be understood. None if such a request is not for the cache.
fn content_key(
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
