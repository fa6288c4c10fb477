//! The driver: one `match` that performs what the machine asks.

mod forget;
mod lease;
mod look;

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use js_sys::Uint8Array;
use web_sys::Response;
use worker::{Context, Delay};

use super::flights::Own;
use super::live::Renewal;
use super::memory::{AsOf, Kept, Served};
use super::near::Near;
use super::request::Refusal;
use super::served::{Asking, Course, Debug};
use super::state::{Edge, Ruled};
use super::{js, log, origin, reply, request};
use crate::cache::entry::Entry;
use crate::cache::exchange::{
    Action, Exchange, Fault, Fetch, Lease, Outcome, Plan, Reach, Reply, SearchNews,
};
use crate::cache::graphql::GraphQl;
use crate::cache::key::Key;
use crate::cache::ledger::{Receipt, Stamp};
use crate::cache::policy::{self, Status};
use crate::cache::tally::{Cell, Patience, Peer, Saving, Tenure};
use crate::cache::{RequestHead, Tier, Verdict, checksum};
use crate::config::Basis;

/// What one exchange needs of the world.
#[derive(Debug)]
pub(super) struct Driver {
    edge: Rc<Edge>,
    request: web_sys::Request,
    head: RequestHead,
    context: Rc<Context>,
    origin: Option<Response>,
    /// The request's content, where the key covers it.
    content: Option<Bytes>,
    flight: Option<Own>,
    /// The purges that the client must not see less than.
    receipt: Receipt,
    ledger: Ledger,
    course: Course,
    ruled: Option<Ruled>,
    /// The tiers that are asked, in their order.
    tiers: Vec<Tier>,
    /// What the last look into memory brought.
    held: Option<Rc<Kept>>,
    /// The moment before the lease was asked for.
    as_of: Option<AsOf>,
    sake: Sake,
    /// How many links of the page are fetched when it was stored.
    prefetch: u8,
}

/// For whose sake a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sake {
    /// The cache's own: nobody reads the answer, and it counts for nobody.
    Cache,
    /// A client's.
    Client,
}

/// Whether this request has had the ledger looked into, where that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ledger {
    LookedInto,
    Unread,
}

type Asked = (Exchange<Uint8Array>, Action<Uint8Array>);

impl Driver {
    pub fn new(
        edge: Rc<Edge>,
        request: web_sys::Request,
        head: RequestHead,
        context: Rc<Context>,
    ) -> Self {
        let receipt = policy::receipt(&head);
        let (origin, content, flight) = (None, None, None);
        let course = Course::new(js::now());
        Self {
            edge,
            request,
            head,
            context,
            origin,
            content,
            flight,
            receipt,
            ledger: Ledger::Unread,
            course,
            ruled: None,
            tiers: Vec::new(),
            held: None,
            as_of: None,
            sake: Sake::Client,
            prefetch: 0,
        }
    }

    /// The same for the cache's own sake.
    pub fn unasked(
        edge: Rc<Edge>,
        request: web_sys::Request,
        head: RequestHead,
        context: Rc<Context>,
    ) -> Self {
        let mut driver = Self::new(edge, request, head, context);
        driver.sake = Sake::Cache;
        driver.course.client = Patience::Background;
        driver
    }

    /// Runs the exchange up to its reply; what follows goes on after it.
    pub async fn run(self) -> Response {
        self.reply().await.0
    }

    /// The same, with what became of the request.
    pub async fn reply(mut self) -> (Response, Status) {
        self.course.debug = self.edge.debug(&mut self.head.headers);
        self.edge.begin().await;
        let plan = self.plan().await;
        let shard = self.shard(&plan.key);
        self.tiers.clone_from(&plan.tiers);
        self.prefetch = plan.treatment.prefetch;
        self.course.keep_key(&plan.key);
        self.course.tags.clone_from(&plan.tags);
        let begun = Exchange::begin(self.head.clone(), js::now(), js::random(), plan);
        let (mut exchange, mut action) = begun;
        loop {
            match action {
                Action::Reply(mut reply) => {
                    let length = self.origin.as_ref().and_then(origin::length);
                    self.prepare(&exchange, &reply);
                    if self.sake == Sake::Client {
                        self.edge.served(&self.course, &self.head, &reply, length);
                    }
                    let status = reply.status.clone();
                    self.course.client = Patience::Background;
                    self.course.annotate(&reply.status, &mut reply.head.headers);
                    let response = reply::response(reply, self.origin.as_ref());
                    let rest = exchange.resume(Outcome::Done, js::now());
                    return (self.finish_later(rest, response), status);
                }
                Action::Stop => {
                    let message = "the exchange ended without a reply";
                    return (
                        reply::failure(500, "internal", message, None),
                        Status::new(Verdict::Error),
                    );
                }
                other => {
                    // Memory answers only while the ledger is known.
                    let (shared, look) = match other {
                        Action::Lookup { tier, .. } => (tier == Tier::Shared, true),
                        _ => (false, false),
                    };
                    let outcome = self.perform(other).await;
                    let known = shared && !matches!(outcome, Outcome::Failed(_));
                    if look && (known || self.held.is_some()) {
                        self.ledger = Ledger::LookedInto;
                        if self.edge.renew(shard, &self.context).await == Renewal::Changed {
                            return Box::pin(self.anew()).await;
                        }
                    }
                    (exchange, action) = exchange.resume(outcome, js::now());
                }
            }
        }
    }

