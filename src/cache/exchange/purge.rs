//! Purges that a response of the origin asks for, carried out before anybody sees it.

use http::HeaderValue;

use super::action::{Action, Charge, Outcome};
use super::course::Course;
use super::origin::AwaitOrigin;
use super::pass::AwaitPass;
use super::{State, Step};
use crate::cache::ledger::Record;
use crate::cache::policy;
use crate::cache::{ResponseHead, Time};

/// Purges are being recorded; the client waits for that.
#[derive(Clone, Debug)]
pub(super) struct AwaitPurge<B> {
    then: Then<B>,
    response: ResponseHead,
    length: Option<u64>,
    records: Vec<Record>,
    charge: Charge,
}

/// Who goes on with the response.
#[derive(Clone, Debug)]
pub(super) enum Then<B> {
    Origin(Box<AwaitOrigin<B>>),
    Pass(Box<AwaitPass<B>>),
}

/// Goes on with the origin's answer, after the purges that it asks for.
pub(super) fn heed<B: Clone>(
    course: &mut Course,
    then: Then<B>,
    outcome: Outcome<B>,
    now: Time,
) -> Step<B> {
    let Outcome::Answered { response, length } = outcome else {
        return then.proceed(course, outcome, now);
    };
    let heed = course.plan.treatment.origin_purges;
    let records = policy::purges(&course.request, &response, heed);
    if records.is_empty() {
        return then.proceed(course, Outcome::Answered { response, length }, now);
    }
    AwaitPurge { then, response, length, records, charge: Charge::Counted }.ask()
}

impl<B: Clone> AwaitPurge<B> {
    fn ask(self) -> Step<B> {
        let action = Action::Purge { records: self.records.clone(), charge: self.charge };
        (State::Purge(self), action)
    }

    /// A purge that could not be recorded does not keep the client from its answer; the driver has
    /// counted it. Beyond the origin's limit one record purges no less than the many would. A
    /// receipt goes along with what nobody stores.
    pub fn resume(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        if let (Outcome::Overspent, Charge::Counted) = (&outcome, self.charge) {
            let records = vec![policy::widened(&course.request, &self.records)];
            return Self { records, charge: Charge::Free, ..self }.ask();
        }
        let Self { then, mut response, length, .. } = self;
        if let (Outcome::Purged(receipt), Then::Pass(_)) = (outcome, &then)
            && let Ok(value) = HeaderValue::try_from(receipt.to_string())
        {
            response.headers.insert(RECEIPT, value);
        }
        then.proceed(course, Outcome::Answered { response, length }, now)
    }
}

impl<B: Clone> Then<B> {
    fn proceed(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        match self {
            Self::Origin(state) => state.answered(course, outcome, now),
            Self::Pass(state) => state.answered(course, outcome, now),
        }
    }
}

/// The field that tells of a purge, and by which a request asks to see no less.
pub(super) const RECEIPT: &str = "breadbox-receipt";
