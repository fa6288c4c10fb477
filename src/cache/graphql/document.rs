//! The text of a GraphQL document: which operations it holds, and its one form.

/// What a document holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its tokens with one space between them: what is left when nothing insignificant is.
    pub form: String,
    /// Whether it asks for anything else than queries.
    pub operations: Operations,
}

/// Which kinds of operations a document holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operations {
    /// At least one that changes something or goes on.
    Others,
    /// Only such that read.
    Queries,
}

/// Where in a definition a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between definitions.
    Between,
    /// After a keyword, before the selections; so many parentheses and brackets are open.
    Head(usize),
    /// In the selections; so many braces are open.
    Selections(usize),
}

impl Document {
    /// Reads a document; `None` if it is none, or holds no operation.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut form, mut place) = (String::with_capacity(text.len()), Place::Between);
        let (mut queries, mut others) = (0_usize, 0_usize);
        let mut rest = text;
        while let Some((token, after)) = next(rest)? {
            rest = after;
            if !form.is_empty() {
                form.push(' ');
            }
            form.push_str(token);
            place = match (place, token) {
                (Place::Between, "{") => {
                    queries = queries.saturating_add(1);
                    Place::Selections(1)
                }
                (Place::Between, "query") => {
                    queries = queries.saturating_add(1);
                    Place::Head(0)
                }
                (Place::Between, "mutation" | "subscription") => {
                    others = others.saturating_add(1);
                    Place::Head(0)
                }
                (Place::Between, "fragment") => Place::Head(0),
                (Place::Between, _) => return None,
                (Place::Head(open), "(" | "[") => Place::Head(open.saturating_add(1)),
                (Place::Head(open), ")" | "]") => Place::Head(open.checked_sub(1)?),
                (Place::Head(0), "{") => Place::Selections(1),
                (Place::Head(0), "}") => return None,
                (Place::Head(open), _) => Place::Head(open),
                (Place::Selections(open), "{") => Place::Selections(open.saturating_add(1)),
                (Place::Selections(1), "}") => Place::Between,
                (Place::Selections(open), "}") => Place::Selections(open.checked_sub(1)?),
                (Place::Selections(open), _) => Place::Selections(open),
            };
        }
        let operations = if others > 0 { Operations::Others } else { Operations::Queries };
        let whole = place == Place::Between && queries.saturating_add(others) > 0;
        whole.then_some(Self { form, operations })
    }
}

/// The next token and what follows it; `Some(None)` at the end, `None` where there is no token.
fn next(text: &str) -> Option<Option<(&str, &str)>> {
    let mut text = text;
    loop {
        text = text.trim_start_matches([' ', '\t', '\n', '\r', ',', '\u{feff}']);
        let Some(comment) = text.strip_prefix('#') else { break };
        text = comment.find(['\n', '\r']).and_then(|end| comment.get(end..)).unwrap_or("");
    }
    let Some(first) = text.chars().next() else { return Some(None) };
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let number = |c: char| name(c) || matches!(c, '.' | '+' | '-');
    let run = |of: &dyn Fn(char) -> bool| text.find(|c| !of(c)).unwrap_or(text.len());
    let length = match first {
        '"' if text.starts_with("\"\"\"") => block(text)?,
        '"' => string(text)?,
        '.' if text.starts_with("...") => 3,
        '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => 1,
        '0'..='9' | '-' => run(&number),
        c if name(c) => run(&name),
        _ => return None,
    };
    text.split_at_checked(length).map(Some)
}

/// The length of a string with its quotes.
fn string(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' | '\r' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at.saturating_add(1)),
            _ => {}
        }
    }
    None
}

/// The length of a block string with its quotes.
fn block(text: &str) -> Option<usize> {
    let mut at = 3_usize;
    loop {
        let found = text.get(at..)?.find("\"\"\"")?.saturating_add(at);
        let end = found.saturating_add(3);
        let escaped = found > 3 && text.get(..found)?.ends_with('\\');
        if !escaped {
            return Some(end);
        }
        at = end;
    }
}
