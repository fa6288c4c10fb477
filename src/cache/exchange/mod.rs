//! The machine: one request's way through the cache.
//!
//! A state asks one question ([`Action`]), the driver answers it ([`Outcome`]). A failed effect is
//! an outcome like any other, so nothing here can fail. [`Action::Reply`] is a step and not the
//! end: the driver sends the response and keeps resuming, so that serving stale is the ordinary
//! way with an early reply.
//!
//! What holds for every sequence of outcomes: exactly one `Reply`; `Stop` after a bounded number
//! of steps; a lease granted is given back once, by a store or a release; nothing that policy
//! forbids is ever in a `Store`.

mod action;
mod adopt;
mod again;
mod course;
mod early;
mod holds;
mod lease;
mod lookup;
mod origin;
mod pass;
mod plan;
mod purge;
mod rescue;
mod store;
pub mod told;
mod watch;

pub use action::{
    Action, Backoff, Charge, Content, Fault, Fetch, Found, Held, Lease, Outcome, Piece, Reach,
    Reply,
};
pub use again::Again;
pub use holds::Holds;
pub use plan::{CHANGE_KEEP, Hint, Limits, Plan, Search, SearchNews};
pub use store::MARKED;

use super::tuning::Check;
use super::{Reason, RequestHead, Time, Verdict, policy};
use adopt::AwaitAdoption;
use course::Course;
use lease::{AwaitGlance, AwaitLeader, AwaitLease};
use lookup::AwaitLookup;
use origin::AwaitOrigin;
use pass::{AwaitInvalidation, AwaitPass};
use purge::AwaitPurge;
use rescue::AwaitRescue;
use store::{AwaitBody, AwaitCompression, AwaitDigest, AwaitRelease, AwaitReply, AwaitStore};

/// One request's exchange with client, tiers and origin.
///
/// `B` is a complete stored body; the machine passes it on and never looks inside.
#[derive(Clone, Debug)]
pub struct Exchange<B> {
    course: Course,
    state: State<B>,
}

/// What the exchange waits for; each state holds just what exists in it.
#[derive(Clone, Debug)]
enum State<B> {
    Adoption(AwaitAdoption),
    Body(AwaitBody),
    Compression(AwaitCompression<B>),
    Digest(AwaitDigest<B>),
    Done,
    Glance(AwaitGlance<B>),
    Invalidation(AwaitInvalidation),
    Leader(AwaitLeader<B>),
    Lease(AwaitLease<B>),
    Lookup(AwaitLookup),
    Origin(AwaitOrigin<B>),
    Pass(AwaitPass<B>),
    Purge(AwaitPurge<B>),
    Release(AwaitRelease<B>),
    Reply(AwaitReply<B>),
    Rescue(AwaitRescue<B>),
    Store(AwaitStore<B>),
}

/// A state and the question it asks.
type Step<B> = (State<B>, Action<B>);

impl<B: Clone> Exchange<B> {
    /// Takes up a request. `seed` decides everything that is left to chance.
    pub fn begin(request: RequestHead, now: Time, seed: u64, plan: Plan) -> (Self, Action<B>) {
        let eligible = policy::eligible(&request, &plan.treatment);
        let mut course = Course::new(request, now, seed, plan);
        let (state, action) = match eligible {
            Ok(()) => lookup::first(&mut course, now),
            Err(reason) => pass::pass(&course, Verdict::Bypass, reason, None, now),
        };
        (Self { course, state }, action)
    }

    /// Why what was found so far, if anything, does not answer the request.
    pub fn reason(&self) -> Reason {
        self.course.reason
    }

    /// What the origin's answer has told of whether the content has changed.
    pub fn checked(&self) -> Option<&Check> {
        self.course.checked.as_ref()
    }

    /// The reply just given, to be made again for others; `None` if it is not a plain hit.
    pub fn again(&self, reply: &Reply<B>) -> Option<Again> {
        Again::of(&self.course.plan, &self.course.request, reply)
    }

    /// Takes the answer to the question asked last and asks the next.
    ///
    /// An outcome that does not answer the question counts as that effect's failure.
    pub fn resume(self, outcome: Outcome<B>, now: Time) -> (Self, Action<B>) {
        let Self { mut course, state } = self;
        let (state, action) = match state {
            State::Adoption(state) => state.resume(&mut course, outcome, now),
            State::Body(state) => state.resume(&mut course, outcome, now),
            State::Compression(state) => state.resume(&course, outcome, now),
            State::Digest(state) => state.resume(&mut course, outcome, now),
            State::Done => (State::Done, Action::Stop),
            State::Glance(state) => state.resume(&mut course, outcome, now),
            State::Invalidation(state) => state.resume(&mut course, outcome, now),
            State::Leader(state) => state.resume(&mut course, outcome, now),
            State::Lease(state) => state.resume(&mut course, outcome, now),
            State::Lookup(state) => state.resume(&mut course, outcome, now),
            State::Origin(state) => state.resume(&mut course, outcome, now),
            State::Pass(state) => state.resume(&mut course, outcome, now),
            State::Purge(state) => state.resume(&mut course, outcome, now),
            State::Release(state) => state.resume(&mut course, now),
            State::Reply(state) => state.resume(&mut course, now),
            State::Rescue(state) => state.resume(&mut course, outcome, now),
            State::Store(state) => state.resume(&mut course, outcome, now),
        };
        (Self { course, state }, action)
    }
}

/// The end.
fn stop<B>() -> Step<B> {
    (State::Done, Action::Stop)
}
