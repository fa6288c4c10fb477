//! Taking into the store, after the reply, what HEAD has told of a stored response
//! (RFC 9111 §4.3.5).

use super::action::{Action, Outcome};
use super::course::Course;
use super::store::{self, Then};
use super::{State, Step};
use crate::cache::Time;
use crate::cache::entry::Entry;
use crate::cache::key::Key;

/// The lease has been asked for.
#[derive(Clone, Debug)]
pub(super) struct AwaitAdoption {
    key: Key,
    update: Box<Update>,
}

/// A stored response before and after. The stamp is still that of its body.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub before: Entry,
    pub after: Entry,
}

/// Asks for the lease on the key that the news are about.
pub(super) fn adopt<B>(course: &Course, key: Key, update: Box<Update>) -> Step<B> {
    let ttl = course.plan.limits.lease;
    let action = Action::Acquire { key: key.clone(), ttl, reach: course.reach };
    (State::Adoption(AwaitAdoption { key, update }), action)
}

impl AwaitAdoption {
    /// Whoever has the lease, or has stored something meanwhile, knows better.
    pub fn resume<B: Clone>(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        let Outcome::Granted { lease, found } = outcome else { return super::stop() };
        let Self { key, update } = self;
        match found {
            Some(found) if found.entry == update.before => {
                let entry = Entry { generation: lease.generation, ..update.after };
                store::commit(course, lease, key, entry, Some(found.body), now)
            }
            _ => store::release(lease, key, None, Then::Stop),
        }
    }
}
