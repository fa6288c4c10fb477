//! Looking for a stored response and judging what was found.

use http::header;

use super::action::{Action, Fault, Found, Outcome};
use super::course::{Client, Course, stored_of};
use super::lease::AwaitLeader;
use super::plan::Plan;
use super::store::{self, AwaitReply, Next};
use super::{State, Step, early, lease, pass};
use crate::cache::entry::{Entry, Kind};
use crate::cache::field::Vary;
use crate::cache::policy::{self, Form, Rescue, Reuse, Standing, Status};
use crate::cache::{Reason, RequestHead, Tier, Time, Verdict};

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
    /// It says that nothing is to be had under this key, and why.
    Pass(Reason),
    /// It answers the request.
    Serve(Found<B>, Verdict, Option<Reason>),
    /// It does not answer; what is left of it, and why.
    Short(Option<Prior<B>>, Reason),
    /// It is another variant's; this key's is to be looked for.
    Variant,
    /// It says that the request's very URL is to be looked for.
    Exact,
}

/// The first look, where a hint says that the response lies.
pub(super) fn first<B: Clone>(course: &mut Course, now: Time) -> Step<B> {
    if let Some(hint) = course.plan.hint.take()
        && let Some(variant) = hint.variant(&course.plan.key, &course.request)
    {
        course.key = variant.clone();
        course.tried = Some(variant);
        course.reason = Reason::Variant;
    }
    match course.plan.tiers.first() {
        Some(&tier) => look(course, tier),
        None => lease::acquire(course, None, now),
    }
}

fn look<B>(course: &Course, tier: Tier) -> Step<B> {
    let action = Action::Lookup { tier, key: course.key.clone() };
    (State::Lookup(AwaitLookup { tier }), action)
}

/// A look for the request's very URL: the responses to its path do not share what was expected.
pub(super) fn exact<B: Clone>(course: &mut Course, now: Time) -> Step<B> {
    if let Some(search) = course.plan.search.take() {
        course.plan.key = search.exact;
        course.key = course.plan.key.clone();
        course.reason = Reason::Absent;
    }
    first(course, now)
}

impl AwaitLookup {
    pub fn resume<B: Clone>(self, course: &mut Course, outcome: Outcome<B>, now: Time) -> Step<B> {
        match outcome {
            Outcome::Found(found) => match weigh(course, found, now) {
                Use::Pass(reason) => pass::pass(course, Verdict::Bypass, reason, None, now),
                Use::Serve(found, verdict, reason) => serve(course, found, verdict, reason, now),
                Use::Short(..) if self.is_near(course) => self.next(course, now),
                Use::Short(prior, reason) => {
                    course.reason = reason;
                    lease::acquire(course, prior, now)
                }
                // It was there that the search began.
                Use::Variant if course.tried.as_ref() == Some(&course.key) => {
                    self.absent(course, now)
                }
                Use::Variant => look(course, self.tier),
                Use::Exact => exact(course, now),
            },
            Outcome::Absent if course.tried.as_ref() == Some(&course.key) => {
                // The hint may be outdated; the primary key knows.
                course.key = course.plan.key.clone();
                course.reason = Reason::Absent;
                look(course, self.tier)
            }
            Outcome::Absent => self.absent(course, now),
            // What is damaged in one tier may lie whole in the next.
            Outcome::Failed(Fault::Corrupt) => self.next(course, now),
            _ => {
                if self.tier == Tier::Shared {
                    course.reach = super::Reach::Isolate;
                }
                self.next(course, now)
            }
        }
    }

    /// The shared tier knows what is stored; another is passed over when it has nothing.
    fn absent<B: Clone>(self, course: &mut Course, now: Time) -> Step<B> {
        match self.tier {
            Tier::Shared => lease::acquire(course, None, now),
            Tier::Memory | Tier::Platform => self.next(course, now),
        }
    }

    /// Whether a tier behind this one may know more: memory may be behind the platform's cache,
    /// and both may be behind Redis.
    fn is_near(&self, course: &Course) -> bool {
        let behind = after(&course.plan, self.tier);
        matches!((self.tier, behind), (Tier::Memory, Some(_)) | (_, Some(Tier::Shared)))
    }

    /// Looks in the next tier. A nearer one may be outdated, so what it has told of variants is a
    /// hint and no more.
    fn next<B: Clone>(self, course: &mut Course, now: Time) -> Step<B> {
        if self.is_near(course) {
            if course.key != course.plan.key {
                course.tried = Some(course.key.clone());
            }
            let tried = course.tried.clone();
            course.reason = if tried.is_some() { Reason::Variant } else { Reason::Absent };
            course.key = tried.unwrap_or_else(|| course.plan.key.clone());
        }
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
        let fresh = found.standing == Standing::Clean && entry.lifetime.fresh > age;
        let holds = fresh && concerns(entry, &course.request);
        return match holds {
            true if course.plan.search.is_some() && marks(entry, Reason::Search) => Use::Exact,
            // What one request has provoked does not keep the next from filling the cache.
            true if policy::blames_request(entry.head.status) => {
                Use::Short(None, Reason::PassMarker)
            }
            true => Use::Pass(Reason::PassMarker),
            false => Use::Short(None, Reason::Absent),
        };
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
    if policy::form(&course.request, &entry.head, entry.octets()) == Form::Unsuitable {
        return Use::Pass(Reason::Coding);
    }
    let stored = stored_of(&found);
    let treatment = &course.plan.treatment;
    match policy::reuse(&course.request, &stored, found.standing, now, treatment) {
        Reuse::Serve if course.waited.is_some() => Use::Serve(found, Verdict::Collapsed, None),
        Reuse::Serve => Use::Serve(found, Verdict::Hit, None),
        Reuse::ServeStale(reason) => Use::Serve(found, Verdict::Stale, Some(reason)),
        Reuse::Unusable(reason) => {
            course.remember(&found);
            Use::Short(None, reason)
        }
        Reuse::Validate { rescue, reason } => Use::Short(Some(Prior { found, rescue }), reason),
    }
}

/// Whether a mark is about such requests as this one: credentials are in the way of those that
/// bring some, and of nobody else (RFC 9111 §3.5).
fn concerns(mark: &Entry, request: &RequestHead) -> bool {
    !marks(mark, Reason::Authorization) || request.headers.contains_key(header::AUTHORIZATION)
}

fn marks(mark: &Entry, reason: Reason) -> bool {
    mark.head.headers.get(store::MARKED).is_some_and(|marked| marked == reason.as_str())
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
    let early = verdict == Verdict::Hit && early::due(course, &found.entry, now);
    let next = match verdict {
        Verdict::Stale => {
            course.reason = Reason::Stale;
            Next::Refresh(Prior { found, rescue: Rescue::Forbidden })
        }
        _ if early => {
            course.early = Some(found.entry.generated);
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
        super::Held::Backoff { .. } | super::Held::Elsewhere => {
            lease::acquire(course, leader.prior, now)
        }
    }
}
