//! Counts of how often each rule's content changes.

use super::layout::{CHECK_KINDS, CHECKS, WATCHED_MAX};
use super::{Cell, Tally, Watched};
use crate::cache::tuning::{Change, Check, Watch};

impl Tally {
    /// Counts what an exchange has told of how often content changes.
    pub fn watch(&mut self, rule: Option<usize>, check: &Check) {
        let mut add = |watched, amount| self.add(Cell::Checks(rule, watched), amount);
        add(Watched::Checks, 1);
        add(Watched::Seconds, check.after.as_secs());
        add(Watched::Granted, check.granted.as_secs());
        match check.change {
            Change::Announced => add(Watched::Announced, 1),
            Change::Silent => add(Watched::Silent, 1),
            Change::None => {}
        }
    }

    /// What was told of each rule, with its number; without any, 0.
    pub fn watches(&self) -> impl Iterator<Item = (usize, Watch)> {
        (0..=WATCHED_MAX).map(|rule| {
            let mut cells = self.cells.get(cells(rule)).unwrap_or_default().iter().copied();
            let mut next = || cells.next().unwrap_or(0);
            let watch = Watch {
                checks: next(),
                silent: next(),
                announced: next(),
                seconds: next(),
                granted: next(),
            };
            (rule, watch)
        })
    }
}

/// The cells of what is watched of a rule, by its number.
pub(super) fn cells(rule: usize) -> std::ops::Range<usize> {
    let first = CHECKS.saturating_add(rule.saturating_mul(CHECK_KINDS));
    first..first.saturating_add(CHECK_KINDS)
}
