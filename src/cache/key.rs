//! The cache key: which requests are the same question.

use std::fmt;

use http::{HeaderName, Method};
use sha2::{Digest, Sha256};

use super::field::NoVarySearch;

/// The text that identifies a stored response: method, URL and, for a variant, its selecting
/// fields (RFC 9111 §2).
///
/// The text is injective: a method has no space, a normalised URL has neither space nor line feed,
/// and every further part is prefixed with its length.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    text: String,
    id: Id,
}

impl Key {
    /// The key of a URL in its normalised form, as asked for with GET.
    pub fn of_url(url: &str) -> Self {
        Self::of_text(format!("GET {url}"))
    }

    /// The key of what a method says under this one when it comes with this content: `parts` are
    /// the content and the fields that tell what it is. It belongs to the family of the URL.
    pub fn with_content(&self, method: &Method, parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut text = format!("{}\n={method} ", self.text);
        for byte in digest.finalize() {
            text.push_str(&format!("{byte:02x}"));
        }
        Self::of_text(text)
    }

    /// The key of what these parts of a request make another question, each with its name: a
    /// field's after an at sign, a cookie's after a semicolon. It belongs to the family of the URL.
    pub fn told_apart_by(&self, parts: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut text = self.text.clone();
        for (name, value) in parts {
            text.push_str(&format!("\n{name}={}:{value}", value.len()));
        }
        Self::of_text(text)
    }

    /// The key of all URLs that a response with this `No-Vary-Search` does not tell from its own:
    /// the path, the rule, and what of the query matters. It belongs to the family of
    /// [`Key::of_any_query`].
    pub fn modulo(&self, rule: &NoVarySearch) -> Self {
        let (question, rest) = self.text.split_at(self.text.find('\n').unwrap_or(self.text.len()));
        let (path, query) = question.split_once('?').unwrap_or((question, ""));
        let written = rule.to_string();
        let canonical = rule.canonical(query);
        Self::of_text(format!("{path}?\n?{}:{written}{canonical}{rest}", written.len()))
    }

    /// The key that no response is stored under: its family are the responses to a URL's path with
    /// any query.
    pub fn of_any_query(url: &str) -> Self {
        Self::of_text(format!("GET {}?", without_query(url)))
    }

    /// Whether it is one of the variants of a URL that are counted. What is keyed by content, by a
    /// part of the request that a rule names, or by what matters of a query, is as good as a URL of
    /// its own.
    pub fn is_counted(&self) -> bool {
        !["\n=", "\n@", "\n;", "\n?"].iter().any(|start| self.text.contains(start))
    }

    /// The key of the variant that these selecting fields choose (RFC 9111 §4.1).
    pub fn variant(&self, selecting: &[(HeaderName, String)]) -> Self {
        let mut text = self.text.clone();
        for (name, value) in selecting {
            text.push_str(&format!("\n{name}={}:{value}", value.len()));
        }
        Self::of_text(text)
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL that the key was made of.
    pub fn url(&self) -> &str {
        url_of(&self.text)
    }

    /// The key without selecting fields, of which this one is a variant; `None` if it is itself
    /// primary.
    pub fn primary(&self) -> Option<Self> {
        let (primary, _) = self.text.split_once('\n')?;
        Some(Self::of_text(primary.to_owned()))
    }

    /// The short name under which stores keep it. A variant shares [`Id::PLACE`] with its primary
    /// key, so that both lie in one shard.
    pub fn id(&self) -> Id {
        self.id
    }

    fn of_text(text: String) -> Self {
        let own = hash(&text);
        let id = match text.split_once('\n') {
            None => Id(own),
            Some((primary, _)) => Id((own & !Id::PLACE) | (hash(primary) & Id::PLACE)),
        };
        Self { text, id }
    }
}

fn hash(text: &str) -> u128 {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = digest;
    u128::from_be_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// A URL in the one form that keys and requests to the origin are made of, as browsers and the
/// platform normalise it; `None` for anything but an absolute web URL.
pub fn normalised(text: &str) -> Option<String> {
    let mut url = url::Url::parse(text).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return None;
    }
    url.set_fragment(None);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url.into())
}

