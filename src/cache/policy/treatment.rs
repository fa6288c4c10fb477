//! What the operator's rules say of a request, in the terms that policy decides in.

use std::time::Duration;

use http::Method;

use crate::cache::Time;
use crate::cache::graphql::GraphQl;
use crate::cache::tuning::Bounds;

/// The operator's wishes for one request: what the first matching rule of the configuration says.
///
/// Spans lengthen or shorten what the origin says; they never lift a [`Prohibition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// Whether and how responses are stored.
    pub caching: Caching,
    /// The freshness lifetime from the moment of receipt. `None`: what the origin says.
    pub fresh: Option<Duration>,
    /// Between which bounds the freshness lifetime follows from how often the content changes, in
    /// place of `fresh`. `None`: it does not.
    pub tuning: Option<Bounds>,
    /// The span after `fresh` in which a stale response is served while it is refreshed.
    /// `None`: the origin's `stale-while-revalidate` (RFC 5861 §3).
    pub stale: Option<Duration>,
    /// The span after `fresh` in which a stale response stands in for a failing origin.
    /// `None`: the origin's `stale-if-error` (RFC 5861 §4).
    pub rescue: Option<Duration>,
    /// The span after everything else in which a response is kept, only to be validated.
    /// `None`: a day.
    pub keep: Option<Duration>,
    /// The freshness lifetime of errors that name none: of the origin's (5xx), and of those that
    /// say of the resource that it is not there. `None`: such errors are not stored.
    pub negative: Option<Duration>,
    /// The longest freshness lifetime that an origin may ask for, from the moment of receipt.
    pub fresh_max: Duration,
    /// The largest body that is stored, in bytes.
    pub body_max: u64,
    /// When a fresh response is refreshed behind a reply.
    pub refresh: Refresh,
    /// How many of the links of a page are fetched when it was stored.
    pub prefetch: u8,
    /// Whether text is stored compressed.
    pub compression: Compression,
    /// Whether clients may demand validation and the like (RFC 9111 §5.2.1).
    pub client_directives: ClientDirectives,
    /// Methods besides GET and HEAD that are looked up, keyed by their content: QUERY, which is
    /// safe, and those for which the operator vouches.
    pub methods: Vec<Method>,
    /// In which form content makes keys.
    pub content: ContentForm,
    /// Larger content is not read: its request passes through.
    pub content_max: u64,
    /// The base URL of the origin, by which it may name itself in its responses, without a
    /// trailing slash.
    pub origin: Option<String>,
    /// Whether responses may purge by a field.
    pub origin_purges: OriginPurges,
    /// Whether clients see the fields that name tags.
    pub tag_fields: TagFields,
    /// What becomes of what may have been purged, where that can't be known.
    pub doubt: Doubt,
}

impl Default for Treatment {
    /// No rules: what the origin says, under the limits.
    fn default() -> Self {
        Self {
            caching: Caching::Respect,
            fresh: None,
            tuning: None,
            stale: None,
            rescue: None,
            keep: None,
            negative: None,
            fresh_max: FRESH_MAX,
            body_max: BODY_MAX,
            refresh: Refresh::Usual,
            prefetch: 0,
            compression: Compression::Off,
            client_directives: ClientDirectives::Obey,
            methods: query(),
            content: ContentForm::Exact,
            content_max: CONTENT_MAX,
            origin: None,
            origin_purges: OriginPurges::Heeded,
            tag_fields: TagFields::Stripped,
            doubt: Doubt::StandsIn,
        }
    }
}

/// Whether what may have been purged stands in for an origin that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doubt {
    /// It does: an answer beats none.
    #[default]
    StandsIn,
    /// It does not: a purge is final, whatever that costs.
    Withheld,
}

/// When a fresh response is refreshed behind a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// Also with what is likely to be the last request before it is stale, going by how often it
    /// was asked for.
    Ahead(Pace),
    /// By chance near its end.
    #[default]
    Usual,
}

/// How often something was asked for lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// So often.
    pub requests: u32,
    /// Since then.
    pub since: Time,
}

/// Whether text that came without a coding is stored compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// With gzip, where that pays.
    Gzip,
    /// It is not.
    #[default]
    Off,
}

/// In which form a request's content is part of its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ContentForm {
    /// Byte by byte.
    #[default]
    Exact,
    /// As a GraphQL request: only those that read are looked up.
    GraphQl(GraphQl),
    /// As a JSON value, if it is one.
    Json,
}

/// Whether a response may purge by `Breadbox-Purge` and `Breadbox-Soft-Purge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginPurges {
    /// It may: the origin is trusted.
    Heeded,
    /// It may not.
    Ignored,
}

/// Whether clients see `Cache-Tag`, `Surrogate-Key` and `xkey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagFields {
    /// They do, for another cache on the way or a look from outside.
    Shown,
    /// They do not.
    Stripped,
}

fn query() -> Vec<Method> {
    Method::from_bytes(b"QUERY").into_iter().collect()
}

/// Whether responses to a request may be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Caching {
    /// Never: the request is forwarded untouched.
    Bypass,
    /// Even against the prohibitions named; their dangerous part is then not stored.
    Force {
        /// The prohibitions that the operator answers for.
        ignore: Vec<Prohibition>,
    },
    /// As HTTP says.
    #[default]
    Respect,
}

impl Caching {
    /// Whether the operator's rule names this prohibition as one to ignore.
    pub fn ignores(&self, prohibition: Prohibition) -> bool {
        matches!(self, Self::Force { ignore } if ignore.contains(&prohibition))
    }
}

/// What forbids a shared cache to store or to reuse a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prohibition {
    /// The request carried credentials (RFC 9111 §3.5).
    Authorization,
    /// `no-cache`: no use without validation (RFC 9111 §5.2.2.4).
    NoCache,
    /// `no-store` (RFC 9111 §5.2.2.5).
    NoStore,
    /// `private` (RFC 9111 §5.2.2.7).
    Private,
    /// The response sets a cookie.
    SetCookie,
    /// `Vary: *` (RFC 9111 §4.1).
    VaryAny,
}

impl Prohibition {
    /// Every prohibition.
    pub const ALL: [Self; 6] = [
        Self::Authorization,
        Self::NoCache,
        Self::NoStore,
        Self::Private,
        Self::SetCookie,
        Self::VaryAny,
    ];

    /// The word used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::NoCache => "no-cache",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::SetCookie => "set-cookie",
            Self::VaryAny => "vary",
        }
    }
}

/// What clients' cache directives are worth (RFC 9111 §5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientDirectives {
    /// They count for nothing.
    Ignore,
    /// They are obeyed.
    #[default]
    Obey,
}

/// An origin's word alone does not keep a response fresh for longer.
const FRESH_MAX: Duration = Duration::from_secs(60 * 60);

/// Requests with larger content stream through.
const CONTENT_MAX: u64 = 64 * 1024;

/// Larger bodies stream through.
const BODY_MAX: u64 = 1024 * 1024;
