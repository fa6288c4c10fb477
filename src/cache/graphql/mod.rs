//! GraphQL: which requests only read, under which key, and what their answers say.
//!
//! A request is taken for one that reads only if every operation of its document is a query. What
//! can't be told, because it is ambiguous or another form than the usual one, passes through.

mod document;

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, header};
use percent_encoding::percent_decode_str;
use serde_json::Value;

pub use document::{Document, Operations};

use super::RequestHead;
use super::field::{lines, single, trim};
use crate::cache::json::{self, Json};

/// What a rule says of a GraphQL endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphQl {
    /// What is asked for by the hash or the name of a document alone.
    pub persisted: Persisted,
    /// What a request that does not only read means for what is stored.
    pub changes: Changes,
    /// How tags made of the types in an answer begin; without it there are none.
    pub type_tags: Option<String>,
}

/// Whether what passes through by an unsafe method has all answers of the endpoint forgotten, as
/// HTTP says (RFC 9111 §4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Changes {
    /// It has.
    #[default]
    Heeded,
    /// It has not: the operator purges by tags.
    Kept,
}

/// What persisted documents may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persisted {
    /// Anything: only GET, which changes nothing by itself, is answered from the cache.
    #[default]
    Any,
    /// Queries; the operator knows that.
    Queries,
}

/// Whether a request by GET only reads: its document holds queries, or it names a persisted one.
pub fn reads_by_url(url: &str) -> bool {
    let Some(table) = parameters(url) else { return false };
    match table.get("query") {
        Some(text) => is_query(text),
        None => table.contains_key("extensions") || names_document(|name| table.contains_key(name)),
    }
}

/// The one form of a request's content, which its key is made of; `None` if it does not only read,
/// or if that can't be told.
pub fn content_form(request: &RequestHead, content: &[u8], rule: &GraphQl) -> Option<Vec<u8>> {
    // Some servers let parameters of the URL take the place of what the content says.
    let stated = parameters(&request.url)?;
    let spoken = ["query", "operationName", "variables", "extensions"];
    if spoken.iter().any(|name| stated.contains_key(*name))
        || names_document(|name| stated.contains_key(name))
        || request.headers.contains_key(header::CONTENT_ENCODING)
    {
        return None;
    }
    match media_type(request)?.as_str() {
        "application/graphql" => {
            let text = std::str::from_utf8(content).ok()?;
            let document = Document::parse(text)?;
            let reads = document.operations == Operations::Queries;
            reads.then(|| document.form.into_bytes())
        }
        "application/json" | "application/graphql+json" => json_form(content, rule),
        _ => None,
    }
}

/// What an answer says: the tags of its types. `None` if it is not to be stored: it tells of
/// errors, or is no whole result.
pub fn answer_tags(body: &[u8], rule: &GraphQl) -> Option<Vec<String>> {
    let answer = json::value(body).ok()?;
    let faultless = match answer.get("errors") {
        None | Some(Value::Null) => true,
        Some(errors) => errors.as_array().is_some_and(Vec::is_empty),
    };
    let data = answer.get("data").filter(|data| data.is_object() && faultless)?;
    let mut tags = BTreeSet::new();
    if let Some(start) = &rule.type_tags {
        collect(data, start, &mut tags);
    }
    let bytes = tags.iter().map(String::len).fold(0, usize::saturating_add);
    let kept = tags.len() <= TAGS_MAX && bytes <= TAG_BYTES_MAX;
    kept.then(|| tags.into_iter().collect())
}

fn json_form(content: &[u8], rule: &GraphQl) -> Option<Vec<u8>> {
    // A list is a batch of requests.
    let Json::Table(mut table) = Json::parse(content)? else { return None };
    table.0.retain(|(_, value)| *value != Json::Null);
    match table.0.iter_mut().find(|(name, _)| name == "query") {
        Some((_, Json::Text(text))) => {
            let document = Document::parse(text)?;
            if document.operations != Operations::Queries {
                return None;
            }
            *text = document.form;
        }
        Some(_) => return None,
        None => {
            let persisted = match table.find("extensions") {
                Some(Json::Table(more)) => more.find("persistedQuery").is_some(),
                _ => false,
            };
            let named = persisted || names_document(|name| table.find(name).is_some());
            if !named || rule.persisted != Persisted::Queries {
                return None;
            }
        }
    }
    // How a number with a fraction was written may matter to the origin.
    Some(Json::Table(table).form().map_or_else(|| content.to_vec(), String::into_bytes))
}

fn is_query(text: &str) -> bool {
    Document::parse(text).is_some_and(|it| it.operations == Operations::Queries)
}

/// The names under which clients of various makes send a persisted document's.
fn names_document(stated: impl Fn(&str) -> bool) -> bool {
    ["documentId", "doc_id", "id", "queryId"].into_iter().any(stated)
}

/// The parameters of a URL, decoded; `None` if one of them can't be told: it stands twice, or is no
/// text.
fn parameters(url: &str) -> Option<BTreeMap<String, String>> {
    let mut table = BTreeMap::new();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for part in query.split(['&', ';']).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let decoded = |text: &str| -> Option<String> {
            let text = text.replace('+', " ");
            Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
        };
        if table.insert(decoded(name)?, decoded(value)?).is_some() {
            return None;
        }
    }
    Some(table)
}

fn media_type(request: &RequestHead) -> Option<String> {
    let value = single(&request.headers, header::CONTENT_TYPE)?;
    let (kind, more) = value.split_once(';').unwrap_or((&value, ""));
    let charset = trim(more).to_ascii_lowercase().replace('"', "");
    let text = charset.is_empty() || charset == "charset=utf-8";
    text.then(|| trim(kind).to_ascii_lowercase())
}

/// The types of all objects in an answer, and where these have an `id`, that of each.
fn collect(value: &Value, start: &str, tags: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, start, tags)),
        Value::Object(table) => {
            if let Some(name) = table.get("__typename").and_then(Value::as_str) {
                insert(format!("{start}{name}"), tags);
                match table.get("id") {
                    Some(Value::String(id)) => insert(format!("{start}{name}:{id}"), tags),
                    Some(Value::Number(id)) => insert(format!("{start}{name}:{id}"), tags),
                    _ => {}
                }
            }
            table.values().for_each(|value| collect(value, start, tags));
        }
        _ => {}
    }
}

/// Takes in what can be a tag.
fn insert(tag: String, tags: &mut BTreeSet<String>) {
    if tag.chars().all(|c| c.is_ascii_graphic() && c != ',') {
        tags.insert(tag);
    }
}

/// Which answers a client takes, in one form: GraphQL servers have two media types.
pub fn accepted(request: &RequestHead) -> String {
    lines(&request.headers, &header::ACCEPT).join(",").to_ascii_lowercase()
}

/// Whether a method is answered by a GraphQL endpoint from the cache.
pub fn methods() -> Vec<Method> {
    [Method::POST].into_iter().chain(Method::from_bytes(b"QUERY")).collect()
}

/// An answer with more tags is not stored.
const TAGS_MAX: usize = 1000;

/// Nor is one whose tags have more bytes together.
const TAG_BYTES_MAX: usize = 16 * 1024;
