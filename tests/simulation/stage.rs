//! What the actors of a schedule share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use breadbox::cache::key::Id;
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
    /// The platform's cache of each data centre: bytes and until when they are kept.
    pub colos: Vec<RefCell<HashMap<Id, (Bytes, i64)>>>,
    /// The isolates that run now.
    pub isolates: RefCell<Vec<Rc<Isolate>>>,
    /// Who watches.
    pub laws: RefCell<Laws>,
}

impl Stage {
    /// The platform's cache where an isolate runs.
    pub fn colo(&self, isolate: usize) -> &RefCell<HashMap<Id, (Bytes, i64)>> {
        &self.colos[isolate % self.colos.len()]
    }
}

/// What is deliberately wrong, to see it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Nothing.
    None,
    /// Each look at a stored response makes it young again.
    AgeForgotten,
    /// Requests that wait look all the time.
    Impatience,
    /// The lease is granted to everybody.
    LeaseForAll,
    /// A use of the mirror counts as a sync.
    MirrorRenewedByUse,
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
