//! Typed access to the settings of a table, with errors that name them.

use std::time::Duration;

use serde_json::{Map, Value};

use super::ConfigError;
use super::duration::{DURATIONS, duration};
use crate::cache::glob::Glob;
use crate::cache::json;

/// A table's settings, and where it stands.
pub(super) struct Fields<'a> {
    pub table: &'a Map<String, Value>,
    pub place: &'a str,
}

impl<'a> Fields<'a> {
    /// The settings of a table that has these and no others.
    pub fn of(value: &'a Value, place: &'a str, names: &[&str]) -> Result<Self, ConfigError> {
        let table = table(value, place)?;
        known(table, place, names)?;
        Ok(Self { table, place })
    }

    pub fn text(&self, name: &str) -> Result<Option<&'a str>, ConfigError> {
        match self.table.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(&self.path(name), other, "a text in quotes")),
        }
    }

    /// A text that must be there.
    pub fn needed(&self, name: &str, allowed: &str) -> Result<&'a str, ConfigError> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "nothing", allowed))
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

    pub fn globs(&self, name: &str) -> Result<Vec<Glob>, ConfigError> {
        Ok(self.texts(name)?.into_iter().map(Glob::new).collect())
    }

    /// Globs of which none at all and an empty list are two things.
    pub fn some_globs(&self, name: &str) -> Result<Option<Vec<Glob>>, ConfigError> {
        self.table.contains_key(name).then(|| self.globs(name)).transpose()
    }

    pub fn tables(&self, name: &str) -> Result<&'a [Value], ConfigError> {
        match self.table.get(name) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(other) => Err(wrong(&self.path(name), other, &format!("[[{name}]] tables"))),
        }
    }

    pub fn duration(&self, name: &str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        duration(text).map(Some).ok_or_else(|| self.wrong(name, text, DURATIONS))
    }

    pub fn wrong(&self, name: &str, found: &str, allowed: &str) -> ConfigError {
        ConfigError::new(self.path(name), found, allowed)
    }

    /// The setting's name with the place before it.
    pub fn path(&self, name: &str) -> String {
        match self.place {
            "" => name.to_owned(),
            place => format!("{place}: {name}"),
        }
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
fn known(table: &Map<String, Value>, place: &str, names: &[&str]) -> Result<(), ConfigError> {
    let place = if place.is_empty() { WHOLE } else { place };
    match table.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(ConfigError::new(place, name.clone(), names.join(", "))),
        None => Ok(()),
    }
}

fn wrong(place: &str, found: &Value, allowed: &str) -> ConfigError {
    let place = if place.is_empty() { WHOLE } else { place };
    let mut text = json::text(found);
    if text.len() > FOUND_MAX {
        text = text.chars().take(FOUND_MAX).chain(['…']).collect();
    }
    ConfigError::new(place, text, allowed)
}

/// The name of the whole in errors.
pub(super) const WHOLE: &str = "breadbox.toml";

/// An error message quotes no more than this many characters of what it found.
const FOUND_MAX: usize = 60;
