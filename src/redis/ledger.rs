//! The purge ledger in Redis: looking into it, writing to it, and this isolate's mirrors of it.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::rest::Last;
use super::{Failure, Haste, Reply, Shared, Wire};
use crate::cache::Time;
use crate::cache::entry::Entry;
use crate::cache::exchange::{Fault, Outcome};
use crate::cache::key::{Id, Key};
use crate::cache::ledger::{
    Applied, Bucket, Due, Epoch, Mirror, Mode, Page, Receipt, Record, Selector, Sequence, Stamp,
    Subject,
};
use crate::cache::policy::Standing;
use crate::cache::purge::Limit;

/// What became of a purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purged {
    /// It is recorded; so many of its selectors were new to the ledger.
    Recorded(Receipt, usize),
    /// Its purger has spent its limit and has to wait for so long; nothing is recorded.
    Refused(Limit, Duration),
}

/// Whether an isolate's mirror of the ledger can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It can, but not for much longer.
    Ending,
    /// It can.
    Holds,
    /// It can't before another look.
    Over,
}

impl<W: Wire> Shared<W> {
    /// Looks into the ledger if that is due and nobody else is at it.
    pub async fn look(&self, key: &Key, seed: u64) -> Result<(), Failure> {
        let shard = self.keys.shard(key.id());
        let due = self.shard_mirror(shard).look((self.clock)(), self.visibility);
        match due {
            Due::Ask => self.sync(shard, seed, Haste::Reply).await,
            Due::Asked | Due::No => Ok(()),
        }
    }

    /// Looks into the ledger with patience, if that is due and nobody else is at it: clients are
    /// being served without its word because the store answers late, or not at all.
    pub async fn chase(&self, id: Id, seed: u64) -> Result<(), Failure> {
        let shard = self.keys.shard(id);
        if self.shard_mirror(shard).chase((self.clock)(), self.visibility) != Due::Ask {
            return Ok(());
        }
        let result = self.sync(shard, seed, Haste::Anyway).await;
        self.shard_mirror(shard).caught_up();
        result
    }

    /// Looks into the ledger because the mirror is getting old, if nobody else is at it.
    pub async fn look_ahead(&self, key: &Key, seed: u64) -> Result<(), Failure> {
        let shard = self.keys.shard(key.id());
        let due = self.shard_mirror(shard).look_ahead((self.clock)(), self.visibility);
        match due {
            Due::Ask => self.sync(shard, seed, Haste::Background).await,
            Due::Asked | Due::No => Ok(()),
        }
    }

    /// Whether this isolate's knowledge of the ledger can be trusted as it is, and for how long.
    pub fn trust(&self, id: Id) -> Trust {
        let (mirror, now) = (self.mirror(id), (self.clock)());
        match (mirror.due(now, self.visibility), mirror.ages(now, self.visibility)) {
            (true, _) => Trust::Over,
            (false, true) => Trust::Ending,
            (false, false) => Trust::Holds,
        }
    }

    /// What the ledger, as far as this isolate knows it, says of an entry.
    pub fn judge(&self, id: Id, entry: &Entry) -> Standing {
        let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
        self.mirror(id).judge(&subject)
    }

    /// Whether a copy near to clients may be of a URL that was changed (RFC 9111 §4.4) after the
    /// ledger stood at `as_of`, when the copy was what the shared tier held.
    pub fn outdates(&self, id: Id, bucket: Bucket, as_of: Stamp) -> bool {
        self.mirror(id).outdates(bucket, as_of)
    }

    /// Another number whenever this isolate knows something else of the ledger.
    pub fn revision(&self, id: Id) -> u64 {
        self.mirror(id).revision()
    }

    /// The same for an entry of another tier, which is served while the ledger is out of reach.
    pub fn judge_cut_off(&self, id: Id, entry: &Entry) -> Standing {
        let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
        let span = self.visibility.saturating_add(self.grace);
        self.mirror(id).judge_cut_off(&subject, entry.generated, (self.clock)(), span)
    }

    /// As of when at least the shared tier is what is read of it now, even from a replica.
    pub fn shown(&self, id: Id) -> Stamp {
        self.mirror(id).shown((self.clock)())
    }

    /// The stamp of a fill for which the ledger could not be asked.
    pub fn blind_stamp(&self, id: Id) -> Stamp {
        self.mirror(id).stamp()
    }

