//! Looking for a stored response in the tiers, and keeping in memory what was found.

use std::rc::Rc;

use futures_util::future::join;
use js_sys::Uint8Array;

use super::super::js;
use super::super::memory::AsOf;
use super::super::near::Near;
use super::super::reads::Read;
use super::Driver;
use crate::cache::Tier;
use crate::cache::entry::Entry;
use crate::cache::exchange::{Found, Hint, Outcome, SearchNews};
use crate::cache::key::Key;
use crate::cache::ledger::Bucket;
use crate::cache::policy::Standing;
use crate::cache::tally::{Cell, Peer};
use crate::redis::{Failure, Shared, Trust};

impl Driver {
    pub(super) async fn look(&mut self, tier: Tier, key: &Key) -> Outcome<Uint8Array> {
        self.held = None;
        let outcome = match tier {
            Tier::Memory => return self.look_here(key).await,
            Tier::Platform => self.look_near(key).await,
            Tier::Shared => self.look_shared(key).await,
        };
        if let Outcome::Found(found) = &outcome {
            self.edge.search(&self.head.url, SearchNews::of_stored(&found.entry));
            if key.primary().is_none() {
                self.edge.hints.learn(key.id(), Hint::of(&found.entry));
            }
        }
        outcome
    }

    /// Looks into memory, which is good as long as the ledger is known.
    async fn look_here(&mut self, key: &Key) -> Outcome<Uint8Array> {
        let id = key.id();
        let Some(held) = self.edge.memory.look(id) else { return Outcome::Absent };
        match self.edge.trust(id) {
            _ if self.is_behind(key) => match self.edge.catch_up(key).await {
                Ok(()) => self.receipt.waive(self.shard(key)),
                Err(failure) => return self.missed(Tier::Shared, &failure),
            },
            Trust::Holds => {}
            Trust::Ending => self.look_ahead(key),
            Trust::Over => match self.edge.learn(key).await {
                Ok(Trust::Over) => return Outcome::Absent,
                Ok(_) => {}
                Err(failure) => return self.missed(Tier::Shared, &failure),
            },
        }
        let standing = held.standing(&self.edge);
        if standing == Standing::Dead {
            self.edge.memory.drop(id);
            return Outcome::Absent;
        }
        let found = held.found(standing);
        self.held = Some(held);
        Outcome::Found(found)
    }

    /// Sees to it that the next request need not wait for the ledger.
    fn look_ahead(&self, key: &Key) {
        let (edge, key) = (Rc::clone(&self.edge), key.clone());
        self.context.wait_until(async move {
            if let Err(failure) = edge.learn_ahead(&key).await {
                edge.fault(Tier::Shared, "sync", &failure);
            }
        });
    }

    /// Keeps in memory what was stored under this request's lease.
    pub(super) fn keep(&self, key: &Key, entry: &Entry, body: &Uint8Array) {
        if let Some(as_of) = self.as_of {
            self.offer(key, entry, body, as_of);
        }
    }

    fn offer(&self, key: &Key, entry: &Entry, body: &Uint8Array, as_of: AsOf) {
        if self.tiers.contains(&Tier::Memory) {
            self.edge.memory.offer(key, entry, body, as_of);
        }
    }

    /// Whether the platform's cache is asked before Redis.
    fn is_near_first(&self) -> bool {
        let place = |tier| self.tiers.iter().position(|other| *other == tier);
        place(Tier::Platform) < place(Tier::Shared) && place(Tier::Platform).is_some()
    }

    async fn look_shared(&mut self, key: &Key) -> Outcome<Uint8Array> {
        let edge = Rc::clone(&self.edge);
        let Some(shared) = &edge.shared else { return Outcome::Absent };
        let behind = self.is_behind(key);
        match self.read_shared(shared, key, behind).await {
            Ok(outcome) => {
                // What was looked at just now shows every purge that was acknowledged.
                self.receipt.waive(self.shard(key));
                outcome
            }
            Err(failure) => {
                self.chase(key);
                self.missed(Tier::Shared, &failure)
            }
        }
    }

