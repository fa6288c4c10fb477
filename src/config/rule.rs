//! One rule: what it matches, and what it wants.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Map, Value};

use super::ConfigError;
use super::duration::size;
use super::fields::Fields;
use super::pattern::Pattern;
use super::preset;
use super::request::Counted;
use super::rules::noted;
use crate::cache::Tier;
use crate::cache::graphql::{self, Changes, GraphQl, Persisted};
use crate::cache::json;
use crate::cache::policy::{
    Caching, ClientDirectives, Compression, ContentForm, Pace, Prohibition, Refresh, Treatment,
};
use crate::cache::tuning::Bounds;

/// One `[[rule]]`.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub written: Map<String, Value>,
    pub treatment: Treatment,
    pub counted: Arc<Counted>,
    pub near: Option<Vec<Tier>>,
    pattern: Pattern,
    tags: Vec<String>,
}

impl Rule {
    /// The rules of a table: those that stand there, then those of its presets.
    pub fn list(fields: &Fields<'_>, errors: &mut Vec<ConfigError>) -> Vec<Self> {
        let presets = noted(preset::named(fields), errors).unwrap_or_default();
        let mut rules = Vec::new();
        for (table, place) in [(fields.table, fields.path(""))]
            .into_iter()
            .chain(presets.iter().map(|(name, table)| (table, format!("preset {name}: "))))
        {
            let list = noted(Fields { table, ..*fields }.tables("rule"), errors);
            for (index, value) in list.unwrap_or_default().iter().enumerate() {
                let place = format!("{place}rule {}", index.saturating_add(1));
                rules.extend(noted(Self::read(value, &place), errors));
            }
        }
        rules
    }

    fn read(value: &Value, place: &str) -> Result<Self, ConfigError> {
        let settings = [SETTINGS, Counted::SETTINGS].concat();
        let fields = Fields::of(value, place, &settings)?;
        let text = fields.needed("match", PATTERNS)?;
        let pattern = Pattern::parse(text).ok_or_else(|| fields.wrong("match", text, PATTERNS))?;
        let tags = fields.texts("tags")?;
        for tag in &tags {
            check_tag(tag, pattern.wildcards(), place)?;
        }
        let treatment = treatment(&fields)?;
        let counted = Arc::new(Counted::read(fields.table, place)?);
        let near = fields.text("near")?;
        let near = near.map(|text| super::near(&fields.path("near"), Some(text))).transpose()?;
        let written = fields.table.clone();
        Ok(Self { written, treatment, counted, near, pattern, tags })
    }

    /// The tags that it gives to a place; none if it does not match.
    pub fn tags(&self, host: &str, path: &str) -> Option<Vec<String>> {
        let captures = self.pattern.captures(host, path)?;
        Some(self.tags.iter().map(|tag| filled(tag, &captures)).collect())
    }
}

fn treatment(fields: &Fields<'_>) -> Result<Treatment, ConfigError> {
    let default = Treatment::default();
    let tuning = tuning(fields)?;
    let fresh = if tuning.is_some() { None } else { fields.duration("ttl")? };
    let stale = match fields.flag("swr")? {
        Some(false) => Some(Duration::ZERO),
        _ => fields.duration("stale")?,
    };
    let content = content(fields)?;
    let usual = match content {
        ContentForm::GraphQl(_) => graphql::methods(),
        ContentForm::Exact | ContentForm::Json => default.methods.clone(),
    };
    let client_directives = match fields.text("client_directives")? {
        None | Some("obey") => ClientDirectives::Obey,
        Some("ignore") => ClientDirectives::Ignore,
        Some(text) => return Err(fields.wrong("client_directives", text, "obey or ignore")),
    };
    Ok(Treatment {
        caching: caching(fields)?,
        fresh,
        tuning,
        stale,
        rescue: fields.duration("rescue")?,
        keep: fields.duration("keep")?,
        negative: fields.duration("negative")?,
        fresh_max: fields.duration("fresh_max")?.unwrap_or(default.fresh_max),
        body_max: size_of(fields, "max_body", BODY_MAX)?.unwrap_or(default.body_max),
        compression: match fields.flag("compress")? {
            Some(true) => Compression::Gzip,
            Some(false) | None => Compression::Off,
        },
        refresh: match fields.text("refresh")? {
            None | Some("usual") => Refresh::Usual,
            Some("ahead") => Refresh::Ahead(Pace::default()),
            Some(text) => return Err(fields.wrong("refresh", text, "usual or ahead")),
        },
        prefetch: prefetch(fields)?,
        client_directives,
        methods: methods(fields)?.unwrap_or(usual),
        content,
        content_max: size_of(fields, "max_content", CONTENT_MAX)?.unwrap_or(default.content_max),
        ..default
    })
}

