//! Rules that stand for the site's own while it runs: read from Redis, sealed, taken up within the
//! bound.
//!
//! A document is believed if its seal is good, its rules make sense and its version is higher than
//! any that was known here. The data centre's cache remembers the last one, so that an isolate that
//! starts later, or while Redis is out of reach, does not fall back behind it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use worker::Context;

use super::js;
use super::platform::Place;
use super::state::Edge;
use crate::cache::exchange::Fault;
use crate::cache::key::{Id, Key};
use crate::cache::ledger::Stamp;
use crate::cache::{Tier, Time};
use crate::config::{Distrust, Override, Rules};
use crate::redis::Failure;

/// The rules in force in this isolate.
#[derive(Debug)]
pub(super) struct Live {
    own: Rc<Rules>,
    place: Place,
    begun: Cell<Begun>,
    taken: RefCell<Taken>,
}

/// Whether what the data centre remembers has been asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    No,
    Yes,
}

/// What was taken up so far.
#[derive(Debug, Default)]
struct Taken {
    version: u64,
    text: String,
    rules: Option<Rc<Rules>>,
    written: Value,
    /// Up to where the ledger was known when Redis was asked last, shard by shard.
    since: Vec<Stamp>,
    failed: Option<Time>,
    ignored: u64,
    why: &'static str,
}

/// What became of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    Changed,
    Same,
}

impl Live {
    pub fn new(own: &Rules, namespace: &str) -> Self {
        Self {
            own: Rc::new(own.clone()),
            place: Place::of_override(namespace),
            begun: Cell::new(Begun::No),
            taken: RefCell::default(),
        }
    }

    /// The highest version that was believed here.
    pub fn version(&self) -> u64 {
        self.taken.borrow().version
    }

    /// Version and words of what was taken up, how many documents were not, and why the last of
    /// them.
    pub fn told(&self) -> (u64, Value, u64, &'static str) {
        let taken = self.taken.borrow();
        (taken.version, taken.written.clone(), taken.ignored, taken.why)
    }

    fn adopt(&self, text: &str, document: Override) {
        let mut taken = self.taken.borrow_mut();
        taken.version = document.version;
        text.clone_into(&mut taken.text);
        taken.rules = document.rules.map(Rc::new);
        taken.written = document.written;
    }
}

impl Edge {
    /// The rules in force.
    pub fn rules(&self) -> Rc<Rules> {
        let taken = self.live.taken.borrow();
        Rc::clone(taken.rules.as_ref().unwrap_or(&self.live.own))
    }

    /// Takes up what this data centre remembers, once in an isolate's life.
    pub async fn begin(&self) {
        if self.config.seal.is_none() || self.live.begun.replace(Begun::Yes) == Begun::Yes {
            return;
        }
        match self.live.place.read().await {
            Ok(Some(bytes)) => drop(self.take(&String::from_utf8_lossy(&bytes.to_vec()))),
            Ok(None) => {}
            Err(failure) => self.fault(Tier::Platform, "override", &failure),
        }
    }

    /// Whether the ledger, as far as it is known here, says that the override may have changed.
    pub fn may_be_overridden(&self, id: Id) -> bool {
        let (Some(shared), Some(_)) = (&self.shared, &self.config.seal) else { return false };
        let shard = shared.keys().shard(id);
        match self.live.taken.borrow().since.get(shard) {
            Some(since) => shared.has_override_changed(shard, *since),
            None => true,
        }
    }

    /// Looks at the override if the ledger says that it may have changed. The look into the ledger
    /// has been made.
    pub async fn renew(self: &Rc<Self>, shard: usize, context: &Context) -> Renewal {
        let Some(shared) = &self.shared else { return Renewal::Same };
        let changed = match self.live.taken.borrow().since.get(shard) {
            Some(since) => shared.has_override_changed(shard, *since),
            None => true,
        };
        let lately = |failed: Time| js::now().since(failed) < RETRY;
        let barred = self.live.taken.borrow().failed.is_some_and(lately);
        if self.config.seal.is_none() || !changed || barred {
            return Renewal::Same;
        }
        let stamps = shared.stamps();
        let text = match shared.override_text().await {
            Ok(text) => text,
            Err(failure) => {
                self.live.taken.borrow_mut().failed = Some(js::now());
                self.fault(Tier::Shared, "override", &failure);
                return Renewal::Same;
            }
        };
        self.live.taken.borrow_mut().since = stamps;
        if text.is_empty() {
            if self.live.version() > 0 {
                self.ignore("missing; what was set last stays in force");
            }
            return Renewal::Same;
        }
        let renewal = self.take(&text);
        if renewal == Renewal::Changed {
            self.remember(text, context);
        }
        renewal
    }

    /// Has the data centre remember what was taken up.
    pub fn remember(self: &Rc<Self>, text: String, context: &Context) {
        let edge = Rc::clone(self);
        context.wait_until(async move {
            let written = edge.live.place.write(&js::bytes(text.as_bytes()), KEEP).await;
            let _ = written.inspect_err(|it| edge.fault(Tier::Platform, "override", it));
        });
    }

    /// For requests that look nothing up: has the ledger looked into, if that is due, and after it
    /// the override.
    pub fn watch(self: &Rc<Self>, key: Key, context: &Rc<Context>) {
        let Some(shared) = &self.shared else { return };
        let shard = shared.keys().shard(key.id());
        if self.config.seal.is_none() || !shared.is_due(shard) {
            return;
        }
        let (edge, inner) = (Rc::clone(self), Rc::clone(context));
        context.wait_until(async move {
            let Some(shared) = &edge.shared else { return };
            match shared.look(&key, js::random()).await {
                Ok(()) => drop(edge.renew(shard, &inner).await),
                Err(failure) => edge.fault(Tier::Shared, "override", &failure),
            }
        });
    }

    /// Takes up a document if it is to be believed and newer than what is known.
    pub fn take(&self, text: &str) -> Renewal {
        let Some(seal) = &self.config.seal else { return Renewal::Same };
        let document = match seal.open(&self.config.namespace, text) {
            Ok(document) => document,
            Err(distrust) => return self.ignore(distrust.as_str()),
        };
        let (known, same) = {
            let taken = self.live.taken.borrow();
            (taken.version, taken.text == text)
        };
        if same {
            return Renewal::Same;
        }
        if document.version <= known {
            return self.ignore(Distrust::Old.as_str());
        }
        self.live.adopt(text, document);
        Renewal::Changed
    }

    /// Counts and logs a document that is not heeded.
    fn ignore(&self, why: &'static str) -> Renewal {
        {
            let mut taken = self.live.taken.borrow_mut();
            taken.ignored = taken.ignored.saturating_add(1);
            taken.why = why;
        }
        let failure = Failure { fault: Fault::Corrupt, detail: why.to_owned() };
        self.fault(Tier::Shared, "override", &failure);
        Renewal::Same
    }
}

/// After a failed read of the override, the next one waits for so long.
const RETRY: Duration = Duration::from_secs(1);

/// For how long the data centre remembers an override.
const KEEP: Duration = Duration::from_secs(30 * 24 * 60 * 60);
