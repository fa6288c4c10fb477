//! The shared tier: stored responses, leases and the purge ledger in Redis, over REST.
//!
//! One verb is one round trip. The same code runs natively and in the Worker.

mod breaker;
mod keys;
mod resp;
mod rest;
mod script;
mod wire;

pub use breaker::Breaker;
pub use keys::Keys;
pub use resp::Reply;
pub use rest::{Clock, Failure, Haste, Rest};
pub use wire::{Http, Wire};

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures_util::future::join;

use crate::cache::Time;
use crate::cache::entry::Entry;
use crate::cache::exchange::{Fault, Found, Held, Lease, Outcome, Reach};
use crate::cache::key::{Id, Key};
use crate::cache::ledger::{
    Applied, Due, Epoch, Mirror, Mode, Page, Record, Selector, Sequence, Stamp, Subject,
};
use crate::cache::policy::Standing;
use crate::config::RedisSettings;
use rest::Last;

/// Redis as the tier that all isolates share.
#[derive(Debug)]
pub struct Shared<W = Http> {
    rest: Rest<W>,
    keys: Keys,
    visibility: Duration,
    first: Mutex<Mirror>,
    more: Vec<Mutex<Mirror>>,
    clock: Clock,
}

/// What a purge was recorded as, in each shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The ledgers' positions that a reader must have seen.
    pub stamps: Vec<Stamp>,
}

impl Shared {
    /// The tier as configured; nothing is sent yet.
    pub fn new(settings: &RedisSettings, visibility: Duration, clock: Clock) -> Self {
        Self::over(Http::default(), settings, visibility, clock)
    }
}

impl<W: Wire> Shared<W> {
    /// The tier as configured, over a wire of one's own.
    pub fn over(wire: W, settings: &RedisSettings, visibility: Duration, clock: Clock) -> Self {
        let shards = settings.shards.max(1);
        Self {
            rest: Rest::new(settings, wire),
            keys: Keys::new(&settings.namespace, shards),
            visibility,
            first: Mutex::default(),
            more: (1..shards).map(|_| Mutex::default()).collect(),
            clock,
        }
    }

    /// The endpoint, for commands that are no verb of the cache.
    pub fn rest(&self) -> &Rest<W> {
        &self.rest
    }

    /// The names of our keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The clock that the tier measures by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// How long a client may have to wait for a reply.
    pub fn patience(&self) -> Duration {
        self.rest.patience()
    }

    /// Looks for an entry and, where the mirror is due, syncs it beside: one round trip.
    pub async fn get(&self, key: &Key, seed: u64) -> Result<Outcome<Bytes>, Failure> {
        let (bytes, synced) = join(self.read(key), self.look(key, seed)).await;
        synced?;
        self.weigh(key, bytes?, seed).await
    }

    /// What is stored under a key: one command.
    pub async fn read(&self, key: &Key) -> Result<Option<Bytes>, Failure> {
        let name = self.keys.entry(key.id());
        match self.rest.command(&["GET", &name], Haste::Reply, self.clock).await? {
            Reply::Bulk(bytes) => Ok(Some(bytes)),
            Reply::Nil => Ok(None),
            _ => Err(Failure::malformed("GET")),
        }
    }

    /// Looks into the ledger if that is due and nobody else is at it.
    pub async fn look(&self, key: &Key, seed: u64) -> Result<(), Failure> {
        let shard = self.keys.shard(key.id());
        let due = self.shard_mirror(shard).look((self.clock)(), self.visibility);
        match due {
            Due::Ask => self.sync(shard, seed).await,
            Due::Asked | Due::No => Ok(()),
        }
    }

    /// Judges what a read has shown, after a look.
    pub async fn weigh(
        &self,
        key: &Key,
        bytes: Option<Bytes>,
        seed: u64,
    ) -> Result<Outcome<Bytes>, Failure> {
        let Some(bytes) = bytes else { return Ok(Outcome::Absent) };
        let id = key.id();
        let (entry, body) = decode(&bytes)?;
        // The look that another request began is mostly back by now.
        let unsure =
            !self.visibility.is_zero() && self.mirror(id).due((self.clock)(), self.visibility);
        let unknown = entry.stamp.epoch != self.mirror(id).stamp().epoch;
        if unsure || unknown {
            self.sync(self.keys.shard(id), seed).await?;
        }
        let standing = self.judge(id, &entry);
        Ok(Outcome::Found(Found { entry, body, standing }))
    }

    /// What the ledger, as far as this isolate knows it, says of an entry.
    pub fn judge(&self, id: Id, entry: &Entry) -> Standing {
        let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
        self.mirror(id).judge(&subject)
    }

    /// The stamp of a fill for which the ledger could not be asked.
    pub fn blind_stamp(&self, id: Id) -> Stamp {
        self.mirror(id).stamp()
    }

