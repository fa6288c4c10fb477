//! Rules for common kinds of sites, by name.

use serde_json::{Map, Value};

use super::ConfigError;
use super::fields::{Fields, table};
use crate::cache::json;

/// A preset's name and its rules.
type Preset = (String, Map<String, Value>);

/// The rules of the presets that a table names, in their order. They come after its own, so that
/// one's own rule for a place wins.
pub(super) fn named(fields: &Fields<'_>) -> Result<Vec<Preset>, ConfigError> {
    let names = match fields.table.get("preset") {
        Some(Value::String(name)) => vec![name.clone()],
        _ => fields.texts("preset")?,
    };
    let all = presets();
    let rules = |name: String| match all.get(&name) {
        Some(rules) => Ok((name, table(rules, &fields.path("preset"))?.clone())),
        None => {
            let known: Vec<&str> = all.keys().map(String::as_str).collect();
            Err(fields.wrong("preset", &name, &known.join(", ")))
        }
    };
    names.into_iter().map(rules).collect()
}

/// The names of all presets.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn names() -> Vec<String> {
    presets().into_iter().map(|(name, _)| name).collect()
}

fn presets() -> Map<String, Value> {
    match json::value(PRESETS.as_bytes()) {
        Ok(Value::Object(presets)) => presets,
        _ => Map::new(),
    }
}

/// The presets in JSON, by name: the files in `src/config/presets`.
const PRESETS: &str = include_str!(concat!(env!("OUT_DIR"), "/presets.json"));
