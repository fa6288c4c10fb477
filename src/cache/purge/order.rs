//! What a purge request comes to, and what its selectors may hold.

use super::{Bounds, Complaint, native};
use crate::cache::glob::Glob;
use crate::cache::key::normalised;
use crate::cache::ledger::{Mode, Place, Record, Selector};
use crate::cache::sort::sort_unique;

/// A purge request that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The records that it comes to, each once.
    pub records: Vec<Record>,
    /// Whether they are to be recorded.
    pub effect: Effect,
}

impl Order {
    /// Refuses what does not lie within the bounds; without any, everything.
    pub fn permit(&self, bounds: Option<&Bounds>) -> Result<(), Complaint> {
        let beyond = |record: &&Record| bounds.is_none_or(|b| !b.covers(&record.selector));
        let Some(record) = self.records.iter().find(beyond) else { return Ok(()) };
        let message = format!("the token's scope does not cover {}", native::told(record));
        Err(Complaint::new(403, "forbidden", message))
    }

    /// Refuses what names a host of another site: recorded in this one's ledger it would do
    /// nothing.
    pub fn stays_within(&self, site: &dyn Fn(&str) -> bool) -> Result<(), Complaint> {
        let mut hosts = self.records.iter().filter_map(|record| host(&record.selector));
        let Some(host) = hosts.find(|host| !site(host)) else { return Ok(()) };
        let message = format!("{host} is another site; send what concerns it to that host");
        Err(Complaint::new(422, "another-site", message))
    }
}

/// The host that a selector names.
fn host(selector: &Selector) -> Option<&str> {
    match selector {
        Selector::All | Selector::Glob(_) | Selector::Tag(_) => None,
        Selector::Host(host) => Some(host),
        Selector::Key(key) => Some(Place::of_key(key).host()),
        Selector::Prefix(prefix) => prefix.split('/').next().filter(|host| !host.is_empty()),
        Selector::Url(url) => Some(Place::of(url).host()),
    }
}

/// What an order is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// Show what would be recorded.
    Preview,
    /// Purge.
    #[default]
    Record,
}

/// Which forms of a URL are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Forms {
    /// The path with whatever query.
    AnyQuery,
    /// The URL as it stands.
    #[default]
    Exact,
}

/// An order as it is being read.
pub(super) struct Draft<'a> {
    pub mode: Mode,
    pub effect: Effect,
    fold: &'a dyn Fn(&str) -> String,
    records: Vec<Record>,
    selectors: usize,
}

/// Where in a request a selector stands: `tags`, or `tags[3]`.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a>(pub &'a str, pub Option<usize>);

impl Spot<'_> {
    pub fn complain(self, code: &'static str, message: impl Into<String>) -> Complaint {
        let field = match self.1 {
            Some(index) => format!("{}[{index}]", self.0),
            None => self.0.to_owned(),
        };
        Complaint::of(field, code, message)
    }
}

impl<'a> Draft<'a> {
    pub fn new(fold: &'a dyn Fn(&str) -> String) -> Self {
        let (mode, effect) = (Mode::Hard, Effect::Record);
        Self { mode, effect, fold, records: Vec::new(), selectors: 0 }
    }

    /// The whole order, unless it is empty or too large.
    pub fn finish(self) -> Result<Order, Complaint> {
        let Self { selectors, effect, mut records, .. } = self;
        if selectors > SELECTORS_MAX {
            let message = format!("{selectors} selectors; at most {SELECTORS_MAX} a request");
            return Err(Complaint::new(413, "too-many-selectors", message));
        }
        if records.is_empty() {
            let message = "nothing to purge; name at least one selector";
            return Err(Complaint::new(400, "nothing-selected", message));
        }
        sort_unique(&mut records, Record::cmp);
        Ok(Order { records, effect })
    }

    pub fn everything(&mut self) {
        self.add(Selector::All);
    }

    pub fn tag(&mut self, text: &str, spot: Spot<'_>) -> Result<(), Complaint> {
        let text = checked(text, spot)?;
        self.add(Selector::Tag(text.to_owned()));
        Ok(())
    }

    pub fn key(&mut self, text: &str, spot: Spot<'_>) -> Result<(), Complaint> {
        let text = checked(text, spot)?;
        self.add(Selector::Key(text.to_owned()));
        Ok(())
    }

