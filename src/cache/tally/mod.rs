//! The counters of what became of requests.
//!
//! Cells of one meaning form a [`Family`]; families and cells have a fixed order, which is their
//! layout in the store and in every report.

pub mod exposition;
pub mod histogram;
mod layout;
pub mod sheet;
pub mod sketch;
mod watch;

use super::exchange::Fault;
use super::warm::Outcome;
use super::{Reason, Verdict, checksum};
use histogram::Histogram;
use layout::{
    BYTES, CLASSES, COMMANDS, END, FAULTS, FETCHES, LEASES, OPENINGS, PREFETCHES, PURGES, REASONS,
    REFUSED, REQUESTS, RULES, RULES_MAX, SAVED, SOURCES, STATUSES, STORES, WAITS, WARMED,
    WATCHED_MAX,
};
pub use layout::{FAMILIES, Family};

/// Counts of an isolate since its last flush, or of all isolates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    cells: [u64; Tally::SIZE],
}

impl Default for Tally {
    fn default() -> Self {
        Self { cells: [0; Self::SIZE] }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Requests by what became of them.
    Requests(Verdict),
    /// Requests by why that became of them.
    Reasons(Reason),
    /// Requests by where the answer came from.
    Sources(Source),
    /// Requests by the class of their answers' status code.
    Statuses(u16),
    /// Requests by the rule that matched, counted from 0.
    Rules(Option<usize>),
    /// Bytes of the bodies sent.
    Bytes(Supply),
    /// Bytes by which compression has shortened bodies.
    Saved(Saving),
    /// Fetches that went to the origin.
    Fetches(Patience),
    /// What became of attempts to get a lease, and of leases.
    Leases(Tenure),
    /// Entries committed.
    Stores,
    /// Fills that a purge kept from being stored.
    FencedFills,
    /// Variants that had to make room for newer ones of the same URL.
    DisplacedVariants,
    /// Links of stored pages that were to be fetched.
    Prefetches(Ahead),
    /// What jobs asked for.
    Warmed(Outcome),
    /// Purge requests carried out.
    Purges,
    /// Purge requests beyond their purger's limit.
    RefusedPurges,
    /// Effects that failed.
    Faults(Peer, Fault),
    /// How often a breaker opened.
    Openings,
    /// Redis commands as Upstash bills them: a script is one and each command that it calls, too.
    Commands,
    /// What comparisons with the origin's content have shown, by the rule, counted from 0.
    Checks(Option<usize>, Watched),
    /// Waits for a place to answer, by their length in milliseconds.
    Waits(Peer, u64),
}

/// Declares a closed vocabulary of labels.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident:
        $($(#[doc = $about:literal])+ $variant:ident = $word:literal,)+) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $about])+ $variant,)+
        }

        impl $name {
            const WORDS: &[&str] = &[$($word,)+];

            /// The word used in logs and as a label.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

words! {
    /// Where an answer came from.
    Source:
    /// This isolate's memory.
    Memory = "memory",
    /// The platform's cache.
    Platform = "platform",
    /// Redis.
    Shared = "shared",
    /// The origin.
    Origin = "origin",
    /// The edge itself.
    Edge = "edge",
}

words! {
    /// Whose bytes were sent.
    Supply:
    /// What was stored.
    Stored = "stored",
    /// What the origin sent, as far as its length was declared.
    Origin = "origin",
}

words! {
    /// What compression has shortened.
    Saving:
    /// What was stored, in one tier.
    Stored = "stored",
    /// What was sent to clients.
    Sent = "sent",
}

words! {
    /// What is counted when stored content was compared with the origin's.
    Watched:
    /// That it was.
    Checks = "checks",
    /// That it had changed.
    Silent = "silent",
    /// That it had changed, after a purge.
    Announced = "announced",
    /// The seconds since the last comparison.
    Seconds = "seconds",
    /// The seconds of the freshness lifetime that it had.
    Granted = "granted",
}

words! {
    /// Whether a client waited for a fetch.
    Patience:
    /// It did.
    Foreground = "waiting",
    /// It had its answer already.
    Background = "served",
}

words! {
    /// What became of a lease.
    Tenure:
    /// It was granted.
    Granted = "granted",
    /// Another request had it.
    Held = "held",
    /// It had expired when the fill was to be stored, or a new epoch had begun.
    Expired = "expired",
}

words! {
    /// What became of a link that a stored page has.
    Ahead:
    /// It was asked for.
    Asked = "asked",
    /// It was beyond the rate.
    Dropped = "dropped",
}

words! {
    /// What can fail, and what is waited for.
    Peer:
    /// Redis.
    Shared = "redis",
    /// The platform's cache.
    Platform = "platform",
    /// The origin.
    Origin = "origin",
}

impl Cell {
    fn index(self) -> usize {
        let faults = |place: Peer| (place as usize).saturating_mul(Fault::ALL.len());
        match self {
            Self::Requests(verdict) => REQUESTS.saturating_add(verdict.place()),
            Self::Reasons(reason) => REASONS.saturating_add(reason as usize),
            Self::Sources(source) => SOURCES.saturating_add(source as usize),
            Self::Statuses(status) => {
                let class = usize::from(status / 100).wrapping_sub(1);
                STATUSES.saturating_add(class.min(CLASSES.len().saturating_sub(1)))
            }
            Self::Rules(None) => RULES,
            Self::Rules(Some(rule)) => RULES.saturating_add(rule.saturating_add(1).min(RULES_MAX)),
            Self::Bytes(supply) => BYTES.saturating_add(supply as usize),
            Self::Saved(saving) => SAVED.saturating_add(saving as usize),
            Self::Fetches(patience) => FETCHES.saturating_add(patience as usize),
            Self::Leases(tenure) => LEASES.saturating_add(tenure as usize),
            Self::Stores => STORES,
            Self::FencedFills => STORES + 1,
            Self::DisplacedVariants => STORES + 2,
            Self::Prefetches(ahead) => PREFETCHES.saturating_add(ahead as usize),
            Self::Warmed(outcome) => WARMED.saturating_add(outcome as usize),
            Self::Purges => PURGES,
            Self::RefusedPurges => REFUSED,
            Self::Faults(place, fault) => {
                FAULTS.saturating_add(faults(place)).saturating_add(fault as usize)
            }
            Self::Openings => OPENINGS,
            Self::Commands => COMMANDS,
            Self::Checks(rule, watched) => match rule.map_or(0, |rule| rule.saturating_add(1)) {
                rule @ 0..=WATCHED_MAX => watch::cells(rule).start.saturating_add(watched as usize),
                _ => usize::MAX,
            },
            Self::Waits(place, millis) => {
                wait(place).start.saturating_add(histogram::bucket(millis))
            }
        }
    }
}

/// The cells of a place's histogram.
fn wait(place: Peer) -> std::ops::Range<usize> {
    let first = WAITS.saturating_add((place as usize).saturating_mul(histogram::SIZE));
    first..first.saturating_add(histogram::SIZE)
}

impl Tally {
    /// How many cells there are.
    pub const SIZE: usize = END;

    /// Counts something.
    pub fn add(&mut self, cell: Cell, amount: u64) {
        if let Some(count) = self.cells.get_mut(cell.index()) {
            *count = count.saturating_add(amount);
        }
        if let Cell::Waits(place, millis) = cell
            && let Some(sum) = self.cells.get_mut(wait(place)).and_then(<[u64]>::last_mut)
        {
            *sum = sum.saturating_add(millis);
        }
    }

    /// How often something was counted; of a wait, how many were of about that length.
    pub fn count(&self, cell: Cell) -> u64 {
        self.cells.get(cell.index()).copied().unwrap_or(0)
    }

    /// How long a place was waited for.
    pub fn waits(&self, place: Peer) -> Histogram<'_> {
        Histogram(self.cells.get(wait(place)).unwrap_or(&[]))
    }

    /// All cells in their order.
    pub fn cells(&self) -> &[u64] {
        &self.cells
    }

    /// Adds another tally's counts.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.cells.iter_mut().zip(other.cells) {
            *count = count.saturating_add(more);
        }
    }

