//! What is settled about a request before its exchange begins.

use std::time::Duration;

use http::{HeaderName, Method};

use crate::cache::entry::Entry;
use crate::cache::field::{NoVarySearch, Vary};
use crate::cache::key::Key;
use crate::cache::ledger::Stamp;
use crate::cache::policy::{self, Treatment};
use crate::cache::{RequestHead, ResponseHead, Tier};

/// The operator's part in an exchange.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The request's primary key.
    pub key: Key,
    /// What the rules say of it.
    pub treatment: Treatment,
    /// The tags that the rules give to its responses.
    pub tags: Vec<String>,
    /// The tiers in the order in which they are asked. The shared one knows what is stored;
    /// another is passed over when it has nothing, and one before it when what it has does not
    /// answer the request.
    pub tiers: Vec<Tier>,
    /// The spans and counts that bound it.
    pub limits: Limits,
    /// Up to which purge the ledger was known when the request came: what it brings is newer.
    pub stamp: Stamp,
    /// What was last found under the primary key, so that a variant is looked for at once.
    pub hint: Option<Hint>,
    /// Which other queries mean the same, as far as is known, if the key is that of all of them.
    pub search: Option<Search>,
}

impl Plan {
    /// The plan under the rule that the last response of the URL's path brought: its key is that of
    /// all queries which the rule does not tell from the request's.
    pub fn modulo(self, rule: NoVarySearch, method: &Method) -> Self {
        if rule.is_default() || !matches!(*method, Method::GET | Method::HEAD) {
            return self;
        }
        let key = self.key.modulo(&rule);
        let search = Some(Search { rule, exact: self.key });
        Self { key, search, hint: None, ..self }
    }
}

/// What is known of the queries of a path, and may be outdated: the response itself decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What matters of a query.
    pub rule: NoVarySearch,
    pub(super) exact: Key,
}

/// What a response tells of the queries of its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchNews {
    /// This is what matters of them.
    Rule(NoVarySearch),
    /// All of them matters, octet by octet.
    Over,
    /// Nothing new.
    None,
}

impl SearchNews {
    /// What a stored response tells: one from before the rule came is not to end it.
    pub fn of_stored(entry: &Entry) -> Self {
        match NoVarySearch::parse(&entry.head.headers) {
            rule if rule.is_default() => Self::None,
            rule => Self::Rule(rule),
        }
    }

    /// What the origin's answer to a request tells: an error is not to end the rule of what it
    /// stands for.
    pub fn of_answer(method: &Method, response: &ResponseHead) -> Self {
        match NoVarySearch::parse(&response.headers) {
            _ if !matches!(*method, Method::GET | Method::HEAD) => Self::None,
            rule if !rule.is_default() => Self::Rule(rule),
            _ if response.status == 200 => Self::Over,
            _ => Self::None,
        }
    }
}

/// What lay under a primary key when it was last seen. It saves a look where it is still right,
/// and costs one where it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    vary: Vary,
    selecting: Vec<(HeaderName, String)>,
}

impl Hint {
    /// What an entry under a primary key tells of its variants; none if there are no others.
    pub fn of(entry: &Entry) -> Option<Self> {
        match Vary::parse(&entry.head.headers) {
            Vary::Any | Vary::None => None,
            vary => Some(Self { vary, selecting: entry.selecting.clone() }),
        }
    }

    /// The variant's key under which the request's response is to be expected; none if that is
    /// the primary one.
    pub(super) fn variant(&self, primary: &Key, request: &RequestHead) -> Option<Key> {
        let own = policy::selecting(&self.vary, request);
        let variant = (own != self.selecting).then(|| primary.variant(&own));
        variant.filter(|variant| variant != primary)
    }
}

/// What bounds an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// After an origin's failure, how long its key is left alone where something else can answer.
    pub backoff: Duration,
    /// The same where nothing can: so long, and not for longer, requests wait for the next try.
    pub breather: Duration,
    /// How long the origin may take while a stored response could stand in or nobody waits.
    pub deadline: Duration,
    /// How long a lease lasts; longer than `deadline`.
    pub lease: Duration,
    /// How long a key that was found not to be storable is not waited for.
    pub pass: Duration,
    /// How long a request waits for another one's fetch; longer than `lease`, so that a leader's
    /// death is outwaited.
    pub patience: Duration,
    /// The first pause of a waiting request where nothing is known of how long the fetch takes; it
    /// doubles up to thirty-two times that, so that the whole wait takes a few subrequests.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            backoff: BACKOFF,
            breather: BREATHER,
            deadline: DEADLINE,
            lease: LEASE,
            pass: PASS,
            patience: PATIENCE,
            poll: POLL,
        }
    }
}

/// For how long a change is remembered: what a request brings that took longer is not stored.
pub const CHANGE_KEEP: Duration = Duration::from_secs(60);

const BACKOFF: Duration = Duration::from_secs(2);
const BREATHER: Duration = Duration::from_millis(500);
const DEADLINE: Duration = Duration::from_secs(10);
const LEASE: Duration = Duration::from_secs(12);
const PASS: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(14);
const POLL: Duration = Duration::from_millis(25);

/// What is left of an exchange after its reply is ended by the platform after so long.
const AFTERWARDS: Duration = Duration::from_secs(30);

const _: () = assert!(LEASE.as_millis() < AFTERWARDS.as_millis());
const _: () = assert!(LEASE.as_millis() > DEADLINE.as_millis());
const _: () = assert!(BREATHER.as_millis() <= BACKOFF.as_millis());
const _: () = assert!(PATIENCE.as_millis() > LEASE.as_millis());
