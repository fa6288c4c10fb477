//! The ledger's records and their text in Redis.
//!
//! The ledger is one sorted set. A record's member is its mode and selector (`ht:builds`), its
//! score the sequence of its newest purge, so that repeating a purge moves a record and adds none.
//! `~<epoch>` carries the highest score, the sequence itself; `!` carries the floor. `c:<number>`
//! tells copies near to clients that a URL of that group was changed.

use super::{Epoch, Sequence, Stamp};
use crate::cache::glob::Glob;
use crate::cache::key::Key;

/// How a purge takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// What is selected is gone at once, even as a rescue when the origin fails.
    Hard,
    /// What is selected is stale at once and refreshed by the next request.
    Soft,
}

/// Which stored responses a purge means.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    /// Every stored response.
    All,
    /// Those of which a tag, the URL, the URL without scheme, or its path matches.
    Glob(Glob),
    /// Those of one host, port included where it is not the scheme's own.
    Host(String),
    /// The one with exactly this key text.
    Key(String),
    /// Those whose URL without scheme (or, if it starts with a slash, whose path) begins so.
    Prefix(String),
    /// Those that carry the tag.
    Tag(String),
    /// Those of one URL, in all their variants and by both schemes.
    Url(String),
}

/// One purge as the ledger holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Record {
    /// How it takes effect.
    pub mode: Mode,
    /// What it selects.
    pub selector: Selector,
}

impl Record {
    /// The record's member in the sorted set.
    pub fn member(&self) -> String {
        let mode = match self.mode {
            Mode::Hard => 'h',
            Mode::Soft => 's',
        };
        match &self.selector {
            Selector::All => format!("{mode}a:"),
            Selector::Glob(glob) => format!("{mode}g:{}", glob.as_str()),
            Selector::Host(host) => format!("{mode}h:{host}"),
            Selector::Key(key) => format!("{mode}k:{key}"),
            Selector::Prefix(prefix) => format!("{mode}p:{prefix}"),
            Selector::Tag(tag) => format!("{mode}t:{tag}"),
            Selector::Url(url) => format!("{mode}u:{url}"),
        }
    }

    /// Reads a member. One that this version does not know is taken as a hard purge of
    /// everything: too much may be purged, too little never.
    pub fn parse(member: &str) -> Self {
        Self::parse_known(member).unwrap_or(Self { mode: Mode::Hard, selector: Selector::All })
    }

    /// Whether a member of the ledger is one that this version knows.
    pub fn is_known(member: &str) -> bool {
        let state = member == "!" || member.strip_prefix('~').and_then(Epoch::parse).is_some();
        state || Self::parse_known(member).is_some()
    }

    fn parse_known(member: &str) -> Option<Self> {
        let (head, value) = member.split_once(':')?;
        let value = value.to_owned();
        let mut letters = head.chars();
        let mode = match letters.next()? {
            'h' => Mode::Hard,
            's' => Mode::Soft,
            _ => return None,
        };
        let selector = match letters.as_str() {
            "a" => Selector::All,
            "g" => Selector::Glob(Glob::new(value)),
            "h" => Selector::Host(value),
            "k" => Selector::Key(value),
            "p" => Selector::Prefix(value),
            "t" => Selector::Tag(value),
            "u" => Selector::Url(value),
            _ => return None,
        };
        Some(Self { mode, selector })
    }
}

/// Which of a thousand groups of URLs one belongs to.
///
/// A change of a URL (RFC 9111 §4.4) is told to copies near to clients by its group: anybody may
/// change URLs, and so cannot fill the ledger. Copies of the others in its group are asked for
/// anew from the tier behind; nothing is lost but that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket(u16);

impl Bucket {
    /// How many there are.
    pub const COUNT: u16 = 1024;

    /// The group of a key's URL, the same for all its variants.
    pub fn of(key: &Key) -> Self {
        let id = key.primary().map_or_else(|| key.id(), |primary| primary.id());
        let [_, _, _, _, high, low, ..] = id.0.to_be_bytes();
        Self(u16::from_be_bytes([high, low]) % Self::COUNT)
    }

    /// Its member in the ledger, whose score is the sequence of the newest change.
    pub fn member(self) -> String {
        format!("{CHANGE}{}", self.0)
    }

    fn parse(member: &str) -> Option<Self> {
        let number = member.strip_prefix(CHANGE)?.parse().ok()?;
        (number < Self::COUNT).then_some(Self(number))
    }
}

/// How the members of changes begin; `scripts/store.lua` knows it.
const CHANGE: &str = "c:";

/// What a look into the ledger from a cursor on has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// Nothing at or after the cursor: the ledger is missing or behind the cursor.
    Absent,
    /// The ledger's state and the records from the cursor on.
    Present {
        /// The ledger's life.
        epoch: Epoch,
        /// Its newest sequence.
        sequence: Sequence,
        /// Entries below it count as purged; records that old have been dropped.
        floor: Sequence,
        /// The records with the sequence of their newest purge.
        records: Vec<(Record, Sequence)>,
        /// The groups in which URLs were changed, with the sequence of their newest change.
        changes: Vec<(Bucket, Sequence)>,
    },
}

impl Page {
    /// Where the ledger stood; `None` where there is none.
    pub fn stamp(&self) -> Option<Stamp> {
        match *self {
            Self::Absent => None,
            Self::Present { epoch, sequence, .. } => Some(Stamp { epoch, sequence }),
        }
    }

    /// Reads the reply to a range with scores: member and score in turn. `None` where it can't be
    /// one. A ledger whose highest member is not its epoch is damaged: it counts as missing.
    pub fn parse<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let mut epoch = None;
        let mut top = Sequence(0);
        let mut floor = Sequence(0);
        let mut highest = Sequence(0);
        let mut records = Vec::new();
        let mut changes = Vec::new();
        let mut pairs = pairs.peekable();
        if pairs.peek().is_none() {
            return Some(Self::Absent);
        }
        for (member, score) in pairs {
            let score = position(score)?;
            highest = score.max(highest);
            if let Some(known) = member.strip_prefix('~').and_then(Epoch::parse) {
                epoch = Some(known);
                top = score;
            } else if member == "!" {
                floor = score;
            } else if let Some(bucket) = Bucket::parse(member) {
                changes.push((bucket, score));
            } else {
                records.push((Record::parse(member), score));
            }
        }
        Some(match epoch {
            Some(epoch) if highest == top => {
                Self::Present { epoch, sequence: top, floor, records, changes }
            }
            _ => Self::Absent,
        })
    }
}

/// A score as a position. One that no purge has given counts as the next that one may give.
fn position(score: &str) -> Option<Sequence> {
    if let Ok(whole) = score.parse() {
        return Some(Sequence(whole));
    }
    let (below, number) = match score.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, score),
    };
    let next = if number == "inf" { u64::MAX } else { ceiling(number)? };
    Some(Sequence(if below { 0 } else { next }))
}

/// The least whole number that is not below one in Redis' form, such as `17`, `1e+12` or `2.5e-7`;
/// one that is too large is the largest.
fn ceiling(number: &str) -> Option<u64> {
    let (digits, exponent) = number.split_once('e').unwrap_or((number, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits: u128 = [whole, fraction].concat().parse().ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let power = 10_u128.checked_pow(shift.unsigned_abs());
    let next = match (power, shift < 0) {
        (Some(power), true) => digits.div_ceil(power),
        (Some(power), false) => digits.saturating_mul(power),
        (None, true) => u128::from(digits > 0),
        (None, false) => u128::MAX,
    };
    Some(u64::try_from(next).unwrap_or(u64::MAX))
}
