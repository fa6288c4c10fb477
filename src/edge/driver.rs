//! The driver: one `match` that performs what the machine asks.

mod forget;
mod lease;

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use web_sys::Response;
use worker::Context;

use super::flights::Own;
use super::live::Renewal;
use super::near::Near;
use super::reads::Source;
use super::request::Refusal;
use super::served::{Asking, Course};
use super::state::Edge;
use super::{js, log, origin, reply, request};
use crate::cache::entry::Entry;
use crate::cache::exchange::{
    Action, Exchange, Fault, Fetch, Found, Hint, Lease, Outcome, Plan, Reach,
};
use crate::cache::graphql::GraphQl;
use crate::cache::key::Key;
use crate::cache::ledger::{Receipt, Stamp};
use crate::cache::policy::{self, Standing};
use crate::cache::tally::{Cell, Patience, Peer, Tenure};
use crate::cache::{RequestHead, Tier};
use crate::redis::{Failure, Shared};

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
}

/// Whether this request has had the ledger looked into, where that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ledger {
    LookedInto,
    Unread,
}

type Asked = (Exchange<Bytes>, Action<Bytes>);

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
        let ledger = Ledger::Unread;
        Self { edge, request, head, context, origin, content, flight, receipt, ledger, course }
    }

    /// Runs the exchange up to its reply; what follows goes on after it.
    pub async fn run(mut self) -> Response {
        self.course.debug = self.edge.debug(&mut self.head.headers);
        self.edge.begin().await;
        let plan = self.plan().await;
        let shard = self.shard(&plan.key);
        self.course.keep_key(&plan.key);
        self.course.tags.clone_from(&plan.tags);
        let begun = Exchange::begin(self.head.clone(), js::now(), js::random(), plan);
        let (mut exchange, mut action) = begun;
        loop {
            match action {
                Action::Reply(mut reply) => {
                    let length = self.origin.as_ref().and_then(origin::length);
                    self.edge.served(&self.course, &self.head, &reply, length);
                    self.course.client = Patience::Background;
                    self.course.annotate(&reply.status, &mut reply.head.headers);
                    let response = reply::response(reply, self.origin.as_ref());
                    let rest = exchange.resume(Outcome::Done, js::now());
                    return self.finish_later(rest, response);
                }
                Action::Stop => {
                    let message = "the exchange ended without a reply";
                    return reply::failure(500, "internal", message, None);
                }
                other => {
                    let look = matches!(other, Action::Lookup { tier: Tier::Shared, .. });
                    let outcome = self.perform(other).await;
                    if look && !matches!(outcome, Outcome::Failed(_)) {
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
    async fn anew(self) -> Response {
        let Self { edge, request, context, .. } = self;
        match request::head(&request) {
            Ok(head) => Self::new(edge, request, head, context).run().await,
            Err(Refusal { status, code, message }) => reply::failure(status, code, &message, None),
        }
    }

    /// What the operator has settled, with a key that covers the content where it has to.
    async fn plan(&mut self) -> Plan {
        let (plan, rule) = self.edge.plan(&mut self.head);
        self.course.rule = rule;
        if !policy::needs_content(&self.head, &plan.treatment) {
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
        self.edge.plan_flush(&self.context);
        if self.ledger == Ledger::Unread {
            self.edge.watch(Key::of_url(&self.head.url), &self.context);
        }
        let (mut exchange, mut action) = rest;
        if !matches!(action, Action::Stop) {
            let context = Rc::clone(&self.context);
            context.wait_until(async move {
                while !matches!(action, Action::Stop) {
                    let outcome = self.perform(action).await;
                    (exchange, action) = exchange.resume(outcome, js::now());
                }
            });
        }
        response
    }

    pub async fn perform(&mut self, action: Action<Bytes>) -> Outcome<Bytes> {
        let asked = Asking::of(&action);
        let outcome = self.effect(action).await;
        self.course.note(&asked, &outcome);
        outcome
    }

    /// Up to which purge what is fetched now would be known to be newer.
    pub fn stamp(&self, key: &Key) -> Stamp {
        match &self.edge.shared {
            Some(shared) => shared.blind_stamp(key.id()),
            None => self.edge.colo.stamp(),
        }
    }

    async fn effect(&mut self, action: Action<Bytes>) -> Outcome<Bytes> {
        match action {
            Action::Acquire { key, ttl, reach } => self.acquire(&key, ttl, reach).await,
            Action::Collect { max, inspect } => self.collect(max, inspect.as_ref()).await,
            Action::Fetch(fetch) => {
                if fetch.passes {
                    // What passes is for its client alone: nobody here is to wait for it.
                    self.flight = None;
                }
                self.fetch(fetch).await
            }
            Action::Invalidate { keys, take } => self.forget(&keys, take).await,
            Action::Lookup { tier, key } => {
                let outcome = match tier {
                    Tier::Platform => self.look_near(&key).await,
                    Tier::Shared => self.look_shared(&key).await,
                };
                if let (Outcome::Found(found), None) = (&outcome, key.primary()) {
                    self.edge.hints.learn(key.id(), Hint::of(&found.entry));
                }
                outcome
            }
            Action::Purge { records, charge } => self.purge(&records, charge).await,
            Action::Release { lease, key, hold } => self.release(lease, &key, hold).await,
            Action::Reply(_) | Action::Stop => Outcome::Done,
            Action::Store { tier, lease, key, entry, body, keep } => {
                let body = body.unwrap_or_default();
                self.store(tier, lease, &key, &entry, &body, keep).await
            }
            Action::Wait { key, at_most } => {
                self.edge.flights.wait(key.id(), at_most).await;
                Outcome::Done
            }
        }
    }

    async fn look_shared(&mut self, key: &Key) -> Outcome<Bytes> {
        let edge = Rc::clone(&self.edge);
        let Some(shared) = &edge.shared else { return Outcome::Absent };
        let behind = self.is_behind(key);
        match self.read_shared(shared, key, behind).await {
            Ok(outcome) => {
                // What was looked at just now shows every purge that was acknowledged.
                self.receipt.waive(self.shard(key));
                outcome
            }
            Err(failure) => {
                self.chase(key);
                self.missed(Tier::Shared, &failure)
            }
        }
    }

    /// What other tiers hold is served meanwhile; purges of it shall be known as soon as can be.
    fn chase(&self, key: &Key) {
        let (edge, id) = (Rc::clone(&self.edge), key.id());
        self.context.wait_until(async move {
            let Some(shared) = &edge.shared else { return };
            // Its failure is that of the read, which is counted.
            let _ = shared.chase(id, js::random()).await;
        });
    }

    async fn read_shared(
        &self,
        shared: &Shared,
        key: &Key,
        behind: bool,
    ) -> Result<Outcome<Bytes>, Failure> {
        let asked = js::now();
        let seed = js::random();
        let patience = shared.patience();
        let read = self.edge.reads.read(shared, key, patience);
        let look = async {
            match behind {
                true => shared.catch_up(key, seed).await,
                false => shared.look(key, seed).await,
            }
        };
        let (source, looked) = join(read, look).await;
        looked?;
        let bytes = match source? {
            Source::Shared(bytes) => bytes,
            Source::Own(bytes) => {
                let took = js::since(asked);
                self.edge.count(Cell::Waits(Peer::Shared, took), 1);
                bytes
            }
        };
        shared.weigh(key, bytes, seed).await
    }

    /// Whether this isolate knows less of the ledger than the client.
    fn is_behind(&self, key: &Key) -> bool {
        let seen = match &self.edge.shared {
            Some(shared) => shared.blind_stamp(key.id()),
            None => self.edge.colo.stamp(),
        };
        !self.receipt.is_covered(self.shard(key), seen)
    }

    fn shard(&self, key: &Key) -> usize {
        self.edge.shared.as_ref().map_or(0, |shared| shared.keys().shard(key.id()))
    }

    async fn look_near(&self, key: &Key) -> Outcome<Bytes> {
        match self.read_near(key).await {
            Ok(Some(found)) => Outcome::Found(found),
            Ok(None) => Outcome::Absent,
            Err(failure) => self.missed(Tier::Platform, &failure),
        }
    }

    async fn read_near(&self, key: &Key) -> Result<Option<Found<Bytes>>, Failure> {
        match &self.edge.shared {
            Some(_) => {}
            None if self.is_behind(key) => self.edge.colo.catch_up().await?,
            None => self.edge.colo.sync().await?,
        }
        let near = Near::new(&self.edge.config.namespace, key);
        let asked = js::now();
        let read = near.read().await?;
        self.edge.count(Cell::Waits(Peer::Platform, js::since(asked)), 1);
        let Some((entry, body)) = read else { return Ok(None) };
        let standing = self.judge(key, &entry);
        Ok(Some(Found { entry, body, standing }))
    }

    /// What is known of an entry. As long as less is known than the client knows, only what was
    /// fetched after that can be clean.
    fn judge(&self, key: &Key, entry: &Entry) -> Standing {
        let unknown = self.is_behind(key) && !self.receipt.is_covered(self.shard(key), entry.stamp);
        if unknown && self.edge.shared.is_some() {
            return Standing::Dead;
        }
        match &self.edge.shared {
            Some(shared) => shared.judge_cut_off(key.id(), entry),
            None => self.edge.colo.judge(entry),
        }
    }

    fn missed(&self, tier: Tier, failure: &Failure) -> Outcome<Bytes> {
        self.edge.fault(tier, "get", failure);
        Outcome::Failed(failure.fault)
    }

    async fn fetch(&mut self, fetch: Fetch) -> Outcome<Bytes> {
        self.edge.count(Cell::Fetches(self.course.client), 1);
        let asked = js::now();
        let base = &self.edge.config.origin;
        match origin::fetch(base, fetch, &self.head, &self.request, self.content.as_ref()).await {
            Ok(response) => {
                self.edge.count(Cell::Waits(Peer::Origin, js::since(asked)), 1);
                let head = request::response_head(&response);
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

    async fn collect(&mut self, max: u64, inspect: Option<&GraphQl>) -> Outcome<Bytes> {
        let Some(response) = self.origin.take() else { return Outcome::Failed(Fault::Truncated) };
        match origin::collect(&response, max).await {
            Ok(body) => Outcome::of_body(body.clone(), &body, inspect),
            Err(fault) => Outcome::Failed(fault),
        }
    }

    async fn store(
        &mut self,
        tier: Tier,
        lease: Lease,
        key: &Key,
        entry: &Entry,
        body: &Bytes,
        keep: Duration,
    ) -> Outcome<Bytes> {
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
