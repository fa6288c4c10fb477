//! What this isolate remembers of where responses lie, so that a variant, or another query that
//! means the same, costs one round trip. Never more than a hint: what is found is judged as always.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// The hints of an isolate by what they are about, those of late and those of before.
#[derive(Debug)]
pub(super) struct Hints<K, V> {
    hints: RefCell<(HashMap<K, V>, HashMap<K, V>)>,
}

impl<K, V> Default for Hints<K, V> {
    fn default() -> Self {
        Self { hints: RefCell::default() }
    }
}

impl<K: Eq + Hash, V: Clone> Hints<K, V> {
    /// What is remembered.
    pub fn recall<Q: Eq + Hash + ?Sized>(&self, about: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let hints = self.hints.borrow();
        hints.0.get(about).or_else(|| hints.1.get(about)).cloned()
    }

    /// Remembers what was seen; half of all is forgotten when there are too many.
    pub fn learn(&self, about: K, hint: Option<V>) {
        let mut hints = self.hints.borrow_mut();
        let (late, before) = &mut *hints;
        match hint {
            Some(hint) => drop(late.insert(about, hint)),
            None => {
                late.remove(&about);
                before.remove(&about);
            }
        }
        if late.len() >= HALF {
            *before = mem::take(late);
        }
    }
}

/// Half of the most hints that an isolate keeps.
const HALF: usize = 1024;
