//! What lay under primary keys when this isolate last saw them, so that a variant costs one round
//! trip. Never more than a hint: what is found is judged as always.

use std::cell::RefCell;
use std::collections::HashMap;
use std::mem;

use crate::cache::exchange::Hint;
use crate::cache::key::Id;

/// The hints of an isolate, those of late and those of before.
#[derive(Debug, Default)]
pub(super) struct Hints {
    hints: RefCell<(HashMap<Id, Hint>, HashMap<Id, Hint>)>,
}

impl Hints {
    /// What is remembered of a primary key.
    pub fn recall(&self, id: Id) -> Option<Hint> {
        let hints = self.hints.borrow();
        hints.0.get(&id).or_else(|| hints.1.get(&id)).cloned()
    }

    /// Remembers what was seen; half of all is forgotten when there are too many.
    pub fn learn(&self, id: Id, hint: Option<Hint>) {
        let mut hints = self.hints.borrow_mut();
        let (late, before) = &mut *hints;
        match hint {
            Some(hint) => drop(late.insert(id, hint)),
            None => {
                late.remove(&id);
                before.remove(&id);
            }
        }
        if late.len() >= HALF {
            *before = mem::take(late);
        }
    }
}

/// Half of the most hints that an isolate keeps.
const HALF: usize = 1024;
