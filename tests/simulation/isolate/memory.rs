//! What an isolate holds in its own memory.

use std::rc::Rc;

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{Found, Outcome};
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{Bucket, Stamp};
use breadbox::cache::policy::Standing;
use breadbox::redis::Trust;
use bytes::Bytes;

use super::super::stage::Bug;
use super::super::world;
use super::{Driver, Isolate};

/// What memory holds: an entry, and when it was what Redis held.
pub struct Kept {
    entry: Entry,
    body: Bytes,
    as_of: AsOf,
}

/// A moment, as an isolate knows it: where its mirror stood, and what it itself had forgotten.
#[derive(Clone, Copy)]
pub struct AsOf {
    stamp: Stamp,
    forgotten: u64,
}

impl Driver {
    /// Looks into memory, which is good as long as the mirror is.
    pub(super) async fn look_here(&mut self, key: &Key) -> Outcome<Bytes> {
        let (id, seed) = (key.id(), world::random(u64::MAX));
        let held = self.isolate.memory.borrow_mut().get(id).cloned();
        let Some(held) = held else { return Outcome::Absent };
        let shared = &self.isolate.shared;
        match shared.trust(id) {
            Trust::Holds => {}
            Trust::Ending => {
                let (isolate, key) = (Rc::clone(&self.isolate), key.clone());
                world::spawn(Some(self.isolate.number), async move {
                    drop(isolate.shared.look_ahead(&key, seed).await);
                });
            }
            Trust::Over => {
                if let Err(failure) = shared.look(key, seed).await {
                    return self.missed(&failure);
                }
                if self.stage.bound > 0 && shared.trust(id) == Trust::Over {
                    return Outcome::Absent;
                }
            }
        }
        let now = self.isolate.as_of(key);
        let standing = shared.judge(id, &held.entry);
        let forgotten = held.as_of.forgotten != now.forgotten;
        let outdated = shared.outdates(id, Bucket::of(key), held.as_of.stamp)
            && self.stage.bug != Bug::MemoryKept;
        if standing == Standing::Dead || outdated || forgotten {
            self.isolate.memory.borrow_mut().remove(id);
            return Outcome::Absent;
        }
        let (entry, body) = (held.entry.clone(), held.body.clone());
        self.aged(Outcome::Found(Found { entry, body, standing }))
    }
}

impl Isolate {
    /// Now, as this isolate knows it.
    pub(super) fn as_of(&self, key: &Key) -> AsOf {
        let (stamp, forgotten) = (self.shared.blind_stamp(key.id()), self.forgotten.get());
        AsOf { stamp, forgotten }
    }

    /// As of when at least the shared tier is what is read of it now.
    pub(super) fn as_of_read(&self, key: &Key) -> AsOf {
        AsOf { stamp: self.shared.shown(key.id()), forgotten: self.forgotten.get() }
    }

    pub(super) fn keep(&self, key: &Key, entry: &Entry, body: &Bytes, as_of: AsOf) {
        if entry.kind == Kind::Response {
            let kept = Kept { entry: entry.clone(), body: body.clone(), as_of };
            self.memory.borrow_mut().insert(key.id(), body.len(), Rc::new(kept));
        }
    }
}

/// So few bytes that evictions happen.
pub const BUDGET: usize = 20_000;
