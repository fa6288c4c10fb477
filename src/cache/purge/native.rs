//! Our own purge requests: a JSON object (`docs/purge.schema.json`).

use std::time::Duration;

use serde_json::{Value, json};

use super::order::{Draft, Effect, Forms, Order, Spot};
use super::{Complaint, Wait, path_and_query, text};
use crate::cache::RequestHead;
use crate::cache::json::{Json, Table};
use crate::cache::ledger::{Mode, Receipt, Record, Selector};

/// Reads the body of a purge request. `fold` turns a URL into the form that keys are made of.
pub fn parse(body: &[u8], fold: &dyn Fn(&str) -> String) -> Result<Order, Complaint> {
    let fields = Fields::parse(body)?;
    if let Some((name, _)) = fields.0.0.iter().find(|(name, _)| !FIELDS.contains(&name.as_str())) {
        let message = format!("unknown field; allowed: {}", FIELDS.join(", "));
        return Err(Complaint::of(name.clone(), "unknown-field", message));
    }
    let mut draft = Draft::new(fold);
    if fields.flag("soft")? {
        draft.mode = Mode::Soft;
    }
    if fields.flag("dry_run")? {
        draft.effect = Effect::Preview;
    }
    if fields.flag("everything")? {
        draft.everything();
    }
    let forms = match fields.find("query") {
        None => Forms::Exact,
        Some(Json::Text(word)) if word == "any" => Forms::AnyQuery,
        Some(Json::Text(word)) if word == "exact" => Forms::Exact,
        Some(_) => {
            let message = "must be \"exact\" or \"any\"";
            return Err(Complaint::of("query", "invalid-field", message));
        }
    };
    for (text, spot) in fields.texts("tags")? {
        draft.tag(text, spot)?;
    }
    for (text, spot) in fields.texts("keys")? {
        draft.key(text, spot)?;
    }
    for (text, spot) in fields.texts("urls")? {
        draft.url(text, forms, spot)?;
    }
    for (text, spot) in fields.texts("prefixes")? {
        draft.prefix(text, spot)?;
    }
    for (text, spot) in fields.texts("hosts")? {
        draft.host(text, spot)?;
    }
    for (text, spot) in fields.texts("patterns")? {
        draft.glob(text, spot)?;
    }
    draft.finish()
}

