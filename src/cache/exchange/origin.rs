//! Asking the origin, and what its answer means.

use super::action::{Action, Backoff, Fault, Fetch, Found, Lease, Outcome, Reply};
use super::course::{Client, Course};
use super::lookup::Prior;
use super::purge::{self, Then};
use super::rescue::{self, Failure};
use super::store::{self, AwaitBody, Next};
use super::watch::Likeness;
use super::{State, Step};
use crate::cache::entry::{Entry, Kind};
use crate::cache::family::Generation;
use crate::cache::field::Vary;
use crate::cache::key::Key;
use crate::cache::policy::{self, Admission, Arrival, Rescue, Status, Stored};
use crate::cache::{Reason, ResponseHead, Time, Verdict};

/// The origin has been asked for something that may be stored.
#[derive(Clone, Debug)]
pub(super) struct AwaitOrigin<B> {
    prior: Option<Prior<B>>,
    lease: Option<(Lease, Key)>,
    asked: Time,
}

/// Asks for a whole representation, or for the confirmation of the one that is stored.
pub(super) fn fetch<B: Clone>(
    course: &mut Course,
    prior: Option<Prior<B>>,
    lease: Option<Lease>,
    now: Time,
) -> Step<B> {
    if let Some(prior) = &prior {
        course.remember(&prior.found);
    }
    let stored = prior.as_ref().map(|prior| &prior.found.entry.head);
    let spare = course.client == Client::Served
        || prior.as_ref().is_some_and(|prior| prior.rescue != Rescue::Forbidden);
    let fetch = Fetch {
        method: course.asked().method.clone(),
        headers: policy::forward(&course.request, stored),
        passes: false,
        deadline: spare.then_some(course.plan.limits.deadline),
    };
    let lease = lease.map(|lease| (lease, course.key.clone()));
    (State::Origin(AwaitOrigin { prior, lease, asked: now }), Action::Fetch(fetch))
}

impl<B: Clone> AwaitOrigin<B> {
    pub fn resume(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        purge::heed(course, Then::Origin(Box::new(self)), outcome, now)
    }

    /// What comes of the answer, once its purges are recorded.
    pub fn answered(self, course: &mut Course, mut outcome: Outcome<B>, now: Time) -> Step<B> {
        if let Outcome::Answered { response, .. } = &mut outcome {
            policy::dated(response, now);
        }
        match outcome {
            Outcome::Answered { response, .. } if response.status == 304 => {
                self.confirmed(course, &response, now)
            }
            Outcome::Answered { response, length } => match self.prior {
                Some(prior) if failed(&response) && prior.rescue == Rescue::Allowed => {
                    rescue::rescue(course, prior, Failure::Answered(response), self.lease, now)
                }
                prior => Self { prior, ..self }.received(course, response, length, now),
            },
            outcome => match self.prior {
                Some(prior) if prior.rescue != Rescue::Forbidden => {
                    let failure = Failure::Silent(failure_status(&outcome));
                    rescue::rescue(course, prior, failure, self.lease, now)
                }
                prior => Self { prior, ..self }.unanswered(course, failure_status(&outcome), now),
            },
        }
    }

    /// Nobody can answer.
    fn unanswered(self, course: &mut Course, status: u16, now: Time) -> Step<B> {
        let reply = (course.client == Client::Waiting)
            .then(|| course.excuse(status, Reason::OriginUnreachable));
        let next = self.release_after_failure(course, status, now);
        store::replied(course, reply, next, now)
    }

    /// The stored response is good for another lifetime (RFC 9111 §4.3.4).
    fn confirmed(self, course: &mut Course, update: &ResponseHead, now: Time) -> Step<B> {
        let Some(prior) = self.prior.clone() else {
            // It confirms what nobody asked about, and its client holds nothing that it could mean.
            return self.unanswered(course, 502, now);
        };
        match policy::freshen(&prior.found.entry.head, update) {
            Ok(head) => {
                course.check(Likeness::Same, now);
                self.freshened(course, prior.found, head, update, now)
            }
            // It confirms something that we don't hold: ask for the whole.
            Err(reason) => {
                course.reason = reason;
                fetch(course, None, self.lease.map(|(lease, _)| lease), now)
            }
        }
    }

