//! Coalescing within the process: at most one fetch for a value is under way here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Cache;
use super::place::{self, Background, Landing};
use crate::cache::Time;
use crate::cache::exchange::{Backoff, Held, Holds};
use crate::cache::key::Id;

/// The fetches under way, and what is left alone after a failure.
#[derive(Debug, Default)]
pub(super) struct Flights {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    taken: u64,
    under_way: HashMap<Id, Flight>,
    held: Holds,
}

#[derive(Clone, Debug)]
struct Flight {
    number: u64,
    landing: Landing,
    until: Time,
}

/// One's own flight; it lands when dropped.
#[derive(Debug)]
pub(super) struct Own {
    cache: Cache,
    id: Id,
    number: u64,
}

impl Flights {
    /// Takes off, unless a flight for the value is under way or has just failed.
    pub fn take_off(cache: &Cache, id: Id, ttl: Duration, now: Time) -> Result<Own, Held> {
        let mut known = cache.inner.flights.known();
        if let Some(by) = known.held.by(id, now) {
            return Err(by);
        }
        if known.under_way.get(&id).is_some_and(|flight| now < flight.until) {
            return Err(Held::Here);
        }
        known.taken = known.taken.wrapping_add(1);
        let flight = Flight { number: known.taken, landing: Landing::new(), until: now.after(ttl) };
        let own = Own { cache: cache.clone(), id, number: flight.number };
        known.under_way.insert(id, flight);
        Ok(own)
    }

    /// Leaves a value alone for a while.
    pub fn hold(&self, id: Id, hold: Backoff, now: Time) {
        self.known().held.hold(id, hold, now);
    }

    /// Waits until the flight for the value, if there is one, has landed, but not for ever.
    pub async fn wait(&self, id: Id, at_most: Duration, background: &Background) {
        let landing = self.known().under_way.get(&id).map(|flight| flight.landing.clone());
        match landing {
            Some(landing) => landing.within(at_most, background).await,
            None => place::sleep(at_most).await,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut known = self.cache.inner.flights.known();
        let own = known.under_way.get(&self.id).is_some_and(|flight| flight.number == self.number);
        if own && let Some(flight) = known.under_way.remove(&self.id) {
            flight.landing.land();
        }
    }
}