/// The bounds of `ttl = "auto"`.
fn tuning(fields: &Fields<'_>) -> Result<Option<Bounds>, ConfigError> {
    if fields.text("ttl")? != Some("auto") {
        let lone = TUNING.iter().find(|name| fields.table.contains_key(**name));
        return match lone {
            Some(name) => Err(fields.wrong(name, "a bound", "nothing, unless ttl = \"auto\"")),
            None => Ok(None),
        };
    }
    let default = Bounds::default();
    let min = fields.duration("min_ttl")?.unwrap_or(default.min);
    let max = fields.duration("max_ttl")?.unwrap_or(default.max.max(min));
    if min.is_zero() {
        return Err(fields.wrong("min_ttl", "0", "a duration of more than 0"));
    }
    if max < min {
        let found = fields.text("max_ttl")?.unwrap_or_default();
        return Err(fields.wrong("max_ttl", found, "no less than min_ttl, which is 2s by default"));
    }
    let staleness = match fields.text("staleness")? {
        None => default.staleness,
        Some(text) => {
            let percent = text.strip_suffix('%').and_then(|number| number.parse().ok());
            percent
                .filter(|percent| (1..=50).contains(percent))
                .ok_or_else(|| fields.wrong("staleness", text, "a percentage from 1% to 50%"))?
        }
    };
    Ok(Some(Bounds { min, max, staleness }))
}

/// A page and so many links of it take no more subrequests than the free plan allows.
fn prefetch(fields: &Fields<'_>) -> Result<u8, ConfigError> {
    let Some(value) = fields.table.get("prefetch") else { return Ok(0) };
    let number = value.as_u64().filter(|number| *number <= PREFETCH_MAX);
    let number = number.and_then(|number| u8::try_from(number).ok());
    let allowed = format!("a number from 0 to {PREFETCH_MAX}");
    number.ok_or_else(|| fields.wrong("prefetch", &json::text(value), &allowed))
}

fn size_of(fields: &Fields<'_>, name: &str, most: u64) -> Result<Option<u64>, ConfigError> {
    let Some(text) = fields.text(name)? else { return Ok(None) };
    let allowed = format!("a size such as 64KB or 1MB, at most {}MB", most / MEGABYTE);
    let bytes = size(text).filter(|bytes| *bytes <= most);
    bytes.map(Some).ok_or_else(|| fields.wrong(name, text, &allowed))
}

