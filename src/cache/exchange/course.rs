//! What stays the same through an exchange, and the replies it can make.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};

use super::action::{Content, Found, Held, Piece, Reach, Reply};
use super::plan::Plan;
use super::watch::Before;
use crate::cache::field::NoVarySearch;
use crate::cache::key::Key;
use crate::cache::policy::{self, Admission, Answer, Arrival, Form, Status, Stored};
use crate::cache::tuning::{Check, History};
use crate::cache::{Octets, Reason, RequestHead, ResponseHead, Tier, Time, Verdict, millis};

/// The constant part of an exchange and what it has been through.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub request: RequestHead,
    pub plan: Plan,
    /// The key looked for: the primary one, or that of a variant once one is known.
    pub key: Key,
    /// A variant's key under which nothing was found before the primary one was looked for.
    pub tried: Option<Key>,
    /// Between whom leases can still decide.
    pub reach: Reach,
    /// When the request was taken up.
    pub began: Time,
    /// Whether the client has its response.
    pub client: Client,
    /// Why what was found, if anything, does not answer the request.
    pub reason: Reason,
    /// Whose fetch was waited for last.
    pub waited: Option<Held>,
    /// How many pauses there have been.
    pub pauses: u32,
    /// When what was stored before the last pause was generated.
    pub met: Option<Time>,
    /// How often something else was stored after a pause and did not answer either.
    pub stale: u32,
    /// For how many fetches of this isolate it has waited.
    pub fetches: u32,
    /// When the request was first told that the origin had failed a moment ago.
    pub held_off: Option<Time>,
    /// When what it was answered with was generated, if that is refreshed before its time.
    pub early: Option<Time>,
    /// What is stored and is compared with the origin's answer.
    pub before: Option<Before>,
    /// What was learnt of how often the content changes.
    pub history: History,
    /// What came of the comparison.
    pub checked: Option<Check>,
    seed: u64,
}

/// Whether the client has its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Served,
    Waiting,
}

impl Course {
    pub fn new(request: RequestHead, now: Time, seed: u64, plan: Plan) -> Self {
        let shared = plan.tiers.contains(&Tier::Shared);
        Self {
            key: plan.key.clone(),
            tried: None,
            request,
            plan,
            reach: if shared { Reach::Everywhere } else { Reach::Isolate },
            began: now,
            client: Client::Waiting,
            reason: Reason::Absent,
            waited: None,
            pauses: 0,
            met: None,
            stale: 0,
            fetches: 0,
            held_off: None,
            early: None,
            before: None,
            history: History::default(),
            checked: None,
            seed,
        }
    }

    /// A number, another at each call.
    pub fn chance(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.seed
    }

    /// A part of `span` between a half and the whole, another at each call.
    pub fn jittered(&mut self, span: Duration) -> Duration {
        let part = self.chance() >> 54;
        let half = millis(span) / 2;
        let more = half.saturating_mul(i64::try_from(part).unwrap_or(0)) / 1024;
        Duration::from_millis(half.saturating_add(more).unsigned_abs())
    }

    /// Whether what the request asks for can fill the cache: all of a representation.
    pub fn fills(&self) -> bool {
        let partial = self.request.headers.contains_key(header::RANGE);
        self.client == Client::Served || (self.request.method != Method::HEAD && !partial)
    }

