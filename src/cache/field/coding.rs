//! Content codings (RFC 9110 §8.4.1, RFC 9110 §12.5.3).

use http::{HeaderMap, header};

use super::grammar::{lines, members, split, trim};

/// A content coding that the platform can take off (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// The zlib format around deflate.
    Deflate,
    /// GZIP.
    Gzip,
}

impl Coding {
    /// Its registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deflate => "deflate",
            Self::Gzip => "gzip",
        }
    }
}

/// The codings of a representation, in the order in which they were applied (RFC 9110 §8.4).
///
/// ```text
/// Content-Encoding = #content-coding
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentEncoding(Vec<String>);

impl ContentEncoding {
    /// The value in a response's fields; `identity`, which nobody should send, is none.
    pub fn parse(headers: &HeaderMap) -> Self {
        let lines = lines(headers, header::CONTENT_ENCODING);
        let names = lines.iter().flat_map(|line| members(line)).map(plain);
        Self(names.filter(|name| name != "identity").collect())
    }

    /// The only coding, if there is just one and the platform can take it off.
    pub fn removable(&self) -> Option<Coding> {
        let [only] = self.0.as_slice() else { return None };
        [Coding::Deflate, Coding::Gzip].into_iter().find(|coding| coding.as_str() == only)
    }
}

/// Which codings a client takes (RFC 9110 §12.5.3).
///
/// ```text
/// Accept-Encoding = #( ( content-coding / "identity" / "*" ) [ weight ] )
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptEncoding {
    /// Any: it does not say.
    Any,
    /// These, by whether they are refused.
    Listed(Vec<(String, Weight)>),
}

/// Whether a listed coding is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Its weight is zero.
    Refused,
    /// Its weight is any other.
    Taken,
}

impl AcceptEncoding {
    /// The value in a request's fields. An empty one takes no coding at all.
    pub fn parse(headers: &HeaderMap) -> Self {
        let lines = lines(headers, header::ACCEPT_ENCODING);
        if lines.is_empty() {
            return Self::Any;
        }
        let members = lines.iter().flat_map(|line| members(line));
        Self::Listed(members.map(listed).collect())
    }

    /// Whether the client takes a representation in these codings.
    pub fn takes(&self, codings: &ContentEncoding) -> bool {
        codings.0.iter().all(|coding| self.weight_of(coding) == Weight::Taken)
    }

    /// Whether it says that it takes a coding: what we add is not for those who say nothing.
    pub fn asks_for(&self, coding: Coding) -> bool {
        *self != Self::Any && self.weight_of(coding.as_str()) == Weight::Taken
    }

    /// Whether it takes one without any: yes unless it says otherwise.
    pub fn takes_identity(&self) -> bool {
        let Self::Listed(members) = self else { return true };
        let named = |name: &str| members.iter().find(|(other, _)| other == name);
        let found = named("identity").or_else(|| named("*"));
        found.is_none_or(|(_, weight)| *weight == Weight::Taken)
    }

    fn weight_of(&self, coding: &str) -> Weight {
        let Self::Listed(members) = self else { return Weight::Taken };
        let named = |name: &str| members.iter().find(|(other, _)| other == name);
        let unlisted = match NEGOTIATED.contains(&coding) {
            true => Weight::Refused,
            // Nobody lists it, so its absence says nothing: the origin sends it to everybody.
            false => Weight::Taken,
        };
        named(coding).or_else(|| named("*")).map_or(unlisted, |(_, weight)| *weight)
    }
}

/// A member with its weight; a malformed weight counts as none given.
fn listed(member: &str) -> (String, Weight) {
    let mut parts = split(member, ';').map(trim);
    let name = plain(parts.next().unwrap_or_default());
    let zero = |part: &str| {
        let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
        weight.is_some_and(is_zero)
    };
    (name, if parts.any(zero) { Weight::Refused } else { Weight::Taken })
}

/// Whether a weight is nothing, however many digits say so.
fn is_zero(weight: &str) -> bool {
    let number = weight.strip_prefix(['+', '-']).unwrap_or(weight);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut digits = whole.bytes().chain(fraction.bytes()).peekable();
    digits.peek().is_some() && digits.all(|digit| digit == b'0')
}

/// A coding's name in one form: lower case, without the `x-` of old (RFC 9110 §8.4.1.3).
fn plain(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match lower.strip_prefix("x-") {
        Some(name @ ("gzip" | "compress")) => name.to_owned(),
        _ => lower,
    }
}

/// The codings that clients list when they take them (RFC 9110 §8.4.1).
const NEGOTIATED: [&str; 5] = ["br", "compress", "deflate", "gzip", "zstd"];
