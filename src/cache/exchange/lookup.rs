//! Looking for a stored response and judging what was found.

use super::action::{Action, Fault, Found, Outcome};
use super::course::{Client, Course, stored_of};
use super::lease::AwaitLeader;
use super::plan::Plan;
use super::store::{AwaitReply, Next};
use super::{State, Step, lease, origin};
use crate::cache::entry::Kind;
use crate::cache::field::Vary;
use crate::cache::policy::{self, Rescue, Reuse, Standing, Status};
use crate::cache::{Reason, Tier, Time, Verdict};

/// A look into a tier is under way.
#[derive(Clone, Debug)]
pub(super) struct AwaitLookup {
    tier: Tier,
}

/// A stored response that does not answer by itself, but may help.
#[derive(Clone, Debug)]
pub(super) struct Prior<B> {
    pub found: Found<B>,
    pub rescue: Rescue,
}

/// What became of a find.
pub(super) enum Use<B> {
    /// It says that nothing is to be had under this key.
    Pass,
    /// It answers the request.
    Serve(Found<B>, Verdict, Option<Reason>),
    /// It does not answer; what is left of it, and why.
    Short(Option<Prior<B>>, Reason),
    /// It is another variant's; this key's is to be looked for.
    Variant,
}

/// The first look.
pub(super) fn first<B: Clone>(course: &mut Course, now: Time) -> Step<B> {
    match course.plan.tiers.first() {
        Some(&tier) => look(course, tier),
        None => lease::acquire(course, None, now),
    }
}

fn look<B>(course: &Course, tier: Tier) -> Step<B> {
    let action = Action::Lookup { tier, key: course.key.clone() };
    (State::Lookup(AwaitLookup { tier }), action)
}

impl AwaitLookup {
    pub fn resume<B: Clone>(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        match outcome {
            Outcome::Found(found) => match weigh(course, found, now) {
                Use::Pass => origin::pass(course, Verdict::Bypass, Reason::PassMarker),
                Use::Serve(found, verdict, reason) => serve(course, found, verdict, reason, now),
                Use::Short(prior, reason) => {
                    course.reason = reason;
                    lease::acquire(course, prior, now)
                }
                Use::Variant => look(course, self.tier),
            },
            Outcome::Absent if self.tier == Tier::Shared => lease::acquire(course, None, now),
            // What is damaged in one tier may lie whole in the next.
            Outcome::Absent | Outcome::Failed(Fault::Corrupt) => self.next(course, now),
            _ => {
                if self.tier == Tier::Shared {
                    course.reach = super::Reach::Isolate;
                }
                self.next(course, now)
            }
        }
    }

    fn next<B: Clone>(self, course: &mut Course, now: Time) -> Step<B> {
        match after(&course.plan, self.tier) {
            Some(tier) => look(course, tier),
            None => lease::acquire(course, None, now),
        }
    }
}

fn after(plan: &Plan, tier: Tier) -> Option<Tier> {
    let mut tiers = plan.tiers.iter().skip_while(|&&other| other != tier);
    tiers.nth(1).copied()
}

/// Judges what a tier holds under the key that was looked for.
pub(super) fn weigh<B>(course: &mut Course, found: Found<B>, now: Time) -> Use<B> {
    let entry = &found.entry;
    if entry.key != course.key.as_str() {
        return Use::Short(None, Reason::Foreign);
    }
    if entry.kind == Kind::Pass {
        let age = now.since(entry.generated);
        let holds = found.standing == Standing::Clean && entry.lifetime.fresh > age;
        return if holds { Use::Pass } else { Use::Short(None, Reason::Absent) };
    }
    let vary = Vary::parse(&entry.head.headers);
    if !policy::selects(&vary, &entry.selecting, &course.request) {
        let variant = course.plan.key.variant(&policy::selecting(&vary, &course.request));
        if course.key == course.plan.key && variant != course.key {
            course.key = variant;
            course.reason = Reason::Variant;
            return Use::Variant;
        }
        return Use::Short(None, Reason::Variant);
    }
    let stored = stored_of(&found);
    let treatment = &course.plan.treatment;
    match policy::reuse(&course.request, &stored, found.standing, now, treatment) {
        Reuse::Serve if course.waited.is_some() => Use::Serve(found, Verdict::Collapsed, None),
        Reuse::Serve => Use::Serve(found, Verdict::Hit, None),
        Reuse::ServeStale(reason) => Use::Serve(found, Verdict::Stale, Some(reason)),
        Reuse::Unusable(reason) => Use::Short(None, reason),
        Reuse::Validate { rescue, reason } => Use::Short(Some(Prior { found, rescue }), reason),
    }
}

/// Answers with a stored response, and refreshes it afterwards if it is stale.
pub(super) fn serve<B: Clone>(
    course: &mut Course,
    found: Found<B>,
    verdict: Verdict,
    reason: Option<Reason>,
    now: Time,
) -> Step<B> {
    let status = Status { reason, ..Status::new(verdict) };
    let reply = course.serve(&found, status, now);
    let next = match verdict {
        Verdict::Stale => {
            course.reason = Reason::Stale;
            Next::Refresh(Prior { found, rescue: Rescue::Forbidden })
        }
        _ => Next::Stop,
    };
    (State::Reply(AwaitReply { next }), Action::Reply(reply))
}

/// After a pause: another look, or another try for the lease.
pub(super) fn again<B: Clone>(course: &mut Course, leader: AwaitLeader<B>, now: Time) -> Step<B> {
    debug_assert!(course.client == Client::Waiting);
    match leader.by {
        super::Held::Here => first(course, now),
        super::Held::Elsewhere => lease::acquire(course, leader.prior, now),
    }
}