    pub fn glob(&mut self, text: &str, spot: Spot<'_>) -> Result<(), Complaint> {
        let text = checked(text, spot)?;
        self.add(Selector::Glob(Glob::new(text)));
        Ok(())
    }

    pub fn url(&mut self, text: &str, forms: Forms, spot: Spot<'_>) -> Result<(), Complaint> {
        let text = checked(text, spot)?;
        let message = "must be an absolute URL such as https://example.com/page";
        let url = normalised(text).ok_or_else(|| spot.complain("invalid-url", message))?;
        if forms == Forms::Exact {
            self.add(Selector::Url((self.fold)(&url)));
            return Ok(());
        }
        let path = url.split_once('?').map_or(url.as_str(), |(path, _)| path);
        let url = (self.fold)(path);
        let prefix = format!("{}?", bare(&url));
        self.records.push(Record { mode: self.mode, selector: Selector::Prefix(prefix) });
        self.add(Selector::Url(url));
        Ok(())
    }

    /// A host, with its port where that is not the scheme's own.
    pub fn host(&mut self, text: &str, spot: Spot<'_>) -> Result<(), Complaint> {
        let text = checked(text, spot)?;
        let host = self.authority(text).filter(|_| !text.contains(['/', '?', '#', '\\', '@']));
        let message = "must be a host such as example.com, with its port if that is unusual";
        let host = host.ok_or_else(|| spot.complain("invalid-host", message))?;
        self.add(Selector::Host(host));
        Ok(())
    }

    /// A prefix: `example.com/shop/`, or `/shop/` on every host. The host is always whole.
    pub fn prefix(&mut self, text: &str, spot: Spot<'_>) -> Result<(), Complaint> {
        let text = bare(checked(text, spot)?);
        let message = "must begin with a whole host or a slash, such as example.com/shop/";
        let wrong = || spot.complain("invalid-prefix", message);
        let end = text.find(['/', '?', '#', '\\']).unwrap_or(text.len());
        let (host, path) = text.split_at_checked(end).ok_or_else(wrong)?;
        let slash = if path.starts_with(['/', '\\']) { "" } else { "/" };
        // What is appended keeps `/.` and `/a%2` from being taken for the whole of a path.
        let whole = normalised(&format!("https://any.invalid{slash}{path}x"));
        let path = whole.as_deref().and_then(|url| url.strip_prefix("https://any.invalid"));
        let path = path.and_then(|path| path.strip_suffix('x')).ok_or_else(wrong)?;
        let host = match host {
            "" => String::new(),
            host => self.authority(host).ok_or_else(wrong)?,
        };
        self.add(Selector::Prefix(format!("{host}{path}")));
        Ok(())
    }

    /// A host as keys have it. The ports of both schemes are nobody's own.
    pub fn authority(&self, text: &str) -> Option<String> {
        let text = text.strip_suffix(":80").unwrap_or(text);
        let url = normalised(&format!("https://{text}/"))?;
        let folded = (self.fold)(&url);
        let host = bare(&folded).split('/').next()?;
        (!host.is_empty()).then(|| host.to_owned())
    }

    fn add(&mut self, selector: Selector) {
        self.selectors = self.selectors.saturating_add(1);
        self.records.push(Record { mode: self.mode, selector });
    }
}

/// A selector's text without what surrounds it.
fn checked<'t>(text: &'t str, spot: Spot<'_>) -> Result<&'t str, Complaint> {
    let text = text.trim();
    if text.is_empty() {
        return Err(spot.complain("invalid-field", "must be a text, not empty"));
    }
    if text.len() > TEXT_MAX || text.chars().any(char::is_control) {
        let message = format!("must be at most {TEXT_MAX} bytes without control characters");
        return Err(spot.complain("invalid-field", message));
    }
    Ok(text)
}

/// A URL without its scheme.
pub(super) fn bare(text: &str) -> &str {
    text.split_once("://").map_or(text, |(_, bare)| bare)
}

/// The most selectors of one request.
pub const SELECTORS_MAX: usize = 1_000;

/// The longest selector in bytes.
const TEXT_MAX: usize = 2_048;
