//! The grammar that field values share (RFC 9110 §5.6).

use std::borrow::Cow;

use http::header::AsHeaderName;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The lines of a field in order.
pub(crate) fn lines(headers: &HeaderMap, name: impl AsHeaderName) -> Vec<Cow<'_, str>> {
    headers.get_all(name).iter().map(text).collect()
}

/// A line as text. Octets outside of ASCII become the characters of the same number, so that
/// different values stay different (RFC 9110 §5.5).
pub(crate) fn text(value: &HeaderValue) -> Cow<'_, str> {
    match value.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().map(|&b| char::from(b)).collect()),
    }
}

/// The value of a field that may have one line only; `None` when absent or repeated
/// (RFC 9110 §5.3).
pub(crate) fn single(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Cow<'_, str>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return None;
    }
    Some(text(first))
}

/// All lines of a field as the one value that they stand for (RFC 9110 §5.3).
pub(crate) fn combined(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    let lines = lines(headers, name);
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// The members of a list, trimmed, without the empty ones (RFC 9110 §5.6.1).
///
/// A comma inside of a quoted string separates nothing. A quote that is never closed is an
/// ordinary character: what follows it must not vanish.
pub(crate) fn members(line: &str) -> impl Iterator<Item = &str> {
    split(line, ',').map(trim).filter(|m| !m.is_empty())
}

/// The pieces between separators that are outside of quoted strings.
pub(crate) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quotes = Quotes::Enclose;
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match position(text, separator, &mut quotes) {
            Some(at) => {
                let (piece, tail) = text.split_at_checked(at)?;
                rest = tail.get(separator.len_utf8()..);
                Some(piece)
            }
            None => rest.take(),
        }
    })
}

/// The text without optional whitespace around it (RFC 9110 §5.6.3).
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The content of a quoted string, its escapes resolved, or the text itself if it is not quoted
/// (RFC 9110 §5.6.4).
pub(crate) fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut content = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let literal = if c == '\\' { chars.next() } else { Some(c) };
        content.extend(literal);
    }
    Cow::Owned(content)
}

/// The field names in a list, or `None` if there is none or one of them is no name.
pub(crate) fn names(list: &str) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for member in list.split(',').map(trim).filter(|m| !m.is_empty()) {
        names.push(HeaderName::from_bytes(member.as_bytes()).ok()?);
    }
    (!names.is_empty()).then_some(names)
}

/// What a quote means in the rest of a line.
enum Quotes {
    /// It starts a quoted string.
    Enclose,
    /// Nothing: one was found that is never closed. Remembered, so that a line is read once.
    Literal,
}

/// Where the next separator outside of a quoted string is.
fn position(text: &str, separator: char, quotes: &mut Quotes) -> Option<usize> {
    let mut skip = 0;
    for (at, c) in text.char_indices() {
        if at < skip {
            continue;
        }
        if c == separator {
            return Some(at);
        }
        if c == '"' && matches!(quotes, Quotes::Enclose) {
            match closing(text, at.saturating_add(1)) {
                Some(end) => skip = end.saturating_add(1),
                None => *quotes = Quotes::Literal,
            }
        }
    }
    None
}

/// Where the quoted string that starts before `from` ends, if it does.
fn closing(text: &str, from: usize) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}
