//! Having the tiers forget what was changed, and recording what a response purges.

use std::time::Duration;

use futures_util::future::join;
use js_sys::Uint8Array;

use super::super::js;
use super::super::near::Near;
use super::super::purge::{self, Refusal};
use super::{Driver, Sake};
use crate::cache::Tier;
use crate::cache::exchange::{Charge, Lease, Outcome};
use crate::cache::key::Key;
use crate::cache::ledger::{Bucket, Record};
use crate::cache::tally::Cell;

impl Driver {
    /// Records what a response purges.
    pub(super) async fn purge(&self, records: &[Record], charge: Charge) -> Outcome<Uint8Array> {
        let purger = match charge {
            Charge::Counted => Some(purge::ORIGIN),
            Charge::Free => None,
        };
        match purge::record(&self.edge, purger, records).await {
            Ok(receipt) => {
                purge::note(&self.edge, "origin", records, &receipt);
                if self.sake == Sake::Client {
                    self.edge.warm_after(records, &self.context);
                }
                Outcome::Purged(receipt)
            }
            Err(Refusal::Failed(tier, failure)) => {
                self.edge.fault(tier, "purge", &failure);
                Outcome::Failed(failure.fault)
            }
            Err(Refusal::Overspent(..)) => {
                self.edge.count(Cell::RefusedPurges, 1);
                Outcome::Overspent
            }
        }
    }

    /// Forgets keys in all tiers at once: the client waits for it.
    pub(super) async fn forget(
        &mut self,
        keys: &[Key],
        take: Option<Duration>,
    ) -> Outcome<Uint8Array> {
        let mut lease = None;
        // Three connections each, and the platform opens six at a time.
        for pair in keys.chunks(2) {
            let (first, second) = (pair.first(), pair.get(1));
            let take = take.filter(|_| first == keys.first());
            let (taken, _) =
                join(self.forget_one(first, take), self.forget_one(second, None)).await;
            lease = lease.or(taken);
        }
        self.as_of = keys.first().map(|key| self.edge.as_of(key));
        match (lease, keys.first()) {
            (Some(lease), Some(key)) => {
                let (flights, ttl) = (&self.edge.flights, take.unwrap_or_default());
                self.flight = flights.take_off(key.id(), ttl, js::now(), &self.context).ok();
                Outcome::Granted { lease, found: None }
            }
            _ => Outcome::Done,
        }
    }

    /// Forgets a key, as the rules fold it, and takes the lease on it if that is wanted.
    async fn forget_one(&self, key: Option<&Key>, take: Option<Duration>) -> Option<Lease> {
        let mut url = key?.url().to_owned();
        self.edge.fold(&mut url);
        let key = Key::of_url(&url);
        let queries = Key::of_any_query(&url);
        let near = |key| Near::new(&self.edge.config.namespace, key);
        let (one, all) = (near(&key), near(&queries));
        // One after the other: six connections are all that a request may have.
        let near = async { (one.forget().await, all.forget().await) };
        let (far, (near, barred)) = join(self.forget_shared(&key, take), near).await;
        for key in [&key, &queries] {
            self.edge.reads.part(key);
            self.tell_memory(key).await;
            self.edge.memory.forget(key);
        }
        let generation = barred.and(near).unwrap_or_else(|failure| {
            self.edge.fault(Tier::Platform, "forget", &failure);
            None
        });
        match &self.edge.shared {
            Some(_) => far,
            None => take.and(generation).map(|generation| self.local_lease(&key, generation)),
        }
    }

    /// Where there is no Redis, the memory of other isolates learns of it from the ledger here.
    async fn tell_memory(&self, key: &Key) {
        if self.edge.shared.is_none()
            && let Err(failure) = self.edge.colo.change(Bucket::of(key)).await
        {
            self.edge.fault(Tier::Platform, "forget", &failure);
        }
    }

    async fn forget_shared(&self, key: &Key, take: Option<Duration>) -> Option<Lease> {
        let token = js::random();
        let failure = match self.edge.shared.as_ref()?.forget(key, token, take).await {
            Ok(lease) => return lease,
            Err(failure) => failure,
        };
        self.edge.fault(Tier::Shared, "forget", &failure);
        if take.is_some() {
            self.disclaim(key, token);
        }
        None
    }
}
