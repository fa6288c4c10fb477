//! The fields `Cache-Control` and `Surrogate-Control`.

use http::{HeaderMap, HeaderName, header};

use super::Seconds;
use super::grammar::{lines, members, names, split, trim, unquote};

/// The directives of a request or a response (RFC 9111 §5.2).
///
/// Names are case-insensitive; arguments may be tokens or quoted; unknown directives are ignored.
/// Each directive is read by itself: a malformed one neither hides its neighbours nor counts as
/// absent if it would have limited reuse. An unreadable lifetime is zero, and of repeated ones the
/// smallest counts (RFC 9111 §4.2.1).
///
/// ```text
/// Cache-Control   = #cache-directive
/// cache-directive = token [ "=" ( token / quoted-string ) ]
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// The response won't change while it is fresh (RFC 8246 §2).
    pub immutable: bool,
    /// The freshness lifetime, or the age that a client accepts (RFC 9111 §5.2.2.1,
    /// RFC 9111 §5.2.1.1).
    pub max_age: Option<Seconds>,
    /// How stale a response the client accepts (RFC 9111 §5.2.1.2).
    pub max_stale: Option<Seconds>,
    /// How much freshness the client wants left (RFC 9111 §5.2.1.3).
    pub min_fresh: Option<Seconds>,
    /// No use without validation once stale (RFC 9111 §5.2.2.2).
    pub must_revalidate: bool,
    /// Storable by those only who know the status code (RFC 9111 §5.2.2.3).
    pub must_understand: bool,
    /// No use without validation (RFC 9111 §5.2.2.4, RFC 9111 §5.2.1.4).
    pub no_cache: Scope,
    /// No storing (RFC 9111 §5.2.2.5, RFC 9111 §5.2.1.5).
    pub no_store: bool,
    /// No change of the content (RFC 9111 §5.2.2.6).
    pub no_transform: bool,
    /// No fetching (RFC 9111 §5.2.1.7).
    pub only_if_cached: bool,
    /// No storing by shared caches (RFC 9111 §5.2.2.7).
    pub private: Scope,
    /// `must-revalidate` for shared caches (RFC 9111 §5.2.2.8).
    pub proxy_revalidate: bool,
    /// Storable although it might not seem so (RFC 9111 §5.2.2.9).
    pub public: bool,
    /// The freshness lifetime in shared caches (RFC 9111 §5.2.2.10).
    pub s_maxage: Option<Seconds>,
    /// How long after its lifetime it may replace an error (RFC 5861 §4).
    pub stale_if_error: Option<Seconds>,
    /// How long after its lifetime it may be used while it is validated (RFC 5861 §3).
    pub stale_while_revalidate: Option<Seconds>,
}

/// What of a response a directive is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Nothing: the directive is absent.
    #[default]
    Absent,
    /// The fields it names.
    Fields(Vec<HeaderName>),
    /// All of it.
    Whole,
}

impl CacheControl {
    /// The value of `Cache-Control` in these fields.
    pub fn parse(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for line in lines(headers, header::CACHE_CONTROL) {
            for member in members(&line) {
                directives.add(member);
            }
        }
        directives
    }

    /// The value of `Surrogate-Control` in these fields; `None` if it says nothing to us.
    ///
    /// Directives may be targeted at one surrogate, and `max-age=60+600` names the lifetime and
    /// for how long after it a stale response may be used (Edge Architecture Specification 1.0,
    /// section 2.3).
    pub fn parse_surrogate(headers: &HeaderMap) -> Option<Self> {
        let mut directives = Self::default();
        for line in lines(headers, &SURROGATE_CONTROL) {
            for member in members(&line) {
                let mut parts = split(member, ';').map(trim);
                let directive = parts.next().unwrap_or_default();
                let mut targets = parts.peekable();
                if targets.peek().is_some() && !targets.any(|t| t.eq_ignore_ascii_case(US)) {
                    continue;
                }
                directives.add_surrogate(directive);
            }
        }
        (directives != Self::default()).then_some(directives)
    }

