//! What of a request counts: the part of a rule that makes keys.

use http::{HeaderName, HeaderValue, header};
use serde_json::{Map, Value};

use super::ConfigError;
use super::cookies::Cookies;
use super::fields::Fields;
use super::query::Query;
use crate::cache::RequestHead;
use crate::cache::field::Vary;
use crate::cache::glob::Glob;
use crate::cache::key::Key;
use crate::cache::policy::{self, Caching, ContentForm, Treatment};
use crate::cache::sort::sort_unique;

/// What a rule says of the parts of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub query: Query,
    cookies: Cookies,
    vary: Vec<HeaderName>,
    strip: Vec<Glob>,
    origin: OriginSees,
}

/// What of a request's fields the origin gets where its answer may be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum OriginSees {
    /// All but what is stripped.
    #[default]
    Fields,
    /// What the key covers, and what HTTP itself has a say in.
    Key,
}

impl Counted {
    /// The settings that there are.
    pub const SETTINGS: &[&str] = &["query", "cookies", "vary", "strip", "strict"];

    pub fn read(table: &Map<String, Value>, place: &str) -> Result<Self, ConfigError> {
        let fields = Fields { table, place };
        let part = |name: &str| table.get(name).map(|value| (value, fields.path(name)));
        let query = part("query").map(|(value, place)| Query::read(value, &place));
        let cookies = part("cookies").map(|(value, place)| Cookies::read(value, &place));
        let keyed = |text: String| {
            let name: Option<HeaderName> = text.to_ascii_lowercase().parse().ok();
            let name =
                name.filter(|name| !UNKEYED.contains(name) && !policy::CONDITIONS.contains(name));
            name.ok_or_else(|| fields.wrong("vary", &text, FIELDS))
        };
        let names = fields.texts("vary")?.into_iter();
        let mut vary: Vec<HeaderName> = names.map(keyed).collect::<Result<_, _>>()?;
        sort_unique(&mut vary, |a, b| a.as_str().cmp(b.as_str()));
        let strip = fields.texts("strip")?.into_iter();
        let strip = strip.map(|text| Glob::new(text.to_ascii_lowercase())).collect();
        let query = query.transpose()?.unwrap_or_default();
        let cookies = cookies.transpose()?.unwrap_or_default();
        let (origin, cookies) = match fields.flag("strict")? {
            Some(true) => (OriginSees::Key, cookies.strict()),
            _ => (OriginSees::Fields, cookies),
        };
        Ok(Self { query, cookies, vary, strip, origin })
    }

    /// Whether fields of a request decide on its treatment, or are changed.
    pub fn goes_by_fields(&self) -> bool {
        let Self { query: _, cookies, vary, strip, origin } = self;
        let by_url = *cookies == Cookies::default() && vary.is_empty() && strip.is_empty();
        !by_url || *origin != OriginSees::Fields
    }

