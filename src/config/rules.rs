//! The operator's rules: `breadbox.toml`, or its JSON form.

use std::time::Duration;

use http::Method;
use serde_json::{Map, Value};

use super::ConfigError;
use super::duration::{DURATIONS, duration, size};
use super::pattern::Pattern;
use super::query::Query;
use crate::cache::policy::{Caching, ClientDirectives, Prohibition, Treatment};

/// The rules in their order; the first that matches a request decides.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
}

/// One `[[rule]]`.
#[derive(Clone, Debug)]
struct Rule {
    written: Map<String, Value>,
    pattern: Pattern,
    treatment: Treatment,
    tags: Vec<String>,
    query: Query,
}

/// What the rules say of a request.
#[derive(Clone, Debug)]
pub struct Ruling<'a> {
    /// Its position among the rules, if one matched.
    pub rule: Option<usize>,
    /// How its responses are treated.
    pub treatment: Treatment,
    /// The tags that its responses get.
    pub tags: Vec<String>,
    /// What of its query counts.
    pub query: Option<&'a Query>,
}

impl Rules {
    /// Reads `breadbox.toml`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::from_value(&toml_to_json(text)?)
    }

    /// Reads the JSON form of `breadbox.toml`.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let value = serde_json::from_str(text).map_err(|error| {
            ConfigError::new("breadbox.toml", error.to_string(), "the JSON form of breadbox.toml")
        })?;
        Self::from_value(&value)
    }

    fn from_value(value: &Value) -> Result<Self, ConfigError> {
        let root = table(value, "breadbox.toml")?;
        known(root, "breadbox.toml", &["rule"])?;
        let list = match root.get("rule") {
            None => &[],
            Some(Value::Array(list)) => list.as_slice(),
            Some(other) => return Err(wrong("rule", other, "[[rule]] tables")),
        };
        let rules = list.iter().enumerate().map(|(index, value)| {
            let place = format!("rule {}", index.saturating_add(1));
            Rule::read(table(value, &place)?, &place)
        });
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// What the first matching rule says of a request.
    pub fn ruling(&self, host: &str, path: &str) -> Ruling<'_> {
        let matching = self.rules.iter().enumerate().find_map(|(index, rule)| {
            rule.pattern.captures(host, path).map(|captures| (index, rule, captures))
        });
        match matching {
            Some((index, rule, captures)) => Ruling {
                rule: Some(index),
                treatment: rule.treatment.clone(),
                tags: rule.tags.iter().map(|tag| filled(tag, &captures)).collect(),
                query: Some(&rule.query),
            },
            None => Ruling {
                rule: None,
                treatment: Treatment::default(),
                tags: Vec::new(),
                query: None,
            },
        }
    }

    /// What each rule matches, for reports.
    pub fn patterns(&self) -> Vec<&str> {
        self.rules.iter().filter_map(|rule| rule.written.get("match")?.as_str()).collect()
    }

    /// A rule as it was written; nothing if there is none of that number.
    pub fn written(&self, rule: usize) -> Option<&Map<String, Value>> {
        self.rules.get(rule).map(|rule| &rule.written)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// The JSON form of `breadbox.toml`, as the Worker takes it from its variables.
#[cfg(not(target_arch = "wasm32"))]
pub fn toml_to_json(text: &str) -> Result<Value, ConfigError> {
    let value: toml::Value = toml::from_str(text)
        .map_err(|error| ConfigError::new("breadbox.toml", error.to_string(), "valid TOML"))?;
    serde_json::to_value(value)
        .map_err(|error| ConfigError::new("breadbox.toml", error.to_string(), "valid TOML"))
}

impl Rule {
    fn read(table: &Map<String, Value>, place: &str) -> Result<Self, ConfigError> {
        known(table, place, SETTINGS)?;
        let field = Fields { table, place };
        let text = field
            .text("match")?
            .ok_or_else(|| ConfigError::new(format!("{place}: match"), "nothing", PATTERNS))?;
        let pattern = Pattern::parse(text)
            .ok_or_else(|| ConfigError::new(format!("{place}: match"), text, PATTERNS))?;
        let tags = field.texts("tags")?;
        for tag in &tags {
            check_tag(tag, pattern.wildcards(), place)?;
        }
        let query = match table.get("query") {
            None => Query::default(),
            Some(value) => Query::read(value, &format!("{place}: query"))?,
        };
        let written = table.clone();
        Ok(Self { written, treatment: field.treatment()?, pattern, tags, query })
    }
}

/// Typed access to a table's settings.
pub(super) struct Fields<'a> {
    pub table: &'a Map<String, Value>,
    pub place: &'a str,
}

impl<'a> Fields<'a> {
    fn treatment(&self) -> Result<Treatment, ConfigError> {
        let default = Treatment::default();
        let fresh = self.duration("ttl")?;
        let stale = match self.flag("swr")? {
            Some(false) => Some(Duration::ZERO),
            _ => self.duration("stale")?,
        };
        let body_max = match self.text("max_body")? {
            None => default.body_max,
            Some(text) => size(text)
                .filter(|bytes| *bytes <= BODY_MAX)
                .ok_or_else(|| self.wrong("max_body", text, BODY_SIZES))?,
        };
        let client_directives = match self.text("client_directives")? {
            None | Some("obey") => ClientDirectives::Obey,
            Some("ignore") => ClientDirectives::Ignore,
            Some(text) => return Err(self.wrong("client_directives", text, "obey or ignore")),
        };
        Ok(Treatment {
            caching: self.caching()?,
            fresh,
            stale,
            rescue: self.duration("rescue")?,
            keep: self.duration("keep")?,
            negative: self.duration("negative")?,
            fresh_max: self.duration("fresh_max")?.unwrap_or(default.fresh_max),
            body_max,
            client_directives,
            methods: self.methods()?.unwrap_or_else(|| default.methods.clone()),
            ..default
        })
    }

