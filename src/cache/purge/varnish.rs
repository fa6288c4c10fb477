//! `PURGE` and `BAN` in the forms that plugins send to Varnish.
//!
//! Varnish leaves it to its configuration what these methods mean; these are the fields of the
//! configurations that come with FOSHttpCache, API Platform, Drupal, Magento and WordPress, and
//! of the module xkey. Their regular expressions are translated where something in the ledger
//! selects as much or a little more, and refused where that can't be told.

use super::order::{Draft, Forms, Order, Spot};
use super::{Complaint, path_and_query, text};
use crate::cache::RequestHead;
use crate::cache::ledger::Mode;

/// The conditions of a ban, regular expressions all.
#[derive(Default)]
struct Ban<'a> {
    host: Option<Condition<'a>>,
    url: Option<Condition<'a>>,
    tags: Option<Condition<'a>>,
}

/// A condition and the field that it comes from.
#[derive(Clone, Copy)]
struct Condition<'a> {
    field: &'a str,
    pattern: &'a str,
}

pub(super) fn read(head: &RequestHead, fold: &dyn Fn(&str) -> String) -> Result<Order, Complaint> {
    let mut draft = Draft::new(fold);
    let mut keyed = false;
    for (field, mode) in KEYS {
        draft.mode = mode;
        for value in head.headers.get_all(field) {
            let value = String::from_utf8_lossy(value.as_bytes());
            let keys = value.split([' ', '\t', ',']).filter(|key| !key.is_empty());
            for (index, key) in keys.enumerate() {
                keyed = true;
                draft.tag(key, Spot(field, Some(index)))?;
            }
        }
    }
    draft.mode = Mode::Hard;
    if keyed {
        return draft.finish();
    }
    if let Some(kind) = text(&head.headers, "x-content-type") {
        let condition = Condition { field: "x-content-type", pattern: kind };
        if !condition.is_any() {
            return Err(condition.complain());
        }
    }
    match Ban::of(head) {
        Some(ban) => ban.write(&mut draft, head)?,
        None => draft.url(&head.url, Forms::Exact, Spot(OWN, None))?,
    }
    draft.finish()
}

impl<'a> Ban<'a> {
    /// The conditions that a request names; none means its URL as it stands.
    fn of(head: &'a RequestHead) -> Option<Self> {
        let find = |fields: &[&'static str]| {
            fields.iter().find_map(|field| {
                let pattern = text(&head.headers, field)?;
                Some(Condition { field, pattern })
            })
        };
        let mut ban = Self { host: find(&HOSTS), url: find(&URLS), tags: find(&TAGS) };
        let (path, _) = path_and_query(&head.url);
        let regex = text(&head.headers, "x-purge-method") == Some("regex") || path.contains(".*");
        let named = ban.host.is_some() || ban.url.is_some() || ban.tags.is_some();
        if !named && regex {
            ban.url = Some(Condition { field: OWN, pattern: path });
        }
        (named || regex).then_some(ban)
    }

    /// Of several conditions the one on tags is enough: it selects no less than all together.
    fn write(&self, draft: &mut Draft<'_>, head: &RequestHead) -> Result<(), Complaint> {
        if let Some(tags) = self.tags.filter(|tags| !tags.is_any()) {
            return tags.write_tags(draft);
        }
        let host = match self.host {
            Some(host) if !host.is_any() => Some(host.host(draft)?),
            None if self.url.is_some_and(|url| url.field == OWN) => own_host(&head.url),
            _ => None,
        };
        match (host, self.url.filter(|url| !url.is_any())) {
            (None, None) => draft.everything(),
            (Some(host), None) => draft.host(&host, Spot("host", None))?,
            (host, Some(url)) => url.write_url(draft, host.as_deref().unwrap_or_default())?,
        }
        Ok(())
    }
}

