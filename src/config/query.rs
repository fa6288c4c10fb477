//! What of a query string counts.

use serde_json::Value;

use super::ConfigError;
use super::fields::Fields;
use crate::cache::glob::Glob;
use crate::cache::sort::sort_by;

/// How a rule folds query strings that mean the same.
///
/// What is folded away reaches neither the key nor the origin, so that the origin never sees a
/// parameter that the key does not cover. Only `&` separates parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    bypass: Vec<Glob>,
    ignore: Vec<Glob>,
    keep: Option<Vec<Glob>>,
    order: Order,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    AsSent,
    Sorted,
}

impl Query {
    /// The settings that there are.
    pub(super) const SETTINGS: &[&str] = &["bypass", "ignore", "keep", "sort"];

    pub(super) fn read(value: &Value, place: &str) -> Result<Self, ConfigError> {
        let fields = Fields::of(value, place, Self::SETTINGS)?;
        let order = match fields.flag("sort")? {
            Some(true) => Order::Sorted,
            _ => Order::AsSent,
        };
        let (bypass, ignore) = (fields.globs("bypass")?, fields.globs("ignore")?);
        Ok(Self { bypass, ignore, keep: fields.some_globs("keep")?, order })
    }

    /// Whether a request with this query string is none of the cache's business.
    pub(super) fn bypasses(&self, query: &str) -> bool {
        let named = |part: &str| self.bypass.iter().any(|glob| glob.matches(name(part)));
        !self.bypass.is_empty() && query.split('&').any(named)
    }

    /// The query string that counts, without its question mark.
    pub fn fold(&self, query: &str) -> String {
        let counts = |part: &&str| {
            let name = name(part);
            let kept = match &self.keep {
                Some(keep) => keep.iter().any(|glob| glob.matches(name)),
                None => true,
            };
            kept && !self.ignore.iter().any(|glob| glob.matches(name))
        };
        let mut parts: Vec<&str> = query.split('&').filter(counts).collect();
        if self.order == Order::Sorted {
            // Stable by name: parameters of one name keep their order, which may mean something.
            sort_by(&mut parts, |a, b| name(a).cmp(name(b)));
        }
        parts.join("&")
    }
}

/// A parameter's name.
fn name(part: &str) -> &str {
    part.split_once('=').map_or(part, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn some_keep_the_cache_out() {
        let query = Query::read(&json!({"bypass": ["preview*"]}), "query").unwrap();
        for (text, expected) in
            [("preview=1", true), ("a=1&preview_id", true), ("a=preview", false)]
        {
            assert_eq!(query.bypasses(text), expected, "{text}");
        }
        assert!(!Query::default().bypasses(""));
    }

    #[test]
    fn what_does_not_count_is_folded_away() {
        for (rule, query, expected) in [
            (json!({}), "b=1&a=2", "b=1&a=2"),
            (json!({"sort": true}), "b=1&a=2&b=0", "a=2&b=1&b=0"),
            (json!({"ignore": ["utm_*"]}), "utm_x=1&a=2&utm_y", "a=2"),
            (json!({"keep": ["page"]}), "x=1&page=2", "page=2"),
            (json!({"keep": []}), "x=1", ""),
            (json!({"ignore": ["utm_*"]}), "cb=a&utm_content=x;cb=evil", "cb=a"),
        ] {
            let folded = Query::read(&rule, "query").unwrap().fold(query);
            assert_eq!(folded, expected, "{rule} on {query}");
        }
    }
}
