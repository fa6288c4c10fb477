//! An isolate: the Worker's driver in virtual time, over the shared tier's own code.

mod memory;
mod origin;
mod planted;
mod tiers;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use breadbox::cache::entry::Entry;
use breadbox::cache::exchange::{
    Action, Content, Exchange, Held, Hint, Holds, Lease, Limits, Outcome, Plan, Reach, Reply,
};
use breadbox::cache::family::Generation;
use breadbox::cache::key::{Id, Key};
use breadbox::cache::ledger::Sequence;
use breadbox::cache::memory::Memory;
use breadbox::cache::policy::{Compression, Treatment};
use breadbox::cache::{RequestHead, Tier, Time};
use breadbox::config::{RedisDialect, RedisSettings};
use breadbox::redis::{Failure, Shared};
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::Method;

use memory::{AsOf, Kept};

use super::coding::coded;
use super::laws::Seen;
use super::plan::Wish;
use super::site::{BODY_MAX, Ending, Sent, cut};
use super::stage::{Bug, Stage, TIMEOUT};
use super::wire::{Line, ROOT};
use super::world::{self, Promise};

/// What an isolate keeps between requests.
pub struct Isolate {
    /// Its number; its successor after its death has the same.
    pub number: usize,
    /// The shared tier as it sees it.
    pub shared: Shared<Line>,
    stage: Rc<Stage>,
    flights: RefCell<HashMap<Id, Flight>>,
    hints: RefCell<HashMap<Id, Hint>>,
    held: RefCell<Holds>,
    /// Everything is taken in, so that memory answers as often as it can.
    memory: RefCell<Memory<Rc<Kept>>>,
    /// How often this isolate has forgotten a URL.
    forgotten: Cell<u64>,
}

struct Flight {
    request: u64,
    landing: Rc<Promise<()>>,
    until: Time,
}

impl Isolate {
    /// A new one that has seen nothing.
    pub fn new(stage: &Rc<Stage>, number: usize) -> Rc<Self> {
        let settings = RedisSettings {
            url: ROOT.to_owned(),
            token: "t".to_owned(),
            dialect: RedisDialect::Upstash,
            timeout: TIMEOUT,
            grace: Duration::from_secs(60),
            namespace: "s".to_owned(),
            shards: 1,
        };
        let bound = Duration::from_millis(stage.bound.unsigned_abs());
        let line = Line::new(stage, number);
        Rc::new(Self {
            number,
            shared: Shared::over(line, &settings, bound, world::clock),
            stage: Rc::clone(stage),
            flights: RefCell::default(),
            hints: RefCell::default(),
            held: RefCell::default(),
            memory: RefCell::new(Memory::new(memory::BUDGET)),
            forgotten: Cell::default(),
        })
    }

    fn take_off(&self, id: Id, ttl: Duration, request: u64) -> Result<(), Held> {
        let mut flights = self.flights.borrow_mut();
        let now = world::clock();
        if let Some(by) = self.held.borrow_mut().by(id, now) {
            return Err(by);
        }
        if flights.get(&id).is_some_and(|flight| now < flight.until) {
            return Err(Held::Here);
        }
        let flight = Flight { request, landing: Rc::default(), until: now.after(ttl) };
        flights.insert(id, flight);
        Ok(())
    }

    fn land(&self, id: Id, request: u64) {
        let mut flights = self.flights.borrow_mut();
        if flights.get(&id).is_some_and(|flight| flight.request == request)
            && let Some(flight) = flights.remove(&id)
        {
            flight.landing.resolve(());
        }
    }

    /// How many fetches are under way here.
    pub fn flights(&self) -> usize {
        self.flights.borrow().len()
    }

    /// Whether a request goes on without its client.
    pub fn is_pinned(&self, request: u64) -> bool {
        self.flights.borrow().values().any(|flight| flight.request == request)
    }

    /// Waits for the flight for a key, and tells whether it has landed.
    async fn wait(&self, id: Id, at_most: Duration) -> bool {
        let limit = i64::try_from(at_most.as_millis()).unwrap_or(i64::MAX);
        let found = self.flights.borrow().get(&id).map(|flight| Rc::clone(&flight.landing));
        match found {
            Some(landing) => landing.within(limit).await.is_some(),
            None => {
                world::sleep(limit).await;
                false
            }
        }
    }
}

/// What one exchange needs of the world.
pub struct Driver {
    isolate: Rc<Isolate>,
    stage: Rc<Stage>,
    head: RequestHead,
    /// The request as its watcher knows it.
    pub seen: Seen,
    sent: Option<Sent>,
    flight: Option<Id>,
    /// The lease it holds and since when, for the law of one fetch.
    leased: Option<(Key, Reach, i64)>,
    /// The moment before the lease was asked for.
    as_of: Option<AsOf>,
}

