//! What a cache of values has done.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::cache::Verdict;

/// Counts of this process since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Returned fresh from what is stored.
    pub hits: u64,
    /// Returned stale, and fetched anew behind that.
    pub stale: u64,
    /// Returned after another's fetch.
    pub collapsed: u64,
    /// Returned although too old, because the fetch failed.
    pub rescued: u64,
    /// Fetched, for nothing usable was stored.
    pub misses: u64,
    /// Not returned at all.
    pub errors: u64,
    /// How often a fetch was begun, in the background or not.
    pub fetches: u64,
    /// Effects on Redis that failed.
    pub faults: u64,
}

/// Counts, one place for each verdict and two for the rest.
#[derive(Debug, Default)]
pub(super) struct Counter {
    verdicts: [AtomicU64; 8],
    fetches: AtomicU64,
    faults: AtomicU64,
}

impl Counter {
    pub fn verdict(&self, verdict: Verdict) {
        if let Some(cell) = self.verdicts.get(verdict.place()) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn fetch(&self) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
    }

    pub fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    pub fn figures(&self) -> Figures {
        let of = |verdict: Verdict| {
            self.verdicts.get(verdict.place()).map_or(0, |cell| cell.load(Ordering::Relaxed))
        };
        Figures {
            hits: of(Verdict::Hit),
            stale: of(Verdict::Stale),
            collapsed: of(Verdict::Collapsed),
            rescued: of(Verdict::Rescue),
            misses: of(Verdict::Miss),
            errors: of(Verdict::Error),
            fetches: self.fetches.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
        }
    }
}