impl Condition<'_> {
    fn is_any(self) -> bool {
        matches!(self.pattern, "." | ".*" | "*" | "^.*$" | "^.*" | "/.*" | "^/.*" | "^/")
    }

    fn complain(self) -> Complaint {
        let message = "this regular expression says more than a purge can; send tags, or a URL in \
                       which only .* is special";
        Spot(self.field, None).complain("unsupported-pattern", message)
    }

    /// A host in a regular expression that means one.
    fn host(self, draft: &Draft<'_>) -> Result<String, Complaint> {
        let host = self.pattern.trim_start_matches(['^', '(']).trim_end_matches(['$', ')']);
        let host: String = host.chars().filter(|c| *c != '\\').collect();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_');
        let host = Some(host).filter(|host| host.chars().all(plain));
        host.and_then(|host| draft.authority(&host)).ok_or_else(|| self.complain())
    }

    /// Alternatives, each a tag or a pattern, with or without the bounds of a list's member.
    fn write_tags(self, draft: &mut Draft<'_>) -> Result<(), Complaint> {
        let mut list = self.pattern.to_owned();
        for bound in BOUNDS {
            list = list.replace(bound, "");
        }
        let spot = Spot(self.field, None);
        for tag in list.split(['|', ' ', ',']) {
            let tag = tag.trim_start_matches(['(', '^']).trim_end_matches([')', '$']);
            if tag.is_empty() {
                continue;
            }
            let (tag, stars) = literal(tag, Dots::Kept).ok_or_else(|| self.complain())?;
            match stars {
                0 => draft.tag(&tag, spot)?,
                _ => draft.glob(&tag, spot)?,
            }
        }
        Ok(())
    }

    /// A pattern on path and query, of one host or of all.
    fn write_url(self, draft: &mut Draft<'_>, host: &str) -> Result<(), Complaint> {
        let (head, start) = match self.pattern.strip_prefix('^') {
            Some(rest) => ("", rest),
            None if self.field == OWN => ("", self.pattern),
            None => ("*", self.pattern),
        };
        let (text, tail) = match start.strip_suffix('$').filter(|text| !text.ends_with('\\')) {
            Some(text) => (text, ""),
            None => (start, "*"),
        };
        let (text, stars) = literal(text, Dots::Any).ok_or_else(|| self.complain())?;
        if head.is_empty() && !text.starts_with(['/', '*']) {
            return Err(self.complain());
        }
        let spot = Spot(self.field, None);
        let begins = stars == usize::from(text.ends_with('*')) && head.is_empty();
        match text.strip_suffix('*').or((tail == "*").then_some(text.as_str())) {
            Some(prefix) if begins => draft.prefix(&format!("{host}{prefix}"), spot),
            None if begins && !host.is_empty() => {
                draft.url(&format!("https://{host}{text}"), Forms::Exact, spot)
            }
            _ => draft.glob(&format!("{host}{head}{text}{tail}").replace("**", "*"), spot),
        }
    }
}

/// What a dot alone stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dots {
    /// Any run, so that nothing is missed.
    Any,
    /// Itself: tags are names, and nobody escapes them.
    Kept,
}

/// A regular expression as a pattern with stars, and how many; `None` for what is more than that.
fn literal(regex: &str, dots: Dots) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut stars = 0_usize;
    let mut chars = regex.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next().filter(|c| !c.is_alphanumeric())?),
            '.' if chars.next_if(|c| matches!(c, '*' | '+')).is_some() || dots == Dots::Any => {
                if !text.ends_with('*') {
                    text.push('*');
                    stars = stars.saturating_add(1);
                }
            }
            '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            c => text.push(c),
        }
    }
    Some((text, stars))
}

fn own_host(url: &str) -> Option<String> {
    super::order::bare(url).split('/').next().map(str::to_owned)
}

/// The place of what a request names by its own URL.
const OWN: &str = "url";

/// Fields that name keys as the module xkey has them.
const KEYS: [(&str, Mode); 3] =
    [("xkey", Mode::Hard), ("xkey-purge", Mode::Hard), ("xkey-softpurge", Mode::Soft)];

/// Fields with a regular expression on tags.
const TAGS: [&str; 4] =
    ["x-cache-tags", "cache-tags", "apiplatform-ban-regex", "x-magento-tags-pattern"];

/// Fields with a regular expression on path and query.
const URLS: [&str; 3] = ["x-ban-url", "x-url", "x-ban-regex"];

/// Fields with a regular expression on the host.
const HOSTS: [&str; 2] = ["x-ban-host", "x-host"];

/// How regular expressions bound a list's members.
const BOUNDS: [&str; 8] =
    ["(^|,)", "(,|$)", "($|,)", "(^|\\,)", "(\\,|$)", "($|\\,)", "(^| )", "( |$)"];
