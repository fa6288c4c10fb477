//! What is deliberately wrong, to see it found.

use xtask::harness::Value;

use super::server::{Command, Verb};

/// A mistake that somebody might make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Nothing.
    None,
    /// Who can't reach the ledger believes for ever what it read last.
    CutOffBelieved,
    /// A ledger that is missing starts again in the same epoch: what is unknown counts as clean.
    EpochKept,
    /// What overflows is dropped, and entries below it are not.
    FloorIgnored,
    /// A reader relies on the look that another request began, whatever came of it.
    LookUnawaited,
    /// Memory answers whatever the age of the mirror.
    MemoryTrusted,
    /// A use of the mirror counts as a sync.
    MirrorRenewedByUse,
    /// Of a long page only a part is read, and the cursor is advanced beyond the rest.
    PageCut,
    /// A fill that a purge overtook is stored under the newer sequence, whatever was purged.
    RestampedUnmatched,
    /// A fill is stamped when it is stored and not before it is fetched.
    SequenceReadAtStore,
    /// A soft purge takes the place of the hard one of the same selector.
    SoftMasksHard,
}

impl Bug {
    /// Each, and none.
    pub const ALL: [Self; 11] = [
        Self::None,
        Self::CutOffBelieved,
        Self::EpochKept,
        Self::FloorIgnored,
        Self::LookUnawaited,
        Self::MemoryTrusted,
        Self::MirrorRenewedByUse,
        Self::PageCut,
        Self::RestampedUnmatched,
        Self::SequenceReadAtStore,
        Self::SoftMasksHard,
    ];

    /// A script with the mistake in it.
    pub fn planted(self, verb: Verb, text: &str) -> String {
        let (from, to) = match (self, verb) {
            (Self::EpochKept, Verb::Acquire) => ("'~' .. ARGV[3]", "'~000000000000000e'"),
            (Self::EpochKept, Verb::Purge | Verb::Renew) => {
                ("'~' .. ARGV[1]", "'~000000000000000e'")
            }
            (Self::FloorIgnored, Verb::Purge) => ("redis.call('ZADD', KEYS[1], last[2], '!')", ""),
            (Self::SoftMasksHard, Verb::Purge) => (
                "for i = 5, #ARGV do",
                "for i = 5, #ARGV do if string.sub(ARGV[i], 1, 1) == 's' then \
                 redis.call('ZREM', KEYS[1], 'h' .. string.sub(ARGV[i], 2)) end",
            ),
            _ => return text.to_owned(),
        };
        let planted = text.replace(from, to);
        assert_ne!(planted, text, "{self:?} is to be planted in {verb:?}");
        planted
    }

    /// A reply with the mistake in it.
    pub fn reported(self, verb: Option<Verb>, command: &Command, reply: Value) -> Value {
        let looks = verb.is_none() && command.first().is_some_and(|word| word == b"ZRANGE");
        match (self, reply) {
            (Self::PageCut, Value::List(mut items)) if looks && items.len() > 4 => {
                items.drain(2..items.len() - 2);
                Value::List(items)
            }
            (Self::RestampedUnmatched, Value::List(mut items)) if verb == Some(Verb::Store) => {
                items.drain(..items.len() - 2);
                Value::List(items)
            }
            (_, reply) => reply,
        }
    }
}