/// What a reference within the page of a normalised URL points to, in the normalised form and with
/// the page's scheme; `None` if that is no page of the same authority.
pub fn resolved(page: &str, reference: &str) -> Option<String> {
    let url = normalised(url::Url::parse(page).ok()?.join(reference).ok()?.as_str())?;
    let ((scheme, _), (_, rest)) = (page.split_once("://")?, url.split_once("://")?);
    (authority(&url) == authority(page)).then(|| format!("{scheme}://{rest}"))
}

/// The URL within a key's text.
pub fn url_of(key_text: &str) -> &str {
    let from_url = key_text.split_once(' ').map_or(key_text, |(_, rest)| rest);
    from_url.split_once('\n').map_or(from_url, |(url, _)| url)
}

/// A URL that asks for what lies under a key: its own, or that of the query in its canonical form
/// that stands for several ([`Key::modulo`]).
pub fn question_of(key_text: &str) -> String {
    let url = url_of(key_text);
    let canonical = || {
        let (length, rest) = key_text.split_once("\n?")?.1.split_once(':')?;
        let rest = rest.get(length.parse().ok()?..)?;
        Some(rest.split_once('\n').map_or(rest, |(query, _)| query))
    };
    match canonical() {
        Some("") => without_query(url).to_owned(),
        Some(query) => format!("{url}{query}"),
        None => url.to_owned(),
    }
}

/// Whether the response under a key answers several queries of its URL's path ([`Key::modulo`]).
pub fn spans_queries(key_text: &str) -> bool {
    key_text.contains("\n?")
}

/// A URL, or a part of one, without its query.
pub fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(path, _)| path)
}

/// The authority of a URL in its normalised form: its host, with its port where that is not the
/// scheme's own.
pub fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once(['/', '?']).map_or(rest, |(authority, _)| authority)
}

/// A key's 128-bit hash, written as 32 hex digits. Stored responses carry the key's text and are
/// compared on read, so a collision is a miss and never another's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u128);

impl Id {
    /// The bits that decide in which shard it lies.
    pub const PLACE: u128 = 0xffff_ffff;
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_nowhere_but_to_the_same_site() {
        let page = "https://a.test/news/today?x=1";
        for (reference, url) in [
            ("/b", "https://a.test/b"),
            ("b#c", "https://a.test/news/b"),
            ("?y", "https://a.test/news/today?y"),
            ("HTTP://A.test/b", "https://a.test/b"),
            ("https://u:p@a.test:443/../b", "https://a.test/b"),
            ("\\b", "https://a.test/b"),
        ] {
            assert_eq!(resolved(page, reference).as_deref(), Some(url), "{reference}");
        }
        for reference in [
            "//b.test/",
            "\\\\b.test",
            "https://a.test:8443/",
            "https://a.test.b.test/",
            "https://a.test@b.test/",
            "https://127.0.0.1/",
            "file:///etc/passwd",
            "data:,a",
            "javascript:1",
            "https:///",
            "http://[::1]/",
            "mailto:a@a.test",
        ] {
            assert_eq!(resolved(page, reference), None, "{reference}");
        }
        assert_eq!(resolved("no page", "/"), None);
    }

    #[test]
    fn a_value_cannot_imitate_a_further_field() {
        let key = Key::of_url("https://a.test/");
        let one = key.variant(&[(http::header::ACCEPT, "x\naccept-language=2:en".into())]);
        let two = key.variant(&[
            (http::header::ACCEPT, "x".into()),
            (http::header::ACCEPT_LANGUAGE, "en".into()),
        ]);
        assert_ne!(one, two);
        assert_ne!(one.id(), two.id());
    }

