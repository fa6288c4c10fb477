//! The short way: a reply that was made before is made again.
//!
//! It decides with the functions that the machine decides with, so it can say nothing else; it may
//! say nothing at all, and then the machine is asked. What it saves is the way there.

use http::{HeaderName, Method, header};

use super::action::{Content, Reply};
use super::plan::Plan;
use super::{course, early};
use crate::cache::entry::{Entry, Kind};
use crate::cache::field::Vary;
use crate::cache::policy::{self, Answer, Form, Pace, Reuse, Standing, Status, Stored, Treatment};
use crate::cache::{RequestHead, Time, Verdict};

/// A plain hit: all of a fresh stored response, as it was sent once.
#[derive(Clone, Debug)]
pub struct Again {
    treatment: Treatment,
    status: Status,
    form: Form,
}

impl Again {
    /// Takes note of a reply; `None` if it is not a plain hit.
    pub(super) fn of<B>(plan: &Plan, request: &RequestHead, reply: &Reply<B>) -> Option<Self> {
        let form = if reply.saved > 0 { Form::Compressed } else { Form::AsIs };
        let whole = matches!(reply.content, Content::Stored(_, None)) && reply.decode.is_none();
        let plain = reply.status.verdict == Verdict::Hit && reply.status.reason.is_none();
        (whole && plain && request.method == Method::GET).then(|| Self {
            treatment: plan.treatment.clone(),
            status: reply.status.clone(),
            form,
        })
    }

    /// Whether the machine would make that reply to this request with this stored response, found
    /// under the request's key, and would then be done: one that may be refreshed early is left to
    /// it. Of the request only [`Again::FIELDS`] and what the response's `Vary` names need be
    /// known.
    pub fn answers(
        &self,
        request: &RequestHead,
        entry: &Entry,
        standing: Standing,
        pace: Pace,
        now: Time,
    ) -> bool {
        let stored = stored(entry);
        entry.kind != Kind::Pass
            && request.method == Method::GET
            && policy::eligible(request, &self.treatment).is_ok()
            && policy::selects(&Vary::parse(&entry.head.headers), &entry.selecting, request)
            && policy::reuse(request, &stored, standing, now, &self.treatment) == Reuse::Serve
            && !early::may_be_due(request, &self.treatment, pace, entry, now)
            && policy::form(request, &entry.head, entry.octets()) == self.form
            && course::answer(request, &entry.head, self.form, entry.body_len) == Answer::Full
    }

    /// What changes in the reply as time goes by: `Age`, and the `ttl` of `Cache-Status`, both in
    /// seconds.
    pub fn changes(entry: &Entry, now: Time) -> (u64, i64) {
        let stored = stored(entry);
        (policy::age(&stored, now), course::ttl(&stored, now))
    }

    /// Our member of `Cache-Status` with that `ttl`.
    pub fn member(&self, ttl: i64) -> String {
        Status { ttl: Some(ttl), ..self.status.clone() }.member()
    }

    /// The request fields on which the decision depends, beside those that `Vary` names.
    pub const FIELDS: [HeaderName; 12] = [
        header::ACCEPT_ENCODING,
        header::CACHE_CONTROL,
        header::PRAGMA,
        header::RANGE,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_RANGE,
        header::IF_MATCH,
        header::IF_UNMODIFIED_SINCE,
        header::UPGRADE,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
    ];
}

fn stored(entry: &Entry) -> Stored<'_> {
    Stored { head: &entry.head, generated: entry.generated, lifetime: entry.lifetime }
}
