//! The shared tier: stored responses, leases and the purge ledger in Redis, over REST.
//!
//! One verb is one round trip. The same code runs natively and in the Worker.

mod answer;
mod breaker;
mod counts;
#[cfg(target_arch = "wasm32")]
mod fetch;
mod keys;
mod ledger;
mod overrides;
mod reclaim;
mod resp;
mod rest;
mod script;
mod stored;
mod tally;
mod warm;
mod wire;

pub use breaker::Breaker;
pub use counts::Counts;
pub use keys::Keys;
pub use ledger::{Purged, Trust};
pub use overrides::{Replaced, override_record};
pub use reclaim::Reclaimed;
pub use resp::Reply;
pub use rest::{Clock, Failure, Haste, Rest};
pub use stored::open;
pub use tally::{Mark, Part, Span, Totals};
#[cfg(all(target_arch = "wasm32", feature = "worker"))]
pub(crate) use wire::within;
pub use wire::{Blob, Copied, Http, Wire};

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;

use crate::cache::entry::Entry;
use crate::cache::exchange::{Backoff, CHANGE_KEEP, Found, Held, Lease, Outcome, Reach};
use crate::cache::family::{Family, Generation, MEMBERS_MAX};
use crate::cache::key::{Id, Key};
use crate::cache::ledger::{Applied, Bucket, Epoch, Mirror};
use crate::config::RedisSettings;
use ledger::{page, superseded};
use rest::Last;
use stored::{decode, member};

/// Redis as the tier that all isolates share.
#[derive(Debug)]
pub struct Shared<W = Http> {
    rest: Rest<W>,
    keys: Keys,
    visibility: Duration,
    grace: Duration,
    first: Mutex<Mirror>,
    more: Vec<Mutex<Mirror>>,
    strange: AtomicU64,
    clock: Clock,
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
            grace: settings.grace,
            first: Mutex::default(),
            more: (1..shards).map(|_| Mutex::default()).collect(),
            strange: AtomicU64::default(),
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

    /// How long a client may have to wait for a reply.
    pub fn patience(&self) -> Duration {
        self.rest.patience()
    }

    /// Looks for an entry and, where the mirror is due, syncs it beside: one round trip.
    pub async fn get(&self, key: &Key, seed: u64) -> Result<Outcome<W::Blob>, Failure> {
        let (bytes, synced) = join(self.read(key), self.look(key, seed)).await;
        synced?;
        self.weigh(key, bytes?, seed).await
    }

    /// What is stored under a key: one command.
    pub async fn read(&self, key: &Key) -> Result<Option<W::Blob>, Failure> {
        self.read_all(&[key]).await?.pop().unwrap_or(Ok(None))
    }

    /// What is stored under keys of one shard, in their order: one command for them all. A variant
    /// is read with its family, without which it does not count.
    pub async fn read_all(
        &self,
        keys: &[&Key],
    ) -> Result<Vec<Result<Option<W::Blob>, Failure>>, Failure> {
        let names = keys.iter().flat_map(|key| {
            let entry = self.keys.entry(key.id());
            self.family(key).into_iter().chain([entry])
        });
        let names: Vec<String> = names.collect();
        let verb = if names.len() == 1 { "GET" } else { "MGET" };
        let words: Vec<&str> = [verb].into_iter().chain(names.iter().map(String::as_str)).collect();
        let values = self.rest.values(&words, self.clock).await?;
        if values.len() != names.len() {
            return Err(Failure::malformed(verb));
        }
        let mut values = values.into_iter();
        let read = |key: &&Key| {
            let family = key.primary().map(|_| values.next().flatten());
            let value = values.next().flatten();
            match family {
                Some(family) => member(family, value),
                None => Ok(value),
            }
        };
        Ok(keys.iter().map(read).collect())
    }