    /// What other tiers hold is served meanwhile; purges of it shall be known as soon as can be.
    fn chase(&self, key: &Key) {
        let (edge, id) = (Rc::clone(&self.edge), key.id());
        self.context.wait_until(async move {
            let Some(shared) = &edge.shared else { return };
            // Its failure is that of the read, which is counted.
            let _ = shared.chase(id, js::random()).await;
        });
    }

    async fn read_shared(
        &self,
        shared: &Shared,
        key: &Key,
        behind: bool,
    ) -> Result<Outcome<Uint8Array>, Failure> {
        let seed = js::random();
        let (as_of, context) = (self.edge.as_of_read(shared, key), &self.context);
        let read = self.edge.reads.read(shared, key, as_of, context);
        let look = async {
            match behind {
                true => shared.catch_up(key, seed).await,
                false => shared.look(key, seed).await,
            }
        };
        let (read, looked) = join(read, look).await;
        looked?;
        let Read { bytes, as_of, took } = read?;
        if let Some(took) = took {
            self.edge.count(Cell::Waits(Peer::Shared, took), 1);
        }
        let outcome = shared.weigh(key, bytes, seed).await?;
        if let Outcome::Found(found) = &outcome {
            self.offer(key, &found.entry, &found.body, as_of);
        }
        Ok(outcome)
    }

    /// Whether this isolate knows less of the ledger than the client.
    fn is_behind(&self, key: &Key) -> bool {
        !self.receipt.is_covered(self.shard(key), self.edge.position(key.id()))
    }

    pub(super) fn shard(&self, key: &Key) -> usize {
        self.edge.shared.as_ref().map_or(0, |shared| shared.keys().shard(key.id()))
    }

    pub(super) async fn look_near(&self, key: &Key) -> Outcome<Uint8Array> {
        match self.read_near(key).await {
            Ok(Some(found)) => Outcome::Found(found),
            Ok(None) => Outcome::Absent,
            Err(failure) => self.missed(Tier::Platform, &failure),
        }
    }

    async fn read_near(&self, key: &Key) -> Result<Option<Found<Uint8Array>>, Failure> {
        let near = Near::new(&self.edge.config.namespace, key);
        let (as_of, asked) = (self.edge.as_of(key), js::now());
        let mut first = self.edge.shared.is_none();
        let read = match &self.edge.shared {
            None if self.is_behind(key) => {
                self.edge.colo.catch_up().await?;
                near.read().await?
            }
            None => {
                self.edge.colo.sync().await?;
                near.read().await?
            }
            // Before Redis the ledger has to be known; where it cannot be asked, this is behind it.
            Some(_) if self.is_near_first() => {
                let (read, trust) = join(near.read(), self.edge.learn(key)).await;
                match trust {
                    Ok(Trust::Over) => return Ok(None),
                    Ok(_) => first = true,
                    Err(_) => self.chase(key),
                }
                read?
            }
            Some(_) => near.read().await?,
        };
        self.edge.count(Cell::Waits(Peer::Platform, js::since(asked)), 1);
        let Some((entry, body)) = read else { return Ok(None) };
        let (id, bucket) = (key.id(), Bucket::of(key));
        if first && self.edge.shared.is_some() && self.edge.outdates(id, bucket, entry.stamp) {
            return Ok(None);
        }
        if first {
            self.offer(key, &entry, &body, as_of);
        }
        let standing = self.judge(key, &entry);
        Ok(Some(Found { entry, body, standing }))
    }

    /// What is known of an entry. As long as less is known than the client knows, only what was
    /// fetched after that can be clean.
    fn judge(&self, key: &Key, entry: &Entry) -> Standing {
        let unknown = self.is_behind(key) && !self.receipt.is_covered(self.shard(key), entry.stamp);
        if unknown && self.edge.shared.is_some() {
            return Standing::Dead;
        }
        match &self.edge.shared {
            Some(shared) => shared.judge_cut_off(key.id(), entry),
            None => self.edge.colo.judge(entry),
        }
    }

    pub(super) fn missed(&self, tier: Tier, failure: &Failure) -> Outcome<Uint8Array> {
        self.edge.fault(tier, "get", failure);
        Outcome::Failed(failure.fault)
    }
}