    /// Takes the request up once more: the rules have changed, and nothing is held yet.
    async fn anew(self) -> (Response, Status) {
        let Self { edge, request, context, sake, .. } = self;
        match request::head(&request) {
            Ok(head) if sake == Sake::Cache => {
                Self::unasked(edge, request, head, context).reply().await
            }
            Ok(head) => Self::new(edge, request, head, context).reply().await,
            Err(Refusal { status, code, message }) => {
                (reply::failure(status, code, &message, None), Status::new(Verdict::Error))
            }
        }
    }

    /// Has a plain hit from memory made again for those who come next.
    fn prepare(&self, exchange: &Exchange<Uint8Array>, reply: &Reply<Uint8Array>) {
        if let (Some(held), Some(ruled), Debug::Off) = (&self.held, self.ruled, self.course.debug)
            && ruled.basis == Basis::Url
            && let Some(again) = exchange.again(reply)
        {
            let (raw, url) = (self.request.url(), self.head.url.as_str());
            let of = Served { raw, url, ruled };
            self.edge.memory.prepare(of, held, again, &reply.head);
        }
    }

    /// What the operator has settled, with a key that covers the content where it has to.
    async fn plan(&mut self) -> Plan {
        let (plan, ruled) = self.edge.plan(&mut self.head);
        self.course.rule = ruled.rule;
        if !policy::needs_content(&self.head, &plan.treatment) {
            self.ruled = Some(ruled);
            return plan;
        }
        let content = origin::content(&self.request, plan.treatment.content_max).await.ok();
        let (treatment, key) =
            policy::with_content(&self.head, plan.treatment, &plan.key, content.as_deref());
        match key {
            Some(key) => {
                self.content = content;
                Plan { key, hint: None, treatment, ..plan }
            }
            None => Plan { treatment, ..plan },
        }
    }

    fn finish_later(mut self, rest: Asked, response: Response) -> Response {
        if self.sake == Sake::Client {
            self.edge.plan_flush(&self.context);
        }
        if self.ledger == Ledger::Unread {
            self.edge.watch(Key::of_url(&self.head.url), &self.context);
        }
        let (mut exchange, mut action) = rest;
        if !matches!(action, Action::Stop) {
            let context = Rc::clone(&self.context);
            context.wait_until(async move {
                if matches!(action, Action::Acquire { .. } | Action::Fetch(_)) {
                    // Else the reply would wait until the refresh waits for somebody else.
                    Delay::from(Duration::ZERO).await;
                }
                while !matches!(action, Action::Stop) {
                    let outcome = self.perform(action).await;
                    (exchange, action) = exchange.resume(outcome, js::now());
                }
                self.watch(&exchange);
            });
        } else {
            self.watch(&exchange);
        }
        response
    }

    /// Counts whether what was stored has changed.
    fn watch(&self, exchange: &Exchange<Uint8Array>) {
        if let Some(check) = exchange.checked() {
            self.edge.counts.watch(self.course.rule, check);
        }
    }

    pub async fn perform(&mut self, action: Action<Uint8Array>) -> Outcome<Uint8Array> {
        let asked = Asking::of(&action);
        let outcome = self.effect(action).await;
        self.course.note(&asked, &outcome);
        outcome
    }

    /// Up to which purge what is fetched now would be known to be newer.
    pub fn stamp(&self, key: &Key) -> Stamp {
        self.edge.position(key.id())
    }

