//! Purge requests of Fastly's API, and its `PURGE` of a URL.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::native::Fields;
use super::order::{Draft, Forms, Order, Spot};
use super::{Complaint, path_and_query, text};
use crate::cache::RequestHead;
use crate::cache::json;
use crate::cache::ledger::{Mode, Selector};

/// What a path of the API purges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Everything,
    Key(Cow<'a, str>),
    Keys,
    Url(Cow<'a, str>),
}

impl<'a> Route<'a> {
    /// The service may be any, for all are this site.
    pub fn of(path: &'a str) -> Option<Self> {
        if let Some(url) = path.strip_prefix("/purge/") {
            return Some(Self::Url(percent_decode_str(url).decode_utf8().ok()?));
        }
        let (service, rest) = path.strip_prefix("/service/")?.split_once('/')?;
        match rest {
            _ if service.is_empty() => None,
            "purge" => Some(Self::Keys),
            "purge_all" => Some(Self::Everything),
            _ => {
                let key = rest.strip_prefix("purge/")?;
                Some(Self::Key(percent_decode_str(key).decode_utf8().ok()?))
            }
        }
    }
}

/// Whether a request comes from a client of Fastly's.
pub(super) fn is_signed(headers: &HeaderMap) -> bool {
    headers.contains_key("fastly-key")
}

pub(super) fn read(
    head: &RequestHead,
    body: &[u8],
    fold: &dyn Fn(&str) -> String,
) -> Result<Order, Complaint> {
    let mut draft = Draft::new(fold);
    if text(&head.headers, "fastly-soft-purge") == Some("1") {
        draft.mode = Mode::Soft;
    }
    let (path, query) = path_and_query(&head.url);
    let route = if head.method.as_str() == "PURGE" { None } else { Route::of(path) };
    match route {
        None => draft.url(&head.url, Forms::Exact, Spot("url", None))?,
        Some(Route::Everything) => draft.everything(),
        Some(Route::Key(key)) => draft.tag(&key, Spot("surrogate_key", None))?,
        Some(Route::Keys) => keys(&mut draft, head, body)?,
        Some(Route::Url(url)) => {
            let scheme = if url.contains("://") { "" } else { "https://" };
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            draft.url(&format!("{scheme}{url}{query}"), Forms::Exact, Spot("url", None))?;
        }
    }
    draft.finish()
}

/// Keys come in a field, or in the body.
fn keys(draft: &mut Draft<'_>, head: &RequestHead, body: &[u8]) -> Result<(), Complaint> {
    if let Some(keys) = text(&head.headers, "surrogate-key") {
        for (index, key) in keys.split_ascii_whitespace().enumerate() {
            draft.tag(key, Spot("Surrogate-Key", Some(index)))?;
        }
        return Ok(());
    }
    for (key, spot) in Fields::parse(body)?.texts("surrogate_keys")? {
        draft.tag(key, spot)?;
    }
    Ok(())
}

/// A batch is answered with an identifier for each key.
pub(super) fn answer(head: &RequestHead, order: &Order, id: &str) -> Value {
    let (path, _) = path_and_query(&head.url);
    if head.method.as_str() == "PURGE" || Route::of(path) != Some(Route::Keys) {
        return ok(id);
    }
    let keys = order.records.iter().filter_map(|record| match &record.selector {
        Selector::Tag(tag) => Some((tag.clone(), Value::from(id))),
        _ => None,
    });
    json::object(keys)
}

pub(super) fn ok(id: &str) -> Value {
    json!({ "status": "ok", "id": id })
}

pub(super) fn refusal(complaint: &Complaint) -> Value {
    let field = complaint.field.as_deref().map(|field| format!("{field}: "));
    let detail = format!("{}{}", field.unwrap_or_default(), complaint.message);
    json!({ "msg": complaint.code, "detail": detail })
}
