//! What of a query string counts.

use serde_json::Value;

use super::ConfigError;
use super::rules::{Fields, known, table};
use crate::cache::glob::Glob;

/// How a rule folds query strings that mean the same.
///
/// What is folded away reaches neither the key nor the origin, so that the origin never sees a
/// parameter that the key does not cover. Only `&` separates parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
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
    pub(super) fn read(value: &Value, place: &str) -> Result<Self, ConfigError> {
        let table = table(value, place)?;
        known(table, place, &["ignore", "keep", "sort"])?;
        let fields = Fields { table, place };
        let globs = |name: &str| -> Result<Vec<Glob>, ConfigError> {
            Ok(fields.texts(name)?.into_iter().map(Glob::new).collect())
        };
        let keep = match table.contains_key("keep") {
            true => Some(globs("keep")?),
            false => None,
        };
        let order = match fields.flag("sort")? {
            Some(true) => Order::Sorted,
            _ => Order::AsSent,
        };
        Ok(Self { ignore: globs("ignore")?, keep, order })
    }

    /// The query string that counts, without its question mark.
    pub fn fold(&self, query: &str) -> String {
        let name = |part: &str| part.split_once('=').map_or(part, |(name, _)| name).to_owned();
        let counts = |part: &&str| {
            let name = name(part);
            let kept = match &self.keep {
                Some(keep) => keep.iter().any(|glob| glob.matches(&name)),
                None => true,
            };
            kept && !self.ignore.iter().any(|glob| glob.matches(&name))
        };
        let mut parts: Vec<&str> = query.split('&').filter(counts).collect();
        if self.order == Order::Sorted {
            // Stable by name: parameters of one name keep their order, which may mean something.
            parts.sort_by_key(|part| name(part));
        }
        parts.join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
