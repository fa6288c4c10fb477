//! The `Link` field (RFC 8288 §3).

use http::{HeaderMap, header};

use super::grammar::{lines, trim, unquote};

/// A link of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// What it points to, as it is written.
    pub target: String,
    /// Its relation types in lower case (RFC 8288 §2.1.1).
    pub relations: Vec<String>,
    /// Where it starts, if that is not the response itself (RFC 8288 §3.2).
    pub anchor: Option<String>,
}

/// The links that a response has. Where one is malformed, the rest of its line is no link.
pub fn links(headers: &HeaderMap) -> Vec<Link> {
    let mut links = Vec::new();
    for line in lines(headers, header::LINK) {
        let mut rest = line.as_ref();
        while links.len() < LINKS_MAX {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let Some((link, after)) = link(rest) else { break };
            links.push(link);
            rest = after;
        }
    }
    links
}

/// A link at the beginning of a text, and what follows it.
fn link(text: &str) -> Option<(Link, &str)> {
    let (target, mut rest) = text.strip_prefix('<')?.split_once('>')?;
    let mut link = Link { target: trim(target).to_owned(), ..Link::default() };
    let mut related = false;
    loop {
        rest = trim_start(rest);
        let Some(after) = rest.strip_prefix(';') else { break };
        let (name, value, after) = parameter(trim_start(after))?;
        rest = after;
        // Of several only the first counts (RFC 8288 §3.3).
        if name.eq_ignore_ascii_case("rel") && !related {
            related = true;
            link.relations = value.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
        } else if name.eq_ignore_ascii_case("anchor") {
            link.anchor = Some(value);
        }
    }
    (rest.is_empty() || rest.starts_with(',')).then_some((link, rest))
}

/// A parameter at the beginning of a text, perhaps an empty one, and what follows it.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = token(text);
    let Some(rest) = trim_start(rest).strip_prefix('=').filter(|_| !name.is_empty()) else {
        return Some((name, String::new(), rest));
    };
    let rest = trim_start(rest);
    if rest.starts_with('"') {
        let end = closing(rest)?;
        let (quoted, rest) = rest.split_at_checked(end)?;
        return Some((name, unquote(quoted).into_owned(), rest));
    }
    let (value, rest) = token(rest);
    (!value.is_empty()).then(|| (name, value.to_owned(), rest))
}

/// Behind the quoted string at the beginning of a text.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at.checked_add(1),
            _ => {}
        }
    }
    None
}

fn token(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c)));
    text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""))
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// More links than this no response is believed to have.
const LINKS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(lines: &[&str]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::LINK, HeaderValue::from_str(line).expect("a value"));
        }
        links(&headers).into_iter().map(|link| (link.target, link.relations.join(" "))).collect()
    }

    fn pair(target: &str, relations: &str) -> (String, String) {
        (target.to_owned(), relations.to_owned())
    }

    #[test]
    fn links_are_read_as_rfc_8288_has_them() {
        for (line, found) in [
            ("</a>; rel=next", vec![pair("/a", "next")]),
            ("</a,b;c>;REL=\"Next prefetch\"", vec![pair("/a,b;c", "next prefetch")]),
            ("< /a > ; rel = \"pre\\load\" , , <b>", vec![pair("/a", "preload"), pair("b", "")]),
            ("</a>; rel=next; rel=prev", vec![pair("/a", "next")]),
            ("</a>; title=\"x, <b>; rel=next\"; rel=next", vec![pair("/a", "next")]),
            ("</a>; title=\"x\\\", <b>; rel=prev\"; rel=next", vec![pair("/a", "next")]),
            ("</a>; crossorigin; rel=preload;", vec![pair("/a", "preload")]),
            ("<>; rel=http://a.test/x", vec![pair("", "http://a.test/x")]),
        ] {
            assert_eq!(of(&[line]), found, "{line}");
        }
        assert_eq!(of(&["</a>", "</b>"]).len(), 2, "each line is read");
    }

    #[test]
    fn what_is_malformed_takes_nothing_but_the_rest_of_its_line() {
        for line in ["/a; rel=next", "</a", "</a> rel=next", "</a>; rel=\"next", "</a>; rel="] {
            assert_eq!(of(&[line, "</b>; rel=next"]), [pair("/b", "next")], "{line}");
        }
        assert_eq!(of(&["</a>; rel=next, b, </c>"]), [pair("/a", "next")]);
        assert_eq!(of(&[&"<a>,".repeat(1_000)]).len(), LINKS_MAX);
    }
}
