//! After the reply: collecting the body, committing it, giving the lease back.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::action::{Action, Backoff, Fault, Lease, Outcome, Reach, Reply};
use super::adopt::{self, Update};
use super::course::Course;
use super::lookup::{self, Prior};
use super::origin::union;
use super::{State, Step, lease, pass, watch};
use crate::cache::entry::{Entry, Kind};
use crate::cache::graphql::GraphQl;
use crate::cache::key::Key;
use crate::cache::policy::{self, Arrival, ContentForm, Standing};
use crate::cache::tuning::History;
use crate::cache::{Lifetime, Reason, ResponseHead, Tier, Time, Verdict};

/// The response is on its way to the client.
#[derive(Clone, Debug)]
pub(super) struct AwaitReply<B> {
    pub next: Next<B>,
}

/// What is left to do after the reply.
#[derive(Clone, Debug)]
pub(super) enum Next<B> {
    Collect(AwaitBody),
    Adopt(Key, Box<Update>),
    Refresh(Prior<B>),
    Release { lease: Lease, key: Key, hold: Option<Backoff> },
    Stop,
    Mark { lease: Lease, key: Key, reason: Reason, status: u16 },
    Store { lease: Lease, key: Key, entry: Entry, body: B },
}

/// The origin's body is being read.
#[derive(Clone, Debug)]
pub(super) struct AwaitBody {
    pub entry: Entry,
    pub lease: Lease,
    pub key: Key,
    pub arrival: Arrival,
}

/// The digest of the body is being taken.
#[derive(Clone, Debug)]
pub(super) struct AwaitDigest<B> {
    entry: Entry,
    lease: Lease,
    key: Key,
    arrival: Arrival,
    body: B,
}

/// The body is being compressed.
#[derive(Clone, Debug)]
pub(super) struct AwaitCompression<B> {
    entry: Entry,
    lease: Lease,
    key: Key,
    body: B,
}

/// An entry is being committed.
#[derive(Clone, Debug)]
pub(super) struct AwaitStore<B> {
    tier: Tier,
    lease: Lease,
    key: Key,
    entry: Entry,
    body: Option<B>,
    tries: u32,
    holding: Holding,
}

/// Whether the lease is still to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holding {
    No,
    Yes,
}

/// The lease is being given back.
#[derive(Clone, Debug)]
pub(super) struct AwaitRelease<B> {
    then: Then<B>,
}

/// What comes after the lease.
#[derive(Clone, Debug)]
pub(super) enum Then<B> {
    /// The request passes through, for this reason; this is stored, but no answer to it.
    Pass(Reason, Option<Box<Prior<B>>>),
    /// The request's very URL is looked for.
    Exact,
    /// Nothing.
    Stop,
}

/// Replies, if there is somebody to reply to, and goes on.
pub(super) fn replied<B: Clone>(
    course: &mut Course,
    reply: Option<Reply<B>>,
    next: Next<B>,
    now: Time,
) -> Step<B> {
    match reply {
        Some(reply) => (State::Reply(AwaitReply { next }), Action::Reply(reply)),
        None => proceed(course, next, now),
    }
}

fn proceed<B: Clone>(course: &mut Course, next: Next<B>, now: Time) -> Step<B> {
    match next {
        Next::Collect(body) => {
            let max = course.plan.treatment.body_max;
            (State::Body(body), Action::Collect { max, inspect: inspect(course) })
        }
        Next::Adopt(key, update) => adopt::adopt(course, key, update),
        Next::Refresh(prior) => lease::acquire(course, Some(prior), now),
        Next::Release { lease, key, hold } => release(lease, key, hold, Then::Stop),
        Next::Stop => super::stop(),
        Next::Mark { lease, key, reason, status } => {
            mark(course, lease, key, (reason, status), now)
        }
        Next::Store { lease, key, entry, body } => {
            commit(course, lease, key, entry, Some(body), now)
        }
    }
}

/// Gives a lease back.
pub(super) fn release<B>(lease: Lease, key: Key, hold: Option<Backoff>, then: Then<B>) -> Step<B> {
    (State::Release(AwaitRelease { then }), Action::Release { lease, key, hold })
}

/// By which rule a body has to be looked into before it is stored.
fn inspect(course: &Course) -> Option<GraphQl> {
    match &course.plan.treatment.content {
        ContentForm::GraphQl(rule) => Some(rule.clone()),
        ContentForm::Exact | ContentForm::Json => None,
    }
}

impl<B: Clone> AwaitReply<B> {
    pub fn resume(self, course: &mut Course, now: Time) -> Step<B> {
        proceed(course, self.next, now)
    }
}

impl AwaitBody {
    pub fn resume<B: Clone>(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        let Self { mut entry, lease, key, arrival } = self;
        match outcome {
            Outcome::Collected { body, length } if inspect(course).is_none() => {
                entry.body_len = length;
                digest(course, AwaitDigest { entry, lease, key, arrival, body }, now)
            }
            Outcome::Inspected { body, length, tags } => {
                entry.body_len = length;
                entry.tags = union(&tags, entry.tags);
                digest(course, AwaitDigest { entry, lease, key, arrival, body }, now)
            }
            Outcome::Failed(Fault::TooLarge) => {
                let refused = (Reason::TooLarge, entry.head.status);
                mark(course, lease, key, refused, now)
            }
            _ => release(lease, key, None, Then::Stop),
        }
    }
}

/// Has the digest of a body taken, if there is nothing else to tell changes by.
fn digest<B: Clone>(course: &mut Course, state: AwaitDigest<B>, now: Time) -> Step<B> {
    match watch::is_bare(&state.entry.head) {
        true => {
            let body = state.body.clone();
            (State::Digest(state), Action::Digest { body })
        }
        false => state.compress(course, now),
    }
}