impl Driver {
    pub fn new(isolate: &Rc<Isolate>, head: RequestHead, wish: Wish) -> Self {
        let seen = Seen::new(isolate.number, &head, wish);
        let (isolate, stage) = (Rc::clone(isolate), Rc::clone(&isolate.stage));
        Self { isolate, stage, head, seen, sent: None, flight: None, leased: None, as_of: None }
    }

    /// Runs the exchange to its end.
    pub async fn run(mut self) {
        self.stage.laws.borrow_mut().begun(&self.seen);
        let key = Key::of_url(&self.head.url);
        let plan = Plan {
            stamp: self.isolate.shared.blind_stamp(key.id()),
            hint: self.isolate.hints.borrow().get(&key.id()).cloned(),
            key,
            treatment: Treatment {
                body_max: BODY_MAX,
                compression: Compression::Gzip,
                ..Treatment::default()
            },
            tags: Vec::new(),
            tiers: vec![Tier::Memory, Tier::Shared, Tier::Platform],
            limits: Limits::default(),
            search: None,
        };
        let seed = world::random(u64::MAX);
        let (mut exchange, mut action) =
            Exchange::begin(self.head.clone(), world::clock(), seed, plan);
        let mut over = None;
        while !matches!(action, Action::Stop) {
            if self.stage.bug == Bug::Silence && world::once_in(500) {
                return;
            }
            self.stage.laws.borrow_mut().steps(&mut self.seen);
            if matches!(action, Action::Reply(_)) {
                over = Some(world::elapsed() + AFTER_REPLY);
            }
            let left = over.map_or(i64::MAX / 4, |over: i64| over - world::elapsed());
            let performed = {
                let (effect, end) = (pin!(self.perform(action)), pin!(world::sleep(left)));
                match select(effect, end).await {
                    Either::Left((outcome, _)) => Some(outcome),
                    Either::Right(_) => None,
                }
            };
            let Some(outcome) = performed else {
                // The platform ends what goes on for too long; nothing is tidied up.
                return self.stage.laws.borrow_mut().dropped(self.seen.number);
            };
            (exchange, action) = exchange.resume(outcome, world::clock());
        }
        self.land();
        self.stage.laws.borrow_mut().ended(&self.seen);
    }

    async fn perform(&mut self, action: Action<Bytes>) -> Outcome<Bytes> {
        match action {
            Action::Acquire { key, ttl, reach } => self.acquire(&key, ttl, reach).await,
            Action::Collect { max, .. } => self.collect(max).await,
            Action::Compress { body } => {
                let body = coded(&body);
                Outcome::Compressed { length: body.len() as u64, body }
            }
            Action::Digest { body } => Outcome::Digested(self.digest(&body)),
            Action::Fetch(fetch) => self.fetch(fetch).await,
            Action::Invalidate { keys, take } => self.forget(&keys, take).await,
            Action::Stop => Outcome::Done,
            Action::Lookup { tier, key } => self.look(tier, &key).await,
            Action::Purge { records, .. } => {
                let purged = self.isolate.shared.purge(&records, world::random(u64::MAX)).await;
                purged.map_or_else(|failure| self.missed(&failure), Outcome::Purged)
            }
            Action::Release { lease, key, hold } => {
                if let Some(hold) = hold {
                    let mut held = self.isolate.held.borrow_mut();
                    held.hold(key.id(), hold, world::clock());
                }
                if lease.reach == Reach::Everywhere
                    && let Err(failure) = self.isolate.shared.release(&key, lease, hold).await
                {
                    self.missed(&failure);
                }
                self.land();
                Outcome::Done
            }
            Action::Reply(reply) => {
                self.reply(&reply);
                Outcome::Done
            }
            Action::Store { tier, lease, key, entry, body, keep } => {
                let body = body.unwrap_or_default();
                self.store(tier, lease, &key, *entry, &body, keep).await
            }
            Action::Wait { .. } if self.stage.bug == Bug::Impatience => {
                world::sleep(1).await;
                Outcome::Done
            }
            Action::Wait { key, at_most } => {
                self.seen.landings += u32::from(self.isolate.wait(key.id(), at_most).await);
                Outcome::Done
            }
        }
    }

