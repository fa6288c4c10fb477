//! Keys that are left alone because their origin has failed a moment ago.

use std::collections::BTreeMap;

use super::action::{Backoff, Held};
use crate::cache::Time;
use crate::cache::key::Id;

/// What an isolate leaves alone by itself: nobody there has to ask the shared tier for that.
#[derive(Clone, Debug, Default)]
pub struct Holds(BTreeMap<Id, (Time, Backoff)>);

impl Holds {
    /// Leaves a key alone from now on, unless too many are.
    pub fn hold(&mut self, id: Id, hold: Backoff, now: Time) {
        if self.0.len() >= HOLDS_MAX {
            self.0.retain(|_, (begun, hold)| now < begun.after(hold.span));
        }
        if self.0.len() < HOLDS_MAX {
            self.0.insert(id, (now, hold));
        }
    }

    /// Why nobody may fetch a key now, if it is left alone.
    pub fn by(&mut self, id: Id, now: Time) -> Option<Held> {
        let (begun, hold) = *self.0.get(&id)?;
        if begun <= now && now < begun.after(hold.span) {
            return Some(Held::Backoff { status: hold.status, since: Some(hold.since) });
        }
        self.0.remove(&id);
        None
    }
}

/// More keys than this are not left alone at once.
const HOLDS_MAX: usize = 1_024;
