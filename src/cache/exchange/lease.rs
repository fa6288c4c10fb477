//! The lease: who fetches, and how the others wait.

use std::time::Duration;

use super::action::{Action, Found, Held, Outcome, Reach, Reply};
use super::course::{self, Client, Course};
use super::lookup::{self, Prior, Use};
use super::rescue::{self, Failure};
use super::store::{self, AwaitReply, Next, Then};
use super::{State, Step, origin, pass};
use crate::cache::field::Age;
use crate::cache::policy::{self, Reuse, Status};
use crate::cache::{Reason, Time, Verdict};

/// The lease has been asked for.
#[derive(Clone, Debug)]
pub(super) struct AwaitLease<B> {
    prior: Option<Prior<B>>,
}

/// Another request is fetching; this one waits.
#[derive(Clone, Debug)]
pub(super) struct AwaitLeader<B> {
    pub by: Held,
    pub prior: Option<Prior<B>>,
}

/// It has been asked whether another request of this isolate fetches the whole.
#[derive(Clone, Debug)]
pub(super) struct AwaitGlance<B> {
    prior: Option<Prior<B>>,
}

/// Asks for the lease, unless the request can't or mustn't fill the cache.
pub(super) fn acquire<B: Clone>(
    course: &mut Course,
    prior: Option<Prior<B>>,
    now: Time,
) -> Step<B> {
    if course.client == Client::Waiting {
        if policy::only_if_cached(&course.request, &course.plan.treatment) {
            let reply = course.excuse(504, Reason::OnlyIfCached);
            return (State::Reply(AwaitReply { next: Next::Stop }), Action::Reply(reply));
        }
        if now.since(course.began) >= course.plan.limits.patience {
            return origin::fetch(course, prior, None, now);
        }
        if !course.fills() {
            return match course.waited {
                None => glance(course, prior),
                Some(_) => pass::pass(course, Verdict::Miss, course.reason, prior, now),
            };
        }
    }
    let action = Action::Acquire {
        key: course.key.clone(),
        ttl: course.plan.limits.lease,
        reach: course.reach,
    };
    (State::Lease(AwaitLease { prior }), action)
}

/// Asks whether this isolate is fetching the whole, of which the request wants a part or the head.
fn glance<B>(course: &Course, prior: Option<Prior<B>>) -> Step<B> {
    let ttl = course.plan.limits.lease;
    let action = Action::Acquire { key: course.key.clone(), ttl, reach: Reach::Isolate };
    (State::Glance(AwaitGlance { prior }), action)
}

impl<B: Clone> AwaitGlance<B> {
    pub fn resume(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        let Self { prior } = self;
        match outcome {
            Outcome::Held { by: Held::Elsewhere | Held::Here, .. } => {
                course.waited = Some(Held::Here);
                let action = Action::Wait { key: course.key.clone(), at_most: GLANCE };
                (State::Leader(AwaitLeader { by: Held::Here, prior }), action)
            }
            Outcome::Granted { lease, .. } => {
                let then = Then::Pass(course.reason, prior.map(Box::new));
                store::release(lease, course.key.clone(), None, then)
            }
            _ => pass::pass(course, Verdict::Miss, course.reason, prior, now),
        }
    }
}

