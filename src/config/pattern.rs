//! Which requests a rule is for: host and path with wildcards that are captured.

/// A pattern over host and path: `*` stands for a run within one segment, `**` for any run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    host: Option<Vec<Token>>,
    path: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Any,
    Literal(String),
    Segment,
}

impl Pattern {
    /// Reads `/path/*` (any host) or `host/path/*`; `None` where it has no path.
    pub fn parse(text: &str) -> Option<Self> {
        let slash = text.find('/')?;
        let (host, path) = text.split_at_checked(slash)?;
        let host = (!host.is_empty()).then(|| tokens(&host.to_ascii_lowercase()));
        Some(Self { host, path: tokens(path) })
    }

    /// How many wildcards it has, those of the host first.
    pub fn wildcards(&self) -> usize {
        let host = self.host.iter().flatten();
        host.chain(&self.path).filter(|token| !matches!(token, Token::Literal(_))).count()
    }

    /// What the wildcards stand for, if host and path match as a whole.
    pub fn captures<'a>(&self, host: &'a str, path: &'a str) -> Option<Vec<&'a str>> {
        let mut found = match &self.host {
            Some(tokens) => matches(tokens, host)?,
            None => Vec::new(),
        };
        found.extend(matches(&self.path, path)?);
        Some(found)
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(star) = rest.find('*') {
        let (literal, after) = rest.split_at_checked(star).unwrap_or((rest, ""));
        if !literal.is_empty() {
            tokens.push(Token::Literal(literal.to_owned()));
        }
        tokens.push(if after.starts_with("**") { Token::Any } else { Token::Segment });
        rest = after.trim_start_matches('*');
    }
    if !rest.is_empty() {
        tokens.push(Token::Literal(rest.to_owned()));
    }
    tokens
}

/// Matches leftmost first. Only `**` is ever tried at a later place: within a segment the
/// leftmost match leaves the most for what follows.
fn matches<'a>(tokens: &[Token], text: &'a str) -> Option<Vec<&'a str>> {
    let Some((token, rest)) = tokens.split_first() else {
        return text.is_empty().then(Vec::new);
    };
    match token {
        Token::Literal(literal) => matches(rest, text.strip_prefix(literal.as_str())?),
        Token::Segment => {
            let end = text.find('/').unwrap_or(text.len());
            let capture = |at: usize| wild(rest, text, at);
            match rest.first() {
                None => capture(end).filter(|_| end == text.len()),
                Some(Token::Literal(next)) if rest.len() == 1 => {
                    let at = text.len().checked_sub(next.len()).filter(|&at| at <= end)?;
                    capture(at)
                }
                Some(Token::Literal(next)) => {
                    capture(text.find(next.as_str()).filter(|&at| at <= end)?)
                }
                Some(_) => capture(end),
            }
        }
        Token::Any => match rest.first() {
            None => Some(vec![text]),
            Some(Token::Literal(next)) => {
                let mut places = text.match_indices(next.as_str()).map(|(at, _)| at);
                places.find_map(|at| wild(rest, text, at))
            }
            Some(_) => wild(rest, text, 0),
        },
    }
}

fn wild<'a>(rest: &[Token], text: &'a str, at: usize) -> Option<Vec<&'a str>> {
    let (captured, after) = text.split_at_checked(at)?;
    let mut captures = vec![captured];
    captures.extend(matches(rest, after)?);
    Some(captures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_captured() {
        for (pattern, host, path, expected) in [
            ("/api/builds/*", "h", "/api/builds/12", Some(vec!["12"])),
            ("/api/builds/*", "h", "/api/builds/12/likes", None),
            ("/api/builds/*", "h", "/api/builds/", Some(vec![""])),
            ("/api/**", "h", "/api/a/b", Some(vec!["a/b"])),
            ("/users/*/builds", "h", "/users/7/builds", Some(vec!["7"])),
            ("/users/*/builds", "h", "/users/7/8/builds", None),
            ("/**/*.css", "h", "/a/b/c.css", Some(vec!["a/b", "c"])),
            ("/*.css", "h", "/a.css.css", Some(vec!["a.css"])),
            ("/exact", "h", "/exact", Some(vec![])),
            ("/exact", "h", "/exactly", None),
            ("a.test/x", "a.test", "/x", Some(vec![])),
            ("a.test/x", "b.test", "/x", None),
            ("*.test/x/*", "a.test", "/x/1", Some(vec!["a", "1"])),
            ("/**a*b", "h", "/a/ab", Some(vec!["a/", ""])),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.captures(host, path), expected, "{pattern:?} on {host}{path}");
        }
    }

    #[test]
    fn a_pattern_has_a_path() {
        assert_eq!(Pattern::parse("example.com"), None);
        assert_eq!(Pattern::parse(""), None);
    }
}