    /// Brings the mirror for a key up to date in any case.
    pub async fn catch_up(&self, key: &Key, seed: u64) -> Result<(), Failure> {
        self.sync(self.keys.shard(key.id()), seed, Haste::Reply).await
    }

    /// Brings a shard's mirror up to date.
    pub(super) async fn sync(&self, shard: usize, seed: u64, haste: Haste) -> Result<(), Failure> {
        for _ in 0..SYNC_TRIES {
            let sent = (self.clock)();
            let cursor = self.shard_mirror(shard).cursor();
            let page = self.range(shard, cursor, haste).await?;
            let applied = self.shard_mirror(shard).apply(page, cursor, sent);
            match applied {
                Applied::Current => return Ok(()),
                Applied::Lost => return self.renew(shard, seed, haste).await,
                Applied::Restarted => {}
            }
        }
        Err(Failure::new(Fault::Malformed, "the ledger changes faster than it can be read"))
    }

    /// What the ledger holds from a sequence on.
    async fn range(&self, shard: usize, from: Sequence, haste: Haste) -> Result<Page, Failure> {
        let (ledger, first) = (self.keys.ledger(shard), from.0.to_string());
        let range = ["ZRANGE", &ledger, &first, "+inf", "BYSCORE", "WITHSCORES"];
        let reply = self.rest.command(&range, haste, self.clock).await?;
        self.note_strange(&reply, from);
        page(&reply).ok_or_else(|| Failure::malformed("ZRANGE"))
    }

    /// How many members of the ledger were met, since this was asked last, that this version does
    /// not know. Each counts as a purge of everything.
    pub fn strange(&self) -> u64 {
        self.strange.swap(0, Ordering::Relaxed)
    }

    /// What lies at the cursor was met before.
    fn note_strange(&self, reply: &Reply, from: Sequence) {
        let Some(pairs) = pairs(reply) else { return };
        let is_new = |score: &str| from == Sequence(0) || score != from.0.to_string();
        let strange = pairs.iter().filter(|(m, score)| is_new(score) && !Record::is_known(m));
        self.strange.fetch_add(strange.count() as u64, Ordering::Relaxed);
    }

    /// Starts another epoch if the ledger has lost data, and takes in the whole ledger.
    async fn renew(&self, shard: usize, seed: u64, haste: Haste) -> Result<(), Failure> {
        let ledger = self.keys.ledger(shard);
        let sent = (self.clock)();
        let seen = self.shard_mirror(shard).stamp();
        let (fresh, epoch) = (Epoch(seed.max(1)).to_string(), seen.epoch.to_string());
        let sequence = seen.sequence.0.to_string();
        let args = [fresh.as_str(), &epoch, &sequence];
        let reply = self
            .rest
            .script(|s| &s.renew, &[&ledger], &args, Last::None, haste, self.clock)
            .await?;
        self.note_strange(&reply, Sequence(0));
        let page = page(&reply).ok_or_else(|| Failure::malformed("renew"))?;
        match self.shard_mirror(shard).apply_written(page, Sequence(0), sent) {
            Applied::Current => Ok(()),
            Applied::Lost | Applied::Restarted => Err(Failure::malformed("renew")),
        }
    }

    /// Records purges in every shard; an error means that not all have them, or that the store is
    /// so slow that isolates may not see them in time.
    pub async fn purge(&self, records: &[Record], seed: u64) -> Result<Receipt, Failure> {
        match self.purge_within(records, None, seed).await? {
            Purged::Recorded(receipt, _) => Ok(receipt),
            Purged::Refused(..) => Err(Failure::malformed("purge")),
        }
    }

