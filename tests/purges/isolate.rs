//! An isolate: the machine and the shared tier's own code, with a driver that performs at once what
//! need not wait.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{
    Action, Content, Exchange, Fault, Fetch, Found, Held, Lease, Limits, Outcome, Plan, Reach,
    Reply,
};
use breadbox::cache::family::Generation;
use breadbox::cache::key::{Id, Key};
use breadbox::cache::ledger::Sequence;
use breadbox::cache::policy::Treatment;
use breadbox::cache::{RequestHead, ResponseHead, Tier, Time};
use breadbox::config::{RedisDialect, RedisSettings};
use breadbox::redis::{Failure, Shared, Trust};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use xtask::harness::Value;

use super::bug::Bug;
use super::effect::Sent;
use super::laws::Read;
use super::line::{Line, ROOT};
use super::stage::{GRACE, HOST, PAGES, Stage, TIMEOUT, clock, now};

/// What an isolate keeps between requests.
pub struct Isolate {
    pub number: usize,
    /// The shared tier as it sees it.
    pub shared: Shared<Line>,
    flights: RefCell<HashMap<Id, (u64, Time)>>,
    /// Everything that was read or stored is taken in.
    memory: RefCell<HashMap<Id, (Entry, Bytes)>>,
}

impl Isolate {
    pub fn new(stage: &Rc<Stage>, number: usize) -> Rc<Self> {
        let settings = RedisSettings {
            url: ROOT.to_owned(),
            token: "t".to_owned(),
            dialect: RedisDialect::Upstash,
            timeout: Duration::from_millis(TIMEOUT.unsigned_abs()),
            grace: Duration::from_millis(GRACE.unsigned_abs()),
            namespace: "m".to_owned(),
            shards: stage.setting.shards,
        };
        let bound = Duration::from_millis(stage.setting.bound.unsigned_abs());
        let shared = Shared::over(Line::new(stage), &settings, bound, clock);
        Rc::new(Self { number, shared, flights: RefCell::default(), memory: RefCell::default() })
    }

    fn take_off(&self, id: Id, ttl: Duration, request: u64) -> bool {
        let mut flights = self.flights.borrow_mut();
        if flights.get(&id).is_some_and(|(_, until)| clock() < *until) {
            return false;
        }
        flights.insert(id, (request, clock().after(ttl)));
        true
    }
}

/// One request's way.
pub struct Request {
    stage: Rc<Stage>,
    isolate: Rc<Isolate>,
    number: u64,
    page: usize,
    began: i64,
    before: u64,
    faults: u32,
    body: Option<Bytes>,
    flight: Option<Id>,
}

impl Request {
    pub fn new(stage: &Rc<Stage>, isolate: &Rc<Isolate>, page: usize) -> Self {
        let (stage, isolate) = (Rc::clone(stage), Rc::clone(isolate));
        let (number, before) = (stage.number(), stage.laws.borrow().acknowledged);
        let (began, faults) = (now(), 0);
        Self { stage, isolate, number, page, began, before, faults, body: None, flight: None }
    }

    pub fn name(&self) -> String {
        format!("#{:04x}", self.number & 0xffff)
    }

    /// Runs the exchange to its end.
    pub async fn run(mut self) {
        let url = format!("{HOST}{}", PAGES[self.page].path);
        let key = Key::of_url(&url);
        let plan = Plan {
            stamp: self.isolate.shared.blind_stamp(key.id()),
            hint: None,
            search: None,
            key,
            treatment: Treatment::default(),
            tags: vec!["all".to_owned()],
            tiers: vec![Tier::Memory, Tier::Shared, Tier::Platform],
            limits: Limits::default(),
        };
        let head = RequestHead { method: Method::GET, url, headers: HeaderMap::new() };
        let begun = Exchange::begin(head, clock(), self.stage.number(), plan);
        let (mut exchange, mut action) = begun;
        while !matches!(action, Action::Stop) {
            let outcome = self.perform(action).await;
            (exchange, action) = exchange.resume(outcome, clock());
        }
        self.land();
    }

