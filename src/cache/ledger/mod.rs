//! Purges as records: what the ledger says of a stored response.
//!
//! A purge is a selector with a sequence number. A stored response carries the epoch and the
//! sequence that its lease saw *before* its origin fetch; it is dead if a hard record with a
//! greater sequence selects it, stale if a soft one does. No index of members exists, so none can
//! leak, and a purge costs the same whatever it selects.

mod known;
mod mirror;
mod place;
mod receipt;
mod record;

pub use mirror::{Applied, Due, Mirror};
pub(crate) use place::Place;
pub use receipt::Receipt;
pub use record::{Bucket, Mode, Page, Record, Selector};

/// One life of the ledger. Redis that lost its data starts another, and what was stored in an
/// earlier one is dead: a missing ledger means unknown, never clean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of entries filled while no ledger was known; nothing else trusts them.
    pub const BLIND: Self = Self(0);

    /// Reads the 16 hex digits that the ledger holds; no ledger is blind.
    pub fn parse(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self).filter(|epoch| *epoch != Self::BLIND)
    }
}

impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The ledger's position: how many purges it has taken in its epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// Up to which purge a stored response is known to be newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The ledger's life in which the response was fetched.
    pub epoch: Epoch,
    /// The ledger's sequence before the response was fetched.
    pub sequence: Sequence,
}

/// What the ledger has to know of a stored response to judge it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// When it was fetched, in the ledger's terms.
    pub stamp: Stamp,
    /// Its key's text.
    pub key: &'a str,
    /// Its tags.
    pub tags: &'a [String],
}
