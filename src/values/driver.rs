//! The driver: it performs what the machine asks on behalf of a question for a value.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Cache;
use super::ask::{Ask, Cached, Failed, Source};
use super::flights::{Flights, Own};
use super::place::{self, Movable};
use crate::cache::entry::{Entry, Kind};
use crate::cache::exchange::{
    Action, Content, Exchange, Fault, Found, Lease, Limits, Outcome, Plan, Reach, Reply,
};
use crate::cache::family::Generation;
use crate::cache::key::Key;
use crate::cache::{RequestHead, ResponseHead, Tier, Verdict};
use crate::redis::Failure;

/// What one exchange needs of the world.
pub(super) struct Driver<T, E, F> {
    cache: Cache,
    head: RequestHead,
    fetch: Option<F>,
    /// What the fetch brought, until it has been returned.
    value: Option<T>,
    /// The same as it is stored.
    body: Bytes,
    failure: Option<Failed<E>>,
    flight: Option<Own>,
    source: Source,
}

impl<T, E, F, Fut> Driver<T, E, F>
where
    T: Serialize + DeserializeOwned + Movable + 'static,
    E: Movable + 'static,
    F: FnOnce() -> Fut + Movable + 'static,
    Fut: Future<Output = Result<T, E>> + Movable + 'static,
{
    /// A driver for a question, and what is settled about it.
    pub fn new(ask: Ask, fetch: F) -> (Self, Plan) {
        let Ask { cache, name, tags, treatment } = ask;
        let (method, url, headers) = (Method::GET, super::url(&name), HeaderMap::new());
        let key = Key::of_url(&url);
        let plan = Plan {
            hint: None,
            search: None,
            stamp: cache.inner.shared.blind_stamp(key.id()),
            key,
            treatment,
            tags,
            tiers: vec![Tier::Shared, Tier::Platform],
            limits: Limits::default(),
        };
        let driver = Self {
            cache,
            head: RequestHead { method, url, headers },
            fetch: Some(fetch),
            value: None,
            body: Bytes::new(),
            failure: None,
            flight: None,
            source: Source::Fetch,
        };
        (driver, plan)
    }

    /// Runs the exchange up to its answer; what follows goes on in the background.
    pub async fn run(mut self, plan: Plan) -> Result<Cached<T>, Failed<E>> {
        let begun = Exchange::begin(self.head.clone(), place::now(), place::random(), plan);
        let (mut exchange, mut action) = begun;
        loop {
            match action {
                Action::Reply(reply) => {
                    let answer = self.answer(reply);
                    let (exchange, action) = exchange.resume(Outcome::Done, place::now());
                    self.finish_later(exchange, action);
                    return answer;
                }
                Action::Stop => return Err(Failed::Unavailable(None)),
                other => {
                    let outcome = self.perform(other).await;
                    (exchange, action) = exchange.resume(outcome, place::now());
                }
            }
        }
    }

    fn finish_later(mut self, mut exchange: Exchange<Bytes>, mut action: Action<Bytes>) {
        if matches!(action, Action::Stop) {
            return;
        }
        let cache = self.cache.clone();
        cache.background.spawn(Box::pin(async move {
            while !matches!(action, Action::Stop) {
                let outcome = self.perform(action).await;
                (exchange, action) = exchange.resume(outcome, place::now());
            }
        }));
    }

    fn answer(&mut self, reply: Reply<Bytes>) -> Result<Cached<T>, Failed<E>> {
        let verdict = reply.status.verdict;
        let value = match reply.content {
            Content::Stored(body, _) => serde_json::from_slice(&body).ok(),
            Content::Origin | Content::OriginKept => {
                self.source = Source::Fetch;
                self.value.take()
            }
            Content::Empty | Content::Head(_) | Content::Text(_) => None,
        };
        let Some(value) = value else {
            self.cache.inner.counter.verdict(Verdict::Error);
            let failure = self.failure.take();
            return Err(failure.unwrap_or(Failed::Unavailable(reply.status.reason)));
        };
        self.cache.inner.counter.verdict(verdict);
        Ok(Cached { value, verdict, source: self.source })
    }

    async fn perform(&mut self, action: Action<Bytes>) -> Outcome<Bytes> {
        let cache = self.cache.clone();
        match action {
            Action::Acquire { key, ttl, reach } => {
                if self.flight.is_none() {
                    match Flights::take_off(&cache, key.id(), ttl, place::now()) {
                        Ok(own) => self.flight = Some(own),
                        Err(by) => return Outcome::Held { by, found: None },
                    }
                }
                self.acquire(&key, ttl, reach).await
            }
            Action::Collect { .. } => {
                let body = std::mem::take(&mut self.body);
                Outcome::Collected { length: body.len() as u64, body }
            }
            // Values have no media type, and their lifetimes are their program's.
            Action::Compress { .. } | Action::Digest { .. } => Outcome::Failed(Fault::Refused),
            Action::Fetch(_) => self.fetch().await,
            Action::Lookup { tier: Tier::Shared, key } => {
                let looked = cache.inner.shared.get(&key, place::random()).await;
                self.seen(looked, Source::Redis)
            }
            Action::Lookup { tier: Tier::Memory | Tier::Platform, key } => {
                let found = self.near(&key).map_or(Outcome::Absent, Outcome::Found);
                self.seen(Ok(found), Source::Process)
            }
            Action::Release { lease, key, hold } => {
                if let Some(hold) = hold {
                    cache.inner.flights.hold(key.id(), hold, place::now());
                }
                if lease.reach == Reach::Everywhere {
                    let released = cache.inner.shared.release(&key, lease, hold).await;
                    let _ = released.map_err(|_| cache.inner.counter.fault());
                }
                self.flight = None;
                Outcome::Done
            }
            Action::Store { tier, lease, key, entry, body, keep } => {
                let body = body.unwrap_or_default();
                self.store(tier, lease, &key, *entry, body, keep).await
            }
            Action::Wait { key, at_most } => {
                cache.inner.flights.wait(key.id(), at_most, &cache.background).await;
                Outcome::Done
            }
            // Values are neither changed by methods nor do they purge.
            Action::Invalidate { .. } | Action::Purge { .. } | Action::Reply(_) | Action::Stop => {
                Outcome::Done
            }
        }
    }

    async fn acquire(
        &mut self,
        key: &Key,
        ttl: std::time::Duration,
        reach: Reach,
    ) -> Outcome<Bytes> {
        let (shared, token) = (&self.cache.clone().inner.shared, place::random());
        if reach == Reach::Everywhere {
            match shared.acquire(key, ttl, token).await {
                Ok(Outcome::Granted { lease, found }) => {
                    let found = self.readable(found, Source::Redis);
                    return Outcome::Granted { lease, found };
                }
                Ok(Outcome::Held { by, found }) => {
                    let found = self.readable(found, Source::Redis);
                    return Outcome::Held { by, found };
                }
                Ok(other) => return other,
                Err(_) => self.cache.inner.counter.fault(),
            }
        }
        let stamp = shared.blind_stamp(key.id());
        let lease = Lease { token, stamp, reach: Reach::Isolate, generation: Generation::NONE };
        let found = self.near(key);
        Outcome::Granted { lease, found: self.readable(found, Source::Process) }
    }

    fn near(&self, key: &Key) -> Option<Found<Bytes>> {
        let (entry, body) = self.cache.inner.near.read(key.id())?;
        let standing = self.cache.inner.shared.judge_cut_off(key.id(), &entry);
        Some(Found { entry, body, standing })
    }

    fn seen(&mut self, looked: Result<Outcome<Bytes>, Failure>, source: Source) -> Outcome<Bytes> {
        match looked {
            Ok(Outcome::Found(found)) => match self.readable(Some(found), source) {
                Some(found) => Outcome::Found(found),
                None => Outcome::Failed(Fault::Corrupt),
            },
            Ok(other) => other,
            Err(failure) => {
                self.cache.inner.counter.fault();
                Outcome::Failed(failure.fault)
            }
        }
    }

    /// What is stored, if it is a value of this type: the program may have changed its mind.
    fn readable(&mut self, found: Option<Found<Bytes>>, source: Source) -> Option<Found<Bytes>> {
        let found = found.filter(|found| {
            found.entry.kind == Kind::Pass || serde_json::from_slice::<T>(&found.body).is_ok()
        })?;
        self.source = source;
        Some(found)
    }

    async fn fetch(&mut self) -> Outcome<Bytes> {
        let Some(fetch) = self.fetch.take() else { return Outcome::Failed(Fault::Unreachable) };
        self.cache.inner.counter.fetch();
        let value = match fetch().await {
            Ok(value) => value,
            Err(error) => return self.failed(Failed::Fetch(error)),
        };
        match serde_json::to_vec(&value) {
            Ok(body) => {
                self.body = body.into();
                self.value = Some(value);
                let length = Some(self.body.len() as u64);
                let response = ResponseHead { status: 200, headers: HeaderMap::new() };
                Outcome::Answered { response, length }
            }
            Err(error) => self.failed(Failed::Unfit(error)),
        }
    }

    fn failed(&mut self, failure: Failed<E>) -> Outcome<Bytes> {
        self.failure = Some(failure);
        Outcome::Failed(Fault::Unreachable)
    }

    async fn store(
        &mut self,
        tier: Tier,
        lease: Lease,
        key: &Key,
        entry: Entry,
        body: Bytes,
        keep: std::time::Duration,
    ) -> Outcome<Bytes> {
        let outcome = match tier {
            Tier::Shared => self.cache.inner.shared.store(key, lease, &entry, &body, keep).await,
            Tier::Memory | Tier::Platform => {
                self.cache.inner.near.write(key.id(), entry, body);
                Ok(Outcome::Stored)
            }
        };
        match outcome {
            Ok(outcome @ (Outcome::Superseded { .. } | Outcome::Lost)) => outcome,
            Ok(outcome) => {
                self.flight = None;
                outcome
            }
            Err(failure) => {
                self.cache.inner.counter.fault();
                Outcome::Failed(failure.fault)
            }
        }
    }
}
