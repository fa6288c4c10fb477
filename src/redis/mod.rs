//! The shared tier: stored responses, leases and the purge ledger in Redis, over REST.
//!
//! One verb is one round trip. The same code runs natively and in the Worker.

mod breaker;
mod keys;
mod ledger;
mod reclaim;
mod resp;
mod rest;
mod script;
mod wire;

pub use breaker::Breaker;
pub use keys::Keys;
pub use reclaim::Reclaimed;
pub use resp::Reply;
pub use rest::{Clock, Failure, Haste, Rest};
#[cfg(target_arch = "wasm32")]
pub(crate) use wire::within;
pub use wire::{Http, Wire};

use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures_util::future::join;

use crate::cache::entry::Entry;
use crate::cache::exchange::{Fault, Found, Held, Lease, Outcome, Reach};
use crate::cache::key::Key;
use crate::cache::ledger::{Applied, Epoch, Mirror};
use crate::config::RedisSettings;
use ledger::{page, stamp, superseded};
use rest::Last;

/// Redis as the tier that all isolates share.
#[derive(Debug)]
pub struct Shared<W = Http> {
    rest: Rest<W>,
    keys: Keys,
    visibility: Duration,
    grace: Duration,
    first: Mutex<Mirror>,
    more: Vec<Mutex<Mirror>>,
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

    /// Judges what a read has shown, after a look.
    pub async fn weigh(
        &self,
        key: &Key,
        bytes: Option<Bytes>,
        seed: u64,
    ) -> Result<Outcome<Bytes>, Failure> {
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
            self.sync(shard, token, Haste::Reply).await?;
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

/// Reads an entry, also one that a server without binary values keeps as base64.
fn decode(bytes: &Bytes) -> Result<(Entry, Bytes), Failure> {
    open(&plain(bytes)?)
}

/// The bytes of an entry, or of its beginning, as they were before a server made base64 of them.
fn plain(bytes: &Bytes) -> Result<Bytes, Failure> {
    let corrupt = |detail: String| Failure::new(Fault::Corrupt, detail);
    match bytes.starts_with(MAGIC_BASE64) {
        true => Ok(BASE64.decode(bytes).map_err(|error| corrupt(error.to_string()))?.into()),
        false => Ok(bytes.clone()),
    }
}

/// Reads an entry and its body, as every tier keeps them.
pub fn open(bytes: &Bytes) -> Result<(Entry, Bytes), Failure> {
    let (entry, body) =
        Entry::decode(bytes).map_err(|damage| Failure::new(Fault::Corrupt, damage.to_string()))?;
    Ok((entry, bytes.slice(body.min(bytes.len())..)))
}

fn hex(token: u64) -> String {
    format!("{token:016x}")
}

/// How an entry's magic begins in base64.
const MAGIC_BASE64: &[u8] = b"QkJY";
