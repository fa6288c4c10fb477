//! Purge requests: from JSON to records of the ledger.

use serde_json::{Map, Value};

use super::glob::Glob;
use super::key::normalised;
use super::ledger::{Mode, Record, Selector};

/// What is wrong with a purge request, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// A word for programs.
    pub code: &'static str,
    /// The offending field, where there is one.
    pub field: Option<String>,
    /// A sentence for people.
    pub message: String,
}

impl Complaint {
    fn new(code: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, field: Some(field.into()), message: message.into() }
    }
}

/// Reads the body of a purge request. `fold` turns a URL into the form that keys are made of.
pub fn parse(body: &[u8], fold: impl Fn(&str) -> String) -> Result<Vec<Record>, Complaint> {
    let value: Value = serde_json::from_slice(body).map_err(|error| Complaint {
        code: "invalid-json",
        field: None,
        message: format!("the body is not JSON: {error}"),
    })?;
    let Value::Object(fields) = &value else {
        let message = "the body must be a JSON object such as {\"tags\":[\"news\"]}".into();
        return Err(Complaint { code: "invalid-body", field: None, message });
    };
    if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        let message = format!("unknown field; allowed: {}", FIELDS.join(", "));
        return Err(Complaint::new("unknown-field", name.clone(), message));
    }
    let mode = if flag(fields, "soft")? { Mode::Soft } else { Mode::Hard };
    let mut selectors = Vec::new();
    if flag(fields, "everything")? {
        selectors.push(Selector::All);
    }
    for (index, name) in LISTS.into_iter().enumerate() {
        for (place, text) in texts(fields, name)? {
            selectors.push(selector(index, text, &place, &fold)?);
        }
    }
    if selectors.is_empty() {
        let message = format!("nothing to purge; name at least one of {}", FIELDS.join(", "));
        return Err(Complaint { code: "nothing-selected", field: None, message });
    }
    if selectors.len() > SELECTORS_MAX {
        let message = format!("{} selectors; at most {SELECTORS_MAX} a request", selectors.len());
        return Err(Complaint { code: "too-many-selectors", field: None, message });
    }
    Ok(selectors.into_iter().map(|selector| Record { mode, selector }).collect())
}

fn selector(
    list: usize,
    text: &str,
    place: &str,
    fold: &impl Fn(&str) -> String,
) -> Result<Selector, Complaint> {
    let url = |text: &str| {
        let message = "must be an absolute URL such as https://example.com/page";
        normalised(text).ok_or_else(|| Complaint::new("invalid-url", place, message))
    };
    Ok(match LISTS.get(list) {
        Some(&"tags") => Selector::Tag(text.to_owned()),
        Some(&"keys") => Selector::Key(text.to_owned()),
        Some(&"urls") => Selector::Url(fold(&url(text)?)),
        Some(&"prefixes") => Selector::Prefix(bare(text).to_owned()),
        Some(&"hosts") => Selector::Host(text.to_ascii_lowercase()),
        _ => Selector::Glob(Glob::new(text)),
    })
}

/// A prefix is compared without its scheme.
fn bare(text: &str) -> &str {
    text.split_once("://").map_or(text, |(_, bare)| bare)
}

fn flag(fields: &Map<String, Value>, name: &str) -> Result<bool, Complaint> {
    match fields.get(name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Complaint::new("invalid-field", name, "must be true or false")),
    }
}

fn texts<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
) -> Result<Vec<(String, &'a str)>, Complaint> {
    let list = match fields.get(name) {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(Complaint::new("invalid-field", name, "must be a list of texts")),
    };
    list.iter()
        .enumerate()
        .map(|(index, item)| {
            let place = format!("{name}[{index}]");
            let text = item.as_str().map(str::trim).filter(|text| !text.is_empty());
            let Some(text) = text else {
                return Err(Complaint::new("invalid-field", place, "must be a text, not empty"));
            };
            if text.len() > TEXT_MAX || text.chars().any(char::is_control) {
                let message =
                    format!("must be at most {TEXT_MAX} bytes without control characters");
                return Err(Complaint::new("invalid-field", place, message));
            }
            Ok((place, text))
        })
        .collect()
}

const LISTS: [&str; 6] = ["tags", "keys", "urls", "prefixes", "hosts", "patterns"];
const FIELDS: [&str; 8] =
    ["tags", "keys", "urls", "prefixes", "hosts", "patterns", "everything", "soft"];

/// The most selectors of one request.
pub const SELECTORS_MAX: usize = 1_000;

/// The longest selector in bytes.
const TEXT_MAX: usize = 2_048;