    async fn perform(&mut self, action: Action<Bytes>) -> Outcome<Bytes> {
        match action {
            Action::Acquire { key, ttl, reach } => self.acquire(&key, ttl, reach).await,
            Action::Collect { .. } => match self.body.take() {
                Some(body) => Outcome::Collected { length: body.len() as u64, body },
                None => Outcome::Failed(Fault::Truncated),
            },
            Action::Compress { .. } | Action::Digest { .. } => Outcome::Failed(Fault::Refused),
            Action::Fetch(fetch) => self.fetch(fetch).await,
            Action::Lookup { tier: Tier::Memory, key } => match self.look_here(&key).await {
                Ok(outcome) => outcome,
                Err(failure) => self.missed(&failure),
            },
            Action::Lookup { tier: Tier::Shared, key } => match self.look(&key).await {
                Ok(outcome) => {
                    if let Outcome::Found(found) = &outcome {
                        self.keep(&key, &found.entry, &found.body);
                    }
                    outcome
                }
                Err(failure) => self.missed(&failure),
            },
            Action::Lookup { key, .. } => self.look_near(&key),
            Action::Release { lease, key, hold } => {
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
            Action::Wait { key, at_most } => {
                self.stage.pause(key.id(), at_most.as_millis() as i64).await;
                Outcome::Done
            }
            // The origin of these schedules purges nothing in its responses.
            Action::Invalidate { .. } | Action::Purge { .. } | Action::Stop => Outcome::Done,
        }
    }

    async fn look(&self, key: &Key) -> Result<Outcome<Bytes>, Failure> {
        let (shared, seed) = (&self.isolate.shared, self.stage.number());
        if self.stage.bug != Bug::LookUnawaited {
            return shared.get(key, seed).await;
        }
        shared.look(key, seed).await?;
        let Some(bytes) = shared.read(key).await? else { return Ok(Outcome::Absent) };
        let (entry, body) = breadbox::redis::open(&bytes)?;
        let standing = shared.judge(key.id(), &entry);
        Ok(Outcome::Found(Found { entry, body, standing }))
    }

    /// Looks into memory, which is good as long as the mirror is.
    async fn look_here(&self, key: &Key) -> Result<Outcome<Bytes>, Failure> {
        let (shared, id) = (&self.isolate.shared, key.id());
        let held = self.isolate.memory.borrow().get(&id).cloned();
        let Some((entry, body)) = held else { return Ok(Outcome::Absent) };
        if shared.trust(id) == Trust::Over && self.stage.bug != Bug::MemoryTrusted {
            shared.look(key, self.stage.number()).await?;
            if self.stage.setting.bound > 0 && shared.trust(id) == Trust::Over {
                return Ok(Outcome::Absent);
            }
        }
        let standing = shared.judge(id, &entry);
        Ok(Outcome::Found(Found { entry, body, standing }))
    }

    fn keep(&self, key: &Key, entry: &Entry, body: &Bytes) {
        if entry.kind == Kind::Response {
            let held = (entry.clone(), body.clone());
            self.isolate.memory.borrow_mut().insert(key.id(), held);
        }
    }

    fn reply(&mut self, reply: &Reply<Bytes>) {
        let verdict = reply.status.verdict;
        let Content::Stored(body, None) = &reply.content else {
            return self.stage.note(|| format!("{} = {verdict}", self.name()));
        };
        self.stage.note(|| format!("{} = {verdict} {body:?}", self.name()));
        let text = std::str::from_utf8(body).expect("what the origin sent");
        let version = text.parse().expect("a version");
        let read = Read {
            isolate: self.isolate.number,
            page: self.page,
            version,
            verdict,
            began: self.began,
            before: self.before,
            replied: now(),
            faults: self.faults,
        };
        let mut laws = self.stage.laws.borrow_mut();
        if let Some(breach) = laws.read(read, self.stage.setting.bound) {
            self.stage.note(|| format!("BREACH {breach}"));
        }
    }

    /// A tier that failed; what is damaged there is as good as absent.
    fn missed(&mut self, failure: &Failure) -> Outcome<Bytes> {
        self.faults += 1;
        match failure.fault {
            Fault::Corrupt => panic!("{failure:?}"),
            fault => Outcome::Failed(fault),
        }
    }

    fn look_near(&self, key: &Key) -> Outcome<Bytes> {
        let colo = self.stage.colos[self.isolate.number % 2].borrow();
        let Some(bytes) = colo.get(&key.id()) else { return Outcome::Absent };
        let (entry, body) = breadbox::redis::open(bytes).expect("what was stored");
        let shared = &self.isolate.shared;
        let standing = match self.stage.bug {
            Bug::CutOffBelieved => shared.judge(key.id(), &entry),
            _ => shared.judge_cut_off(key.id(), &entry),
        };
        Outcome::Found(Found { entry, body, standing })
    }

    async fn acquire(&mut self, key: &Key, ttl: Duration, reach: Reach) -> Outcome<Bytes> {
        if self.flight.is_none() {
            if !self.isolate.take_off(key.id(), ttl, self.number) {
                return Outcome::Held { by: Held::Here, found: None };
            }
            self.flight = Some(key.id());
        }
        let token = self.stage.number();
        if reach == Reach::Everywhere {
            match self.isolate.shared.acquire(key, ttl, token).await {
                Ok(outcome) => return outcome,
                Err(failure) => drop(self.missed(&failure)),
            }
        }
        let stamp = self.isolate.shared.blind_stamp(key.id());
        let found = match self.look_near(key) {
            Outcome::Found(found) => Some(found),
            _ => None,
        };
        let (reach, generation) = (Reach::Isolate, Generation::NONE);
        Outcome::Granted { lease: Lease { token, stamp, reach, generation }, found }
    }

    async fn fetch(&mut self, fetch: Fetch) -> Outcome<Bytes> {
        let known = fetch.headers.get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
        let known = known.and_then(|tag| tag.trim_matches('"').parse().ok());
        let most = fetch.deadline.map_or(i64::MAX, |deadline| deadline.as_millis() as i64);
        let sent = match self.stage.origin(self.page, known, most).await {
            Ok(sent) => sent,
            Err(fault) => return Outcome::Failed(fault),
        };
        let (status, version) = match sent {
            Sent::Error => (503, None),
            Sent::NotModified(version) => (304, Some(version)),
            Sent::Version(version) => (200, Some(version)),
        };
        let page = PAGES[self.page];
        let mut fields = vec![("date", httpdate::fmt_http_date(clock_time()))];
        if let Some(version) = version {
            fields.push(("cache-control", page.control.to_owned()));
            fields.push(("cache-tag", format!("page:{}", page.path)));
            fields.push(("etag", format!("\"{version}\"")));
        }
        let text = version.filter(|_| status == 200).map_or(String::new(), |v| v.to_string());
        let length = Some(text.len() as u64);
        self.body = Some(text.into());
        Outcome::Answered { response: ResponseHead { status, headers: headers(fields) }, length }
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
        if self.stage.bug == Bug::SequenceReadAtStore {
            entry.stamp.sequence = self.newest(key);
        }
        if tier == Tier::Platform {
            let bytes = [entry.encode(), body.to_vec()].concat();
            let colo = &self.stage.colos[self.isolate.number % 2];
            colo.borrow_mut().insert(key.id(), bytes.into());
            return Outcome::Stored;
        }
        match self.isolate.shared.store(key, lease, &entry, body, keep).await {
            Ok(outcome) => {
                if matches!(outcome, Outcome::Stored) {
                    self.keep(key, &entry, body);
                }
                if !matches!(outcome, Outcome::Superseded { .. }) {
                    self.land();
                }
                outcome
            }
            Err(failure) => self.missed(&failure),
        }
    }

    /// The ledger's sequence, as a careless fill might read it.
    fn newest(&self, key: &Key) -> Sequence {
        let keys = self.isolate.shared.keys();
        let ledger = keys.ledger(keys.shard(key.id()));
        let mut server = self.stage.server.borrow_mut();
        match server.ask(&[b"ZRANGE", ledger.as_bytes(), b"-1", b"-1", b"WITHSCORES"]) {
            Value::List(items) => match items.last() {
                Some(Value::Text(score)) => Sequence(number(score)),
                _ => Sequence(0),
            },
            other => panic!("ZRANGE answered {other:?}"),
        }
    }

    fn land(&mut self) {
        let Some(id) = self.flight.take() else { return };
        let mut flights = self.isolate.flights.borrow_mut();
        if flights.get(&id).is_some_and(|(request, _)| *request == self.number) {
            flights.remove(&id);
            self.stage.landed(self.isolate.number, id);
        }
    }
}

fn number(text: &[u8]) -> u64 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).expect("a number")
}

fn headers(fields: Vec<(&str, String)>) -> HeaderMap {
    let field = |(name, value): (&str, String)| {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a field name");
        (name, HeaderValue::try_from(value).expect("a field value"))
    };
    fields.into_iter().map(field).collect()
}

fn clock_time() -> std::time::SystemTime {
    std::time::UNIX_EPOCH + Duration::from_millis(now().unsigned_abs())
}