    /// The same for a purger with a limit. The first shard counts what it spends, so that none has
    /// recorded anything when it is refused.
    pub async fn purge_within(
        &self,
        records: &[Record],
        purger: Option<(&str, Limit)>,
        seed: u64,
    ) -> Result<Purged, Failure> {
        let members: Vec<String> = records.iter().map(Record::member).collect();
        let spans = purger.map_or([Duration::ZERO; 2], |(_, it)| [it.each(), it.whole()]);
        let [each, whole] = spans.map(|span| span.as_millis().to_string());
        let head = [Epoch(seed.max(1)).to_string(), LEDGER_MAX.to_string(), each, whole];
        let args: Vec<String> = head.into_iter().chain(members).collect();
        let (mut stamps, mut new) = (Vec::new(), 0);
        for shard in 0..=self.more.len() {
            let mut names = vec![self.keys.ledger(shard)];
            names.extend(purger.filter(|_| shard == 0).map(|(name, _)| self.keys.spent(name)));
            let reply = self.eval(|s| &s.purge, &names, &args, Last::None, Haste::Reply).await?;
            if let (Reply::Integer(wait), Some((_, limit))) = (&reply, purger) {
                let wait = u64::try_from(*wait).unwrap_or_default();
                return Ok(Purged::Refused(limit, Duration::from_millis(wait)));
            }
            let (stamp, more) = recorded(&reply).ok_or_else(|| Failure::malformed("purge"))?;
            self.shard_mirror(shard).record(records, stamp);
            stamps.push(stamp);
            new = more.max(new);
        }
        Ok(Purged::Recorded(Receipt::new(stamps), new))
    }

    /// Purges a canary and reads it back through the ledger: whether purges do anything at all.
    pub async fn canary(&self, seed: u64) -> Result<Standing, Failure> {
        let tags = [CANARY.to_owned()];
        self.sync(0, seed, Haste::Reply).await?;
        let stamp = self.shard_mirror(0).stamp();
        let selector = Selector::Tag(CANARY.to_owned());
        let receipt = self.purge(&[Record { mode: Mode::Hard, selector }], seed).await?;
        let recorded = receipt.stamp(0).unwrap_or_default();
        // A reader's view: this isolate's own has the record already.
        let mut view = Mirror::default();
        view.apply(self.range(0, recorded.sequence, Haste::Reply).await?, Sequence(0), Time(0));
        Ok(view.judge(&Subject { stamp, key: "", tags: &tags }))
    }

    pub(super) fn mirror(&self, id: Id) -> MutexGuard<'_, Mirror> {
        self.shard_mirror(self.keys.shard(id))
    }

    pub(super) fn shard_mirror(&self, shard: usize) -> MutexGuard<'_, Mirror> {
        let mirror = self.more.get(shard.wrapping_sub(1)).unwrap_or(&self.first);
        mirror.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A range of the ledger as members and scores in turn.
pub(super) fn page(reply: &Reply) -> Option<Page> {
    let pairs = pairs(reply)?;
    Page::parse(pairs.iter().map(|(member, score)| (member.as_str(), score.as_str())))
}

/// A member that is not text is none that we have written: nothing is what stands for that.
fn pairs(reply: &Reply) -> Option<Vec<(String, String)>> {
    let Reply::Array(items) = reply else { return None };
    let pairs = items.chunks_exact(2).map(|pair| match pair {
        [member, score] => Some((member.text().unwrap_or_default(), score.text()?)),
        _ => None,
    });
    pairs.collect()
}

/// Where purges were recorded, and how many of them the ledger did not hold.
fn recorded(reply: &Reply) -> Option<(Stamp, usize)> {
    let Reply::Array(parts) = reply else { return None };
    let [epoch, Reply::Integer(sequence), Reply::Integer(new)] = parts.as_slice() else {
        return None;
    };
    let epoch = Epoch::parse(&epoch.text()?)?;
    let stamp = Stamp { epoch, sequence: Sequence(u64::try_from(*sequence).ok()?) };
    Some((stamp, usize::try_from(*new).ok()?))
}

/// What the purges since an entry's lease mean for it.
pub(super) fn superseded<B>(entry: &Entry, since: Page) -> Option<Outcome<B>> {
    let sequence = since.stamp()?.sequence;
    let mut mirror = Mirror::default();
    mirror.apply(since, Sequence(0), Time(0));
    let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
    Some(Outcome::Superseded { sequence, standing: mirror.judge(&subject) })
}

/// The tag that no response has.
pub(super) const CANARY: &str = "breadbox:canary";

/// A sync starts over when it finds another epoch, but not for ever.
const SYNC_TRIES: u32 = 3;

/// The most members of a ledger; older ones collapse into the floor. Changes, of which anybody may
/// make many, have room beside those of purges.
const LEDGER_MAX: u32 = 8_192 + Bucket::COUNT as u32;