    /// Brings a shard's mirror up to date.
    async fn sync(&self, shard: usize, seed: u64) -> Result<(), Failure> {
        let ledger = self.keys.ledger(shard);
        for _ in 0..SYNC_TRIES {
            let sent = (self.clock)();
            let cursor = self.shard_mirror(shard).cursor();
            let from = cursor.0.to_string();
            let range = ["ZRANGE", &ledger, &from, "+inf", "BYSCORE", "WITHSCORES"];
            let reply = self.rest.command(&range, Haste::Reply, self.clock).await?;
            let page = page(&reply).ok_or_else(|| Failure::malformed("ZRANGE"))?;
            let applied = self.shard_mirror(shard).apply(page, cursor, sent);
            match applied {
                Applied::Current => return Ok(()),
                Applied::Lost => return self.renew(shard, seed).await,
                Applied::Restarted => {}
            }
        }
        Err(Failure::new(Fault::Malformed, "the ledger changes faster than it can be read"))
    }

    /// Starts another epoch if the ledger has lost data, and takes in the whole ledger.
    async fn renew(&self, shard: usize, seed: u64) -> Result<(), Failure> {
        let ledger = self.keys.ledger(shard);
        let sent = (self.clock)();
        let seen = self.shard_mirror(shard).stamp();
        let (fresh, epoch) = (Epoch(seed.max(1)).to_string(), seen.epoch.to_string());
        let sequence = seen.sequence.0.to_string();
        let args = [fresh.as_str(), &epoch, &sequence];
        let reply = self
            .rest
            .script(|s| &s.renew, &[&ledger], &args, Last::None, Haste::Reply, self.clock)
            .await?;
        let page = page(&reply).ok_or_else(|| Failure::malformed("renew"))?;
        match self.shard_mirror(shard).apply(page, Sequence(0), sent) {
            Applied::Current => Ok(()),
            Applied::Lost | Applied::Restarted => Err(Failure::malformed("renew")),
        }
    }

    /// Takes the lease on a key. `token` is ours alone.
    pub async fn acquire(
        &self,
        key: &Key,
        ttl: Duration,
        token: u64,
    ) -> Result<Outcome<Bytes>, Failure> {
        let id = key.id();
        let shard = self.keys.shard(id);
        let names = [self.keys.entry(id), self.keys.lease(id), self.keys.ledger(shard)];
        let sent = (self.clock)();
        let cursor = self.mirror(id).cursor();
        let fresh = Epoch(token.max(1)).to_string();
        let args = [hex(token), ttl.as_millis().to_string(), fresh, cursor.0.to_string()];
        let reply = self.eval(|s| &s.acquire, &names, &args, Last::None, Haste::Reply).await?;
        let Reply::Array(parts) = reply else { return Err(Failure::malformed("acquire")) };
        let [Reply::Integer(granted), stored, ledger] = parts.as_slice() else {
            return Err(Failure::malformed("acquire"));
        };
        let page = page(ledger).ok_or_else(|| Failure::malformed("acquire"))?;
        let stamp = stamp(&page).ok_or_else(|| Failure::malformed("acquire"))?;
        let applied = self.mirror(id).apply(page, cursor, sent);
        if applied != Applied::Current {
            self.sync(shard, token).await?;
        }
        let found = match stored {
            Reply::Bulk(bytes) => decode(bytes).ok().map(|(entry, body)| {
                let standing = self.judge(id, &entry);
                Found { entry, body, standing }
            }),
            _ => None,
        };
        let lease = Lease { token, stamp, reach: Reach::Everywhere };
        Ok(match granted {
            1 => Outcome::Granted { lease, found },
            _ => Outcome::Held { by: Held::Elsewhere, found },
        })
    }

    /// Commits an entry under its lease.
    pub async fn store(
        &self,
        key: &Key,
        lease: Lease,
        entry: &Entry,
        body: &[u8],
        keep: Duration,
    ) -> Result<Outcome<Bytes>, Failure> {
        let id = key.id();
        let names =
            [self.keys.entry(id), self.keys.lease(id), self.keys.ledger(self.keys.shard(id))];
        let args = [
            hex(lease.token),
            keep.as_millis().max(1).to_string(),
            entry.stamp.epoch.to_string(),
            entry.stamp.sequence.0.to_string(),
        ];
        let mut bytes = entry.encode();
        bytes.extend_from_slice(body);
        match self.eval(|s| &s.store, &names, &args, Last::Binary(bytes), Haste::Background).await?
        {
            Reply::Integer(1) => Ok(Outcome::Stored),
            Reply::Integer(0) => Ok(Outcome::Lost),
            Reply::Integer(_) => {
                self.mirror(id).distrust();
                Ok(Outcome::Lost)
            }
            reply => {
                let since = page(&reply).ok_or_else(|| Failure::malformed("store"))?;
                superseded(entry, since).ok_or_else(|| Failure::malformed("store"))
            }
        }
    }

