//! Purge requests: what they come to in each dialect, and that none reaches beyond its token.

#[path = "purge/dialects.rs"]
mod dialects;
#[path = "purge/limit.rs"]
mod limit;
#[path = "purge/native.rs"]
mod native;
#[path = "purge/receipts.rs"]
mod receipts;
#[path = "purge/scope.rs"]
mod scope;
#[path = "purge/tokens.rs"]
mod tokens;

use breadbox::cache::RequestHead;
use breadbox::cache::ledger::Record;
use breadbox::cache::purge::{Complaint, Dialect, Order};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// A request from a first line `METHOD url` and lines of fields.
fn request(first: &str, fields: &[&str]) -> RequestHead {
    let (method, url) = first.split_once(' ').expect("a method and a URL");
    let mut headers = HeaderMap::new();
    for field in fields {
        let (name, value) = field.split_once(": ").expect("a field");
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    RequestHead { method, url: url.to_owned(), headers }
}

/// What a request comes to: its records' members, or the complaint's code and field.
fn told(read: Result<Order, Complaint>) -> Result<Vec<String>, String> {
    read.map(|order| order.records.iter().map(Record::member).collect())
        .map_err(|c| format!("{} {}", c.code, c.field.unwrap_or_default()).trim().to_owned())
}

/// Reads a request in its own dialect.
fn read(head: &RequestHead, body: &str) -> Option<Result<Order, Complaint>> {
    Some(Dialect::of(head)?.read(head, body.as_bytes(), &str::to_owned))
}
