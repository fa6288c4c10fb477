//! The counters of what became of requests.

use super::Verdict;

/// Counts of an isolate since its last flush, or of all isolates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    cells: [u64; Cell::COUNT],
}

impl Default for Tally {
    fn default() -> Self {
        Self { cells: [0; Cell::COUNT] }
    }
}

/// What is counted. The order is the layout in the store: new ones go at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Requests by what became of them.
    Requests(Verdict),
    /// Fetches that went to the origin.
    OriginFetches,
    /// Reads of the shared tier that were answered.
    Reads,
    /// Milliseconds spent waiting for those reads.
    ReadMillis,
    /// Those reads that took less than a millisecond.
    QuickReads,
    /// Effects on the shared tier that failed.
    SharedFaults,
    /// Effects on the platform tier that failed.
    PlatformFaults,
    /// Fetches that the origin did not answer.
    OriginFaults,
    /// Entries committed.
    Stores,
    /// Fills that a purge kept from being stored.
    FencedFills,
    /// Purge requests carried out.
    Purges,
    /// Responses that were not stored because they have more tags than can be kept track of.
    TagRefusals,
    /// Variants that had to make room for newer ones of the same URL.
    DisplacedVariants,
}

impl Cell {
    const COUNT: usize = 24;

    fn index(self) -> usize {
        match self {
            Self::Requests(verdict) => match verdict {
                Verdict::Hit => 0,
                Verdict::Stale => 1,
                Verdict::Collapsed => 2,
                Verdict::Revalidated => 3,
                Verdict::Rescue => 4,
                Verdict::Miss => 5,
                Verdict::Bypass => 6,
                Verdict::Error => 7,
            },
            Self::OriginFetches => 8,
            Self::Reads => 9,
            Self::ReadMillis => 10,
            Self::QuickReads => 11,
            Self::SharedFaults => 12,
            Self::PlatformFaults => 13,
            Self::OriginFaults => 14,
            Self::Stores => 15,
            Self::FencedFills => 16,
            Self::Purges => 17,
            Self::TagRefusals => 18,
            Self::DisplacedVariants => 19,
        }
    }
}

impl Tally {
    /// Counts something.
    pub fn add(&mut self, cell: Cell, amount: u64) {
        if let Some(count) = self.cells.get_mut(cell.index()) {
            *count = count.saturating_add(amount);
        }
    }

    /// How often something was counted.
    pub fn count(&self, cell: Cell) -> u64 {
        self.cells.get(cell.index()).copied().unwrap_or(0)
    }

    /// Adds another tally's counts.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.cells.iter_mut().zip(other.cells) {
            *count = count.saturating_add(more);
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(|&count| count == 0)
    }

    /// The counts that are not zero, with their places in the store.
    pub fn counted(&self) -> impl Iterator<Item = (usize, u64)> {
        self.cells.iter().copied().enumerate().filter(|&(_, count)| count > 0)
    }

    /// Reads what the store holds: 64-bit big-endian integers, as `BITFIELD` lays them out.
    pub fn from_store(bytes: &[u8]) -> Self {
        let mut tally = Self::default();
        for (count, chunk) in tally.cells.iter_mut().zip(bytes.chunks_exact(8)) {
            *count = chunk.try_into().map_or(0, u64::from_be_bytes);
        }
        tally
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_layout_reads_back() {
        let mut tally = Tally::default();
        tally.add(Cell::Requests(Verdict::Hit), 3);
        tally.add(Cell::Purges, 7);
        let mut bytes = vec![0; 8 * Cell::COUNT];
        for (place, count) in tally.counted() {
            bytes[place * 8..place * 8 + 8].copy_from_slice(&count.to_be_bytes());
        }
        assert_eq!(Tally::from_store(&bytes), tally);
        assert_eq!(Tally::from_store(&bytes[..8 * 6 + 3]).count(Cell::Purges), 0);
    }
}