impl<B: Clone> AwaitLease<B> {
    pub fn resume(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        match outcome {
            Outcome::Granted { lease, found } => {
                course.reach = lease.reach;
                let key = course.key.clone();
                let next = Next::Release { lease, key, hold: None };
                match self.reconsider(course, found, now) {
                    Second::Answers(reply) => store::replied(course, Some(reply), next, now),
                    Second::Fetch(prior) => {
                        if course.reason == Reason::PassMarker {
                            course.reason = Reason::Absent;
                        }
                        origin::fetch(course, prior, Some(lease), now)
                    }
                    Second::Passes(reason) => {
                        let (key, then) = (course.key.clone(), Then::Pass(reason, None));
                        store::release(lease, key, None, then)
                    }
                    Second::Exact => store::release(lease, course.key.clone(), None, Then::Exact),
                    Second::Refreshed => store::replied(course, None, next, now),
                }
            }
            Outcome::Held { by, found } => {
                if course.client == Client::Served {
                    return super::stop();
                }
                match self.reconsider(course, found, now) {
                    Second::Answers(reply) => store::replied(course, Some(reply), Next::Stop, now),
                    Second::Fetch(prior) => match by {
                        Held::Backoff { .. } => hold_off(course, by, prior, now),
                        Held::Elsewhere | Held::Here => pause(course, by, prior, now),
                    },
                    Second::Passes(reason) => {
                        pass::pass(course, Verdict::Bypass, reason, None, now)
                    }
                    Second::Exact => lookup::exact(course, now),
                    Second::Refreshed => super::stop(),
                }
            }
            _ if course.client == Client::Served => super::stop(),
            _ => {
                course.reach = Reach::Isolate;
                origin::fetch(course, self.prior, None, now)
            }
        }
    }

    /// Judges what was stored at the moment of the lease.
    fn reconsider(self, course: &mut Course, found: Option<Found<B>>, now: Time) -> Second<B> {
        let Some(found) = found else { return Second::Fetch(self.prior) };
        match lookup::weigh(course, found, now) {
            Use::Serve(found, verdict, reason) => match course.client {
                Client::Served
                    if verdict == Verdict::Stale || course.early == Some(found.entry.generated) =>
                {
                    Second::Fetch(Some(Prior { found, rescue: policy::Rescue::Forbidden }))
                }
                Client::Served => Second::Refreshed,
                Client::Waiting => {
                    let status = Status { reason, ..Status::new(verdict) };
                    Second::Answers(course.serve(&found, status, now))
                }
            },
            Use::Short(prior, reason) => {
                course.reason = reason;
                Second::Fetch(prior)
            }
            // Nobody waits for what can't be stored, nor has others wait for it.
            Use::Pass(reason) if course.client == Client::Waiting => Second::Passes(reason),
            Use::Pass(_) => Second::Fetch(None),
            Use::Exact if course.client == Client::Waiting => Second::Exact,
            // Another request has found that nothing is to be refreshed here.
            Use::Exact => Second::Refreshed,
            Use::Variant => {
                // The primary key went to another variant meanwhile; the lease is on that key.
                course.key = course.plan.key.clone();
                Second::Fetch(None)
            }
        }
    }
}

/// What a second look, at the moment of the lease, has shown.
enum Second<B> {
    /// It answers the request after all.
    Answers(Reply<B>),
    /// The origin is to be asked, with what is left of it.
    Fetch(Option<Prior<B>>),
    /// Nothing can be had here, as another request has found meanwhile.
    Passes(Reason),
    /// The request's very URL is to be looked for, as another request has found meanwhile.
    Exact,
    /// Another request has done the refresh already.
    Refreshed,
}

/// The origin failed a moment ago. What is stored stands in; who has waited for that fetch shares
/// its failure; and who comes now waits for the next try, which is not far.
fn hold_off<B: Clone>(
    course: &mut Course,
    by: Held,
    prior: Option<Prior<B>>,
    now: Time,
) -> Step<B> {
    let Held::Backoff { status, since } = by else { return pause(course, by, prior, now) };
    match prior {
        Some(prior) if prior.rescue == policy::Rescue::Allowed => {
            return rescue::rescue(course, prior, Failure::Recent(status), None, now);
        }
        _ => {}
    }
    let told = *course.held_off.get_or_insert(now);
    // Who is waited for here may itself have waited, and for longer than this request.
    let witnessed = course.waited == Some(Held::Elsewhere) || since >= Some(course.began);
    if witnessed || now.since(told) >= course.plan.limits.backoff {
        let reply = course.excuse(status, Reason::Backoff);
        return store::replied(course, Some(reply), Next::Stop, now);
    }
    pause(course, by, prior, now)
}

