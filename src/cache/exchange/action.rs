//! What the machine asks and what it may be told.

use std::time::Duration;

use http::{HeaderMap, Method};

use crate::cache::entry::Entry;
use crate::cache::family::Generation;
use crate::cache::field::{ByteRange, Coding};
use crate::cache::graphql::{self, GraphQl};
use crate::cache::key::Key;
use crate::cache::ledger::{Receipt, Record, Sequence, Stamp};
use crate::cache::policy::{Standing, Status};
use crate::cache::{ResponseHead, Tier, Time};

/// The machine's question to its driver.
#[derive(Clone, Debug)]
pub enum Action<B> {
    /// Take the lease on a key: [`Outcome::Granted`] or [`Outcome::Held`].
    Acquire {
        /// Whose fetch it is to be.
        key: Key,
        /// For how long, should its holder die.
        ttl: Duration,
        /// Between whom it decides.
        reach: Reach,
    },
    /// Read the origin's body to its clean end: [`Outcome::Collected`] or [`Outcome::Failed`].
    Collect {
        /// The most bytes that are wanted; more is [`Fault::TooLarge`].
        max: u64,
        /// What it says is wanted, too: [`Outcome::Inspected`]. See [`Outcome::of_body`].
        inspect: Option<GraphQl>,
    },
    /// Compress a body with gzip: [`Outcome::Compressed`] or [`Outcome::Failed`].
    Compress {
        /// It.
        body: B,
    },
    /// Take a body's digest, CRC-32: [`Outcome::Digested`] or [`Outcome::Failed`].
    Digest {
        /// It.
        body: B,
    },
    /// Ask the origin: [`Outcome::Answered`] or [`Outcome::Failed`].
    Fetch(Fetch),
    /// Forget what is stored under keys whose resource was changed: [`Outcome::Done`], or
    /// [`Outcome::Granted`] if the lease was taken.
    Invalidate {
        /// The keys.
        keys: Vec<Key>,
        /// Take the lease on the first of them for so long, unless another change of it was told of
        /// a moment ago.
        take: Option<Duration>,
    },
    /// Look for a stored response: [`Outcome::Found`], [`Outcome::Absent`] or
    /// [`Outcome::Failed`].
    Lookup {
        /// Where.
        tier: Tier,
        /// What.
        key: Key,
    },
    /// Record purges that a response asks for: [`Outcome::Purged`], [`Outcome::Overspent`] or
    /// [`Outcome::Failed`].
    Purge {
        /// The purges.
        records: Vec<Record>,
        /// Whether they count.
        charge: Charge,
    },
    /// Give a lease back: [`Outcome::Done`].
    Release {
        /// The lease.
        lease: Lease,
        /// The key it is on.
        key: Key,
        /// The key is left alone for a while, as its origin has just failed.
        hold: Option<Backoff>,
    },
    /// Send the response: [`Outcome::Done`].
    Reply(Reply<B>),
    /// Nothing is left to do.
    Stop,
    /// Commit an entry: [`Outcome::Stored`], [`Outcome::Superseded`], [`Outcome::Lost`] or
    /// [`Outcome::Failed`].
    Store {
        /// Where.
        tier: Tier,
        /// The lease under which it was fetched; the shared tier gives it back.
        lease: Lease,
        /// The key.
        key: Key,
        /// All but the body.
        entry: Box<Entry>,
        /// The body; none for a pass marker.
        body: Option<B>,
        /// For how long the tier shall keep it.
        keep: Duration,
    },
    /// Pause until the time has passed or the fetch for the key in this isolate has ended:
    /// [`Outcome::Done`].
    Wait {
        /// Whose fetch is waited for.
        key: Key,
        /// At the most how long.
        at_most: Duration,
    },
}

/// Whether purges count towards the origin's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// They do, and are refused beyond it.
    Counted,
    /// They take the place of those that were refused.
    Free,
}

/// A request to the origin.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Its method.
    pub method: Method,
    /// Its fields, without those that the driver adds.
    pub headers: HeaderMap,
    /// Whether the client's body goes along: only when it passes through.
    pub passes: bool,
    /// How long it may take to answer; none while the client has nothing else to hope for.
    pub deadline: Option<Duration>,
}

/// The response for the client.
#[derive(Clone, Debug)]
pub struct Reply<B> {
    /// Status and fields, `Cache-Status` included.
    pub head: ResponseHead,
    /// What follows them.
    pub content: Content<B>,
    /// The coding that has to be taken off the content on its way.
    pub decode: Option<Coding>,
    /// How many bytes shorter the content is than the origin's, as we have compressed it.
    pub saved: u64,
    /// What became of the request, for the tally.
    pub status: Status,
}

/// A response's body.
#[derive(Clone, Debug)]
pub enum Content<B> {
    /// None.
    Empty,
    /// None, but the length of the body that GET would have got is told.
    Head(u64),
    /// The origin's, as it streams in.
    Origin,
    /// The origin's, as it streams in; it is collected for storing as well.
    OriginKept,
    /// A stored one, whole or in pieces.
    Stored(B, Option<Vec<Piece>>),
    /// An explanation of our own.
    Text(String),
}

