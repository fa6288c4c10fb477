//! Taking and giving back leases.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;
use js_sys::Uint8Array;

use super::super::js;
use super::super::near::Near;
use super::Driver;
use crate::cache::Tier;
use crate::cache::exchange::{Backoff, Lease, Outcome, Reach};
use crate::cache::family::Generation;
use crate::cache::key::Key;
use crate::cache::tally::{Cell, Tenure};

impl Driver {
    pub(super) async fn acquire(
        &mut self,
        key: &Key,
        ttl: Duration,
        reach: Reach,
    ) -> Outcome<Uint8Array> {
        if self.flight.is_none() {
            let flights = &self.edge.flights;
            match flights.take_off(key.id(), ttl, js::now(), &self.context) {
                Ok(own) => self.flight = Some(own),
                Err(by) => return Outcome::Held { by, found: None },
            }
        }
        let token = js::random();
        let as_of = self.edge.as_of(key);
        self.as_of = Some(as_of);
        if let (Some(shared), Reach::Everywhere) = (&self.edge.shared, reach) {
            match shared.acquire(key, ttl, token).await {
                Ok(outcome) => {
                    self.receipt.waive(self.shard(key));
                    let granted = matches!(outcome, Outcome::Granted { .. });
                    let tenure = if granted { Tenure::Granted } else { Tenure::Held };
                    self.edge.count(Cell::Leases(tenure), 1);
                    if let Outcome::Granted { found: Some(found), .. }
                    | Outcome::Held { found: Some(found), .. } = &outcome
                    {
                        self.edge.memory.update(key, found, as_of);
                    }
                    return outcome;
                }
                Err(failure) => {
                    self.edge.fault(Tier::Shared, "acquire", &failure);
                    self.disclaim(key, token);
                }
            }
        }
        let near = Near::new(&self.edge.config.namespace, key);
        // What another request has just stored here must not be fetched again.
        let (found, generation) = join(self.look_near(key), near.generation()).await;
        let found = match found {
            Outcome::Found(found) => Some(found),
            _ => None,
        };
        let generation = generation.unwrap_or_else(|failure| {
            self.edge.fault(Tier::Platform, "generation", &failure);
            Generation::NONE
        });
        Outcome::Granted { lease: self.local_lease(key, generation), found }
    }

    /// The lease may have been granted although its reply was lost; nobody shall wait for it.
    pub(super) fn disclaim(&self, key: &Key, token: u64) {
        let (edge, key) = (Rc::clone(&self.edge), key.clone());
        self.context.wait_until(async move {
            let Some(shared) = &edge.shared else { return };
            let stamp = shared.blind_stamp(key.id());
            let generation = Generation::NONE;
            let lease = Lease { token, stamp, reach: Reach::Everywhere, generation };
            // It is given back as well as it can be; at worst it expires.
            let _ = shared.release(&key, lease, None).await;
        });
    }

    /// A lease that reaches only this isolate.
    pub(super) fn local_lease(&self, key: &Key, generation: Generation) -> Lease {
        let (token, stamp) = (js::random(), self.stamp(key));
        Lease { token, stamp, reach: Reach::Isolate, generation }
    }

    pub(super) async fn release(
        &mut self,
        lease: Lease,
        key: &Key,
        hold: Option<Backoff>,
    ) -> Outcome<Uint8Array> {
        if let Some(hold) = hold {
            self.edge.flights.hold(key.id(), hold, js::now());
        }
        if let (Some(shared), Reach::Everywhere) = (&self.edge.shared, lease.reach)
            && let Err(failure) = shared.release(key, lease, hold).await
        {
            self.edge.fault(Tier::Shared, "release", &failure);
        }
        self.flight = None;
        Outcome::Done
    }
}