    /// Leaves of a request that may be answered from the cache what counts, and makes its key. What
    /// a rule keeps from the cache stays as it is, and so does what the cache never answers.
    pub fn settle(&self, head: &mut RequestHead, treatment: &mut Treatment) -> Key {
        let key = Key::of_url(&head.url);
        if policy::eligible(head, treatment).is_err() {
            return key;
        }
        let graph = matches!(treatment.content, ContentForm::GraphQl(_));
        // Endpoints seldom say that an answer is for one user: who has cookies is taken for one.
        let personal = graph
            && self.cookies == Cookies::default()
            && head.headers.contains_key(header::COOKIE);
        if personal || self.cookies.bypasses(&head.headers) || !policy::reads(head, treatment) {
            treatment.caching = Caching::Bypass;
            return key;
        }
        self.cookies.fold(&mut head.headers);
        self.strip(head);
        if graph {
            // What the answer says is looked into before it is stored.
            head.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let vary = Vary::Fields(self.vary.clone());
        let fields = policy::selecting(&vary, head).into_iter();
        let fields = fields.map(|(name, value)| (format!("@{name}"), value));
        key.told_apart_by(fields.chain(self.cookies.keyed(&head.headers)))
    }

    fn strip(&self, head: &mut RequestHead) {
        if self.strip.is_empty() && self.origin == OriginSees::Fields {
            return;
        }
        let goes = |name: &HeaderName| {
            let uncovered = match self.origin {
                OriginSees::Fields => false,
                OriginSees::Key => !self.vary.contains(name) && !SEEN.contains(name),
            };
            uncovered || self.strip.iter().any(|glob| glob.matches(name.as_str()))
        };
        let names: Vec<HeaderName> =
            head.headers.keys().filter(|name| goes(name)).cloned().collect();
        for name in names {
            head.headers.remove(name);
        }
    }
}

/// Fields that no key is made of, besides conditions: cookies have a setting of their own.
const UNKEYED: [HeaderName; 3] = [header::CONNECTION, header::COOKIE, header::HOST];

const FIELDS: &str = "names of request fields, but Cookie (that is cookies = { key = [...] }), \
                      Host, Range and conditions";

/// What HTTP has a say in: it is never the origin's to vary by, or `Vary` and the prohibitions
/// cover it.
const SEEN: [HeaderName; 15] = [
    header::ACCEPT_ENCODING,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::PRAGMA,
    header::RANGE,
    header::TE,
    HeaderName::from_static("breadbox-receipt"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method};
    use serde_json::json;

    fn settled(
        rule: &Value,
        method: Method,
        lines: &[(&str, &str)],
    ) -> (RequestHead, String, bool) {
        let counted = Counted::read(rule.as_object().unwrap(), "rule 1").unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let mut head = RequestHead { method, url: "https://a.test/x".into(), headers };
        let mut treatment = Treatment::default();
        let key = counted.settle(&mut head, &mut treatment);
        // A record of the request is settled once more where it is replayed.
        let mut again = head.clone();
        assert_eq!(counted.settle(&mut again, &mut Treatment::default()), key, "{rule}");
        assert_eq!(again.headers, head.headers);
        (head, key.as_str().to_owned(), treatment.caching == Caching::Bypass)
    }

    #[test]
    fn fields_and_cookies_make_keys() {
        let rule = json!({"vary": ["RSC", "accept-language"], "cookies": {"key": ["theme"]}});
        for (lines, key) in [
            (&[][..], "GET https://a.test/x"),
            (&[("cookie", "a=1")], "GET https://a.test/x"),
            (&[("rsc", "1")], "GET https://a.test/x\n@rsc=1:1"),
            (
                &[("cookie", "theme=d"), ("accept-language", "de, EN;q=0.5")],
                "GET https://a.test/x\n@accept-language=11:de,en;q=500\n;theme=1:d",
            ),
        ] {
            assert_eq!(settled(&rule, Method::GET, lines).1, key, "{lines:?}");
        }
    }

    #[test]
    fn what_the_cache_does_not_answer_stays_whole() {
        let rule = json!({"strip": ["x-*"], "cookies": {"keep": [], "bypass": ["sid"]}});
        for (method, lines, left, bypass) in [
            (Method::GET, &[("cookie", "a=1"), ("x-a", "1")][..], 0, false),
            (Method::GET, &[("cookie", "a=1; sid=2"), ("x-a", "1")], 2, true),
            (Method::POST, &[("cookie", "a=1"), ("x-a", "1")], 2, false),
            (Method::GET, &[("cookie", "a=1"), ("upgrade", "websocket")], 2, false),
        ] {
            let (head, _, bypassed) = settled(&rule, method, lines);
            assert_eq!((head.headers.len(), bypassed), (left, bypass), "{lines:?}");
        }
    }

    #[test]
    fn a_strict_origin_sees_what_the_key_covers() {
        let rule = json!({"strict": true, "vary": ["x-country"]});
        let lines = [
            ("x-country", "de"),
            ("x-other", "1"),
            ("user-agent", "a"),
            ("accept-encoding", "gzip"),
        ];
        let (head, ..) = settled(&rule, Method::GET, &lines);
        let mut names: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept-encoding", "x-country"]);
    }
}