fn content(fields: &Fields<'_>) -> Result<ContentForm, ConfigError> {
    let json = match fields.text("content")? {
        None | Some("exact") => false,
        Some("json") => true,
        Some(text) => return Err(fields.wrong("content", text, "exact or json")),
    };
    let rule = match fields.table.get("graphql") {
        None | Some(Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some(GraphQl::default()),
        Some(value) => Some(graph(value, &fields.path("graphql"))?),
    };
    match (rule, json) {
        (Some(_), true) => Err(fields.wrong("content", "json", "nothing beside graphql")),
        (Some(rule), false) => Ok(ContentForm::GraphQl(rule)),
        (None, true) => Ok(ContentForm::Json),
        (None, false) => Ok(ContentForm::Exact),
    }
}

fn graph(value: &Value, place: &str) -> Result<GraphQl, ConfigError> {
    let fields = Fields::of(value, place, GRAPHQL)?;
    let persisted = match fields.text("persisted")? {
        None | Some("any") => Persisted::Any,
        Some("queries") => Persisted::Queries,
        Some(text) => return Err(fields.wrong("persisted", text, "any or queries")),
    };
    let changes = match fields.text("changes")? {
        None | Some("forget") => Changes::Heeded,
        Some("keep") => Changes::Kept,
        Some(text) => return Err(fields.wrong("changes", text, "forget or keep")),
    };
    let type_tags = fields.text("type_tags")?.map(str::to_owned);
    if let Some(start) = type_tags.as_ref().filter(|start| !is_tag(start)) {
        return Err(fields.wrong("type_tags", start, TAG));
    }
    Ok(GraphQl { persisted, changes, type_tags })
}

fn methods(fields: &Fields<'_>) -> Result<Option<Vec<Method>>, ConfigError> {
    if !fields.table.contains_key("methods") {
        return Ok(None);
    }
    let known = |name: &String| match name.as_str() {
        "POST" | "QUERY" => Method::from_bytes(name.as_bytes()).ok(),
        _ => None,
    };
    let method =
        |name: String| known(&name).ok_or_else(|| fields.wrong("methods", &name, "POST, QUERY"));
    fields.texts("methods")?.into_iter().map(method).collect::<Result<_, _>>().map(Some)
}

fn caching(fields: &Fields<'_>) -> Result<Caching, ConfigError> {
    let mut ignore = Vec::new();
    for word in fields.texts("ignore")? {
        let found = Prohibition::ALL.into_iter().find(|known| known.as_str() == word);
        let words = Prohibition::ALL.map(Prohibition::as_str).join(", ");
        ignore.push(found.ok_or_else(|| fields.wrong("ignore", &word, &words))?);
    }
    match fields.text("cache")? {
        Some("force") if ignore.is_empty() => {
            Err(fields.wrong("ignore", "nothing", "the prohibitions that force is to ignore"))
        }
        Some("force") => Ok(Caching::Force { ignore }),
        _ if !ignore.is_empty() => {
            Err(fields.wrong("ignore", "prohibitions", "nothing, unless cache = \"force\""))
        }
        None | Some("respect") => Ok(Caching::Respect),
        Some("bypass") => Ok(Caching::Bypass),
        Some(text) => Err(fields.wrong("cache", text, "respect, bypass or force")),
    }
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
    match is_tag(tag) {
        true => Ok(()),
        false => Err(ConfigError::new(format!("{place}: tags"), tag, TAG)),
    }
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != ',')
}

const TAG: &str = "printable ASCII without spaces and commas";

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

/// The settings of a rule, but for those of [`Counted`].
pub(super) const SETTINGS: &[&str] = &[
    "match",
    "cache",
    "ignore",
    "ttl",
    "min_ttl",
    "max_ttl",
    "staleness",
    "stale",
    "swr",
    "rescue",
    "keep",
    "negative",
    "fresh_max",
    "tags",
    "max_body",
    "methods",
    "content",
    "graphql",
    "max_content",
    "client_directives",
    "near",
    "compress",
    "prefetch",
    "refresh",
];

/// The settings that go with `ttl = "auto"`.
const TUNING: [&str; 3] = ["min_ttl", "max_ttl", "staleness"];

/// The settings of `graphql`.
pub(super) const GRAPHQL: &[&str] = &["persisted", "changes", "type_tags"];

const PATTERNS: &str = "a path such as /api/*, or a host and a path such as example.com/**";

const PREFETCH_MAX: u64 = 5;

/// A body is in an isolate's memory several times while it is stored; all of it has 128 MB.
const BODY_MAX: u64 = 16 * MEGABYTE;

/// Content is read before a request can be looked up.
const CONTENT_MAX: u64 = MEGABYTE;

const MEGABYTE: u64 = 1024 * 1024;
