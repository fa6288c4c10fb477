//! Validators (RFC 9110 §8.8).

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, header};

use super::grammar::{lines, members, single, trim};

/// An opaque validator (RFC 9110 §8.8.3).
///
/// | tag 1    | tag 2    | strong   | weak  |
/// |----------|----------|----------|-------|
/// | `W/"1"`  | `W/"1"`  | no match | match |
/// | `W/"1"`  | `W/"2"`  | no match | no    |
/// | `W/"1"`  | `"1"`    | no match | match |
/// | `"1"`    | `"1"`    | match    | match |
///
/// ```text
/// entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag {
    /// Whether it survives changes that don't matter.
    pub strength: Strength,
    /// The text between the quotes.
    pub opaque: String,
}

/// Whether a validator tells apart what differs in a single octet (RFC 9110 §8.8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// It does.
    Strong,
    /// It does not.
    Weak,
}

impl EntityTag {
    /// The tag that a text stands for; `None` if it is malformed, as unquoted tags are, or if it
    /// did not arrive whole: what it was can't be known then.
    pub fn parse(text: &str) -> Option<Self> {
        let text = trim(text);
        let (strength, quoted) = match text.strip_prefix("W/") {
            Some(rest) => (Strength::Weak, rest),
            None => (Strength::Strong, text),
        };
        let opaque = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let valid = opaque.chars().all(|c| c != '"' && c > ' ' && c != '\u{7f}');
        (valid && !opaque.contains(LOST)).then(|| Self { strength, opaque: opaque.to_owned() })
    }

    /// The tag in a response's `ETag`.
    pub fn field(headers: &HeaderMap) -> Option<Self> {
        Self::parse(&single(headers, header::ETAG)?)
    }

    /// Whether both are strong and equal (RFC 9110 §8.8.3.2).
    pub fn strong_eq(&self, other: &Self) -> bool {
        self.is_strong() && other.is_strong() && self.opaque == other.opaque
    }

    /// Whether both are equal save for their strength (RFC 9110 §8.8.3.2).
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }

    /// Whether it is strong.
    pub fn is_strong(&self) -> bool {
        self.strength == Strength::Strong
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.is_strong() { "" } else { "W/" };
        write!(f, "{prefix}\"{}\"", self.opaque)
    }
}

/// The condition that none of some tags is current (RFC 9110 §13.1.2).
///
/// ```text
/// If-None-Match = "*" / #entity-tag
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfNoneMatch {
    /// That there is no representation at all.
    Any,
    /// That none of these is current.
    Tags(Vec<IfTag>),
}

/// A member of a list of tags: well-formed, or the raw text of one that is not. Raw texts are
/// compared octet by octet, so that an origin with malformed tags still gets its `304`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfTag {
    /// Malformed.
    Raw(String),
    /// Well-formed.
    Tag(EntityTag),
}

impl IfNoneMatch {
    /// The condition in a request's fields, if there is one.
    pub fn parse(headers: &HeaderMap) -> Option<Self> {
        let lines = lines(headers, header::IF_NONE_MATCH);
        if lines.is_empty() {
            return None;
        }
        let mut tags = Vec::new();
        for member in lines.iter().flat_map(|line| members(line)) {
            if member == "*" {
                return Some(Self::Any);
            }
            tags.push(IfTag::parse(member));
        }
        Some(Self::Tags(tags))
    }

    /// Whether a stored response with these fields makes the condition fail, so that the client
    /// has it already (RFC 9110 §13.1.2).
    pub fn matches(&self, stored: &HeaderMap) -> bool {
        let Self::Tags(tags) = self else { return true };
        let Some(current) = single(stored, header::ETAG) else { return false };
        let current = IfTag::parse(trim(&current));
        tags.iter().any(|tag| tag.weak_eq(&current))
    }
}

impl IfTag {
    fn parse(text: &str) -> Self {
        EntityTag::parse(text).map_or_else(|| Self::Raw(text.to_owned()), Self::Tag)
    }

    fn weak_eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tag(a), Self::Tag(b)) => a.weak_eq(b),
            (Self::Raw(a), Self::Raw(b)) => a == b && !a.contains(LOST),
            (Self::Raw(_), Self::Tag(_)) | (Self::Tag(_), Self::Raw(_)) => false,
        }
    }
}

/// The condition under which a range is wanted rather than everything (RFC 9110 §13.1.5).
///
/// ```text
/// If-Range = entity-tag / HTTP-date
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfRange {
    /// That the representation is of this date.
    Date(super::HttpDate),
    /// That it can't be: the condition is malformed.
    Never,
    /// That it has this tag.
    Tag(EntityTag),
}

impl IfRange {
    /// The condition in a request's fields, if there is one.
    pub fn parse(headers: &HeaderMap) -> Option<Self> {
        let lines = lines(headers, header::IF_RANGE);
        let value: Cow<'_, str> = match lines.as_slice() {
            [] => return None,
            [only] => only.clone(),
            _ => return Some(Self::Never),
        };
        let tag = EntityTag::parse(&value).map(Self::Tag);
        Some(tag.or_else(|| super::HttpDate::parse(&value).map(Self::Date)).unwrap_or(Self::Never))
    }
}

/// The octets of U+FFFD, which platforms put in the place of what is not UTF-8.
const LOST: &str = "\u{ef}\u{bf}\u{bd}";