    /// Judges what a read has shown, after a look.
    pub async fn weigh(
        &self,
        key: &Key,
        bytes: Option<W::Blob>,
        seed: u64,
    ) -> Result<Outcome<W::Blob>, Failure> {
        let Some(bytes) = bytes else { return Ok(Outcome::Absent) };
        let id = key.id();
        let decoded = decode(&bytes);
        // The look that another request began is mostly back by now. What is damaged here may be
        // whole in the next tier, and is to be judged there.
        let unsure =
            !self.visibility.is_zero() && self.mirror(id).due((self.clock)(), self.visibility);
        let known = self.mirror(id).stamp().epoch;
        let unknown = decoded.as_ref().is_ok_and(|(entry, _)| entry.stamp.epoch != known);
        if unsure || unknown {
            self.sync(self.keys.shard(id), seed, Haste::Reply).await?;
        }
        let (entry, body) = decoded?;
        let standing = self.judge(id, &entry);
        Ok(Outcome::Found(Found { entry, body, standing }))
    }

    /// Takes the lease on a key. `token` is ours alone.
    pub async fn acquire(
        &self,
        key: &Key,
        ttl: Duration,
        token: u64,
    ) -> Result<Outcome<W::Blob>, Failure> {
        let id = key.id();
        let shard = self.keys.shard(id);
        let names = self.names(key);
        let sent = (self.clock)();
        let cursor = self.mirror(id).cursor();
        let fresh = Epoch(token.max(1)).to_string();
        let args = [hex(token), ttl.as_millis().to_string(), fresh, cursor.0.to_string()];
        let reply = self.eval(|s| &s.acquire, &names, &args, Last::None, Haste::Reply).await?;
        let Reply::Array(parts) = reply else { return Err(Failure::malformed("acquire")) };
        let [Reply::Integer(granted), stored, ledger, family] = parts.as_slice() else {
            return Err(Failure::malformed("acquire"));
        };
        let generation = generation(family).unwrap_or_default();
        let page = page(ledger).ok_or_else(|| Failure::malformed("acquire"))?;
        let stamp = page.stamp().ok_or_else(|| Failure::malformed("acquire"))?;
        let applied = self.mirror(id).apply_written(page, cursor, sent);
        if applied != Applied::Current {
            self.sync(shard, token, Haste::Reply).await?;
        }
        let stored = match stored {
            Reply::Bulk(bytes) => decode(&W::Blob::of(bytes.clone())).ok(),
            _ => None,
        };
        let living = stored.filter(|(entry, _)| entry.generation == generation);
        let found = living.map(|(entry, body)| {
            let standing = self.judge(id, &entry);
            Found { entry, body, standing }
        });
        let lease = Lease { token, stamp, reach: Reach::Everywhere, generation };
        Ok(match granted {
            1 => Outcome::Granted { lease, found },
            ..=-1 => {
                let by = Held::Backoff { status: failure(*granted), since: None };
                Outcome::Held { by, found }
            }
            _ => Outcome::Held { by: Held::Elsewhere, found },
        })
    }

