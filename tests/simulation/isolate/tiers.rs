//! Looking into the tiers, and having them forget.

use std::time::Duration;

use breadbox::cache::Tier;
use breadbox::cache::entry::Entry;
use breadbox::cache::exchange::{Found, Hint, Outcome};
use breadbox::cache::family::Generation;
use breadbox::cache::key::Key;
use breadbox::redis::Haste;
use bytes::Bytes;

use super::super::stage::Bug;
use super::super::world;
use super::Driver;

impl Driver {
    pub(super) async fn look(&mut self, tier: Tier, key: &Key) -> Outcome<Bytes> {
        let outcome = match tier {
            Tier::Memory => self.look_here(key).await,
            Tier::Platform => self.look_near(key),
            Tier::Shared => self.look_shared(key).await,
        };
        if let (Outcome::Found(found), None) = (&outcome, key.primary())
            && let Some(hint) = Hint::of(&found.entry)
        {
            self.isolate.hints.borrow_mut().insert(key.id(), hint);
        }
        outcome
    }

    pub(super) async fn forget(&mut self, keys: &[Key], take: Option<Duration>) -> Outcome<Bytes> {
        let mut taken = None;
        for key in keys {
            let shared = &self.isolate.shared;
            let forgotten = match self.stage.bug {
                Bug::VariantsKept => {
                    let (names, id) = (shared.keys(), key.id());
                    let words = ["UNLINK", &names.entry(id), &names.lease(id)];
                    shared.rest().command(&words, Haste::Reply, world::clock).await.map(|_| None)
                }
                _ => shared.forget(key, world::random(u64::MAX), take).await,
            };
            match forgotten {
                Ok(lease) => taken = taken.or(lease),
                Err(failure) => drop(self.missed(&failure)),
            }
            if self.stage.bug != Bug::MemoryKept {
                self.isolate.forgotten.set(self.isolate.forgotten.get() + 1);
            }
            // The family is read and begun anew, the entry removed.
            world::spend(3);
            let mut colo = self.stage.colo(self.isolate.number).borrow_mut();
            colo.entries.remove(&key.id());
            colo.begin_family(key, Generation(1 + world::random(u64::MAX - 1)));
        }
        match (taken, keys.first(), take) {
            (Some(lease), Some(key), Some(ttl)) => {
                let flies = self.isolate.take_off(key.id(), ttl, self.seen.number);
                self.flight = flies.ok().map(|()| key.id());
                Outcome::Granted { lease, found: None }
            }
            _ => Outcome::Done,
        }
    }

    async fn look_shared(&mut self, key: &Key) -> Outcome<Bytes> {
        let as_of = self.isolate.as_of_read(key);
        match self.isolate.shared.get(key, world::random(u64::MAX)).await {
            Ok(outcome) => {
                if let Outcome::Found(found) = &outcome {
                    self.isolate.keep(key, &found.entry, &found.body, as_of);
                }
                self.aged(outcome)
            }
            Err(failure) => self.missed(&failure),
        }
    }

    pub(super) fn aged(&self, outcome: Outcome<Bytes>) -> Outcome<Bytes> {
        match outcome {
            Outcome::Found(mut found) if self.stage.bug == Bug::AgeForgotten => {
                found.entry.generated = world::clock();
                Outcome::Found(found)
            }
            outcome => outcome,
        }
    }

    fn look_near(&self, key: &Key) -> Outcome<Bytes> {
        world::spend(1 + u32::from(key.primary().is_some()));
        let colo = self.stage.colo(self.isolate.number).borrow();
        let kept = colo.entries.get(&key.id()).filter(|(_, until)| *until > world::elapsed());
        let Some((bytes, _)) = kept else { return Outcome::Absent };
        let (entry, at) = Entry::decode(bytes).expect("what was stored");
        if key.primary().is_some() && Some(entry.generation) != colo.generation(key) {
            return Outcome::Absent;
        }
        let standing = self.isolate.shared.judge_cut_off(key.id(), &entry);
        Outcome::Found(Found { entry, body: bytes.slice(at..), standing })
    }
}
