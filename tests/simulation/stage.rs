//! What the actors of a schedule share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use breadbox::cache::family::{Family, Generation};
use breadbox::cache::key::{Id, Key};
use bytes::Bytes;

use super::isolate::Isolate;
use super::laws::Laws;
use super::site::{Mood, Site};
use super::wire::{Store, Wiring};

/// The scene of one schedule.
pub struct Stage {
    /// The visibility bound B in milliseconds.
    pub bound: i64,
    /// What is deliberately wrong.
    pub bug: Bug,
    /// The shared tier.
    pub store: RefCell<Store>,
    /// The way there.
    pub wiring: RefCell<Wiring>,
    /// How often things go wrong.
    pub weather: Cell<Weather>,
    /// The origin.
    pub site: RefCell<Site>,
    /// How the origin feels.
    pub mood: Cell<Mood>,
    /// The platform's cache of each data centre.
    pub colos: Vec<RefCell<Colo>>,
    /// The isolates that run now.
    pub isolates: RefCell<Vec<Rc<Isolate>>>,
    /// Who watches.
    pub laws: RefCell<Laws>,
}

impl Stage {
    /// The platform's cache where an isolate runs.
    pub fn colo(&self, isolate: usize) -> &RefCell<Colo> {
        &self.colos[isolate % self.colos.len()]
    }
}

/// The platform's cache of a data centre.
#[derive(Default)]
pub struct Colo {
    /// Bytes and until when they are kept.
    pub entries: HashMap<Id, (Bytes, i64)>,
    /// The families of variants, by the id of the primary key.
    pub families: HashMap<Id, Family>,
}

impl Colo {
    /// The generation of a key's family.
    pub fn generation(&self, key: &Key) -> Option<Generation> {
        let primary = key.primary().unwrap_or_else(|| key.clone());
        self.families.get(&primary.id()).map(|family| family.generation)
    }

    /// Begins another family for a key.
    pub fn begin_family(&mut self, key: &Key, generation: Generation) {
        let primary = key.primary().unwrap_or_else(|| key.clone());
        self.families.insert(primary.id(), Family::new(generation));
    }
}

/// What is deliberately wrong, to see it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Nothing.
    None,
    /// Each look at a stored response makes it young again.
    AgeForgotten,
    /// What was compressed for the store goes to those who can't take it, too.
    CodingKept,
    /// What was compressed for the store is not said to be so.
    CodingUntold,
    /// Of a body only the beginning is digested.
    DigestOfLittle,
    /// Requests that wait look all the time.
    Impatience,
    /// The lease is granted to everybody.
    LeaseForAll,
    /// What memory holds of a URL outlives its change.
    MemoryKept,
    /// A use of the mirror counts as a sync.
    MirrorRenewedByUse,
    /// What POST brings is stamped when it is stored and not before it is sent.
    PostStampedLate,
    /// What the origin says of storing and of cookies is not passed on.
    PrivacyForgotten,
    /// A fill is stamped when it is stored and not before it is fetched.
    SequenceReadAtStore,
    /// Some requests are dropped without a word.
    Silence,
    /// A store that fails is the client's problem.
    StoreFaultsTold,
    /// A body that ended early passes for whole.
    TruncationOverlooked,
    /// A change has only what lies under the primary key forgotten.
    VariantsKept,
    /// The origin's `Vary` is not passed on.
    VaryDropped,
}

/// How often things go wrong: once in so many times, never for 0.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// A command or its reply is lost.
    pub lost: u64,
    /// A command or its reply takes long.
    pub slow: u64,
    /// Something happens to a store, the origin or an isolate, in each second.
    pub mishap: u64,
    /// A client goes away before its answer.
    pub gone: u64,
    /// How wrong clocks are, in milliseconds.
    pub skew: u64,
}

impl Weather {
    /// Nothing goes wrong.
    pub const FAIR: Self = Self { lost: 0, slow: 0, mishap: 0, gone: 0, skew: 0 };
}

/// Within which an isolate gives a command up.
pub const TIMEOUT: Duration = Duration::from_millis(250);