/// What the query and the fields of a request say.
pub(super) fn wait(head: &RequestHead, bound: Duration) -> Result<Wait, Complaint> {
    let kind = text(&head.headers, "content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let coded = text(&head.headers, "content-encoding").is_some_and(|coding| coding != "identity");
    if coded || !(KINDS.contains(&kind.as_str()) || kind.ends_with("+json")) {
        let message = "the body must be JSON as it is: Content-Type: application/json";
        return Err(Complaint::new(415, "unsupported-media-type", message));
    }
    match path_and_query(&head.url).1.unwrap_or_default() {
        "" => Ok(Wait::No),
        "wait=visible" if bound <= WAIT_MAX => Ok(Wait::Visible),
        "wait=visible" => {
            let message = "purges take longer here to be visible than anybody should wait";
            Err(Complaint::of("wait", "wait-too-long", message))
        }
        query if query.starts_with("wait=") => {
            Err(Complaint::of("wait", "invalid-field", "must be visible"))
        }
        query => {
            let name = query.split(['=', '&']).next().unwrap_or_default();
            let message = "unknown parameter; allowed: wait=visible";
            Err(Complaint::of(name, "unknown-parameter", message))
        }
    }
}

/// What the caller may rely on. The driver adds when it is visible.
pub(super) fn answer(order: &Order, receipt: Option<&Receipt>) -> Value {
    let records: Vec<Value> = order.records.iter().map(told).collect();
    let first = receipt.and_then(|receipt| receipt.stamp(0));
    json!({ "success": true, "data": {
        "receipt": receipt.map(ToString::to_string),
        "sequence": first.map(|stamp| stamp.sequence.0),
        "epoch": first.map(|stamp| stamp.epoch.to_string()),
        "recorded": if receipt.is_some() { records.len() } else { 0 },
        "records": records,
    }})
}

/// A complaint as every route of the API tells it.
pub(super) fn refusal(complaint: &Complaint) -> Value {
    let mut error = json!({ "code": complaint.code, "message": complaint.message });
    if let (Some(field), Some(error)) = (&complaint.field, error.as_object_mut()) {
        error.insert("field".into(), field.as_str().into());
    }
    json!({ "success": false, "error": error })
}

/// A record in the words of the request.
pub(super) fn told(record: &Record) -> Value {
    let (name, text) = match &record.selector {
        Selector::All => ("everything", ""),
        Selector::Glob(glob) => ("pattern", glob.as_str()),
        Selector::Host(host) => ("host", host.as_str()),
        Selector::Key(key) => ("key", key.as_str()),
        Selector::Prefix(prefix) => ("prefix", prefix.as_str()),
        Selector::Tag(tag) => ("tag", tag.as_str()),
        Selector::Url(url) => ("url", url.as_str()),
    };
    let value = if name == "everything" { Value::from(true) } else { Value::from(text) };
    json!({ name: value, "soft": record.mode == Mode::Soft })
}

/// The fields of an object in their order, each once.
pub(super) struct Fields(Table);

impl Fields {
    pub fn parse(body: &[u8]) -> Result<Self, Complaint> {
        let body = Json::read(body).map_err(|error| {
            Complaint::new(400, "invalid-json", format!("the body is not JSON: {error}"))
        })?;
        let Json::Table(fields) = body else {
            let message = "the body must be a JSON object such as {\"tags\":[\"news\"]}";
            return Err(Complaint::new(400, "invalid-body", message));
        };
        for (index, (name, _)) in fields.0.iter().enumerate() {
            if fields.0.iter().take(index).any(|(before, _)| before == name) {
                let message = "the field is there twice";
                return Err(Complaint::of(name.clone(), "duplicate-field", message));
            }
        }
        Ok(Self(fields))
    }

    pub fn find(&self, name: &str) -> Option<&Json> {
        self.0.find(name)
    }

    pub fn flag(&self, name: &str) -> Result<bool, Complaint> {
        match self.find(name) {
            None => Ok(false),
            Some(Json::Flag(flag)) => Ok(*flag),
            Some(_) => Err(Complaint::of(name, "invalid-field", "must be true or false")),
        }
    }

    /// The items of a list, with their places.
    pub fn list<'a>(&'a self, name: &'a str) -> Result<&'a [Json], Complaint> {
        match self.find(name) {
            None => Ok(&[]),
            Some(Json::List(list)) => Ok(list),
            Some(_) => Err(Complaint::of(name, "invalid-field", "must be a list of texts")),
        }
    }

    /// The texts of a list, with their places.
    pub fn texts<'a>(&'a self, name: &'a str) -> Result<Vec<(&'a str, Spot<'a>)>, Complaint> {
        let items = self.list(name)?.iter().enumerate();
        let texts = items.map(|(index, item)| {
            let spot = Spot(name, Some(index));
            let wrong = || spot.complain("invalid-field", "must be a text, not empty");
            item.as_str().map(|text| (text, spot)).ok_or_else(wrong)
        });
        texts.collect()
    }
}

/// JSON, and what clients say who were not told what they send.
const KINDS: [&str; 4] =
    ["", "application/json", "application/x-www-form-urlencoded", "text/plain"];

/// Nobody waits for longer.
const WAIT_MAX: Duration = Duration::from_secs(25);

/// What a request may hold; `docs/purge.schema.json` says the same.
const FIELDS: [&str; 10] = [
    "tags",
    "keys",
    "urls",
    "prefixes",
    "hosts",
    "patterns",
    "everything",
    "soft",
    "query",
    "dry_run",
];