    fn reply(&mut self, reply: &Reply<Bytes>) {
        let (body, clean) = match &reply.content {
            Content::Stored(body, None) => (Some(self.decoded(body, reply.decode)), true),
            Content::Stored(body, Some(pieces)) => (Some(cut(body, pieces)), true),
            Content::Origin | Content::OriginKept => match &self.sent {
                Some(sent) => (Some(sent.body.clone()), sent.ending == Ending::Clean),
                None => (None, true),
            },
            Content::Empty | Content::Head(_) | Content::Text(_) => (None, true),
        };
        let reply = self.misreported(reply);
        let mut laws = self.stage.laws.borrow_mut();
        laws.replied(&mut self.seen, &self.stage, &reply, (body, clean));
    }

    fn missed(&mut self, failure: &Failure) -> Outcome<Bytes> {
        self.seen.store_faults += 1;
        Outcome::Failed(failure.fault)
    }

    async fn acquire(&mut self, key: &Key, ttl: Duration, reach: Reach) -> Outcome<Bytes> {
        if self.flight.is_none() {
            if let Err(by) = self.isolate.take_off(key.id(), ttl, self.seen.number) {
                return Outcome::Held { by, found: None };
            }
            self.flight = Some(key.id());
        }
        let token = world::random(u64::MAX);
        let since = world::elapsed();
        self.as_of = Some(self.isolate.as_of(key));
        self.leased = Some((key.clone(), Reach::Isolate, since));
        if reach == Reach::Everywhere {
            match self.isolate.shared.acquire(key, ttl, token).await {
                Ok(Outcome::Held { .. }) if self.stage.bug == Bug::LeaseForAll => {
                    self.leased = Some((key.clone(), Reach::Everywhere, since));
                    let stamp = self.isolate.shared.blind_stamp(key.id());
                    let generation = Generation::NONE;
                    let lease = Lease { token, stamp, reach: Reach::Everywhere, generation };
                    return Outcome::Granted { lease, found: None };
                }
                Ok(outcome) => {
                    let granted = matches!(outcome, Outcome::Granted { .. });
                    self.leased = granted.then(|| (key.clone(), Reach::Everywhere, since));
                    return outcome;
                }
                Err(failure) => drop(self.missed(&failure)),
            }
        }
        // The Worker looks there once more, and at the family, which it may have to begin.
        world::spend(2 + 2 * u32::from(key.primary().is_some()));
        let stamp = self.isolate.shared.blind_stamp(key.id());
        let mut colo = self.stage.colo(self.isolate.number).borrow_mut();
        if key.primary().is_some() && colo.generation(key).is_none() {
            colo.begin_family(key, Generation(token.max(1)));
        }
        let generation = colo.generation(key).unwrap_or_default();
        let lease = Lease { token, stamp, reach: Reach::Isolate, generation };
        Outcome::Granted { lease, found: None }
    }

    async fn store(
        &mut self,
        tier: Tier,
        lease: Lease,
        key: &Key,
        mut entry: Entry,
        body: &Bytes,
        keep: Duration,
    ) -> Outcome<Bytes> {
        self.stage.laws.borrow_mut().stores(&self.seen, &entry, body);
        if self.stage.bug == Bug::PostStampedLate && self.head.method == Method::POST {
            entry.stamp = lease.stamp;
        }
        if self.stage.bug == Bug::SequenceReadAtStore {
            entry.stamp.sequence = Sequence(self.stage.store.borrow().model.newest());
        }
        if tier == Tier::Platform {
            // A family is read before, and a variant's is written.
            world::spend(2 + u32::from(key.primary().is_some()));
            let bytes = [entry.encode(), body.to_vec()].concat();
            let until = world::elapsed() + keep.as_millis() as i64;
            let mut colo = self.stage.colo(self.isolate.number).borrow_mut();
            let living = colo.generation(key).unwrap_or_default();
            if lease.reach == Reach::Isolate && living != lease.generation {
                return Outcome::Lost;
            }
            if key.primary().is_some() && living != lease.generation {
                colo.begin_family(key, lease.generation);
            }
            colo.entries.insert(key.id(), (bytes.into(), until));
            return Outcome::Stored;
        }
        match self.isolate.shared.store(key, lease, &entry, body, keep).await {
            Ok(outcome) => {
                if let (Outcome::Stored, Some(as_of)) = (&outcome, self.as_of) {
                    self.isolate.keep(key, &entry, body, as_of);
                }
                world::note(|| format!("#{} store {}: {outcome:?}", self.seen.number, key.url()));
                if !matches!(outcome, Outcome::Superseded { .. }) {
                    self.land();
                }
                outcome
            }
            Err(failure) => self.missed(&failure),
        }
    }

    fn land(&mut self) {
        if let Some(id) = self.flight.take() {
            self.isolate.land(id, self.seen.number);
        }
    }
}

/// How long the platform lets work go on after the reply.
const AFTER_REPLY: i64 = 30_000;
