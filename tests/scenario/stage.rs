//! One isolate on a stage: stores that are maps, time that passes when told.

mod purges;
mod words;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{
    Action, Backoff, Exchange, Fault, Fetch, Found, Held, Hint, Lease, Limits, Outcome, Plan,
    Reach, SearchNews,
};
use breadbox::cache::family::Generation;
use breadbox::cache::field::{NoVarySearch, Vary};
use breadbox::cache::key::{Key, without_query};
use breadbox::cache::ledger::{Epoch, Mirror, Page, Record, Sequence, Stamp, Subject};
use breadbox::cache::policy::{self, Arrival, Treatment};
use breadbox::cache::tuning::History;
use breadbox::cache::{RequestHead, ResponseHead, Tier, Time};
use http::{HeaderMap, Method};
pub use purges::Limit;
use words::shown;

type Waiting = (Exchange<String>, Action<String>, Option<String>);

/// What the origin was told to say.
#[derive(Clone, Debug)]
pub enum Scripted {
    Answer(ResponseHead, String),
    Down,
}

/// Whether the shared tier answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreState {
    Down,
    #[default]
    Up,
}

/// Everything that a scenario acts on.
#[derive(Default)]
pub struct Stage {
    pub scripted: VecDeque<Scripted>,
    pub store: StoreState,
    pub limit: Limit,
    pub trace: Vec<String>,
    /// A purge that comes while the origin is asked.
    pub meantime: Option<Record>,
    /// Fetches, and how many of them after a reply.
    pub fetches: u32,
    pub refreshes: u32,
    /// The fields of the last fetch.
    pub asked: Option<HeaderMap>,
    elapsed: Duration,
    entries: HashMap<(Tier, String), (Entry, String)>,
    leases: HashMap<String, u64>,
    /// The generations of the variants of a primary key.
    families: HashMap<String, Generation>,
    hints: HashMap<String, Hint>,
    /// What matters of the queries of a path.
    searches: HashMap<String, NoVarySearch>,
    /// Keys that are left alone after a failure: until when, and its status.
    held: HashMap<String, (Duration, u16)>,
    leader: Option<(Duration, Key, Entry, String)>,
    mirror: Mirror,
    sequence: u64,
    tokens: u64,
    waiting: Vec<Waiting>,
}

impl Stage {
    /// Lets time pass.
    pub fn pass(&mut self, span: Duration) {
        self.elapsed += span;
        let due = self.leader.take_if(|(at, ..)| *at <= self.elapsed);
        if let Some((_, key, entry, body)) = due {
            self.leases.remove(key.as_str());
            self.entries.insert((Tier::Shared, key.as_str().to_owned()), (entry, body));
        }
    }