impl<B: Clone> AwaitDigest<B> {
    /// What it tells counts for the lifetime that is about to begin.
    pub fn resume(mut self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        if let Outcome::Digested(digest) = outcome {
            course.compare_body(digest, self.arrival.received);
            self.entry.history = course.learnt(&self.entry.head);
            if course.plan.treatment.tuning.is_some()
                && let Ok(admission) = course.admit(&self.entry.head, self.arrival)
            {
                self.entry.lifetime = admission.lifetime;
            }
        }
        self.compress(course, now)
    }

    fn compress(self, course: &Course, now: Time) -> Step<B> {
        let Self { entry, lease, key, body, .. } = self;
        compress(course, AwaitCompression { entry, lease, key, body }, now)
    }
}

/// Has a body compressed before it is committed, if that may pay.
fn compress<B: Clone>(course: &Course, state: AwaitCompression<B>, now: Time) -> Step<B> {
    match course.compresses(&state.entry.head, state.entry.body_len) {
        true => {
            let body = state.body.clone();
            (State::Compression(state), Action::Compress { body })
        }
        false => state.commit(course, now),
    }
}

impl<B: Clone> AwaitCompression<B> {
    /// What could not be compressed, or not by much, is stored as it is.
    pub fn resume(mut self, course: &Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        let plain = self.entry.body_len;
        if let Outcome::Compressed { body, length } = outcome
            && policy::pays(plain, Some(length))
        {
            self.entry.kind = Kind::Compressed { plain };
            self.entry.body_len = length;
            self.body = body;
        }
        self.commit(course, now)
    }

    fn commit(self, course: &Course, now: Time) -> Step<B> {
        let Self { entry, lease, key, body } = self;
        commit(course, lease, key, entry, Some(body), now)
    }
}

/// Commits an entry to every tier within the lease's reach.
pub(super) fn commit<B: Clone>(
    course: &Course,
    lease: Lease,
    key: Key,
    entry: Entry,
    body: Option<B>,
    now: Time,
) -> Step<B> {
    let tier = match lease.reach {
        Reach::Everywhere => Tier::Shared,
        Reach::Isolate if course.plan.tiers.contains(&Tier::Platform) => Tier::Platform,
        Reach::Isolate => return release(lease, key, None, Then::Stop),
    };
    let holding = Holding::Yes;
    AwaitStore { tier, lease, key, entry, body, tries: 0, holding }.ask(now)
}

/// Leaves a mark that the key is not storable, so that nobody waits for it: why, and with which
/// status the origin has said so.
pub(super) fn mark<B: Clone>(
    course: &Course,
    lease: Lease,
    key: Key,
    (reason, status): (Reason, u16),
    now: Time,
) -> Step<B> {
    let mut headers = HeaderMap::new();
    headers.insert(MARKED, HeaderValue::from_static(reason.as_str()));
    let span = course.plan.limits.pass;
    let entry = Entry {
        kind: Kind::Pass,
        stamp: lease.stamp,
        generation: lease.generation,
        generated: now,
        lifetime: Lifetime { fresh: span, stale: span, rescue: span, keep: span },
        fetch: Duration::ZERO,
        key: key.as_str().to_owned(),
        tags: course.plan.tags.clone(),
        selecting: Vec::new(),
        head: ResponseHead { status, headers },
        body_len: 0,
        history: History::default(),
    };
    commit(course, lease, key, entry, None, now)
}

impl<B: Clone> AwaitStore<B> {
    fn ask(self, now: Time) -> Step<B> {
        let left = self.entry.lifetime.keep.saturating_sub(now.since(self.entry.generated));
        let action = Action::Store {
            tier: self.tier,
            lease: self.lease,
            key: self.key.clone(),
            entry: Box::new(self.entry.clone()),
            body: self.body.clone(),
            keep: left.max(KEEP_MIN),
        };
        (State::Store(self), action)
    }

    pub fn resume(mut self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        match (self.tier, outcome) {
            (Tier::Shared, Outcome::Superseded { sequence, standing: Standing::Clean })
                if self.tries < STORE_TRIES =>
            {
                self.tries = self.tries.saturating_add(1);
                self.entry.stamp.sequence = sequence;
                self.ask(now)
            }
            (Tier::Shared, Outcome::Superseded { .. }) => self.end(),
            (Tier::Shared, Outcome::Lost) => super::stop(),
            (Tier::Shared, outcome) => {
                if matches!(outcome, Outcome::Stored | Outcome::Displaced) {
                    self.holding = Holding::No;
                }
                match course.plan.tiers.contains(&Tier::Platform) {
                    true => Self { tier: Tier::Platform, ..self }.ask(now),
                    false => self.end(),
                }
            }
            (Tier::Memory | Tier::Platform, _) => self.end(),
        }
    }

    /// A store that failed may not have given the lease back.
    fn end(self) -> Step<B> {
        match self.holding {
            Holding::No => super::stop(),
            Holding::Yes => release(self.lease, self.key, None, Then::Stop),
        }
    }
}

impl<B: Clone> AwaitRelease<B> {
    pub fn resume(self, course: &mut Course, now: Time) -> Step<B> {
        match self.then {
            Then::Pass(reason, prior) => {
                pass::pass(course, Verdict::Miss, reason, prior.map(|prior| *prior), now)
            }
            Then::Exact => lookup::exact(course, now),
            Then::Stop => super::stop(),
        }
    }
}

/// The field of a mark that holds the reason.
pub const MARKED: HeaderName = HeaderName::from_static("breadbox-reason");

/// How often an entry is offered again after purges that do not concern it.
const STORE_TRIES: u32 = 4;

/// No store is asked to keep anything for less.
const KEEP_MIN: Duration = Duration::from_secs(1);