    /// The request as the origin gets it when its answer may be stored: HEAD asks for the whole.
    pub fn asked(&self) -> Cow<'_, RequestHead> {
        match self.request.method {
            Method::HEAD => Cow::Owned(RequestHead { method: Method::GET, ..self.request.clone() }),
            _ => Cow::Borrowed(&self.request),
        }
    }

    /// What the answer to the request as the origin gets it may be stored for under the key looked
    /// for, which may be that of several queries.
    pub fn admit(&self, head: &ResponseHead, arrival: Arrival) -> Result<Admission, Reason> {
        let admission = self.admit_as_learnt(head, arrival)?;
        match &self.plan.search {
            Some(search) if search.rule != NoVarySearch::parse(&head.headers) => {
                Err(Reason::Search)
            }
            _ => Ok(admission),
        }
    }

    /// The status of an exchange that the origin has answered.
    pub fn status(&self, verdict: Verdict, fwd_status: u16) -> Status {
        let reason = Some(self.reason);
        Status { reason, fwd_status: Some(fwd_status), ..Status::new(verdict) }
    }

    /// The response that a stored one makes.
    pub fn serve<B: Clone>(&mut self, found: &Found<B>, status: Status, now: Time) -> Reply<B> {
        let form = policy::form(&self.request, &found.entry.head, found.entry.octets());
        let formed = policy::formed(&found.entry.head, form);
        let stored = Stored { head: &formed, ..stored_of(found) };
        let length = match form {
            Form::Restored => found.entry.received_len(),
            _ => found.entry.body_len,
        };
        let answer = answer(&self.request, &formed, form, length);
        let head = match status.verdict {
            Verdict::Revalidated => policy::convey(stored.head, &answer),
            _ => policy::present(&stored, &answer, now),
        };
        let body = found.body.clone();
        let content = match answer {
            Answer::Full => Content::Stored(body, None),
            Answer::HeadOnly if !matches!(form, Form::Decoded(_)) => Content::Head(length),
            Answer::HeadOnly => Content::Empty,
            Answer::NotModified | Answer::RangeNotSatisfiable { .. } => Content::Empty,
            Answer::Partial(range) => Content::Stored(body, Some(vec![Piece::Range(range)])),
            Answer::Multipart(parts) => {
                let piece = |range: &_| [Piece::Text(parts.part(range)), Piece::Range(*range)];
                let mut pieces: Vec<_> = parts.ranges.iter().flat_map(piece).collect();
                pieces.push(Piece::Text(parts.end()));
                Content::Stored(body, Some(pieces))
            }
        };
        let status = Status { ttl: Some(ttl(&stored, now)), ..status };
        let saved = match (form, &content) {
            (Form::Compressed, Content::Stored(..)) => found.entry.saved(),
            _ => 0,
        };
        Reply { decode: form.taken_off(), saved, ..self.reply(head, content, status) }
    }

    /// The response that the origin's own makes while it is being stored.
    pub fn fill<B>(
        &mut self,
        stored: &Stored<'_>,
        length: Option<u64>,
        status: Status,
        now: Time,
    ) -> Reply<B> {
        let form = policy::form(&self.request, stored.head, Octets::Received);
        let formed = policy::formed(stored.head, form);
        let length = length.unwrap_or(u64::MAX);
        let answer = policy::answer(&whole(&self.request), &formed, length);
        let mut head = policy::convey(&formed, &answer);
        if self.compresses(stored.head, length) {
            policy::negotiated(&mut head);
        }
        let content = match answer {
            Answer::NotModified => Content::Empty,
            _ => Content::OriginKept,
        };
        let status = Status { ttl: Some(ttl(stored, now)), ..status };
        Reply { decode: form.taken_off(), ..self.reply(head, content, status) }
    }

    /// Whether a response with a body of so many bytes is to be compressed for the store.
    pub fn compresses(&self, head: &ResponseHead, length: u64) -> bool {
        policy::pays(length, None)
            && policy::compressible(&self.request, head, &self.plan.treatment)
    }

    /// The origin's response, passed through.
    pub fn relay<B>(&mut self, response: &ResponseHead, status: Status) -> Reply<B> {
        self.reply(policy::relay(response), Content::Origin, status)
    }

    /// The origin's response to a request that passed through, which is stored as well.
    pub fn relay_and_keep<B>(&mut self, response: &ResponseHead, status: Status) -> Reply<B> {
        let status = Status { stored: true, ..status };
        self.reply(policy::relay(response), Content::OriginKept, status)
    }

    /// A response of our own, for want of any other.
    pub fn excuse<B>(&mut self, status: u16, reason: Reason) -> Reply<B> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let text = format!(
            "{{\"success\":false,\"error\":{{\"code\":\"{reason}\",\"message\":\"{}\"}}}}\n",
            match reason {
                Reason::Backoff =>
                    "the origin has just failed, with this status, and nothing stored may stand in",
                Reason::OnlyIfCached => "nothing usable is stored and the request forbids a fetch",
                _ => "the origin could not be reached and nothing stored may stand in",
            }
        );
        let head = ResponseHead { status, headers };
        let told = Status { reason: Some(reason), ..Status::new(Verdict::Error) };
        self.reply(head, Content::Text(text), told)
    }

    fn reply<B>(
        &mut self,
        mut head: ResponseHead,
        content: Content<B>,
        status: Status,
    ) -> Reply<B> {
        self.client = Client::Served;
        policy::withhold(&mut head.headers, self.plan.treatment.tag_fields);
        status.append(&mut head.headers);
        Reply { head, content, decode: None, saved: 0, status }
    }
}

/// What is sent of a stored response in a form.
pub(super) fn answer(
    request: &RequestHead,
    head: &ResponseHead,
    form: Form,
    length: u64,
) -> Answer {
    match form {
        Form::AsIs | Form::Unsuitable => policy::answer(request, head, length),
        _ => policy::answer(&whole(request), head, length),
    }
}

/// A request without its range: nothing is cut from what is not here whole, nor by the offsets of
/// another representation.
fn whole(request: &RequestHead) -> RequestHead {
    let mut request = request.clone();
    request.headers.remove(header::RANGE);
    request
}

/// A found entry as policy sees it.
pub(super) fn stored_of<B>(found: &Found<B>) -> Stored<'_> {
    let entry = &found.entry;
    Stored { head: &entry.head, generated: entry.generated, lifetime: entry.lifetime }
}

/// The remaining freshness in whole seconds, negative when stale (RFC 9211 §2.4).
pub(super) fn ttl(stored: &Stored<'_>, now: Time) -> i64 {
    let left = millis(stored.lifetime.fresh).saturating_sub(millis(now.since(stored.generated)));
    left.div_euclid(1000)
}
