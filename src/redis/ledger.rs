//! The purge ledger in Redis: looking into it, writing to it, and this isolate's mirrors of it.

use std::sync::{MutexGuard, PoisonError};

use bytes::Bytes;

use super::rest::Last;
use super::{Failure, Haste, Reply, Shared, Wire};
use crate::cache::Time;
use crate::cache::entry::Entry;
use crate::cache::exchange::{Fault, Outcome};
use crate::cache::key::{Id, Key};
use crate::cache::ledger::{
    Applied, Due, Epoch, Mirror, Mode, Page, Receipt, Record, Selector, Sequence, Stamp, Subject,
};
use crate::cache::policy::Standing;

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

    /// What the ledger, as far as this isolate knows it, says of an entry.
    pub fn judge(&self, id: Id, entry: &Entry) -> Standing {
        let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
        self.mirror(id).judge(&subject)
    }

    /// The same for an entry of another tier, which is served while the ledger is out of reach.
    pub fn judge_cut_off(&self, id: Id, entry: &Entry) -> Standing {
        let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
        let span = self.visibility.saturating_add(self.grace);
        self.mirror(id).judge_cut_off(&subject, entry.generated, (self.clock)(), span)
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
        let (ledger, from) = (self.keys.ledger(shard), from.0.to_string());
        let range = ["ZRANGE", &ledger, &from, "+inf", "BYSCORE", "WITHSCORES"];
        let reply = self.rest.command(&range, haste, self.clock).await?;
        page(&reply).ok_or_else(|| Failure::malformed("ZRANGE"))
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
        let page = page(&reply).ok_or_else(|| Failure::malformed("renew"))?;
        match self.shard_mirror(shard).apply(page, Sequence(0), sent) {
            Applied::Current => Ok(()),
            Applied::Lost | Applied::Restarted => Err(Failure::malformed("renew")),
        }
    }

    /// Records purges in every shard; an error means that not all have them, or that the store is
    /// so slow that isolates may not see them in time.
    pub async fn purge(&self, records: &[Record], seed: u64) -> Result<Receipt, Failure> {
        let members: Vec<String> = records.iter().map(Record::member).collect();
        let head = [Epoch(seed.max(1)).to_string(), LEDGER_MAX.to_string()];
        let args: Vec<String> = head.into_iter().chain(members).collect();
        let mut stamps = Vec::new();
        for shard in 0..=self.more.len() {
            let ledger = [self.keys.ledger(shard)];
            let reply = self.eval(|s| &s.purge, &ledger, &args, Last::None, Haste::Reply).await?;
            let stamp = recorded(&reply).ok_or_else(|| Failure::malformed("purge"))?;
            self.shard_mirror(shard).record(records, stamp);
            stamps.push(stamp);
        }
        Ok(Receipt::new(stamps))
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
    let Reply::Array(items) = reply else { return None };
    let texts: Vec<String> = items.iter().map(Reply::text).collect::<Option<_>>()?;
    let pairs = texts.chunks_exact(2).map(|pair| match pair {
        [member, score] => (member.as_str(), score.as_str()),
        _ => ("", ""),
    });
    Page::parse(pairs)
}

pub(super) fn stamp(page: &Page) -> Option<Stamp> {
    match page {
        Page::Absent => None,
        Page::Present { epoch, sequence, .. } => Some(Stamp { epoch: *epoch, sequence: *sequence }),
    }
}

fn recorded(reply: &Reply) -> Option<Stamp> {
    let Reply::Array(parts) = reply else { return None };
    let [epoch, Reply::Integer(sequence)] = parts.as_slice() else { return None };
    let epoch = Epoch::parse(&epoch.text()?)?;
    Some(Stamp { epoch, sequence: Sequence(u64::try_from(*sequence).ok()?) })
}

/// What the purges since an entry's lease mean for it.
pub(super) fn superseded(entry: &Entry, since: Page) -> Option<Outcome<Bytes>> {
    let sequence = stamp(&since)?.sequence;
    let mut mirror = Mirror::default();
    mirror.apply(since, Sequence(0), Time(0));
    let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
    Some(Outcome::Superseded { sequence, standing: mirror.judge(&subject) })
}

/// The tag that no response has.
pub(super) const CANARY: &str = "breadbox:canary";

/// A sync starts over when it finds another epoch, but not for ever.
const SYNC_TRIES: u32 = 3;

/// The most members of a ledger; older ones collapse into the floor.
const LEDGER_MAX: u32 = 8_192;