    fn freshened(
        self,
        course: &mut Course,
        found: Found<B>,
        head: ResponseHead,
        update: &ResponseHead,
        now: Time,
    ) -> Step<B> {
        let admitted = self.admit(course, &head, now);
        let mut found = found;
        found.entry.head = head;
        found.entry.fetch = now.since(self.asked);
        found.entry.history = course.learnt(&found.entry.head);
        let head = &found.entry.head;
        if let Ok(tags) = policy::tags(update)
            && !tags.is_empty()
        {
            let own = policy::group_tags(&course.request, head);
            found.entry.tags = union(&course.plan.tags, union(&own, tags));
        }
        found.entry.generated = now.before(policy::initial_age(head, self.asked, now));
        found.entry.selecting = policy::selecting(&Vary::parse(&head.headers), &course.request);
        if let Ok(admission) = &admitted {
            found.entry.lifetime = admission.lifetime;
            strip(&mut found.entry.head, admission);
        }
        let reply = (course.client == Client::Waiting)
            .then(|| course.serve(&found, course.status(Verdict::Revalidated, 304), now));
        let next = match (admitted, self.lease) {
            (Ok(_), Some((lease, key))) => {
                let mut entry = found.entry;
                entry.stamp = lease.stamp;
                entry.generation = lease.generation;
                Next::Store { lease, key, entry, body: found.body }
            }
            (Err(reason), Some((lease, key))) if !is_of_request(reason) => {
                Next::Mark { lease, key, reason, status: update.status }
            }
            (_, Some((lease, key))) => Next::Release { lease, key, hold: None },
            (_, None) => Next::Stop,
        };
        store::replied(course, reply, next, now)
    }

    fn received(
        self,
        course: &mut Course,
        response: ResponseHead,
        length: Option<u64>,
        now: Time,
    ) -> Step<B> {
        if self.is_provoked(&response) {
            return self.unstored(course, &response, Reason::Status, now);
        }
        if length.is_some_and(|length| length > course.plan.treatment.body_max) {
            return self.refuse(course, &response, Reason::TooLarge, now);
        }
        course.compare(&response, now);
        let admitted = self
            .admit(course, &response, now)
            .and_then(|admission| policy::tags(&response).map(|tags| (admission, tags)));
        match (admitted, self.lease.clone()) {
            (Ok((admission, tags)), Some((lease, key))) => {
                let arrival = Arrival { asked: self.asked, received: now };
                let (stamp, generation) = (lease.stamp, lease.generation);
                let entry = entry(course, &response, &admission, tags, &key, arrival);
                let entry = Entry { stamp, generation, ..entry };
                let reply = self.filling(course, &response, &entry, length, now);
                let body = AwaitBody { entry, lease, key, arrival };
                store::replied(course, reply, Next::Collect(body), now)
            }
            (Ok(_), None) => self.unstored(course, &response, Reason::Unleased, now),
            (Err(reason), _) => self.refuse(course, &response, reason, now),
        }
    }

    /// Whether it only says that this request was wrong, where others have got better ones: these
    /// keep what they have.
    fn is_provoked(&self, response: &ResponseHead) -> bool {
        let stored = self.prior.as_ref().map(|prior| prior.found.entry.head.status);
        policy::blames_request(response.status) && stored.is_some_and(|stored| stored < 400)
    }

    /// Whether a refusal leaves a mark. One for credentials is in nobody's way but of those that
    /// bring some, and takes nobody's page.
    fn marks(&self, reason: Reason) -> bool {
        match reason {
            Reason::Authorization => self.prior.is_none(),
            reason => !is_of_request(reason),
        }
    }

    fn admit(&self, course: &Course, head: &ResponseHead, now: Time) -> Result<Admission, Reason> {
        course.admit(head, Arrival { asked: self.asked, received: now })
    }

