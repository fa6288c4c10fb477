//! The proof of a purge, which its caller may hand on.

use std::fmt;

use super::{Epoch, Sequence, Stamp};

/// The ledger's positions after a purge, one for each shard.
///
/// Its text is `<epoch>-<sequence>`, joined by dots. A request that carries it sees no less than
/// that purge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    stamps: Vec<Stamp>,
}

impl Receipt {
    /// The receipt of a purge that the shards recorded at these positions.
    pub fn new(stamps: Vec<Stamp>) -> Self {
        Self { stamps }
    }

    /// Reads receipts, separated by commas, as the one that asks for all of them; `None` if one is
    /// malformed or longer than any of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Self::default();
        for receipt in text.split(',') {
            let stamps = receipt.trim().split('.').map(|part| {
                let (epoch, sequence) = part.split_once('-')?;
                let sequence = Sequence(sequence.parse().ok()?);
                Some(Stamp { epoch: Epoch::parse(epoch)?, sequence })
            });
            all.merge(stamps.take(STAMPS_MAX).collect::<Option<Vec<_>>>()?);
        }
        Some(all)
    }

    /// The position in a shard's ledger.
    pub fn stamp(&self, shard: usize) -> Option<Stamp> {
        self.stamps.get(shard).copied()
    }

    /// Whether who knows a shard's ledger up to `seen` knows of the purge. Of another epoch nobody
    /// can tell.
    pub fn is_covered(&self, shard: usize, seen: Stamp) -> bool {
        let covers = |asked: Stamp| {
            let known = asked.epoch == seen.epoch && asked.sequence <= seen.sequence;
            known || asked.epoch == Epoch::BLIND
        };
        self.stamp(shard).is_none_or(covers)
    }

    /// Takes back what is asked of a shard.
    pub fn waive(&mut self, shard: usize) {
        if let Some(stamp) = self.stamps.get_mut(shard) {
            *stamp = Stamp::default();
        }
    }

    /// Where epochs differ, the later one stands: whichever is the older, the ledger has to be
    /// looked into for it.
    fn merge(&mut self, stamps: Vec<Stamp>) {
        for (shard, stamp) in stamps.into_iter().enumerate() {
            match self.stamps.get_mut(shard) {
                Some(known) if known.epoch == stamp.epoch => {
                    known.sequence = known.sequence.max(stamp.sequence);
                }
                Some(known) => *known = stamp,
                None => self.stamps.push(stamp),
            }
        }
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Stamp { epoch, sequence }) in self.stamps.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{epoch}-{}", sequence.0)?;
        }
        Ok(())
    }
}

/// As many shards as there can be.
const STAMPS_MAX: usize = 256;
