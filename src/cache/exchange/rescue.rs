//! Standing in for a failing origin (RFC 5861 §4).
//!
//! The origin may have been waited for so long that a purge came meanwhile, so what is stored is
//! looked at once more before it is served: a purge is final even then.

use super::action::{Action, Backoff, Lease, Outcome, Reach};
use super::course::{Client, Course};
use super::lookup::{self, Prior, Use};
use super::store::{self, Next};
use super::{State, Step};
use crate::cache::key::Key;
use crate::cache::policy::{Rescue, Status};
use crate::cache::{Reason, ResponseHead, Tier, Time, Verdict};

/// What is stored is looked at once more.
#[derive(Clone, Debug)]
pub(super) struct AwaitRescue<B> {
    prior: Prior<B>,
    failure: Failure,
    failed: Time,
    lease: Option<(Lease, Key)>,
}

/// How the origin failed.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// It answered with an error; its body is at the driver.
    Answered(ResponseHead),
    /// It failed a moment ago and is left alone; what the client is told.
    Recent(u16),
    /// It did not answer; what the client is told.
    Silent(u16),
}

/// Has a stored response stand in, if somebody waits and it is still good for that.
pub(super) fn rescue<B: Clone>(
    course: &mut Course,
    prior: Prior<B>,
    failure: Failure,
    lease: Option<(Lease, Key)>,
    now: Time,
) -> Step<B> {
    let rescue = AwaitRescue { prior, failure, failed: now, lease };
    match (course.client, course.reach) {
        (Client::Served, _) => rescue.release(course, now),
        // Out of the ledger's reach nothing more can be learnt.
        (Client::Waiting, Reach::Isolate) => rescue.serve(course, now),
        (Client::Waiting, Reach::Everywhere) => {
            let action = Action::Lookup { tier: Tier::Shared, key: course.key.clone() };
            (State::Rescue(rescue), action)
        }
    }
}

impl<B: Clone> AwaitRescue<B> {
    pub fn resume(mut self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        match outcome {
            Outcome::Found(found) => match lookup::weigh(course, found, now) {
                Use::Serve(found, ..) => {
                    self.prior = Prior { found, rescue: Rescue::Allowed };
                    self.serve(course, now)
                }
                Use::Short(Some(prior), _) if prior.rescue != Rescue::Forbidden => {
                    self.prior = prior;
                    self.serve(course, now)
                }
                Use::Short(..) | Use::Pass(_) | Use::Variant | Use::Exact => self.fail(course, now),
            },
            // What is gone may have been purged: that is unknown, and never clean.
            Outcome::Absent => self.fail(course, now),
            _ => self.serve(course, now),
        }
    }

    fn serve(self, course: &mut Course, now: Time) -> Step<B> {
        let (reason, fwd_status) = match &self.failure {
            Failure::Answered(response) => (Reason::OriginError, Some(response.status)),
            Failure::Recent(_) => (Reason::Backoff, None),
            Failure::Silent(_) => (Reason::OriginUnreachable, None),
        };
        let reason = Some(reason);
        let status = Status { reason, fwd_status, ..Status::new(Verdict::Rescue) };
        let reply = course.serve(&self.prior.found, status, now);
        let next = self.next(course);
        store::replied(course, Some(reply), next, now)
    }

    fn fail(self, course: &mut Course, now: Time) -> Step<B> {
        let reply = match &self.failure {
            Failure::Answered(response) => {
                let reason = Some(Reason::Purged);
                let status = Status { reason, ..course.status(Verdict::Miss, response.status) };
                course.relay(response, status)
            }
            Failure::Recent(code) => course.excuse(*code, Reason::Backoff),
            Failure::Silent(code) => course.excuse(*code, Reason::OriginUnreachable),
        };
        let next = self.next(course);
        store::replied(course, Some(reply), next, now)
    }

    fn release(self, course: &mut Course, now: Time) -> Step<B> {
        let next = self.next(course);
        store::replied(course, None, next, now)
    }

    /// The key is left alone for a while, as others have something to serve.
    fn next(self, course: &Course) -> Next<B> {
        let status = match &self.failure {
            Failure::Answered(response) => response.status,
            Failure::Recent(status) | Failure::Silent(status) => *status,
        };
        let span = course.plan.limits.backoff;
        match self.lease {
            Some((lease, key)) => Next::Release {
                lease,
                key,
                hold: Some(Backoff { since: self.failed, span, status }),
            },
            None => Next::Stop,
        }
    }
}