    /// The reply while the response is being stored.
    fn filling(
        &self,
        course: &mut Course,
        response: &ResponseHead,
        entry: &Entry,
        length: Option<u64>,
        now: Time,
    ) -> Option<Reply<B>> {
        if course.client == Client::Served {
            return None;
        }
        let status = Status { stored: true, ..course.status(Verdict::Miss, response.status) };
        let (generated, lifetime) = (entry.generated, entry.lifetime);
        let stored = Stored { head: response, generated, lifetime };
        Some(course.fill(&stored, length, status, now))
    }

    /// A response that must not be stored: it goes to its client, and a mark to everybody else.
    fn refuse(
        self,
        course: &mut Course,
        response: &ResponseHead,
        reason: Reason,
        now: Time,
    ) -> Step<B> {
        match self.lease.clone() {
            Some((lease, key)) if response.status < 500 && self.marks(reason) => {
                let reply = self.relayed(course, response, reason);
                let status = response.status;
                store::replied(course, reply, Next::Mark { lease, key, reason, status }, now)
            }
            _ => self.unstored(course, response, reason, now),
        }
    }

    fn unstored(
        self,
        course: &mut Course,
        response: &ResponseHead,
        reason: Reason,
        now: Time,
    ) -> Step<B> {
        let reply = self.relayed(course, response, reason);
        let next = if response.status >= 500 {
            self.release_after_failure(course, response.status, now)
        } else {
            self.release(None)
        };
        store::replied(course, reply, next, now)
    }

    fn relayed(
        &self,
        course: &mut Course,
        response: &ResponseHead,
        reason: Reason,
    ) -> Option<Reply<B>> {
        let status =
            Status { reason: Some(reason), ..course.status(Verdict::Miss, response.status) };
        (course.client == Client::Waiting).then(|| course.relay(response, status))
    }

    /// After a failure the key is left alone: for a while if others have something to serve, and
    /// else for a moment, for they wait.
    fn release_after_failure(self, course: &mut Course, status: u16, since: Time) -> Next<B> {
        let limits = course.plan.limits;
        let span = match self.prior {
            Some(_) => limits.backoff,
            None => course.jittered(limits.breather),
        };
        self.release(Some(Backoff { since, span, status }))
    }

    fn release(self, hold: Option<Backoff>) -> Next<B> {
        match self.lease {
            Some((lease, key)) => Next::Release { lease, key, hold },
            None => Next::Stop,
        }
    }
}

/// What is stored of a response: as of the request's own stamp, and not in any family.
pub(super) fn entry(
    course: &Course,
    response: &ResponseHead,
    admission: &Admission,
    tags: Vec<String>,
    key: &Key,
    arrival: Arrival,
) -> Entry {
    let mut head = policy::relay(response);
    strip(&mut head, admission);
    let vary = Vary::parse(&response.headers);
    let Arrival { asked, received } = arrival;
    let groups = policy::group_tags(&course.request, response);
    Entry {
        kind: Kind::Response,
        stamp: course.plan.stamp,
        generation: Generation::NONE,
        generated: received.before(policy::initial_age(response, asked, received)),
        lifetime: admission.lifetime,
        fetch: received.since(asked),
        key: key.as_str().to_owned(),
        tags: union(&course.plan.tags, union(&groups, tags)),
        selecting: policy::selecting(&vary, &course.request),
        history: course.learnt(&head),
        head,
        body_len: 0,
    }
}

pub(super) fn strip(head: &mut ResponseHead, admission: &Admission) {
    for name in &admission.strip {
        head.headers.remove(name);
    }
}

pub(super) fn union(rule: &[String], mut named: Vec<String>) -> Vec<String> {
    for tag in rule {
        if !named.contains(tag) {
            named.push(tag.clone());
        }
    }
    named
}

/// Whether an answer is an error that a stored response may stand in for (RFC 5861 §4).
fn failed(response: &ResponseHead) -> bool {
    matches!(response.status, 500 | 502 | 503 | 504)
}

/// Whether a refusal is the request's doing, so that the next one may fare otherwise.
fn is_of_request(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Authorization | Reason::RequestNoStore | Reason::Method | Reason::Partial
    )
}

/// What a client is told of an origin that has not answered.
pub(super) fn failure_status<B>(outcome: &Outcome<B>) -> u16 {
    match outcome {
        Outcome::Failed(Fault::Timeout) => 504,
        _ => 502,
    }
}
