//! Which of a client's cookies count.

use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

use super::ConfigError;
use super::fields::Fields;
use crate::cache::glob::Glob;
use crate::cache::sort::sort_by;

/// What a rule says of cookies.
///
/// What is folded away reaches neither the key nor the origin. What stays and is in no key reaches
/// the origin as always: its answer must not depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cookies {
    bypass: Vec<Glob>,
    ignore: Vec<Glob>,
    keep: Option<Vec<Glob>>,
    key: Vec<Glob>,
}

impl Cookies {
    /// The settings that there are.
    pub const SETTINGS: &[&str] = &["bypass", "ignore", "keep", "key"];

    pub fn read(value: &Value, place: &str) -> Result<Self, ConfigError> {
        let fields = Fields::of(value, place, Self::SETTINGS)?;
        Ok(Self {
            bypass: fields.globs("bypass")?,
            ignore: fields.globs("ignore")?,
            keep: fields.some_globs("keep")?,
            key: fields.globs("key")?,
        })
    }

    /// The same, and no cookie reaches the origin but those in the key.
    pub fn strict(self) -> Self {
        Self { keep: Some(Vec::new()), ..self }
    }

    /// Whether a request with these cookies is none of the cache's business. What can't be read is
    /// not either, if it matters here.
    pub fn bypasses(&self, headers: &HeaderMap) -> bool {
        if *self == Self::default() {
            return false;
        }
        match parts(headers) {
            Some(parts) => parts.iter().any(|part| any(&self.bypass, name(part))),
            None => true,
        }
    }

    /// Takes off what does not count.
    pub fn fold(&self, headers: &mut HeaderMap) {
        let Some(before) = parts(headers).filter(|parts| !parts.is_empty()) else { return };
        let counts = |part: &&str| {
            let name = name(part);
            let kept = self.keep.as_ref().is_none_or(|keep| any(keep, name));
            any(&self.key, name) || (kept && !any(&self.ignore, name))
        };
        let kept: Vec<&str> = before.iter().copied().filter(counts).collect();
        if kept.len() == before.len() {
            return;
        }
        match HeaderValue::from_str(&kept.join("; ")) {
            Ok(value) if !value.is_empty() => drop(headers.insert(header::COOKIE, value)),
            _ => drop(headers.remove(header::COOKIE)),
        }
    }

    /// The cookies that make another key, by name.
    pub fn keyed(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        let parts = parts(headers).unwrap_or_default();
        let keyed = parts.into_iter().filter(|part| any(&self.key, name(part)));
        let mut keyed: Vec<(String, String)> = keyed
            .map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                (format!(";{}", name.trim()), value.trim().to_owned())
            })
            .collect();
        // Stable: servers tell cookies of one name apart by their order.
        sort_by(&mut keyed, |a, b| a.0.cmp(&b.0));
        keyed
    }
}

/// The cookies of a request, as pairs; none if they are not text.
fn parts(headers: &HeaderMap) -> Option<Vec<&str>> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let lines: Vec<&str> = lines.map(|line| line.to_str().ok()).collect::<Option<_>>()?;
    let parts = lines.into_iter().flat_map(|line| line.split(';')).map(str::trim);
    Some(parts.filter(|part| !part.is_empty()).collect())
}

fn name(part: &str) -> &str {
    part.split_once('=').map_or(part, |(name, _)| name).trim()
}

fn any(globs: &[Glob], name: &str) -> bool {
    globs.iter().any(|glob| glob.matches(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn what_does_not_count_is_taken_off() {
        for (rule, lines, expected) in [
            (json!({}), &["a=1;  b=2"][..], Some("a=1;  b=2")),
            (json!({"ignore": ["_g*"]}), &["_ga=x; a=1", "_gid=y"], Some("a=1")),
            (json!({"keep": []}), &["a=1; b"], None),
            (json!({"keep": ["a"]}), &["a=1; b=2"], Some("a=1")),
            (json!({"keep": [], "key": ["theme"]}), &["theme=dark; sid=2"], Some("theme=dark")),
            (json!({"ignore": ["*"]}), &[], None),
        ] {
            let cookies = Cookies::read(&rule, "cookies").unwrap();
            let mut headers = headers(lines);
            cookies.fold(&mut headers);
            let left = headers.get(header::COOKIE).map(|value| value.to_str().unwrap());
            assert_eq!(left, expected, "{rule}");
        }
    }

    #[test]
    fn keyed_ones_are_in_order() {
        let cookies = Cookies::read(&json!({"key": ["t*"]}), "cookies").unwrap();
        let pairs = cookies.keyed(&headers(&["two=2; a=1; theme=x=y", "t; two=1"]));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected =
            [pair(";t", ""), pair(";theme", "x=y"), pair(";two", "2"), pair(";two", "1")];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn some_keep_the_cache_out() {
        let cookies = Cookies::read(&json!({"bypass": ["session"]}), "cookies").unwrap();
        assert!(cookies.bypasses(&headers(&["a=1; session=2"])));
        assert!(!cookies.bypasses(&headers(&["a=session; sessions=2"])));
        assert!(cookies.bypasses(&headers(&["a=\u{e9}"])), "what can't be read may be one");
        assert!(!Cookies::default().bypasses(&headers(&["a=\u{e9}"])));
    }
}