    /// Gives a lease back, at once or after a pause.
    pub async fn release(&self, key: &Key, lease: Lease, hold: Duration) -> Result<(), Failure> {
        let name = self.keys.lease(key.id());
        let args = [hex(lease.token), hold.as_millis().to_string()];
        self.eval(|s| &s.release, &[name], &args, Last::None, Haste::Background).await.map(drop)
    }

    /// Forgets a key and bars the fill that may be on its way.
    pub async fn forget(&self, key: &Key) -> Result<(), Failure> {
        let id = key.id();
        let (entry, lease) = (self.keys.entry(id), self.keys.lease(id));
        self.rest.command(&["UNLINK", &entry, &lease], Haste::Reply, self.clock).await.map(drop)
    }

    /// Records purges in every shard; an error means that not all have them.
    pub async fn purge(&self, records: &[Record], seed: u64) -> Result<Receipt, Failure> {
        let members: Vec<String> = records.iter().map(Record::member).collect();
        let head = [Epoch(seed.max(1)).to_string(), LEDGER_MAX.to_string()];
        let args: Vec<String> = head.into_iter().chain(members).collect();
        let mut stamps = Vec::new();
        for shard in 0..=self.more.len() {
            let ledger = [self.keys.ledger(shard)];
            let reply =
                self.eval(|s| &s.purge, &ledger, &args, Last::None, Haste::Background).await?;
            let stamp = recorded(&reply).ok_or_else(|| Failure::malformed("purge"))?;
            self.shard_mirror(shard).distrust();
            stamps.push(stamp);
        }
        Ok(Receipt { stamps })
    }

    /// Purges a canary and reads it back through the ledger: whether purges do anything at all.
    pub async fn canary(&self, seed: u64) -> Result<Standing, Failure> {
        let tags = [CANARY.to_owned()];
        self.sync(0, seed).await?;
        let stamp = self.shard_mirror(0).stamp();
        let selector = Selector::Tag(CANARY.to_owned());
        self.purge(&[Record { mode: Mode::Hard, selector }], seed).await?;
        self.sync(0, seed).await?;
        let subject = Subject { stamp, key: "", tags: &tags };
        Ok(self.shard_mirror(0).judge(&subject))
    }

    async fn eval(
        &self,
        pick: fn(&script::Scripts) -> &script::Script,
        keys: &[String],
        args: &[String],
        last: Last,
        haste: Haste,
    ) -> Result<Reply, Failure> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.rest.script(pick, &keys, &args, last, haste, self.clock).await
    }

    fn mirror(&self, id: Id) -> MutexGuard<'_, Mirror> {
        self.shard_mirror(self.keys.shard(id))
    }

    fn shard_mirror(&self, shard: usize) -> MutexGuard<'_, Mirror> {
        let mirror = self.more.get(shard.wrapping_sub(1)).unwrap_or(&self.first);
        mirror.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads an entry, also one that a server without binary values keeps as base64.
fn decode(bytes: &Bytes) -> Result<(Entry, Bytes), Failure> {
    let corrupt = |detail: String| Failure::new(Fault::Corrupt, detail);
    let bytes = match bytes.starts_with(MAGIC_BASE64) {
        true => BASE64.decode(bytes).map_err(|error| corrupt(error.to_string()))?.into(),
        false => bytes.clone(),
    };
    let (entry, body) = Entry::decode(&bytes).map_err(|damage| corrupt(damage.to_string()))?;
    Ok((entry, bytes.slice(body.min(bytes.len())..)))
}

/// A range of the ledger as members and scores in turn.
fn page(reply: &Reply) -> Option<Page> {
    let Reply::Array(items) = reply else { return None };
    let texts: Vec<String> = items.iter().map(Reply::text).collect::<Option<_>>()?;
    let pairs = texts.chunks_exact(2).map(|pair| match pair {
        [member, score] => (member.as_str(), score.as_str()),
        _ => ("", ""),
    });
    Page::parse(pairs)
}

fn stamp(page: &Page) -> Option<Stamp> {
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
fn superseded(entry: &Entry, since: Page) -> Option<Outcome<Bytes>> {
    let sequence = stamp(&since)?.sequence;
    let mut mirror = Mirror::default();
    mirror.apply(since, Sequence(0), Time(0));
    let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
    Some(Outcome::Superseded { sequence, standing: mirror.judge(&subject) })
}

fn hex(token: u64) -> String {
    format!("{token:016x}")
}

/// The tag that no response has.
const CANARY: &str = "breadbox:canary";

/// How an entry's magic begins in base64.
const MAGIC_BASE64: &[u8] = b"QkJY";

/// A sync starts over when it finds another epoch, but not for ever.
const SYNC_TRIES: u32 = 3;

/// The most members of a ledger; older ones collapse into the floor.
const LEDGER_MAX: u32 = 8_192;
