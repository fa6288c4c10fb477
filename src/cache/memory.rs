//! What an isolate keeps in its own memory: a bounded map that evicts by SIEVE.
//!
//! Things queue in the order in which they came; use only marks them. A hand goes from the oldest
//! to the newest and takes the first unmarked one, unmarking those that it passes (Zhang et al.,
//! NSDI 2024). What was asked for once is not taken in: on the web two objects of three are asked
//! for once, and would push out those that are asked for again.

use std::collections::BTreeMap;

use super::key::Id;

/// Stored things by key, within a budget of bytes.
#[derive(Clone, Debug)]
pub struct Memory<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
    places: BTreeMap<Id, usize>,
    newest: Option<usize>,
    oldest: Option<usize>,
    hand: Option<usize>,
    weight: usize,
    budget: usize,
    asked: Asked,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    held: Option<(Id, T)>,
    weight: usize,
    marked: bool,
    newer: Option<usize>,
    older: Option<usize>,
}

impl<T> Memory<T> {
    /// An empty one that holds up to `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            places: BTreeMap::new(),
            newest: None,
            oldest: None,
            hand: None,
            weight: 0,
            budget,
            asked: Asked::default(),
        }
    }

    /// What is held under a key; it counts as used.
    pub fn get(&mut self, id: Id) -> Option<&T> {
        let slot = self.slots.get_mut(*self.places.get(&id)?)?;
        slot.marked = true;
        slot.held.as_ref().map(|(_, thing)| thing)
    }

    /// Whether something is held under a key; it does not count as used.
    pub fn holds(&self, id: Id) -> bool {
        self.places.contains_key(&id)
    }

    /// Whether a thing of that weight in bytes is to be taken in, now that it was asked for: it is
    /// if it is held, or was asked for not long ago, and is not too large.
    pub fn admits(&mut self, id: Id, weight: usize) -> bool {
        let again = self.asked.again(id);
        weight <= OBJECT_MAX.min(self.budget) && (again || self.places.contains_key(&id))
    }

    /// Takes a thing in, in the place of what was held under its key.
    pub fn insert(&mut self, id: Id, weight: usize, thing: T) {
        let weight = weight.saturating_add(OVERHEAD);
        if let Some(&place) = self.places.get(&id) {
            if let Some(slot) = self.slots.get_mut(place) {
                self.weight = self.weight.saturating_sub(slot.weight).saturating_add(weight);
                *slot = Slot { held: Some((id, thing)), weight, ..*slot };
            }
            self.shrink();
        } else if weight <= self.budget {
            self.weight = self.weight.saturating_add(weight);
            self.shrink();
            self.queue(id, weight, thing);
        }
    }

    /// Puts a thing at the end of the queue.
    fn queue(&mut self, id: Id, weight: usize, thing: T) {
        let older = self.newest;
        let slot = Slot { held: Some((id, thing)), weight, marked: false, newer: None, older };
        let place = match self.free.pop() {
            Some(place) => {
                if let Some(freed) = self.slots.get_mut(place) {
                    *freed = slot;
                }
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len().saturating_sub(1)
            }
        };
        if let Some(before) = older.and_then(|older| self.slots.get_mut(older)) {
            before.newer = Some(place);
        }
        self.newest = Some(place);
        self.oldest.get_or_insert(place);
        self.places.insert(id, place);
    }

    /// Drops what is held under a key.
    pub fn remove(&mut self, id: Id) -> Option<T> {
        let place = self.places.get(&id).copied()?;
        self.take(place).map(|(_, thing)| thing)
    }

    /// How many things are held.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What is held weighs so much, in bytes.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Evicts until what is held is within the budget.
    fn shrink(&mut self) {
        // Each round takes one thing or unmarks one.
        for _ in 0..self.slots.len().saturating_mul(2).saturating_add(1) {
            let Some(place) = self.hand.or(self.oldest).filter(|_| self.weight > self.budget)
            else {
                return;
            };
            let Some(slot) = self.slots.get_mut(place) else { return };
            self.hand = slot.newer;
            if !std::mem::take(&mut slot.marked) {
                self.take(place);
            }
        }
    }

    fn take(&mut self, place: usize) -> Option<(Id, T)> {
        let slot = self.slots.get_mut(place)?;
        let held = slot.held.take()?;
        let (newer, older) = (slot.newer, slot.older);
        self.weight = self.weight.saturating_sub(slot.weight);
        match newer.and_then(|newer| self.slots.get_mut(newer)) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match older.and_then(|older| self.slots.get_mut(older)) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        if self.hand == Some(place) {
            self.hand = newer;
        }
        self.places.remove(&held.0);
        self.free.push(place);
        Some(held)
    }
}

/// Which keys were asked for lately: a part of each key's hash, at the place that another part
/// names. Later keys overwrite earlier ones, so it forgets as time goes by.
#[derive(Clone, Debug)]
struct Asked(Vec<u16>);

impl Default for Asked {
    fn default() -> Self {
        Self(vec![0; ASKED])
    }
}

impl Asked {
    /// Notes a key, and tells whether it was noted before.
    fn again(&mut self, id: Id) -> bool {
        let [a, b, c, d, ..] = id.0.to_be_bytes();
        let place = usize::from(u16::from_be_bytes([a, b])) % ASKED;
        let mark = u16::from_be_bytes([c, d]).max(1);
        let Some(noted) = self.0.get_mut(place) else { return false };
        std::mem::replace(noted, mark) == mark
    }
}

/// Larger things stay in the tiers behind: few of them would push out many small ones.
const OBJECT_MAX: usize = 256 * 1024;

/// What a thing costs beside what it is made of: objects, indexes, prepared fields.
const OVERHEAD: usize = 3072;

/// How many keys are remembered as asked for.
const ASKED: usize = 1 << 15;
