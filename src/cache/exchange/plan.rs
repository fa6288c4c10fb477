//! What is settled about a request before its exchange begins.

use std::time::Duration;

use http::HeaderName;

use crate::cache::entry::Entry;
use crate::cache::field::Vary;
use crate::cache::key::Key;
use crate::cache::ledger::Stamp;
use crate::cache::policy::{self, Treatment};
use crate::cache::{RequestHead, Tier};

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
