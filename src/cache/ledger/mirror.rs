//! An isolate's copy of the ledger, trusted for a bounded time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Bucket, Epoch, Mode, Page, Record, Selector, Sequence, Stamp, Subject};
use crate::cache::Time;
use crate::cache::glob::Glob;
use crate::cache::key::url_of;
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

    /// Takes in a page that was asked for from `cursor` on, at the time `sent`.
    ///
    /// Replies may overtake each other: one that was sent before what is known is passed over.
    pub fn apply(&mut self, page: Page, cursor: Sequence, sent: Time) -> Applied {
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
        self.known = Known { epoch, ..Known::default() };
        self.synced = None;
        self.revision = self.revision.wrapping_add(1);
    }

    /// How many records are held.
    pub fn size(&self) -> usize {
        self.known.size()
    }
}

/// The newest sequence with which something was purged, by mode; zero is never.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    hard: Sequence,
    soft: Sequence,
}

impl Marks {
    fn raise(&mut self, mode: Mode, sequence: Sequence) {
        let mark = match mode {
            Mode::Hard => &mut self.hard,
            Mode::Soft => &mut self.soft,
        };
        *mark = sequence.max(*mark);
    }

    fn merge(&mut self, other: Self) {
        self.raise(Mode::Hard, other.hard);
        self.raise(Mode::Soft, other.soft);
    }
}

#[derive(Clone, Debug, Default)]
struct Known {
    epoch: Epoch,
    sequence: Sequence,
    floor: Sequence,
    all: Marks,
    hosts: BTreeMap<String, Marks>,
    keys: BTreeMap<String, Marks>,
    tags: BTreeMap<String, Marks>,
    urls: BTreeMap<String, Marks>,
    globs: BTreeMap<String, (Glob, Marks)>,
    prefixes: BTreeMap<String, Marks>,
    changes: BTreeMap<Bucket, Sequence>,
}

impl Known {
    fn size(&self) -> usize {
        let exact = [&self.hosts, &self.keys, &self.tags, &self.urls, &self.prefixes];
        exact.map(BTreeMap::len).into_iter().fold(self.globs.len(), usize::saturating_add)
    }

    fn newest(&self, except: &str) -> Sequence {
        let tags = self.tags.iter().filter(|(tag, _)| *tag != except).map(|(_, marks)| marks);
        let exact = [&self.hosts, &self.keys, &self.urls, &self.prefixes];
        let exact = exact.into_iter().flat_map(BTreeMap::values);
        let globs = self.globs.values().map(|(_, marks)| marks);
        let all = tags.chain(exact).chain(globs).chain([&self.all]);
        all.map(|marks| marks.hard).fold(self.floor, Ord::max)
    }

    fn absorb(&mut self, top: Sequence, floor: Sequence, records: Vec<(Record, Sequence)>) {
        self.sequence = top;
        self.floor = self.floor.max(floor);
        for (Record { mode, selector }, sequence) in records {
            let marks = match selector {
                Selector::All => &mut self.all,
                Selector::Glob(glob) => {
                    let new = || (glob.clone(), Marks::default());
                    &mut self.globs.entry(glob.as_str().to_owned()).or_insert_with(new).1
                }
                Selector::Host(host) => self.hosts.entry(host).or_default(),
                Selector::Key(key) => self.keys.entry(key).or_default(),
                Selector::Prefix(prefix) => self.prefixes.entry(prefix).or_default(),
                Selector::Tag(tag) => self.tags.entry(tag).or_default(),
                Selector::Url(url) => self.urls.entry(Place::of(&url).bare.to_owned()).or_default(),
            };
            marks.raise(mode, sequence);
        }
    }

    fn collect(&self, subject: &Subject<'_>, marks: &mut Marks) {
        if self.size() == 0 {
            return;
        }
        let place = Place::of_key(subject.key);
        let exact =
            [self.keys.get(subject.key), self.urls.get(place.bare), self.hosts.get(place.host())];
        let tagged = subject.tags.iter().map(|tag| self.tags.get(tag));
        for found in exact.into_iter().chain(tagged).flatten() {
            marks.merge(*found);
        }
        for (prefix, found) in &self.prefixes {
            if place.begins_with(prefix) {
                marks.merge(*found);
            }
        }
        for (glob, found) in self.globs.values() {
            if place.matches(glob) || subject.tags.iter().any(|tag| glob.matches(tag)) {
                marks.merge(*found);
            }
        }
    }
}

/// A URL in the forms that selectors name it.
pub(crate) struct Place<'a> {
    url: &'a str,
    bare: &'a str,
    path: &'a str,
}

impl<'a> Place<'a> {
    /// The place that a key's text names.
    pub fn of_key(key: &'a str) -> Self {
        Self::of(url_of(key))
    }

    /// The place of a URL.
    pub fn of(url: &'a str) -> Self {
        let bare = url.split_once("://").map_or(url, |(_, bare)| bare);
        let path = bare.find('/').and_then(|slash| bare.get(slash..)).unwrap_or("");
        Self { url, bare, path }
    }

    /// Its host, with its port where that is not the scheme's own.
    pub fn host(&self) -> &'a str {
        self.bare.split_once('/').map_or(self.bare, |(host, _)| host)
    }

    fn begins_with(&self, prefix: &str) -> bool {
        let form = if prefix.starts_with('/') { self.path } else { self.bare };
        form.starts_with(prefix)
    }

    fn matches(&self, glob: &Glob) -> bool {
        [self.url, self.bare, self.path].into_iter().any(|form| glob.matches(form))
    }
}

/// From this part of the bound on a mirror is getting old: a look takes a fraction of the rest.
const AGED: f32 = 0.75;

/// A patient look that was killed is not waited for any longer.
const CHASING: Duration = Duration::from_secs(3);

/// A look that has not come back for so long is not counted on.
const ASKING: Duration = Duration::from_millis(300);

/// Above this many records a mirror starts over from what the ledger still holds.
const RECORDS_MAX: usize = 20_000;
