//! An isolate's copy of the ledger, trusted for a bounded time.

use std::time::Duration;

use super::known::Known;
use super::{Bucket, Epoch, Mode, Page, Record, Sequence, Stamp, Subject};
use crate::cache::Time;
use crate::cache::policy::Standing;

/// A copy of the ledger's records, as of its last sync.
///
/// It is trusted for the visibility bound after the moment *before* that sync was sent. Use never
/// renews it.
#[derive(Clone, Debug, Default)]
pub struct Mirror {
    known: Known,
    synced: Option<Time>,
    asked: Option<Time>,
    chasing: Option<Time>,
    /// How far every replica has the ledger, as reads or time have shown.
    shown: Sequence,
    /// How far a write has told of the ledger, and when: a replica may not have it yet.
    settling: Option<(Time, Sequence)>,
    revision: u64,
}

/// Whether a use of the mirror has to look into the ledger first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It does, and is the one to do it.
    Ask,
    /// It does; another use is looking already and may be done in time.
    Asked,
    /// The mirror can be trusted.
    No,
}

/// What applying a page did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The mirror is up to date.
    Current,
    /// The ledger is missing or its sequence went back: data was lost and it must be renewed.
    Lost,
    /// The ledger has started another epoch: sync again, from its beginning.
    Restarted,
}

impl Mirror {
    /// Whether the mirror is too old to be trusted under the bound.
    pub fn due(&self, now: Time, bound: Duration) -> bool {
        match self.synced {
            Some(synced) => now < synced || now.since(synced) >= bound,
            None => true,
        }
    }

    /// Whether the mirror, though trusted, is so old that a look beside a use keeps the next one
    /// from waiting for it.
    pub fn ages(&self, now: Time, bound: Duration) -> bool {
        self.due(now, bound.mul_f32(AGED))
    }

    /// Whether a use at this time has to look into the ledger. Of many at once one is told to ask;
    /// under a bound of zero nobody may rely on a look that began before its own.
    pub fn look(&mut self, now: Time, bound: Duration) -> Due {
        if !self.due(now, bound) {
            return Due::No;
        }
        self.ask(now, bound)
    }

    /// The same where the mirror is merely getting old.
    pub fn look_ahead(&mut self, now: Time, bound: Duration) -> Due {
        if !self.ages(now, bound) {
            return Due::No;
        }
        self.ask(now, bound)
    }

    fn ask(&mut self, now: Time, bound: Duration) -> Due {
        if self.synced.is_some_and(|synced| now < synced) {
            // The clock was set back: what comes now must not be taken for overtaken.
            self.synced = None;
        }
        let recently = self.asked.is_some_and(|asked| now.since(asked) < ASKING && asked <= now);
        if recently && !bound.is_zero() {
            return Due::Asked;
        }
        self.asked = Some(now);
        Due::Ask
    }

    /// Whether to look with patience because hasty looks fail and half of the bound is over. Of
    /// many at once one is told to.
    pub fn chase(&mut self, now: Time, bound: Duration) -> Due {
        if !self.due(now, bound.checked_div(2).unwrap_or(bound)) {
            return Due::No;
        }
        if self.chasing.is_some_and(|began| began <= now && now.since(began) < CHASING) {
            return Due::Asked;
        }
        self.chasing = Some(now);
        Due::Ask
    }

    /// A patient look has ended, whatever it brought.
    pub fn caught_up(&mut self) {
        self.chasing = None;
    }

    /// From which sequence on the next sync has to look.
    pub fn cursor(&self) -> Sequence {
        self.known.sequence
    }

    /// The stamp of a fill that begins now without having asked the ledger.
    pub fn stamp(&self) -> Stamp {
        Stamp { epoch: self.known.epoch, sequence: self.known.sequence }
    }

    /// As of when at least the shared tier is what is read of it now, even from a replica.
    pub fn shown(&self, now: Time) -> Stamp {
        let settled = self.settling.filter(|(since, _)| now.since(*since) >= SETTLED);
        let sequence = settled.map_or(self.shown, |(_, told)| self.shown.max(told));
        Stamp { epoch: self.known.epoch, sequence }
    }

    /// The newest purge, but for those of one tag: whether there is anything new to sweep.
    pub fn newest(&self, except: &str) -> Stamp {
        Stamp { epoch: self.known.epoch, sequence: self.known.newest(except) }
    }

    /// Takes in purges that this isolate itself has recorded: it sees them at once. If others came
    /// in between, the cursor stays before those, for the next look.
    pub fn record(&mut self, records: &[Record], stamp: Stamp) {
        let next = Sequence(self.known.sequence.0.saturating_add(1));
        if stamp.epoch != self.known.epoch {
            return self.distrust();
        }
        let records = records.iter().map(|record| (record.clone(), stamp.sequence)).collect();
        let top = if stamp.sequence == next { next } else { self.known.sequence };
        self.known.absorb(top, self.known.floor, records);
        self.revision = self.revision.wrapping_add(1);
        self.start_over_if_full();
    }