    /// Sends a request; what its client gets: status, body, verdict.
    pub fn ask(&mut self, method: &str, path: &str, headers: HeaderMap) -> Result<String, String> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
        let url = format!("{HOST}{path}");
        self.trace.push(format!("{method} {path}"));
        let key = Key::of_url(&url);
        let plan = Plan {
            stamp: self.mirror.stamp(),
            hint: self.hints.get(key.as_str()).cloned(),
            key,
            treatment: Treatment::default(),
            tags: Vec::new(),
            tiers: vec![Tier::Shared, Tier::Platform],
            limits: Limits::default(),
            search: None,
        };
        let plan = match self.searches.get(without_query(&url)) {
            Some(rule) => plan.modulo(rule.clone(), &method),
            None => plan,
        };
        let request = RequestHead { method: method.clone(), url: url.clone(), headers };
        let (mut exchange, mut action) = Exchange::begin(request, self.now(), 1, plan);
        let mut body = None;
        loop {
            if let Action::Reply(reply) = &action {
                let told = shown(reply, body.as_deref());
                self.trace.push(format!("  reply {told}"));
                let (exchange, action) = exchange.resume(Outcome::Done, self.now());
                self.go_on((exchange, action, body))?;
                return Ok(told);
            }
            if let Action::Fetch(_) = action {
                self.fetches += 1;
            }
            let outcome = self.perform(action, &mut body)?;
            if let Outcome::Answered { response, .. } = &outcome {
                self.search(&url, SearchNews::of_answer(&method, response));
            }
            (exchange, action) = exchange.resume(outcome, self.now());
        }
    }

    /// Goes on after the reply, up to a refresh, which waits.
    fn go_on(&mut self, (mut exchange, mut action, mut body): Waiting) -> Result<(), String> {
        while !matches!(action, Action::Stop) {
            if matches!(action, Action::Fetch(_)) {
                self.waiting.push((exchange, action, body));
                return Ok(());
            }
            let outcome = self.perform(action, &mut body)?;
            (exchange, action) = exchange.resume(outcome, self.now());
        }
        Ok(())
    }

    /// Brings every refresh to its end.
    pub fn drain(&mut self) -> Result<(), String> {
        self.trace.push("drain".to_owned());
        for (exchange, action, mut body) in std::mem::take(&mut self.waiting) {
            self.fetches += 1;
            self.refreshes += 1;
            let outcome = self.perform(action, &mut body)?;
            let (exchange, action) = exchange.resume(outcome, self.now());
            self.go_on((exchange, action, body))?;
        }
        Ok(())
    }

    /// Records a purge and takes it in.
    pub fn purge(&mut self, record: Record) {
        self.trace.push(format!("purge {}", record.member()));
        self.sequence += 1;
        self.sync(vec![(record, Sequence(self.sequence))]);
    }

    /// Has another isolate fetch a path: it holds the lease and stores its answer later.
    pub fn leader(&mut self, path: &str, after: Duration, answer: Scripted) -> Result<(), String> {
        let Scripted::Answer(head, body) = answer else { return Err("a leader answers".into()) };
        let key = Key::of_url(&format!("{HOST}{path}"));
        let request = RequestHead {
            method: Method::GET,
            url: key.url().to_owned(),
            headers: HeaderMap::new(),
        };
        let at = self.now().after(after);
        let arrival = Arrival { asked: self.now(), received: at };
        let admission = policy::admit(&request, &head, arrival, &Treatment::default());
        let lifetime = admission.map_err(|reason| format!("not storable: {reason}"))?.lifetime;
        self.sync(Vec::new());
        let entry = Entry {
            kind: Kind::Response,
            stamp: self.mirror.stamp(),
            generation: Generation::NONE,
            generated: at,
            lifetime,
            fetch: after,
            key: key.as_str().to_owned(),
            tags: policy::tags(&head).unwrap_or_default(),
            selecting: policy::selecting(&Vary::parse(&head.headers), &request),
            head,
            body_len: body.len() as u64,
            history: History::default(),
        };
        self.leases.insert(key.as_str().to_owned(), u64::MAX);
        self.leader = Some((self.elapsed + after, key, entry, body));
        Ok(())
    }

    fn now(&self) -> Time {
        BEGUN.after(self.elapsed)
    }

    fn sync(&mut self, records: Vec<(Record, Sequence)>) {
        let (epoch, floor, sequence) = (Epoch(1), Sequence(0), Sequence(self.sequence));
        let page = Page::Present { epoch, sequence, floor, records, changes: Vec::new() };
        let cursor = self.mirror.cursor();
        self.mirror.apply(page, cursor, self.now());
    }

    fn perform(
        &mut self,
        action: Action<String>,
        body: &mut Option<String>,
    ) -> Result<Outcome<String>, String> {
        let down = self.store == StoreState::Down;
        Ok(match action {
            Action::Acquire { key, reach, .. } => self.acquire(&key, reach),
            Action::Collect { .. } => match body.take() {
                Some(body) => Outcome::Collected { length: body.len() as u64, body },
                None => Outcome::Failed(Fault::Truncated),
            },
            Action::Compress { .. } | Action::Digest { .. } => Outcome::Failed(Fault::Refused),
            Action::Fetch(fetch) => self.fetch(fetch, body)?,
            Action::Invalidate { keys, take } => self.invalidate(keys, take.is_some()),
            Action::Lookup { tier, .. } if tier == Tier::Shared && down => {
                self.note(format!("lookup {tier:?}"), Outcome::Failed(Fault::Unreachable))
            }
            Action::Lookup { tier, key } => {
                let outcome = match self.found(tier, &key) {
                    Some(found) => {
                        let news = SearchNews::of_stored(&found.entry);
                        self.search(key.url(), news);
                        if let (None, Some(hint)) = (key.primary(), Hint::of(&found.entry)) {
                            self.hints.insert(key.as_str().to_owned(), hint);
                        }
                        Outcome::Found(found)
                    }
                    None => Outcome::Absent,
                };
                self.note(format!("lookup {tier:?} {}", named(&key)), outcome)
            }
            Action::Purge { records, charge } => self.purges(records, charge),
            Action::Release { key, hold, .. } => self.release(&key, hold),
            Action::Store { tier, key, lease, entry, body, .. } => {
                self.store(tier, &key, lease, *entry, body.unwrap_or_default())
            }
            Action::Wait { at_most, .. } => {
                self.pass(at_most);
                self.note("wait".to_owned(), Outcome::Done)
            }
            Action::Reply(_) => return Err("a second reply".to_owned()),
            Action::Stop => return Err("no reply".to_owned()),
        })
    }

    fn store(
        &mut self,
        tier: Tier,
        key: &Key,
        lease: Lease,
        entry: Entry,
        body: String,
    ) -> Outcome<String> {
        let about = format!("store {tier:?} {:?} {}", entry.kind, named(key));
        let shared = tier == Tier::Shared;
        if shared && self.store == StoreState::Down {
            return self.note(about, Outcome::Failed(Fault::Unreachable));
        }
        let lost = shared && self.leases.get(key.as_str()) != Some(&lease.token);
        if lost || self.generation(key) != entry.generation {
            return self.note(about, Outcome::Lost);
        }
        if shared && self.sequence > entry.stamp.sequence.0 {
            let (stamp, key, tags) = (entry.stamp, entry.key.as_str(), &*entry.tags);
            let standing = self.mirror.judge(&Subject { stamp, key, tags });
            let sequence = Sequence(self.sequence);
            return self.note(about, Outcome::Superseded { sequence, standing });
        }
        self.leases.remove(key.as_str());
        self.entries.insert((tier, key.as_str().to_owned()), (entry, body));
        self.note(about, Outcome::Stored)
    }

    fn release(&mut self, key: &Key, hold: Option<Backoff>) -> Outcome<String> {
        let about = match hold {
            None => String::new(),
            Some(hold) => format!(", held after {} for {:?}", hold.status, hold.span),
        };
        match hold {
            None => drop(self.leases.remove(key.as_str())),
            Some(hold) => {
                let until = (self.elapsed + hold.span, hold.status);
                self.held.insert(key.as_str().to_owned(), until);
            }
        }
        self.note(format!("release {}{about}", named(key)), Outcome::Done)
    }

    fn acquire(&mut self, key: &Key, reach: Reach) -> Outcome<String> {
        self.tokens += 1;
        let down = self.store == StoreState::Down;
        let found = if down { None } else { self.found(Tier::Shared, key) };
        let about = format!("acquire {reach:?} {}", named(key));
        if let Some((until, status)) = self.held.get(key.as_str()).copied() {
            if self.elapsed < until {
                return self.note(
                    about,
                    Outcome::Held { by: Held::Backoff { status, since: None }, found },
                );
            }
            self.held.remove(key.as_str());
            self.leases.remove(key.as_str());
        }
        if self.leases.contains_key(key.as_str()) {
            return self.note(about, Outcome::Held { by: Held::Elsewhere, found });
        }
        self.leases.insert(key.as_str().to_owned(), self.tokens);
        self.sync(Vec::new());
        let reach = if down { Reach::Isolate } else { reach };
        let stamp = Stamp { epoch: Epoch(1), sequence: Sequence(self.sequence) };
        if let Some(primary) = key.primary() {
            let fresh = Generation(self.tokens);
            self.families.entry(primary.as_str().to_owned()).or_insert(fresh);
        }
        let generation = self.generation(key);
        let lease = Lease { token: self.tokens, stamp, reach, generation };
        self.note(about, Outcome::Granted { lease, found })
    }

    fn fetch(
        &mut self,
        fetch: Fetch,
        body: &mut Option<String>,
    ) -> Result<Outcome<String>, String> {
        self.asked = Some(fetch.headers);
        if let Some(record) = self.meantime.take() {
            self.purge(record);
        }
        let outcome = match self.scripted.pop_front() {
            Some(Scripted::Answer(response, text)) => {
                let length = Some(text.len() as u64);
                *body = Some(text);
                Outcome::Answered { response, length }
            }
            Some(Scripted::Down) => Outcome::Failed(Fault::Unreachable),
            None => return Err("the origin was asked and has no answer scripted".to_owned()),
        };
        let way = if fetch.passes { "pass" } else { "fetch" };
        Ok(self.note(format!("{way} {}", fetch.method), outcome))
    }

    /// The generation that entries under a key must be of to count.
    fn generation(&self, key: &Key) -> Generation {
        let family = key.primary().and_then(|key| self.families.get(key.as_str()).copied());
        family.unwrap_or(Generation::NONE)
    }

    fn found(&self, tier: Tier, key: &Key) -> Option<Found<String>> {
        let (entry, body) = self.entries.get(&(tier, key.as_str().to_owned()))?.clone();
        if entry.generation != self.generation(key) {
            return None;
        }
        let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
        let standing = self.mirror.judge(&subject);
        Some(Found { entry, body, standing })
    }

    fn note(&mut self, about: String, outcome: Outcome<String>) -> Outcome<String> {
        let told = match &outcome {
            Outcome::Answered { response, .. } => response.status.to_string(),
            Outcome::Found(found) => format!("found {:?}", found.standing),
            Outcome::Granted { found, .. } => format!("granted{}", beside(found)),
            Outcome::Purged(receipt) => format!("purged {receipt}"),
            Outcome::Held { by, found } => format!("held {by:?}{}", beside(found)),
            other => format!("{other:?}"),
        };
        self.trace.push(format!("  {about} -> {told}"));
        self.fold();
        outcome
    }

    /// Tells a pair of steps that comes again and again only once.
    fn fold(&mut self) {
        let before = self.trace.len().saturating_sub(2);
        if self.trace[..before].ends_with(&self.trace[before..]) && before > 1 {
            self.trace.truncate(before);
        }
    }
}

fn beside(found: &Option<Found<String>>) -> String {
    found.as_ref().map_or(String::new(), |found| format!(", found {:?}", found.standing))
}

fn named(key: &Key) -> String {
    key.as_str().replace(HOST, "").replace('\n', " | ")
}

const HOST: &str = "https://site.test";
const BEGUN: Time = Time(1_800_000_000_000);
