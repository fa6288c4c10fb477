//! How many purges one token, or the origin, may have recorded.
//!
//! The ledger holds a bounded number of selectors, and what is older than the oldest of them is
//! dead. So who names new selectors without end would empty the cache, and is told to wait instead.
//! What was spent is kept as the span after which all of it may be spent again; the store keeps it
//! as the time that a key has to live (`purge.lua`), an isolate without a store as a point in time.

use std::time::Duration;

use crate::cache::Time;

/// The limit of each purger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many selectors a second come to be free again; at least one.
    pub rate: u32,
    /// So many may be spent at once.
    pub burst: u32,
}

impl Limit {
    /// How long it takes until one more selector is free, in whole milliseconds.
    pub fn each(self) -> Duration {
        Duration::from_millis(u64::from(1_000_u32.checked_div(self.rate).unwrap_or(1_000)).max(1))
    }

    /// How long it takes until everything is free.
    pub fn whole(self) -> Duration {
        self.each().saturating_mul(self.burst)
    }
}

/// What a purger has spent, as far as this isolate knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spending {
    free: Time,
}

impl Spending {
    /// How long it has to wait before it may purge; none if it may.
    pub fn wait(&self, limit: Limit, now: Time) -> Option<Duration> {
        // A clock that was set back makes nobody wait for longer than a whole refill.
        let spent = self.spent(now).min(limit.whole().saturating_mul(2));
        let over = spent.checked_sub(limit.whole())?;
        Some(over.saturating_add(limit.each()))
    }

    /// Takes note of a purge with so many selectors that the ledger did not hold. One that brings
    /// nothing new counts as one: the fills under way have to be matched with it all the same.
    pub fn spend(&mut self, limit: Limit, selectors: usize, now: Time) {
        let selectors = u32::try_from(selectors.max(1)).unwrap_or(u32::MAX);
        let spent = self.spent(now).saturating_add(limit.each().saturating_mul(selectors));
        self.free = now.after(spent);
    }

    /// Takes note of the store's word that this purger has to wait for so long.
    pub fn exhaust(&mut self, limit: Limit, wait: Duration, now: Time) {
        let over = wait.saturating_sub(limit.each());
        self.free = now.after(limit.whole().saturating_add(over));
    }

    fn spent(&self, now: Time) -> Duration {
        self.free.since(now)
    }
}