/// A piece of a body put together from a stored one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the stored body.
    Range(ByteRange),
    /// The lines between parts.
    Text(String),
}

/// Between whom a lease decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All isolates and data centres.
    Everywhere,
    /// The requests of this isolate: the shared tier is off or failing.
    Isolate,
}

/// The right to fetch and store a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The secret by which the store knows its holder.
    pub token: u64,
    /// The ledger's state before the fetch.
    pub stamp: Stamp,
    /// Between whom it was decided.
    pub reach: Reach,
    /// The family that the fill is for, if its key is a variant's.
    pub generation: Generation,
}

/// How long a key is left alone after its origin has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// When it failed.
    pub since: Time,
    /// For how long nobody gets its lease.
    pub span: Duration,
    /// The status of the failure: the origin's own, or what clients are told of its silence.
    pub status: u16,
}

/// Who has the lease instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nobody: the origin failed a moment ago.
    Backoff {
        /// With this status.
        status: u16,
        /// When, if that was in this isolate.
        since: Option<Time>,
    },
    /// A request of another isolate.
    Elsewhere,
    /// A request of this isolate.
    Here,
}

/// The driver's answer to an [`Action`].
#[derive(Clone, Debug)]
pub enum Outcome<B> {
    /// Nothing is stored under the key.
    Absent,
    /// The origin has answered; its body is at the driver.
    Answered {
        /// Its status and fields.
        response: ResponseHead,
        /// The body's length where it is declared.
        length: Option<u64>,
    },
    /// The origin's body has arrived whole.
    Collected {
        /// It.
        body: B,
        /// Its length in bytes.
        length: u64,
    },
    /// The body is compressed.
    Compressed {
        /// What it came to.
        body: B,
        /// Its length in bytes.
        length: u64,
    },
    /// The body's digest.
    Digested(u32),
    /// What was asked has been done, as far as it could be.
    Done,
    /// It could not be done.
    Failed(Fault),
    /// Something is stored.
    Found(Found<B>),
    /// The lease is ours.
    Granted {
        /// It.
        lease: Lease,
        /// What was stored at that moment.
        found: Option<Found<B>>,
    },
    /// The origin's body has arrived whole, and is to be stored by what it says.
    Inspected {
        /// It.
        body: B,
        /// Its length in bytes.
        length: u64,
        /// The tags that it gives to itself.
        tags: Vec<String>,
    },
    /// The lease is another's.
    Held {
        /// Whose.
        by: Held,
        /// What was stored at that moment.
        found: Option<Found<B>>,
    },
    /// The lease was no longer ours; nothing was stored.
    Lost,
    /// The origin has purged as much as it may for now; nothing is recorded.
    Overspent,
    /// The purges are recorded.
    Purged(Receipt),
    /// The entry is stored and the lease given back.
    Stored,
    /// The entry is stored and the lease given back; the oldest variant had to make room.
    Displaced,
    /// Purges came since the lease was granted; nothing was stored and the lease is still ours.
    Superseded {
        /// The ledger's sequence now.
        sequence: Sequence,
        /// What those purges say of the entry.
        standing: Standing,
    },
}

impl<B> Outcome<B> {
    /// The outcome of reading a body: `bytes` are its, as they came.
    pub fn of_body(body: B, bytes: &[u8], inspect: Option<&GraphQl>) -> Self {
        let length = bytes.len() as u64;
        let Some(rule) = inspect else { return Self::Collected { body, length } };
        match graphql::answer_tags(bytes, rule) {
            Some(tags) => Self::Inspected { body, length, tags },
            None => Self::Failed(Fault::Malformed),
        }
    }
}

/// A stored response as a tier returned it.
#[derive(Clone, Debug)]
pub struct Found<B> {
    /// All but its body.
    pub entry: Entry,
    /// Its body.
    pub body: B,
    /// What the ledger says of it.
    pub standing: Standing,
}

/// Why an effect failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// What is stored is damaged or not ours.
    Corrupt,
    /// What came back could not be read.
    Malformed,
    /// It was given up without trying: the tier failed a moment ago.
    Open,
    /// It was refused.
    Refused,
    /// It took too long.
    Timeout,
    /// The body is larger than wanted.
    TooLarge,
    /// The body ended early.
    Truncated,
    /// It could not be reached.
    Unreachable,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 8] = [
        Self::Corrupt,
        Self::Malformed,
        Self::Open,
        Self::Refused,
        Self::Timeout,
        Self::TooLarge,
        Self::Truncated,
        Self::Unreachable,
    ];

    /// The word used in logs and as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Malformed => "malformed",
            Self::Open => "open",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::TooLarge => "too-large",
            Self::Truncated => "truncated",
            Self::Unreachable => "unreachable",
        }
    }
}