    /// Too many records: what the ledger itself has forgotten is forgotten, too.
    fn start_over_if_full(&mut self) -> bool {
        let full = self.known.size() > RECORDS_MAX;
        if full {
            self.start_over(self.known.epoch);
        }
        full
    }

    /// Makes the next use sync first: something was seen that this mirror does not know.
    pub fn distrust(&mut self) {
        self.synced = None;
    }

    /// Takes in a page that was read from `cursor` on, at the time `sent`.
    ///
    /// Replies may overtake each other: one that was sent before what is known is passed over.
    pub fn apply(&mut self, page: Page, cursor: Sequence, sent: Time) -> Applied {
        let top = page.stamp();
        let applied = self.take_in(page, cursor, sent);
        if let Some(top) = top.filter(|top| top.epoch == self.known.epoch) {
            self.shown = self.shown.max(top.sequence);
        }
        applied
    }

    /// The same for a page that came with a write: replicas may not have it yet.
    pub fn apply_written(&mut self, page: Page, cursor: Sequence, sent: Time) -> Applied {
        let applied = self.take_in(page, cursor, sent);
        self.shown = self.shown(sent).sequence;
        self.settling = match self.settling {
            Some((since, told)) if since <= sent && told > self.shown => Some((since, told)),
            _ => Some((sent, self.known.sequence)),
        };
        applied
    }

    fn take_in(&mut self, page: Page, cursor: Sequence, sent: Time) -> Applied {
        self.asked = None;
        if self.synced.is_some_and(|synced| sent < synced) {
            return Applied::Current;
        }
        let Page::Present { epoch, sequence, floor, records, changes } = page else {
            self.synced = None;
            return Applied::Lost;
        };
        if epoch != self.known.epoch {
            self.start_over(epoch);
            if cursor > Sequence(0) {
                return Applied::Restarted;
            }
        } else if sequence < cursor {
            self.synced = None;
            return Applied::Lost;
        }
        if sequence >= self.known.sequence {
            let anew = sequence > self.known.sequence || !records.is_empty();
            self.revision = self.revision.wrapping_add(u64::from(anew));
            self.known.absorb(sequence, floor, records);
            self.known.changes.extend(changes);
        }
        if self.start_over_if_full() {
            return Applied::Restarted;
        }
        self.synced = Some(sent);
        Applied::Current
    }

    /// What the ledger says of a stored response.
    pub fn judge(&self, subject: &Subject<'_>) -> Standing {
        if self.known.epoch == Epoch::BLIND {
            // Never synced: the store is off or out of reach, and no purge can be known.
            return Standing::Clean;
        }
        if subject.stamp.epoch != self.known.epoch {
            return Standing::Dead;
        }
        let mut marks = self.known.all;
        marks.raise(Mode::Hard, self.known.floor);
        self.known.collect(subject, &mut marks);
        if marks.hard > subject.stamp.sequence {
            Standing::Dead
        } else if marks.soft > subject.stamp.sequence {
            Standing::Soft
        } else {
            Standing::Clean
        }
    }

    /// The same for a response that is to be served while the ledger is out of reach.
    ///
    /// No purge that was acknowledged before the last look is unknown, and none from before the
    /// response was generated concerns it. That is believed for `span` after the later of the two.
    pub fn judge_cut_off(
        &self,
        subject: &Subject<'_>,
        generated: Time,
        now: Time,
        span: Duration,
    ) -> Standing {
        let looked = self.synced.is_some_and(|synced| synced <= now && now.since(synced) < span);
        match self.judge(subject) {
            Standing::Dead => Standing::Dead,
            standing if looked || now.since(generated) < span => standing,
            _ => Standing::Unknown,
        }
    }

    /// Whether a copy near to clients may be of a URL that was changed (RFC 9111 §4.4) after the
    /// ledger stood at `as_of`, when the copy was what the tier behind it held.
    pub fn outdates(&self, bucket: Bucket, as_of: Stamp) -> bool {
        let changed = self.known.changes.get(&bucket);
        changed.is_some_and(|changed| *changed > as_of.sequence || as_of.epoch != self.known.epoch)
    }

    /// Another number whenever something else is known: as long as it is the same, so is what
    /// [`Mirror::judge`] and [`Mirror::outdates`] say.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Forgets everything: the ledger itself is another.
    pub fn start_over(&mut self, epoch: Epoch) {
        self.known = Known::of(epoch);
        self.synced = None;
        (self.shown, self.settling) = (Sequence(0), None);
        self.revision = self.revision.wrapping_add(1);
    }

    /// How many records are held.
    pub fn size(&self) -> usize {
        self.known.size()
    }
}

/// From this part of the bound on a mirror is getting old: a look takes a fraction of the rest.
const AGED: f32 = 0.75;

/// A patient look that was killed is not waited for any longer.
const CHASING: Duration = Duration::from_secs(3);

/// A look that has not come back for so long is not counted on.
const ASKING: Duration = Duration::from_millis(300);

/// No replica is further behind.
const SETTLED: Duration = Duration::from_secs(5);

/// Above this many records a mirror starts over from what the ledger still holds.
const RECORDS_MAX: usize = 20_000;
