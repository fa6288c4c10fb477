//! Who watches: no response that a purge means is served beyond the bound.

use std::collections::BTreeMap;

use breadbox::cache::Verdict;
use breadbox::cache::ledger::Mode;

use super::schedule::ISOLATES;
use super::stage::{GRACE, PAGES, TIMEOUT};

/// What has been seen, and what should not have been.
#[derive(Default)]
pub struct Laws {
    /// Each reply that broke the law.
    pub breaches: Vec<String>,
    /// Replies with stored content, by verdict.
    pub served: BTreeMap<&'static str, u64>,
    /// Purges acknowledged.
    pub acknowledged: u64,
    /// Replies without the ledger, within the grace, that a purge would have stopped.
    pub blind: u64,
    /// Rescues without the ledger: nobody else could answer.
    pub stranded: u64,
    purges: Vec<Purge>,
    set_back: [i64; ISOLATES],
    /// By how much clocks were set in all.
    clocks: i64,
}

struct Purge {
    mode: Mode,
    hits: Vec<bool>,
    /// The version of each page that was published before the purge was sent.
    versions: [u64; PAGES.len()],
    acknowledged: i64,
}

/// A reply with stored content.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    pub isolate: usize,
    pub page: usize,
    pub version: u64,
    pub verdict: Verdict,
    pub began: i64,
    /// How many purges had been acknowledged by then: many things happen in one millisecond.
    pub before: u64,
    pub replied: i64,
    /// How often the shared tier failed the request.
    pub faults: u32,
}

impl Laws {
    /// A purge was acknowledged.
    pub fn purged(&mut self, mode: Mode, hits: Vec<bool>, versions: [u64; PAGES.len()], at: i64) {
        self.acknowledged += 1;
        self.purges.push(Purge { mode, hits, versions, acknowledged: at });
    }

    /// An isolate's clock was set: by as much as it was set back it trusts for longer.
    pub fn set_back(&mut self, isolate: usize, millis: i64) {
        self.set_back[isolate] += (-millis).max(0);
        self.clocks += millis.abs();
    }

    /// Judges a reply; a breach is told.
    pub fn read(&mut self, read: Read, bound: i64) -> Option<&str> {
        *self.served.entry(read.verdict.as_str()).or_default() += 1;
        // Who can't reach the ledger serves what the data centre has for a while longer.
        let cut_off = read.faults > 0;
        let bound = bound + self.set_back[read.isolate];
        // Since before the request began, or for longer than a look may take.
        let mut broken = self.breach_within(&read, bound);
        if cut_off && broken.is_some() {
            self.blind += 1;
            // An entry's time is that of the isolate that stored it.
            broken = self.breach_within(&read, bound + GRACE + self.clocks);
            if broken.is_some() && read.verdict == Verdict::Rescue {
                self.stranded += 1;
                return None;
            }
        }
        let purge = &self.purges[broken?];
        let late = read.replied - purge.acknowledged;
        let line = format!("{read:?}: {late} ms after {:?} for {:?}", purge.mode, purge.versions);
        self.breaches.push(line);
        self.breaches.last().map(String::as_str)
    }

    /// A purge that was acknowledged so long ago that the reply should have known of it.
    fn breach_within(&self, read: &Read, bound: i64) -> Option<usize> {
        let fresh = matches!(read.verdict, Verdict::Hit | Verdict::Collapsed);
        // The origin's confirmation may have been on its way for long, as any answer of its.
        let confirmed = read.verdict == Verdict::Revalidated;
        (0..).zip(&self.purges).position(|(number, purge)| {
            let seen = number < read.before && purge.acknowledged + bound <= read.began
                || !confirmed && purge.acknowledged + bound.max(2 * TIMEOUT) <= read.replied;
            let counts = purge.mode == Mode::Hard || fresh;
            seen && counts && purge.hits[read.page] && read.version < purge.versions[read.page]
        })
    }
}
