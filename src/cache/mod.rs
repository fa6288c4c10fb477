//! The pure core: what a shared HTTP cache decides, without clock, I/O, randomness or panics.
//!
//! Everything here is a function of its arguments. Drivers (the Worker, the simulator) perform the
//! effects and hand the outcomes back.

mod checksum;
pub mod entry;
pub mod exchange;
pub mod family;
pub mod field;
pub mod glob;
pub mod graphql;
pub mod json;
pub mod key;
pub mod ledger;
pub mod memory;
pub mod policy;
pub mod purge;
pub mod reason;
pub mod sort;
pub mod tally;
pub mod tuning;
pub mod warm;

use std::fmt;
use std::time::Duration;

pub use checksum::checksum;
pub use reason::Reason;

/// A point in time: milliseconds since the Unix epoch, handed in by the driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// This time moved by `span` into the future, saturating.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This time moved by `span` into the past, saturating.
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A span in whole milliseconds, saturating: the unit of every stored time.
pub fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The head of a request as the cache sees it.
///
/// `url` is absolute and normalised once at the edge; the method is the one on the wire.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The request method, case-sensitive (RFC 9110 §9.1).
    pub method: http::Method,
    /// The effective request URI in its one normalised form (RFC 9110 §7.1).
    pub url: String,
    /// The header fields, hop-by-hop ones included.
    pub headers: http::HeaderMap,
}

/// The head of a response as received from the origin or read from a store.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseHead {
    /// The status code; an origin may send any number from 100 to 999.
    pub status: u16,
    /// The header fields in the order received.
    pub headers: http::HeaderMap,
}

/// For how long a stored response may serve which purpose, each span counted from its generation
/// and no shorter than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// The freshness lifetime: served without asking anybody while `age < fresh` (RFC 9111 §4.2).
    pub fresh: Duration,
    /// Served while a refresh runs in the background (RFC 5861 §3).
    pub stale: Duration,
    /// Served when the origin fails (RFC 5861 §4).
    pub rescue: Duration,
    /// Kept at all, at the end only as material for validation (RFC 9111 §4.3).
    pub keep: Duration,
}

/// The octets of a stored body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Octets {
    /// Compressed by us with gzip.
    Compressed,
    /// Those that the origin sent.
    Received,
}

/// A place that holds stored responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// The isolate's own memory.
    Memory,
    /// The platform's Cache API: one data centre.
    Platform,
    /// Redis over REST: all data centres.
    Shared,
}

/// What became of a request: the one vocabulary of `Cache-Status`, logs, metrics and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Not a matter for the cache: forwarded untouched.
    Bypass,
    /// Answered by what another request fetched a moment ago.
    Collapsed,
    /// The cache itself had to answer with an error.
    Error,
    /// Answered from a fresh stored response.
    Hit,
    /// Fetched because nothing usable was stored.
    Miss,
    /// Answered from a stored response beyond its stale window because the origin failed.
    Rescue,
    /// Answered from a stored response after the origin confirmed it.
    Revalidated,
    /// Answered from a stale stored response while a refresh runs.
    Stale,
}

impl Verdict {
    /// Every verdict, in the order of the metrics' cells.
    pub const ALL: [Self; 8] = [
        Self::Hit,
        Self::Stale,
        Self::Collapsed,
        Self::Revalidated,
        Self::Rescue,
        Self::Miss,
        Self::Bypass,
        Self::Error,
    ];

    /// Its place in [`Verdict::ALL`].
    pub fn place(self) -> usize {
        match self {
            Self::Hit => 0,
            Self::Stale => 1,
            Self::Collapsed => 2,
            Self::Revalidated => 3,
            Self::Rescue => 4,
            Self::Miss => 5,
            Self::Bypass => 6,
            Self::Error => 7,
        }
    }

    /// The word used on the wire, in logs and as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Collapsed => "collapsed",
            Self::Error => "error",
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Rescue => "rescue",
            Self::Revalidated => "revalidated",
            Self::Stale => "stale",
        }
    }

    /// What it means, in a sentence for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bypass => "The cache is passed by: the origin answers.",
            Self::Collapsed => "What another request has just fetched is served.",
            Self::Error => "The cache answers with an error of its own.",
            Self::Hit => "What is stored is served: it is fresh.",
            Self::Miss => "The origin is asked: nothing that is stored may be served.",
            Self::Rescue => "What is stored stands in, because the origin fails.",
            Self::Revalidated => "What is stored is served, after the origin has confirmed it.",
            Self::Stale => "What is stored is served although stale, and refreshed behind it.",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