    /// Commits an entry under its lease.
    pub async fn store(
        &self,
        key: &Key,
        lease: Lease,
        entry: &Entry,
        body: &W::Blob,
        keep: Duration,
    ) -> Result<Outcome<W::Blob>, Failure> {
        let id = key.id();
        let args = [
            hex(lease.token),
            keep.as_millis().max(1).to_string(),
            entry.stamp.epoch.to_string(),
            entry.stamp.sequence.0.to_string(),
            entry.generation.to_string(),
            id.to_string(),
            if key.is_counted() { MEMBERS_MAX } else { 0 }.to_string(),
        ];
        let mut bytes = entry.encode();
        bytes.extend_from_slice(&body.copy(0..body.len()));
        let names = self.names(key);
        match self.eval(|s| &s.store, &names, &args, Last::Binary(bytes), Haste::Background).await?
        {
            Reply::Integer(1) => Ok(Outcome::Stored),
            Reply::Bulk(oldest) => {
                self.displace(&oldest).await;
                Ok(Outcome::Displaced)
            }
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
    pub async fn release(
        &self,
        key: &Key,
        lease: Lease,
        hold: Option<Backoff>,
    ) -> Result<(), Failure> {
        let name = self.keys.lease(key.id());
        let (span, status) = hold.map_or((0, 0), |hold| (hold.span.as_millis(), hold.status));
        let args = [hex(lease.token), span.to_string(), status.to_string()];
        self.eval(|s| &s.release, &[name], &args, Last::None, Haste::Background).await.map(drop)
    }

    /// Forgets a URL's primary key and all its variants, and what answers several queries of its
    /// path, and bars the fills that may be on their way.
    /// With a span the caller takes the lease for so long, to store what has come of the change;
    /// none if another change is too close. `token` is ours alone.
    pub async fn forget(
        &self,
        key: &Key,
        token: u64,
        take: Option<Duration>,
    ) -> Result<Option<Lease>, Failure> {
        let queries = Key::of_any_query(key.url());
        let stamp = self.blind_stamp(key.id());
        let taken = match self.keys.shard(key.id()) == self.keys.shard(queries.id()) {
            true => self.forget_of_shard(key, &queries, token, take).await?,
            false => {
                // One after the other, for the sake of those who may have few connections.
                self.forget_of_shard(&queries, &queries, token, None).await?;
                self.forget_of_shard(key, key, token, take).await?
            }
        };
        let (reach, generation) = (Reach::Everywhere, Generation::NONE);
        Ok(taken.then_some(Lease { token, stamp, reach, generation }))
    }

    /// Forgets a primary key and its family, and another family; whether the lease was taken.
    async fn forget_of_shard(
        &self,
        key: &Key,
        other: &Key,
        token: u64,
        take: Option<Duration>,
    ) -> Result<bool, Failure> {
        let (id, keys) = (key.id(), &self.keys);
        let ledger = keys.ledger(keys.shard(id));
        let family = keys.family(other.id());
        let names =
            [keys.entry(id), keys.lease(id), keys.family(id), keys.change(id), ledger, family];
        let spans = [CHANGE_KEEP, take.unwrap_or_default()];
        let [keep, ttl] = spans.map(|span| span.as_millis().to_string());
        let members = [key, other].map(|key| Bucket::of(key).member());
        let [own, other] = members;
        let args = [hex(token), keep, ttl, own, other];
        let reply = self.eval(|s| &s.forget, &names, &args, Last::None, Haste::Reply).await?;
        Ok(reply == Reply::Integer(1))
    }

    /// Removes a variant that is no member of its family any more. If that fails it is dead weight
    /// until it expires.
    async fn displace(&self, oldest: &Bytes) {
        let id = std::str::from_utf8(oldest).ok().and_then(|id| u128::from_str_radix(id, 16).ok());
        let Some(id) = id.map(Id) else { return };
        let entry = self.keys.entry(id);
        let _ = self.rest.command(&["UNLINK", &entry], Haste::Background, self.clock).await;
    }

    /// The keys that the scripts of a lease take: entry, lease, ledger and a variant's family.
    fn names(&self, key: &Key) -> Vec<String> {
        let id = key.id();
        let ledger = self.keys.ledger(self.keys.shard(id));
        let mut names = vec![self.keys.entry(id), self.keys.lease(id), ledger];
        names.extend(self.family(key));
        names
    }

    fn family(&self, key: &Key) -> Option<String> {
        key.primary().map(|primary| self.keys.family(primary.id()))
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
}

/// The status of an origin's failure, as the lease's script tells it.
fn failure(told: i64) -> u16 {
    let status = u16::try_from(told.unsigned_abs()).ok();
    status.filter(|status| (500..=599).contains(status)).unwrap_or(502)
}

/// The generation that a family, or the beginning of one, is of.
fn generation(reply: &Reply) -> Option<Generation> {
    Family::parse(&reply.text()?).map(|family| family.generation)
}

fn hex(token: u64) -> String {
    format!("{token:016x}")
}
