//! Passing a request through: its answer is for its client, and may yet tell the cache something.

use std::time::Duration;

use http::Method;

use super::action::{Action, Fetch, Outcome};
use super::adopt::Update;
use super::course::Course;
use super::lookup::Prior;
use super::origin::{self, failure_status};
use super::plan::CHANGE_KEEP;
use super::purge::{self, RECEIPT, Then};
use super::store::{self, AwaitBody, Next};
use super::{State, Step};
use crate::cache::entry::Entry;
use crate::cache::graphql::Changes;
use crate::cache::key::Key;
use crate::cache::policy::{self, Arrival, Status, Told};
use crate::cache::{Reason, ResponseHead, Time, Verdict};

/// The origin has been asked on behalf of the client alone.
#[derive(Clone, Debug)]
pub(super) struct AwaitPass<B> {
    verdict: Verdict,
    reason: Reason,
    asked: Time,
    /// What is stored and did not answer the request.
    prior: Option<Prior<B>>,
}

/// Changed resources are being forgotten; the client waits for that.
#[derive(Clone, Debug)]
pub(super) struct AwaitInvalidation {
    response: ResponseHead,
    status: Status,
    /// What has come of the change, if that is to be stored.
    brought: Option<Box<Entry>>,
    arrival: Arrival,
}

/// Forwards the request as it is.
pub(super) fn pass<B>(
    course: &Course,
    verdict: Verdict,
    reason: Reason,
    prior: Option<Prior<B>>,
    now: Time,
) -> Step<B> {
    let fetch = Fetch {
        method: course.request.method.clone(),
        headers: policy::pass(&course.request),
        passes: true,
        deadline: None,
    };
    (State::Pass(AwaitPass { verdict, reason, asked: now, prior }), Action::Fetch(fetch))
}

impl<B: Clone> AwaitPass<B> {
    pub fn resume(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        purge::heed(course, Then::Pass(Box::new(self)), outcome, now)
    }

    /// What comes of the answer, once its purges are recorded.
    pub fn answered(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        let Outcome::Answered { response, length } = outcome else {
            let reply = course.excuse(failure_status(&outcome), Reason::OriginUnreachable);
            return store::replied(course, Some(reply), Next::Stop, now);
        };
        let status = Status {
            reason: Some(self.reason),
            fwd_status: Some(response.status),
            ..Status::new(self.verdict)
        };
        let origin = course.plan.treatment.origin.as_deref();
        let changed = match policy::heeds_changes(&course.request, &course.plan.treatment) {
            Changes::Heeded => policy::invalidates(&course.request, &response, origin),
            Changes::Kept => Vec::new(),
        };
        let mut dated = response.clone();
        policy::dated(&mut dated, now);
        let arrival = Arrival { asked: self.asked, received: now };
        if changed.is_empty() {
            let update = self.prior.and_then(|prior| {
                course.remember(&prior.found);
                update(course, prior, &dated, arrival)
            });
            let next = update.map_or(Next::Stop, |update| Next::Adopt(course.key.clone(), update));
            let reply = course.relay(&response, status);
            return store::replied(course, Some(reply), next, now);
        }
        let brought = length
            .filter(|&length| length <= course.plan.treatment.body_max)
            .and_then(|_| representation(course, &dated, arrival))
            .map(Box::new);
        // Before the reply: who has seen that a change succeeded must not see what was before it.
        let keys = changed.iter().map(|url| Key::of_url(url)).collect();
        let take = brought.is_some().then_some(course.plan.limits.lease);
        let state = AwaitInvalidation { response, status, brought, arrival };
        (State::Invalidation(state), Action::Invalidate { keys, take })
    }
}

impl AwaitInvalidation {
    /// A store that could not forget does not keep the client from its answer.
    pub fn resume<B: Clone>(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        let Self { response, status, brought, arrival } = self;
        match (outcome, brought) {
            (Outcome::Granted { lease, .. }, Some(entry)) => {
                let reply = course.relay_and_keep(&response, status);
                let entry = Entry { generation: lease.generation, ..*entry };
                let key = course.plan.key.clone();
                let body = AwaitBody { entry, lease, key, arrival };
                store::replied(course, Some(reply), Next::Collect(body), now)
            }
            (outcome, _) => {
                let next = match outcome {
                    Outcome::Granted { lease, .. } => {
                        let (key, hold) = (course.plan.key.clone(), None);
                        Next::Release { lease, key, hold }
                    }
                    _ => Next::Stop,
                };
                let reply = course.relay(&response, status);
                store::replied(course, Some(reply), next, now)
            }
        }
    }
}

/// What a response to POST stands for from now on, if it says so (RFC 9110 §9.3.3). Its stamp is
/// from before the request, so that a purge that came meanwhile kills it.
fn representation(course: &Course, response: &ResponseHead, arrival: Arrival) -> Option<Entry> {
    let Course { request, plan, .. } = course;
    let took = arrival.received.since(arrival.asked);
    if request.method != Method::POST || took >= CHANGE_KEEP {
        return None;
    }
    let admission = course.admit(response, arrival).ok()?;
    let tags = policy::tags(response).ok()?;
    let mut entry = origin::entry(course, response, &admission, tags, &plan.key, arrival);
    // That is for the client whose request has purged.
    entry.head.headers.remove(RECEIPT);
    Some(entry)
}

/// What HEAD tells of what is stored.
fn update<B>(
    course: &Course,
    prior: Prior<B>,
    response: &ResponseHead,
    arrival: Arrival,
) -> Option<Box<Update>> {
    if course.request.method != Method::HEAD {
        return None;
    }
    let before = prior.found.entry;
    let after = told(course, &before, response, arrival)?;
    Some(Box::new(Update { before, after }))
}

/// A stored response after what HEAD has told of it; none if that changes nothing
/// (RFC 9111 §4.3.5).
fn told(course: &Course, stored: &Entry, told: &ResponseHead, arrival: Arrival) -> Option<Entry> {
    let mut entry = stored.clone();
    match policy::head_tells(&stored.head, stored.received_len(), told) {
        Told::Nothing => return None,
        Told::Outdated if arrival.received.since(entry.generated) < entry.lifetime.stale => {
            entry.lifetime.fresh = Duration::ZERO;
            entry.lifetime.stale = Duration::ZERO;
        }
        Told::Outdated => return None,
        Told::Current(head) => {
            let admission = course.admit(&head, arrival).ok()?;
            entry.head = head;
            origin::strip(&mut entry.head, &admission);
            entry.lifetime = admission.lifetime;
            let age = policy::initial_age(told, arrival.asked, arrival.received);
            entry.generated = arrival.received.before(age);
        }
    }
    Some(entry)
}
