//! The field `No-Vary-Search` (draft-ietf-httpbis-no-vary-search, sections 4 to 6).

use std::fmt;

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry};

use super::structured::{dictionary, inner, item};
use crate::cache::sort::sort_by;

/// Which parameters of a query a response does not depend on.
///
/// ```text
/// No-Vary-Search: key-order, params=("utm_source" "utm_medium")
/// No-Vary-Search: params, except=("id")
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoVarySearch {
    /// Which parameters matter.
    pub params: Params,
    /// Whether the order of different parameters matters.
    pub order: KeyOrder,
}

/// Which parameters of a query matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Params {
    /// All but these, decoded.
    Except(Vec<String>),
    /// None but these, decoded.
    Only(Vec<String>),
}

/// Whether the order of different parameters matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyOrder {
    /// It does not.
    Ignored,
    /// It does.
    #[default]
    Significant,
}

impl Default for Params {
    fn default() -> Self {
        Self::Except(Vec::new())
    }
}

impl NoVarySearch {
    /// The value in a response's fields. What is malformed counts as absent: then every part of
    /// the query matters.
    pub fn parse(headers: &HeaderMap) -> Self {
        dictionary(headers, &NO_VARY_SEARCH).and_then(|d| Self::read(&d)).unwrap_or_default()
    }

    /// Reads the text that it is displayed as.
    pub fn from_text(text: &str) -> Option<Self> {
        let order = match text.get(..1)? {
            "~" => KeyOrder::Ignored,
            "=" => KeyOrder::Significant,
            _ => return None,
        };
        let keys = text.get(2..)?.split_terminator(' ').map(decode).collect();
        let params = match text.get(1..2)? {
            "-" => Params::Except(keys),
            "+" => Params::Only(keys),
            _ => return None,
        };
        Some(Self { params, order })
    }

    /// Whether every part of the query matters, octet by octet.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The part of a query that matters, in one canonical form: two queries are equivalent if and
    /// only if their canonical forms are equal.
    pub fn canonical(&self, query: &str) -> String {
        if self.is_default() {
            return query.to_owned();
        }
        let mut pairs: Vec<(String, String)> = query
            .split('&')
            .filter(|p| !p.is_empty())
            .map(|p| p.split_once('=').unwrap_or((p, "")))
            .map(|(key, value)| (decode(key), decode(value)))
            .filter(|(key, _)| self.matters(key))
            .collect();
        if self.order == KeyOrder::Ignored {
            sort_by(&mut pairs, |a, b| a.0.cmp(&b.0));
        }
        let pairs: Vec<String> =
            pairs.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
        pairs.join("&")
    }

    fn names(&self) -> (char, &[String]) {
        match &self.params {
            Params::Except(keys) => ('-', keys),
            Params::Only(keys) => ('+', keys),
        }
    }

    fn matters(&self, key: &str) -> bool {
        match &self.params {
            Params::Except(keys) => !keys.iter().any(|k| k == key),
            Params::Only(keys) => keys.iter().any(|k| k == key),
        }
    }

    fn read(dictionary: &Dictionary) -> Option<Self> {
        let order = match dictionary.get("key-order") {
            None => KeyOrder::Significant,
            Some(entry) if boolean(entry)? => KeyOrder::Ignored,
            Some(_) => KeyOrder::Significant,
        };
        let except = dictionary.get("except");
        let params = match dictionary.get("params") {
            None => Params::default(),
            Some(ListEntry::InnerList(list)) => Params::Except(keys(inner(list)?)),
            Some(entry) if boolean(entry)? => {
                return Some(Self { params: Params::Only(exceptions(except)?), order });
            }
            Some(_) => Params::default(),
        };
        except.is_none().then_some(Self { params, order })
    }
}

/// A text of one line for each rule, another for each that is written otherwise.
impl fmt::Display for NoVarySearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, names) = self.names();
        let order = match self.order {
            KeyOrder::Ignored => '~',
            KeyOrder::Significant => '=',
        };
        write!(f, "{order}{sign}")?;
        names.iter().try_for_each(|name| write!(f, "{} ", encode(name)))
    }
}

fn exceptions(except: Option<&ListEntry>) -> Option<Vec<String>> {
    match except {
        None => Some(Vec::new()),
        Some(ListEntry::InnerList(list)) => inner(list).map(keys),
        Some(ListEntry::Item(_)) => None,
    }
}

fn keys(names: Vec<String>) -> Vec<String> {
    names.iter().map(|name| decode(name)).collect()
}

fn boolean(entry: &ListEntry) -> Option<bool> {
    item(entry).and_then(BareItem::as_boolean)
}

/// The text that a part of a query stands for: `+` is a space, `%41` an octet of UTF-8.
fn decode(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        octets.push(match byte {
            b'+' => b' ',
            b'%' => match escape(tail) {
                Some((octet, after)) => {
                    rest = after;
                    octet
                }
                None => byte,
            },
            _ => byte,
        });
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// The octet of two hexadecimal digits, and what follows them.
fn escape(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(2)?;
    let text = std::str::from_utf8(digits).ok()?;
    let valid = digits.iter().all(u8::is_ascii_hexdigit);
    Some((u8::from_str_radix(text, 16).ok().filter(|_| valid)?, rest))
}

/// Everything but letters and digits escaped, so that no two texts share a form.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

const NO_VARY_SEARCH: HeaderName = HeaderName::from_static("no-vary-search");
