//! The layout of the counters: families in a fixed order, each with its labels.

use std::borrow::Cow;

use super::histogram::{self, BOUNDS};
use super::{Ahead, Patience, Peer, Saving, Source, Supply, Tenure, Watched};
use crate::cache::exchange::Fault;
use crate::cache::warm::Outcome;
use crate::cache::{Reason, Verdict};

/// Cells of one meaning, told apart by a label.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name in reports; in metrics `breadbox_<name>_total`.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// The labels' names; none for a single cell.
    pub labels: &'static [&'static str],
    first: usize,
    size: usize,
    words: Words,
}

#[derive(Clone, Copy, Debug)]
enum Words {
    Checks,
    Faults,
    List(&'static [&'static str]),
    Reasons,
    Rules,
    Verdicts,
    Waits,
}

impl Family {
    /// Where its cells begin and how many it has.
    pub fn cells(&self) -> std::ops::Range<usize> {
        self.first..self.first.saturating_add(self.size)
    }

    /// Whether its cells are histograms.
    pub fn is_histogram(&self) -> bool {
        matches!(self.words, Words::Waits)
    }

    /// The labels' values of a cell, counted from the family's first.
    pub fn values(&self, cell: usize) -> [Cow<'static, str>; 2] {
        let word = |list: &[&'static str], place: usize| list.get(place).copied().unwrap_or("");
        let one = |word: &'static str| [Cow::Borrowed(word), Cow::Borrowed("")];
        match self.words {
            Words::Checks => {
                let (rule, what) = (cell / CHECK_KINDS, cell % CHECK_KINDS);
                [self::rule(rule), word(Watched::WORDS, what).into()]
            }
            Words::Faults => {
                let (place, fault) = (cell / FAULT_KINDS, cell % FAULT_KINDS);
                let fault = Fault::ALL.get(fault).map_or("", |fault| fault.as_str());
                [word(Peer::WORDS, place).into(), fault.into()]
            }
            Words::List(list) => one(word(list, cell)),
            Words::Reasons => one(Reason::ALL.get(cell).map_or("", |reason| reason.as_str())),
            Words::Rules if cell == RULES_MAX => one("later"),
            Words::Rules => [rule(cell), "".into()],
            Words::Verdicts => one(Verdict::ALL.get(cell).map_or("", |verdict| verdict.as_str())),
            Words::Waits => {
                let (place, bucket) = (cell / histogram::SIZE, cell % histogram::SIZE);
                let bound = match BOUNDS.get(bucket) {
                    Some(bound) => bound.to_string().into(),
                    None if bucket == BOUNDS.len() => "inf".into(),
                    None => "sum".into(),
                };
                [word(Peer::WORDS, place).into(), bound]
            }
        }
    }
}

/// A rule's number, counted from 1.
fn rule(place: usize) -> Cow<'static, str> {
    if place == 0 { "none".into() } else { place.to_string().into() }
}

/// Declares the layout: each family begins where the one before ends.
macro_rules! layout {
    ($($place:ident $name:literal [$($label:literal),*] $size:expr, $words:expr,
        $help:literal;)+) => {
        /// Every family in its order.
        pub const FAMILIES: &[Family] = &[$(Family {
            name: $name,
            help: $help,
            labels: &[$($label),*],
            first: $place,
            size: $size,
            words: $words,
        },)+];
        layout!(@place 0; $($place $size;)+);
    };
    (@place $first:expr; $place:ident $size:expr; $($rest:tt)*) => {
        pub(super) const $place: usize = $first;
        layout!(@place $place + $size; $($rest)*);
    };
    (@place $end:expr;) => {
        pub(super) const END: usize = $end;
    };
}

layout! {
    REQUESTS "requests" ["verdict"] Verdict::ALL.len(), Words::Verdicts,
        "Requests by what became of them.";
    REASONS "reasons" ["reason"] Reason::ALL.len(), Words::Reasons,
        "Requests by why that became of them.";
    SOURCES "sources" ["source"] Source::WORDS.len(), Words::List(Source::WORDS),
        "Requests by where the answer came from.";
    STATUSES "statuses" ["class"] CLASSES.len(), Words::List(CLASSES),
        "Requests by the class of the status code.";
    RULES "rules" ["rule"] RULES_MAX + 1, Words::Rules,
        "Requests by the rule that matched.";
    BYTES "bytes" ["from"] Supply::WORDS.len(), Words::List(Supply::WORDS),
        "Bytes of the bodies sent, where their length was known.";
    SAVED "bytes_saved" ["where"] Saving::WORDS.len(), Words::List(Saving::WORDS),
        "Bytes by which compression has shortened what was stored and what was sent.";
    FETCHES "origin_fetches" ["client"] Patience::WORDS.len(), Words::List(Patience::WORDS),
        "Fetches from the origin, by whether a client waited.";
    LEASES "leases" ["state"] Tenure::WORDS.len(), Words::List(Tenure::WORDS),
        "Leases granted, held by another request, and expired.";
    STORES "stores" ["outcome"] 3, Words::List(&["stored", "fenced", "displaced"]),
        "Fills stored, kept out by a purge, and variants displaced by newer ones.";
    PREFETCHES "prefetches" ["outcome"] Ahead::WORDS.len(), Words::List(Ahead::WORDS),
        "Links of stored pages that were to be fetched, and those beyond the rate.";
    WARMED "warmed" ["outcome"] Outcome::WORDS.len(), Words::List(Outcome::WORDS),
        "What jobs asked for, by what became of it.";
    PURGES "purges" [] 1, Words::List(&[""]),
        "Purge requests carried out.";
    REFUSED "purges_refused" [] 1, Words::List(&[""]),
        "Purge requests beyond their purger's limit.";
    FAULTS "faults" ["tier", "fault"] FAULT_CELLS, Words::Faults,
        "Effects that failed.";
    OPENINGS "breaker_openings" [] 1, Words::List(&[""]),
        "How often a breaker opened.";
    COMMANDS "redis_commands" [] 1, Words::List(&[""]),
        "Redis commands as Upstash bills them.";
    CHECKS "checks" ["rule", "of"] CHECK_CELLS, Words::Checks,
        "What comparing stored content with the origin's has shown, by rule; spans in seconds.";
    WAITS "wait_seconds" ["tier", "le"] WAIT_CELLS, Words::Waits,
        "Waits for Redis reads, the platform's cache and the origin.";
}

/// The classes of status codes; the last is for what is none.
pub(super) const CLASSES: &[&str] = &["1xx", "2xx", "3xx", "4xx", "5xx", "other"];

pub(super) const FAULT_KINDS: usize = Fault::ALL.len();
pub(super) const FAULT_CELLS: usize = Peer::WORDS.len() * FAULT_KINDS;
pub(super) const WAIT_CELLS: usize = Peer::WORDS.len() * histogram::SIZE;

pub(super) const CHECK_KINDS: usize = Watched::WORDS.len();
pub(super) const CHECK_CELLS: usize = (WATCHED_MAX + 1) * CHECK_KINDS;

/// Of rules beyond this one it is not counted how often content changes.
pub(super) const WATCHED_MAX: usize = 32;

/// Rules beyond this one are counted together.
pub(super) const RULES_MAX: usize = 64;
