//! Structured log lines: one line, one event; never tokens, cookies or bodies.

use crate::cache::json;

/// Writes one line, readable in `wrangler tail`: `[Redis] {"event":"fault",…}`.
pub(super) fn line(part: &str, event: &str, fields: &[(&str, &str)]) {
    let fields = [("event", event)].into_iter().chain(fields.iter().copied());
    let fields = fields.map(|(name, value)| (name.to_owned(), value.into()));
    worker::console_log!("[{part}] {}", json::text(&json::object(fields)));
}