    /// Whether a stale response may not be used without validation, whatever a client says
    /// (RFC 9111 §4.2.4).
    pub fn forbids_stale(&self) -> bool {
        self.must_revalidate
            || self.proxy_revalidate
            || self.s_maxage.is_some()
            || self.no_cache == Scope::Whole
    }

    fn add_surrogate(&mut self, directive: &str) {
        match directive.split_once('+') {
            Some((fresh, stale)) if is_max_age(fresh) => {
                self.add(fresh);
                least(&mut self.stale_while_revalidate, Seconds::parse(trim(stale)));
            }
            _ if directive.eq_ignore_ascii_case("no-store-remote") => self.no_store = true,
            _ => self.add(directive),
        }
    }

    fn add(&mut self, directive: &str) {
        let (name, argument) = match directive.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (directive, None),
        };
        match trim(name).to_ascii_lowercase().as_str() {
            "immutable" => self.immutable = true,
            "max-age" => least(&mut self.max_age, Some(lifetime(name, argument))),
            "max-stale" => self.add_max_stale(argument),
            "min-fresh" => most(&mut self.min_fresh, argument.and_then(seconds)),
            "must-revalidate" => self.must_revalidate = true,
            "must-understand" => self.must_understand = true,
            "no-cache" => self.no_cache.add(argument),
            "no-store" => self.no_store = true,
            "no-transform" => self.no_transform = true,
            "only-if-cached" => self.only_if_cached = true,
            "private" => self.private.add(argument),
            "proxy-revalidate" => self.proxy_revalidate = true,
            "public" => self.public = true,
            "s-maxage" => least(&mut self.s_maxage, Some(lifetime(name, argument))),
            "stale-if-error" => least(&mut self.stale_if_error, argument.and_then(seconds)),
            "stale-while-revalidate" => {
                least(&mut self.stale_while_revalidate, argument.and_then(seconds));
            }
            _ => {}
        }
    }

    fn add_max_stale(&mut self, argument: Option<&str>) {
        let span = argument.map_or(Some(Seconds::MAX), seconds);
        least(&mut self.max_stale, span);
    }
}

impl Scope {
    /// Whether the directive is there at all.
    pub fn is_present(&self) -> bool {
        *self != Self::Absent
    }

    /// The fields named, if it is about those only.
    pub fn fields(&self) -> &[HeaderName] {
        match self {
            Self::Fields(fields) => fields,
            Self::Absent | Self::Whole => &[],
        }
    }

    /// Widens the scope by one more occurrence; a list that can't be read means all.
    pub(super) fn add(&mut self, argument: Option<&str>) {
        let listed = argument.and_then(|a| names(&unquote(trim(a))));
        match (&mut *self, listed) {
            (Self::Fields(fields), Some(more)) => fields.extend(more),
            (Self::Absent, Some(fields)) => *self = Self::Fields(fields),
            (Self::Whole, _) | (_, None) => *self = Self::Whole,
        }
    }
}

/// A lifetime as written; zero if it can't be read. Whitespace around the `=` makes it unreadable
/// (RFC 9111 §5.2).
fn lifetime(name: &str, argument: Option<&str>) -> Seconds {
    argument.filter(|_| trim(name) == name).and_then(seconds).unwrap_or(Seconds::ZERO)
}

fn seconds(argument: &str) -> Option<Seconds> {
    Seconds::parse(&unquote(argument))
}

fn is_max_age(directive: &str) -> bool {
    directive.get(..8).is_some_and(|name| name.eq_ignore_ascii_case("max-age="))
}

fn least(slot: &mut Option<Seconds>, value: Option<Seconds>) {
    *slot = match (*slot, value) {
        (Some(old), Some(new)) => Some(old.min(new)),
        (old, new) => old.or(new),
    };
}

fn most(slot: &mut Option<Seconds>, value: Option<Seconds>) {
    *slot = (*slot).max(value);
}

/// The name by which origins may target us.
pub(crate) const US: &str = "Breadbox";

/// Tells surrogates what to do, and is not for clients.
pub(crate) const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");