    async fn effect(&mut self, action: Action<Uint8Array>) -> Outcome<Uint8Array> {
        match action {
            Action::Acquire { key, ttl, reach } => self.acquire(&key, ttl, reach).await,
            Action::Collect { max, inspect } => self.collect(max, inspect.as_ref()).await,
            Action::Compress { body } => match origin::compressed(&body).await {
                Ok(body) => Outcome::Compressed { length: u64::from(body.length()), body },
                Err(fault) => Outcome::Failed(fault),
            },
            Action::Digest { body } => Outcome::Digested(checksum(&body.to_vec())),
            Action::Fetch(fetch) => {
                if fetch.passes {
                    // What passes is for its client alone: nobody here is to wait for it.
                    self.flight = None;
                }
                self.fetch(fetch).await
            }
            Action::Invalidate { keys, take } => self.forget(&keys, take).await,
            Action::Lookup { tier, key } => self.look(tier, &key).await,
            Action::Purge { records, charge } => self.purge(&records, charge).await,
            Action::Release { lease, key, hold } => self.release(lease, &key, hold).await,
            Action::Reply(_) | Action::Stop => Outcome::Done,
            Action::Store { tier, lease, key, entry, body, keep } => {
                let body = body.unwrap_or_else(|| js::bytes(&[]));
                self.store(tier, lease, &key, &entry, &body, keep).await
            }
            Action::Wait { key, at_most } => {
                self.edge.flights.wait(key.id(), at_most, &self.context).await;
                Outcome::Done
            }
        }
    }

    async fn fetch(&mut self, fetch: Fetch) -> Outcome<Uint8Array> {
        self.edge.count(Cell::Fetches(self.course.client), 1);
        let asked = js::now();
        let base = &self.edge.config.origin;
        match origin::fetch(base, fetch, &self.head, &self.request, self.content.as_ref()).await {
            Ok(response) => {
                self.edge.count(Cell::Waits(Peer::Origin, js::since(asked)), 1);
                let head = request::response_head(&response);
                self.edge.search(&self.head.url, SearchNews::of_answer(&self.head.method, &head));
                let length = origin::length(&response);
                self.origin = Some(response);
                Outcome::Answered { response: head, length }
            }
            Err(fault) => {
                self.edge.count(Cell::Faults(Peer::Origin, fault), 1);
                log::line("CacheManager", "origin", &[("fault", fault.as_str())]);
                Outcome::Failed(fault)
            }
        }
    }

    /// Fetches what a page links that was stored for a client; not what that links in turn.
    fn fetch_ahead(&self, entry: &Entry) {
        if self.sake == Sake::Client {
            let urls = policy::prefetches(&self.head, &entry.head, self.prefetch.into());
            self.edge.fetch_ahead(urls, &self.head, &self.context);
        }
    }

    async fn collect(&mut self, max: u64, inspect: Option<&GraphQl>) -> Outcome<Uint8Array> {
        let Some(response) = self.origin.take() else { return Outcome::Failed(Fault::Truncated) };
        match origin::collect(&response, max).await {
            Ok(body) if inspect.is_some() => {
                let bytes = body.to_vec();
                Outcome::of_body(body, &bytes, inspect)
            }
            Ok(body) => Outcome::Collected { length: u64::from(body.length()), body },
            Err(fault) => Outcome::Failed(fault),
        }
    }

    async fn store(
        &mut self,
        tier: Tier,
        lease: Lease,
        key: &Key,
        entry: &Entry,
        body: &Uint8Array,
        keep: Duration,
    ) -> Outcome<Uint8Array> {
        let result = match (tier, &self.edge.shared) {
            (Tier::Shared, Some(shared)) => shared.store(key, lease, entry, body, keep).await,
            _ => {
                let near = Near::new(&self.edge.config.namespace, key);
                near.write(lease, entry, body, keep).await
            }
        };
        match result {
            Ok(outcome) => {
                match outcome {
                    Outcome::Superseded { .. } => self.edge.count(Cell::FencedFills, 1),
                    Outcome::Lost => self.edge.count(Cell::Leases(Tenure::Expired), 1),
                    _ => {
                        // Both tiers displace the same one.
                        let decides = tier == Tier::Shared || lease.reach == Reach::Isolate;
                        let displaced = decides && matches!(outcome, Outcome::Displaced);
                        self.edge.count(Cell::DisplacedVariants, u64::from(displaced));
                        self.edge.count(Cell::Stores, 1);
                        if decides {
                            self.edge.count(Cell::Saved(Saving::Stored), entry.saved());
                            self.keep(key, entry, body);
                            self.fetch_ahead(entry);
                        }
                        self.flight = None;
                    }
                }
                outcome
            }
            Err(failure) => {
                self.edge.fault(tier, "store", &failure);
                Outcome::Failed(failure.fault)
            }
        }
    }
}
