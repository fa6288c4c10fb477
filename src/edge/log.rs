//! Structured log lines: one line, one event; never tokens, cookies or bodies.

use serde_json::{Map, Value};

/// Writes one line, readable in `wrangler tail`: `[Redis] {"event":"fault",…}`.
pub(super) fn line(part: &str, event: &str, fields: &[(&str, &str)]) {
    let mut object = Map::new();
    object.insert("event".into(), Value::from(event));
    for (name, value) in fields {
        object.insert((*name).into(), Value::from(*value));
    }
    worker::console_log!("[{part}] {}", Value::Object(object));
}