    #[test]
    fn content_and_what_it_is_make_the_key() {
        let url = Key::of_url("https://a.test/q");
        let of = |method, parts: &[&[u8]]| url.with_content(&method, parts);
        let key = of(Method::POST, &[b"ab", b"c"]);
        for other in [
            of(Method::POST, &[b"a", b"bc"]),
            of(Method::POST, &[b"ab", b"d"]),
            of(Method::PUT, &[b"ab", b"c"]),
            Key::of_url("https://a.test/q"),
        ] {
            assert_ne!(key, other);
        }
        assert_eq!(key, of(Method::POST, &[b"ab", b"c"]));
        assert_eq!(key.primary(), Some(Key::of_url("https://a.test/q")));
        assert_eq!(key.url(), "https://a.test/q");
        let selecting = [(http::header::ACCEPT, "x".into())];
        assert!(!key.is_counted() && !key.variant(&selecting).is_counted());
        assert!(Key::of_url("https://a.test/?=").variant(&selecting).is_counted());
    }

    #[test]
    fn what_rules_name_makes_another_key() {
        let url = Key::of_url("https://a.test/q");
        let part = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let (field, cookie) = (part("@rsc", "1"), part(";rsc", "1"));
        let selecting = [("rsc".parse().unwrap(), "1".to_owned())];
        let keys = [
            url.clone(),
            url.told_apart_by([field.clone()]),
            url.told_apart_by([cookie.clone()]),
            url.told_apart_by([field.clone(), cookie]),
            url.variant(&selecting),
            url.told_apart_by([field.clone()]).with_content(&Method::POST, &[b"x"]),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?}");
            assert_eq!(key.url(), "https://a.test/q");
        }
        assert_eq!(url.told_apart_by([]), url);
        let keyed = url.told_apart_by([field]);
        assert_eq!(keyed.primary(), Some(url));
        assert!(!keyed.is_counted() && !keyed.variant(&selecting).is_counted());
    }

    #[test]
    fn queries_that_mean_the_same_share_a_key() {
        let rule = |value: &str| {
            let value = value.parse().unwrap();
            NoVarySearch::parse(
                &[(HeaderName::from_static("no-vary-search"), value)].into_iter().collect(),
            )
        };
        let (utm, order) = (rule("params=(\"utm\")"), rule("key-order"));
        let key = |url: &str| Key::of_url(url);
        let one = key("https://a.test/p?a=1&utm=x").modulo(&utm);
        assert_eq!(one, key("https://a.test/p?utm=y&a=1").modulo(&utm));
        assert_eq!(one.primary(), Some(Key::of_any_query("https://a.test/p?a=1")));
        assert_eq!(one.primary(), Some(Key::of_any_query("https://a.test/p")));
        assert!(spans_queries(one.as_str()) && !one.is_counted());
        for other in [
            key("https://a.test/p?a=2").modulo(&utm),
            key("https://a.test/p?a=1").modulo(&order),
            key("https://a.test/q?a=1").modulo(&utm),
            key("https://a.test/p?a=1").told_apart_by([("@b".into(), "c".into())]).modulo(&utm),
            key("https://a.test/p?a=1"),
        ] {
            assert_ne!(one, other);
        }
        let bare = key("https://a.test/p").modulo(&utm);
        assert_eq!(bare, key("https://a.test/p?utm=1").modulo(&utm));
        for (asked, question) in [
            (bare, "https://a.test/p"),
            (one.variant(&[(http::header::ACCEPT, "x\n?1:y".into())]), "https://a.test/p?a=1"),
            (key("https://a.test/p?b=%26&a").modulo(&order), "https://a.test/p?a=&b=%26"),
            (key("https://a.test/p?a=1"), "https://a.test/p?a=1"),
        ] {
            assert_eq!(question_of(asked.as_str()), question);
        }
    }

    #[test]
    fn the_url_can_be_read_back() {
        let key = Key::of_url("https://a.test/b?c=d");
        let variant = key.variant(&[(http::header::ACCEPT, "x y".into())]);
        assert_eq!(variant.url(), "https://a.test/b?c=d");
        assert_eq!(variant.primary(), Some(key.clone()));
        assert_eq!(key.primary(), None);
        assert_ne!(variant.id(), key.id());
        assert_eq!(variant.id().0 & Id::PLACE, key.id().0 & Id::PLACE);
    }
}