    fn methods(&self) -> Result<Option<Vec<Method>>, ConfigError> {
        if !self.table.contains_key("methods") {
            return Ok(None);
        }
        let known = |name: &String| match name.as_str() {
            "POST" | "QUERY" => Method::from_bytes(name.as_bytes()).ok(),
            _ => None,
        };
        let method =
            |name: String| known(&name).ok_or_else(|| self.wrong("methods", &name, "POST, QUERY"));
        self.texts("methods")?.into_iter().map(method).collect::<Result<_, _>>().map(Some)
    }

    fn caching(&self) -> Result<Caching, ConfigError> {
        let mut ignore = Vec::new();
        for word in self.texts("ignore")? {
            let found = Prohibition::ALL.into_iter().find(|known| known.as_str() == word);
            let words = Prohibition::ALL.map(Prohibition::as_str).join(", ");
            ignore.push(found.ok_or_else(|| self.wrong("ignore", &word, &words))?);
        }
        match self.text("cache")? {
            Some("force") if ignore.is_empty() => {
                Err(self.wrong("ignore", "nothing", "the prohibitions that force is to ignore"))
            }
            Some("force") => Ok(Caching::Force { ignore }),
            _ if !ignore.is_empty() => {
                Err(self.wrong("ignore", "prohibitions", "nothing, unless cache = \"force\""))
            }
            None | Some("respect") => Ok(Caching::Respect),
            Some("bypass") => Ok(Caching::Bypass),
            Some(text) => Err(self.wrong("cache", text, "respect, bypass or force")),
        }
    }

    pub fn text(&self, name: &str) -> Result<Option<&'a str>, ConfigError> {
        match self.table.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(&self.path(name), other, "a text in quotes")),
        }
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, ConfigError> {
        match self.table.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong(&self.path(name), other, "true or false")),
        }
    }

    pub fn texts(&self, name: &str) -> Result<Vec<String>, ConfigError> {
        let items = match self.table.get(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => return Err(wrong(&self.path(name), other, "a list of texts")),
        };
        let text = |item: &Value| match item {
            Value::String(text) => Ok(text.clone()),
            other => Err(wrong(&self.path(name), other, "a list of texts")),
        };
        items.iter().map(text).collect()
    }

    fn duration(&self, name: &str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        duration(text).map(Some).ok_or_else(|| self.wrong(name, text, DURATIONS))
    }

    fn wrong(&self, name: &str, found: &str, allowed: &str) -> ConfigError {
        ConfigError::new(self.path(name), found, allowed)
    }

    fn path(&self, name: &str) -> String {
        format!("{}: {name}", self.place)
    }
}

/// A setting's table, or an error that names it.
pub(super) fn table<'a>(
    value: &'a Value,
    place: &str,
) -> Result<&'a Map<String, Value>, ConfigError> {
    value.as_object().ok_or_else(|| wrong(place, value, "a table"))
}

/// Refuses settings that do not exist: a misspelt one would silently do nothing.
pub(super) fn known(
    table: &Map<String, Value>,
    place: &str,
    names: &[&str],
) -> Result<(), ConfigError> {
    match table.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(ConfigError::new(place, name.clone(), names.join(", "))),
        None => Ok(()),
    }
}

fn wrong(place: &str, found: &Value, allowed: &str) -> ConfigError {
    let mut text = found.to_string();
    if text.len() > FOUND_MAX {
        text = text.chars().take(FOUND_MAX).chain(['…']).collect();
    }
    ConfigError::new(place, text, allowed)
}

fn check_tag(tag: &str, wildcards: usize, place: &str) -> Result<(), ConfigError> {
    let mut rest = tag;
    while let Some((_, after)) = rest.split_once('{') {
        let (number, after) = after.split_once('}').unwrap_or(("", ""));
        let number = number.parse::<usize>().unwrap_or(0);
        if number == 0 || number > wildcards {
            let allowed = format!("{{1}} to {{{wildcards}}}, the wildcards of match");
            return Err(ConfigError::new(format!("{place}: tags"), tag, allowed));
        }
        rest = after;
    }
    let plain = tag.chars().all(|c| c.is_ascii_graphic() && c != ',');
    if tag.is_empty() || !plain {
        let allowed = "printable ASCII without spaces and commas";
        return Err(ConfigError::new(format!("{place}: tags"), tag, allowed));
    }
    Ok(())
}

fn filled(tag: &str, captures: &[&str]) -> String {
    let mut text = String::with_capacity(tag.len());
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (number, after) = after.split_once('}').unwrap_or(("", after));
        let index = number.parse::<usize>().unwrap_or(0).wrapping_sub(1);
        text.push_str(captures.get(index).copied().unwrap_or(""));
        rest = after;
    }
    text.push_str(rest);
    text
}

const SETTINGS: &[&str] = &[
    "match",
    "cache",
    "ignore",
    "ttl",
    "stale",
    "swr",
    "rescue",
    "keep",
    "negative",
    "fresh_max",
    "tags",
    "query",
    "max_body",
    "methods",
    "client_directives",
];

const PATTERNS: &str = "a path such as /api/*, or a host and a path such as example.com/**";

/// An error message quotes no more than this many characters of what it found.
const FOUND_MAX: usize = 60;

/// A body is in an isolate's memory several times while it is stored; all of it has 128 MB.
const BODY_MAX: u64 = 16 * 1024 * 1024;
const BODY_SIZES: &str = "a size such as 64KB or 1MB, at most 16MB";