    /// Whether nothing was counted but what it costs to count.
    pub fn is_idle(&self) -> bool {
        let mut counted = self.cells.iter().enumerate().filter(|&(_, &count)| count > 0);
        counted.all(|(cell, _)| cell == COMMANDS)
    }

    /// Takes counts in their order; what is missing is zero.
    pub fn from_counts(counts: impl IntoIterator<Item = u64>) -> Self {
        let mut tally = Self::default();
        for (cell, count) in tally.cells.iter_mut().zip(counts) {
            *cell = count;
        }
        tally
    }

    /// Reads what the store holds: 64-bit big-endian integers, as `BITFIELD` lays them out.
    pub fn from_store(bytes: &[u8]) -> Self {
        let count = |chunk: &[u8]| chunk.try_into().map_or(0, u64::from_be_bytes);
        Self::from_counts(bytes.chunks_exact(8).map(count))
    }

    /// The layout's fingerprint: counts are only ever added to counts of the same meaning.
    pub fn layout() -> u32 {
        let mut text = String::new();
        for family in FAMILIES {
            text.push_str(family.name);
            for cell in 0..family.cells().len() {
                text.extend(family.values(cell));
                text.push('\n');
            }
        }
        checksum(text.as_bytes())
    }

    /// Requests that were answered from what is stored, and requests that had to be fetched.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        let of = |verdict| self.count(Cell::Requests(verdict));
        let stored = [
            Verdict::Hit,
            Verdict::Stale,
            Verdict::Collapsed,
            Verdict::Revalidated,
            Verdict::Rescue,
        ];
        (stored.into_iter().map(of).sum(), of(Verdict::Miss))
    }

    /// All requests.
    pub fn requests(&self) -> u64 {
        Verdict::ALL.map(|verdict| self.count(Cell::Requests(verdict))).into_iter().sum()
    }

    /// All fetches from the origin.
    pub fn fetches(&self) -> u64 {
        [Patience::Foreground, Patience::Background]
            .map(|patience| self.count(Cell::Fetches(patience)))
            .into_iter()
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_layout_reads_back() {
        let mut tally = Tally::default();
        tally.add(Cell::Requests(Verdict::Hit), 3);
        tally.add(Cell::Purges, 7);
        tally.add(Cell::Waits(Peer::Origin, 40), 1);
        let bytes: Vec<u8> = tally.cells().iter().flat_map(|count| count.to_be_bytes()).collect();
        assert_eq!(Tally::from_store(&bytes), tally);
        assert_eq!(Tally::from_store(&bytes[..8 * 6 + 3]).count(Cell::Purges), 0);
    }

    #[test]
    fn every_cell_has_a_place_and_labels_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for family in FAMILIES {
            for cell in 0..family.cells().len() {
                assert!(seen.insert((family.name, family.values(cell))), "{}", family.name);
            }
        }
        assert_eq!(seen.len(), Tally::SIZE);
        let all: Vec<usize> = FAMILIES.iter().flat_map(Family::cells).collect();
        assert!(all.iter().copied().eq(0..Tally::SIZE), "families follow each other");
    }

    #[test]
    fn what_is_counted_is_found_under_its_labels() {
        for (cell, family, value) in [
            (Cell::Requests(Verdict::Error), "requests", "error"),
            (Cell::Reasons(Reason::VaryAny), "reasons", "vary-any"),
            (Cell::Sources(Source::Edge), "sources", "edge"),
            (Cell::Statuses(503), "statuses", "5xx"),
            (Cell::Statuses(999), "statuses", "other"),
            (Cell::Rules(None), "rules", "none"),
            (Cell::Rules(Some(0)), "rules", "1"),
            (Cell::Rules(Some(1_000)), "rules", "later"),
            (Cell::Bytes(Supply::Origin), "bytes", "origin"),
            (Cell::Fetches(Patience::Background), "origin_fetches", "served"),
            (Cell::Leases(Tenure::Expired), "leases", "expired"),
            (Cell::FencedFills, "stores", "fenced"),
            (Cell::DisplacedVariants, "stores", "displaced"),
            (Cell::Checks(None, Watched::Granted), "checks", "none"),
            (Cell::Checks(Some(31), Watched::Checks), "checks", "32"),
            (Cell::Faults(Peer::Origin, Fault::Unreachable), "faults", "origin"),
            (Cell::Waits(Peer::Platform, 10_000), "wait_seconds", "platform"),
        ] {
            let family = FAMILIES.iter().find(|f| f.name == family).expect("a family");
            let place = cell.index() - family.cells().start;
            assert_eq!(family.values(place)[0], value, "{cell:?}");
        }
    }
}
