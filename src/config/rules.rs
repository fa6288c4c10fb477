//! The operator's rules: `breadbox.toml`, or its JSON form.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::ConfigError;
#[cfg(not(target_arch = "wasm32"))]
use super::cookies::Cookies;
use super::fields::{Fields, WHOLE};
#[cfg(not(target_arch = "wasm32"))]
use super::query::Query;
use super::request::Counted;
use super::rule::Rule;
use super::site::Site;
use crate::cache::json;
use crate::cache::key::Key;
use crate::cache::policy::{Caching, Treatment};
use crate::cache::tuning::Bounds;
use crate::cache::{RequestHead, Tier};

/// The rules in their order; the first that matches a request decides.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    sites: Vec<Site>,
    bypass: Bypass,
}

/// Whether the cache is out of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Bypass {
    /// All requests are passed to the origin.
    Everything,
    /// It serves.
    #[default]
    Nothing,
}

/// What the rules say of a request.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// Its position among the rules, if one matched.
    pub rule: Option<usize>,
    /// How its responses are treated.
    pub treatment: Treatment,
    /// The tags that its responses get.
    pub tags: Vec<String>,
    /// The tiers that are asked before Redis, if the rule says which.
    pub near: Option<Vec<Tier>>,
    counted: Option<Arc<Counted>>,
}

/// What of a request decides how it is treated and under which key it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Its fields, too.
    Fields,
    /// Its URL alone.
    Url,
}

impl Ruling {
    /// The query string that counts, without its question mark; as it is where the request is kept
    /// from the cache because of it.
    pub fn fold(&mut self, query: &str) -> String {
        let Some(counted) = &self.counted else { return query.to_owned() };
        if counted.query.bypasses(query) {
            self.treatment.caching = Caching::Bypass;
            return query.to_owned();
        }
        counted.query.fold(query)
    }

    /// What of a request it goes by.
    pub fn basis(&self) -> Basis {
        match &self.counted {
            Some(counted) if counted.goes_by_fields() => Basis::Fields,
            _ => Basis::Url,
        }
    }

    /// Leaves of a request that may be answered from the cache what counts, and makes its key. Its
    /// URL is folded already.
    pub fn settle(&mut self, head: &mut RequestHead) -> Key {
        match &self.counted {
            Some(counted) => counted.settle(head, &mut self.treatment),
            None => Key::of_url(&head.url),
        }
    }
}

impl Rules {
    /// Reads `breadbox.toml`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::from_value(&toml_to_json(text)?)
    }

    /// Reads the JSON form of `breadbox.toml`.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let value = json::value(text.as_bytes()).map_err(|error| {
            ConfigError::new(WHOLE, error.to_string(), "the JSON form of breadbox.toml")
        })?;
        Self::from_value(&value)
    }

    /// The rules in JSON that were built in, or those of the variable `BREADBOX_CONFIG`.
    pub(super) fn configured(
        variable: &dyn Fn(&str) -> Option<String>,
        built_in: &str,
    ) -> Result<Self, ConfigError> {
        let text = variable("BREADBOX_CONFIG").filter(|value| !value.trim().is_empty());
        Self::from_json(text.as_deref().unwrap_or(built_in))
    }

    /// Reads rules that stand for those of one site: the JSON form of a `breadbox.toml` without
    /// sites.
    pub fn overriding(value: &Value) -> Result<Self, ConfigError> {
        if value.get("site").is_some() {
            return Err(ConfigError::new("site", "sites", "none: each has an override of its own"));
        }
        Self::from_value(value)
    }

    /// The word by which the cache is out of service, if it is.
    pub fn out_of_service(&self) -> Option<&'static str> {
        (self.bypass == Bypass::Everything).then_some("everything")
    }

    fn from_value(value: &Value) -> Result<Self, ConfigError> {
        let mut errors = Vec::new();
        let rules = Self::read(value, &mut errors);
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(rules),
        }
    }

    /// Everything that is wrong with the JSON form of a `breadbox.toml`: of each rule the first
    /// thing.
    pub fn errors(value: &Value) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        Self::read(value, &mut errors);
        errors
    }

    fn read(value: &Value, errors: &mut Vec<ConfigError>) -> Self {
        let root = noted(Fields::of(value, "", SETTINGS), errors);
        let Some(fields) = root else { return Self::default() };
        let bypass = match fields.text("bypass") {
            Ok(None) => Ok(Bypass::Nothing),
            Ok(Some("everything")) => Ok(Bypass::Everything),
            Ok(Some(text)) => Err(fields.wrong("bypass", text, "everything, or leave it out")),
            Err(error) => Err(error),
        };
        let rules = Rule::list(&fields, errors);
        let sites = Site::list(&fields, &rules, errors);
        let bypass = noted(bypass, errors).unwrap_or_default();
        Self { rules, sites, bypass }
    }

    /// What the first matching rule says of a request.
    pub fn ruling(&self, host: &str, path: &str) -> Ruling {
        let matching = self
            .rules
            .iter()
            .enumerate()
            .find_map(|(index, rule)| rule.tags(host, path).map(|tags| (index, rule, tags)));
        let mut ruling = match matching {
            Some((index, rule, tags)) => Ruling {
                rule: Some(index),
                treatment: rule.treatment.clone(),
                tags,
                near: rule.near.clone(),
                counted: Some(Arc::clone(&rule.counted)),
            },
            None => Ruling {
                rule: None,
                treatment: Treatment::default(),
                tags: Vec::new(),
                near: None,
                counted: None,
            },
        };
        if self.bypass == Bypass::Everything {
            ruling.treatment.caching = Caching::Bypass;
        }
        ruling
    }

    /// The sites that have an origin of their own.
    pub(super) fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The rules of one site: its own, then those of all.
    pub(super) fn of_site(&self, site: &Site) -> Self {
        Self { rules: site.rules.clone(), sites: Vec::new(), bypass: self.bypass }
    }

    /// Every setting of each kind of table, and the presets: what the published schema holds.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn vocabulary() -> [(&'static str, Vec<String>); 7] {
        let list = |settings: &[&str]| settings.iter().map(|&name| name.to_owned()).collect();
        [
            ("breadbox.toml", list(SETTINGS)),
            ("rule", list(&[super::rule::SETTINGS, Counted::SETTINGS].concat())),
            ("site", list(Site::SETTINGS)),
            ("query", list(Query::SETTINGS)),
            ("cookies", list(Cookies::SETTINGS)),
            ("graphql", list(super::rule::GRAPHQL)),
            ("preset", super::preset::names()),
        ]
    }

    /// What each rule matches, for reports.
    pub fn patterns(&self) -> Vec<&str> {
        self.rules.iter().filter_map(|rule| rule.written.get("match")?.as_str()).collect()
    }

    /// The bounds of a rule whose lifetimes follow from how often the content changes; rules are
    /// counted from 1.
    pub fn tuning(&self, number: usize) -> Option<Bounds> {
        self.rules.get(number.checked_sub(1)?)?.treatment.tuning
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
        .map_err(|error| ConfigError::new(WHOLE, error.to_string(), "valid TOML"))?;
    serde_json::to_value(value)
        .map_err(|error| ConfigError::new(WHOLE, error.to_string(), "valid TOML"))
}

/// What was read; what was wrong goes to the others of its kind.
pub(super) fn noted<T>(result: Result<T, ConfigError>, errors: &mut Vec<ConfigError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

/// The settings of the whole file.
const SETTINGS: &[&str] = &["preset", "bypass", "rule", "site"];
