//! What this process has fetched or stored itself, for when Redis can't be reached.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::cache::entry::Entry;
use crate::cache::key::Id;

/// The newest values, up to a number of bytes.
#[derive(Debug, Default)]
pub(super) struct Near {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<Id, (Entry, Bytes)>,
    order: VecDeque<Id>,
    bytes: usize,
}

impl Near {
    pub fn read(&self, id: Id) -> Option<(Entry, Bytes)> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).entries.get(&id).cloned()
    }

    /// Keeps a value; the oldest make room.
    pub fn write(&self, id: Id, entry: Entry, body: Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(id);
        kept.bytes = kept.bytes.saturating_add(body.len());
        kept.entries.insert(id, (entry, body));
        kept.order.push_back(id);
        while kept.bytes > BYTES_MAX
            && let Some(oldest) = kept.order.front().copied()
        {
            kept.remove(oldest);
        }
    }
}

impl Kept {
    fn remove(&mut self, id: Id) {
        if let Some((_, body)) = self.entries.remove(&id) {
            self.bytes = self.bytes.saturating_sub(body.len());
            self.order.retain(|other| *other != id);
        }
    }
}

/// An isolate has 128 MB.
const BYTES_MAX: usize = 16 * 1024 * 1024;