/// Waits for whoever fetches, longer each time, never beyond the patience.
fn pause<B: Clone>(course: &mut Course, by: Held, prior: Option<Prior<B>>, now: Time) -> Step<B> {
    let marked = course.reason == Reason::PassMarker;
    let queues = by == Held::Here && course.waited.is_none();
    let in_vain = in_vain(course, prior.as_ref());
    if in_vain || (marked && !queues) || insists(course, prior.as_ref(), now) {
        return origin::fetch(course, prior, None, now);
    }
    let limits = course.plan.limits;
    let left = limits.patience.saturating_sub(now.since(course.began));
    let wait = match by {
        Held::Here => left,
        Held::Backoff { .. } | Held::Elsewhere => {
            let first = first_pause(prior.as_ref(), limits.poll);
            let longest = limits.poll.saturating_mul(PAUSE_MAX);
            let doubled = first.saturating_mul(1 << course.pauses.min(10)).min(longest);
            course.jittered(doubled).min(left)
        }
    };
    course.pauses = course.pauses.saturating_add(1);
    course.waited = Some(by);
    let action = Action::Wait { key: course.key.clone(), at_most: wait };
    (State::Leader(AwaitLeader { by, prior }), action)
}

/// A fetch is likely to take as long as the last one did: a look at half of that is early enough.
fn first_pause<B>(prior: Option<&Prior<B>>, poll: Duration) -> Duration {
    let half = |span: Duration| span.checked_div(2).unwrap_or_default();
    match prior.map(|prior| half(prior.found.entry.fetch)) {
        Some(wait) if !wait.is_zero() => wait.clamp(half(poll), poll.saturating_mul(PAUSE_MAX)),
        _ => poll,
    }
}

/// Whether waiting has proved vain: twice something has landed that was stale when it came,
/// as from another cache or from an origin whose clock is late, or fetches of this isolate have
/// brought nothing that could be kept.
fn in_vain<B>(course: &mut Course, prior: Option<&Prior<B>>) -> bool {
    let stored = prior.map(|prior| prior.found.entry.generated);
    let landed = course.waited.is_some() && stored.is_some() && stored != course.met;
    course.stale = course.stale.saturating_add(u32::from(landed));
    course.met = stored;
    let here = u32::from(course.waited == Some(Held::Here));
    course.fetches = course.fetches.saturating_add(here);
    course.stale > STALE_BORNE || course.fetches > FETCHES_BORNE
}

/// Whether the request would not take what another request's fetch brings, if that is as old when
/// it comes as what is stored said that it was.
fn insists<B>(course: &Course, prior: Option<&Prior<B>>, now: Time) -> bool {
    let Some(prior) = prior else { return false };
    let mut fetched = course::stored_of(&prior.found);
    let aged = Age::parse(&fetched.head.headers).unwrap_or_default();
    fetched.generated = now.before(aged.0.into());
    let treatment = &course.plan.treatment;
    let standing = policy::Standing::Clean;
    match policy::reuse(&course.request, &fetched, standing, now, treatment) {
        Reuse::Serve | Reuse::ServeStale(_) => false,
        Reuse::Unusable(_) | Reuse::Validate { .. } => true,
    }
}

impl<B: Clone> AwaitLeader<B> {
    pub fn resume(self, course: &mut Course, _outcome: Outcome<B>, now: Time) -> Step<B> {
        lookup::again(course, self, now)
    }
}

/// No pause is longer than so many of the first.
const PAUSE_MAX: u32 = 32;

/// How long a request that can't fill the cache waits for one that does.
const GLANCE: Duration = Duration::from_secs(1);

/// So often a request is content to have waited for what was stale when it came.
const STALE_BORNE: u32 = 1;

/// For so many fetches of its own isolate a request waits, if they bring nothing.
const FETCHES_BORNE: u32 = 4;
