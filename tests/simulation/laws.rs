//! Who watches: what must hold of every reply, every fetch and every step.

mod content;

use std::collections::{BTreeMap, BTreeSet};

use breadbox::cache::exchange::{Content, Fetch, Reach, Reply};
use breadbox::cache::key::Key;
use breadbox::cache::{Reason, RequestHead, Verdict};
use bytes::Bytes;
use http::header;

use super::plan::Wish;
use super::site::{Audience, resource};
use super::stage::Stage;
use super::world::{self, Onward};

/// A request as its watcher knows it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its number.
    pub number: u64,
    /// How often the shared tier failed it.
    pub store_faults: u32,
    /// How often the origin failed it.
    pub origin_faults: u32,
    /// Whether it was passed to the origin as it is.
    pub passed: bool,
    /// How many fetches of its isolate it has waited for until they ended.
    pub landings: u32,
    isolate: usize,
    url: String,
    wish: Wish,
    /// Its language, user or credentials.
    whom: String,
    takes_gzip: bool,
    began: i64,
    steps: u32,
}

/// A purge or another change that must be seen.
#[derive(Clone, Copy, Debug)]
struct Purge {
    path: &'static str,
    /// What was current when it was sent.
    version: u64,
    acknowledged: i64,
}

/// A fetch under a lease of all isolates.
#[derive(Clone, Debug)]
struct UnderWay {
    isolate: usize,
    key: String,
    since: i64,
}

/// What has been seen, and what should not have been.
#[derive(Default)]
pub struct Laws {
    /// Each breach with the law's number.
    pub breaches: Vec<String>,
    /// Replies by verdict.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// Replies that a purge should have stopped, by isolates that could not know of it.
    pub blind: u64,
    /// Rescues with what was purged while the failing origin was waited for.
    pub late_rescues: u64,
    begun: u64,
    purges: Vec<Purge>,
    changes: Vec<(usize, Purge)>,
    waiting: BTreeMap<u64, Seen>,
    gone: BTreeSet<u64>,
    under_way: BTreeMap<u64, UnderWay>,
    /// Who asks the origin, and since when.
    asking: BTreeMap<u64, i64>,
    /// When a fetch of a URL has ended, and how long it took.
    took: Vec<(String, i64, i64)>,
    /// When the origin failed last, by URL.
    failed: BTreeMap<String, i64>,
}

impl Seen {
    /// A request that is about to begin.
    pub fn new(isolate: usize, head: &RequestHead, wish: Wish) -> Self {
        let field = |name| {
            let value = head.headers.get(name).and_then(|v: &http::HeaderValue| v.to_str().ok());
            value.unwrap_or_default().replace(' ', "-")
        };
        let whom = match resource(&head.url).audience {
            Audience::All => "all".to_owned(),
            Audience::Credentials => field(header::AUTHORIZATION),
            Audience::Language => field(header::ACCEPT_LANGUAGE),
            Audience::User => field(header::COOKIE),
        };
        Self {
            number: world::number(),
            store_faults: 0,
            origin_faults: 0,
            passed: false,
            landings: 0,
            isolate,
            url: head.url.clone(),
            wish,
            whom,
            takes_gzip: field(header::ACCEPT_ENCODING) == "gzip",
            began: world::elapsed(),
            steps: 0,
        }
    }
}

impl Laws {
    fn breach(&mut self, seen: &Seen, law: &str, what: String) {
        let line =
            format!("{law}: #{} {} on isolate {}: {what}", seen.number, seen.url, seen.isolate);
        world::note(|| format!("BREACH {line}"));
        self.breaches.push(line);
    }

    /// A request has begun.
    pub fn begun(&mut self, seen: &Seen) {
        let Seen { number, isolate, url, whom, wish, .. } = seen;
        world::note(|| format!("#{number} {wish:?} {url} {whom} on isolate {isolate}"));
        self.begun += 1;
        self.waiting.insert(*number, seen.clone());
    }

    /// What holds at every moment: nobody waits beyond all deadlines, and of what is under way
    /// there is no more than there are requests. A schedule ends with its first breach.
    pub fn after_step(&mut self, stage: &Stage) -> Onward {
        if !self.breaches.is_empty() {
            return Onward::Stop;
        }
        if !world::steps().is_multiple_of(WATCH) {
            return Onward::Go;
        }
        let now = world::elapsed();
        let late: Vec<Seen> =
            self.waiting.values().filter(|seen| now - seen.began > WAIT_MAX).cloned().collect();
        for seen in late {
            self.waiting.remove(&seen.number);
            self.gone.insert(seen.number);
            self.breach(&seen, "L2", "waits for longer than all deadlines".to_owned());
        }
        let flights: usize = stage.isolates.borrow().iter().map(|isolate| isolate.flights()).sum();
        if flights as u64 > self.begun {
            self.breaches.push(format!("L6: {flights} flights for {} requests", self.begun));
        }
        Onward::Go
    }

    /// A request takes a step.
    pub fn steps(&mut self, seen: &mut Seen) {
        seen.steps += 1;
        if world::spent() > SUBREQUESTS {
            let what = format!("{} subrequests in {} steps", world::spent(), seen.steps);
            self.breach(seen, "L6", what);
        }
    }

    /// A request has its answer; the second value of `body` is whether it came to a clean end.
    pub fn replied(
        &mut self,
        seen: &mut Seen,
        stage: &Stage,
        reply: &Reply<Bytes>,
        (body, clean): (Option<Bytes>, bool),
    ) {
        let (verdict, status) = (reply.status.verdict, reply.head.status);
        let body = body.map(|body| self.reads(seen, reply, body));
        let text = body.map(|body| String::from_utf8_lossy(&body).into_owned());
        world::note(|| {
            let start: String = text.iter().flat_map(|text| text.chars().take(32)).collect();
            format!("#{} = {status} {verdict} {:?} {start}", seen.number, reply.status.reason)
        });
        *self.verdicts.entry(verdict.as_str()).or_default() += 1;
        if self.gone.contains(&seen.number) {
            return;
        }
        if self.waiting.remove(&seen.number).is_none() {
            self.breach(seen, "L2", "a second reply".to_owned());
        }
        let refused =
            seen.wish == Wish::OnlyIfCached && reply.status.reason == Some(Reason::OnlyIfCached);
        // Who waited for a fetch shares its failure, of which the news may take a command's time,
        // and which is later to an isolate whose clock was set back since.
        let witnessed =
            |at: i64| at + 3 * PATIENT_LOOK + world::set_back(seen.isolate, at) >= seen.began;
        let shared = reply.status.reason == Some(Reason::Backoff)
            && self.failed.get(&seen.url).is_some_and(|at| witnessed(*at));
        if status >= 500 && seen.origin_faults == 0 && !refused && !shared {
            self.breach(seen, "L2", format!("{status} of our own making"));
        }
        if seen.wish == Wish::Reload
            && matches!(verdict, Verdict::Hit | Verdict::Stale | Verdict::Collapsed)
        {
            self.breach(seen, "L5", format!("{verdict} for a request that insists"));
        }
        if status == 304 && seen.wish != Wish::Unless && !seen.passed {
            self.breach(seen, "L5", "304 for a request without a condition".to_owned());
        }
        if let Some(text) = text.as_deref().filter(|_| seen.wish == Wish::Change && status == 200) {
            self.changed(seen, text);
        }
        let part = matches!(reply.content, Content::Stored(_, Some(_)));
        if let Some(text) = text.filter(|text| text.starts_with('/') && !part) {
            if text.ends_with('.') {
                self.read(seen, stage, verdict, &text);
            } else if clean {
                self.breach(seen, "L5", format!("{text} is not whole"));
            }
        }
    }

    /// A request has done all it had to do.
    pub fn ended(&mut self, seen: &Seen) {
        self.under_way.remove(&seen.number);
        if self.waiting.contains_key(&seen.number) {
            self.breach(seen, "L2", "ended without a reply".to_owned());
        }
    }

    /// The origin is asked.
    pub fn asks(
        &mut self,
        seen: &Seen,
        stage: &Stage,
        fetch: &Fetch,
        lease: Option<&(Key, Reach, i64)>,
    ) {
        world::note(|| format!("#{} asks the origin under {lease:?}", seen.number));
        self.asking.insert(seen.number, world::elapsed());
        if fetch.passes {
            return;
        }
        let Some((key, Reach::Everywhere, since)) = lease else {
            let leapt = world::set_forward(seen.isolate, seen.began);
            let waited =
                world::elapsed() - seen.began >= PATIENCE - leapt || seen.landings > FETCHES_BORNE;
            // What is fetched for others may be no use to those who wait.
            let late = world::ahead(seen.isolate) + self.slow_twice(seen);
            let shared = resource(&seen.url).is_shared(late);
            let insists = !shared || seen.wish == Wish::Reload;
            if seen.store_faults == 0 && !waited && !insists {
                self.breach(seen, "L3", "a fetch without a lease for no reason".to_owned());
            }
            return;
        };
        let name = format!("{{s:0}}:l:{}", key.id());
        let store = stage.store.borrow();
        let lost = |since: i64| {
            let mut lost = store.model.lost.iter().rev();
            lost.any(|(at, key)| *at >= since && key == name.as_bytes())
        };
        // Its own lease may be gone by the time that the grant arrives: it bars nobody.
        if lost(*since) {
            return;
        }
        let others = self.under_way.values().filter(|other| other.key == name);
        let excess = others.filter(|other| !lost(other.since)).count();
        drop(store);
        if excess > 0 {
            self.breach(seen, "L3", format!("{excess} other fetches are under way"));
        }
        let (isolate, since) = (seen.isolate, *since);
        self.under_way.insert(seen.number, UnderWay { isolate, key: name, since });
    }

    /// The origin has failed.
    pub fn failed(&mut self, seen: &Seen) {
        self.failed.insert(seen.url.clone(), world::elapsed());
    }

    /// The origin has answered, or won't.
    pub fn asked(&mut self, seen: &Seen) {
        self.under_way.remove(&seen.number);
        let now = world::elapsed();
        if let Some(since) = self.asking.remove(&seen.number) {
            self.took.push((seen.url.clone(), now, now - since));
        }
    }

    /// For how long twice a fetch of its URL has taken while a request waited: so old it comes.
    fn slow_twice(&self, seen: &Seen) -> i64 {
        let met = self.took.iter().filter(|(url, at, _)| *url == seen.url && *at >= seen.began);
        let mut took: Vec<i64> = met.map(|(.., took)| *took).collect();
        took.sort_unstable();
        took.iter().rev().nth(1).copied().unwrap_or(0)
    }

    /// A client goes away; `false` if it has its answer.
    pub fn left(&mut self, number: u64) -> bool {
        let waited = self.waiting.remove(&number).is_some();
        if waited {
            self.gone.insert(number);
        }
        waited
    }

    /// A request is no more.
    pub fn dropped(&mut self, number: u64) {
        self.waiting.remove(&number);
        self.under_way.remove(&number);
    }

    /// An isolate is no more: nobody waits for its replies.
    pub fn killed(&mut self, isolate: usize) {
        self.waiting.retain(|_, seen| seen.isolate != isolate);
        self.under_way.retain(|_, fetch| fetch.isolate != isolate);
    }

    /// A purge was acknowledged.
    pub fn purged(&mut self, path: &'static str, version: u64) {
        let acknowledged = world::elapsed();
        world::note(|| format!("purge of {path} for version {version} acknowledged"));
        self.purges.push(Purge { path, version, acknowledged });
    }

    /// Nobody may wait any more.
    pub fn closed(&mut self) {
        for (_, seen) in std::mem::take(&mut self.waiting) {
            self.breach(&seen, "L2", "never answered".to_owned());
        }
    }
}

/// Times are rounded to seconds, twice.
const LATENCY: i64 = 3_000;

/// How long a look into the shared tier takes at the most.
const PATIENT_LOOK: i64 = 500;

/// How long a request waits for another one's fetch.
const PATIENCE: i64 = 14_000;

/// For so many fetches of its isolate a request waits, if they bring nothing.
const FETCHES_BORNE: u32 = 4;

/// Patience, an origin that takes its time, and a few commands: all deadlines added up.
const WAIT_MAX: i64 = 14_000 + 16_000 + 16_000 + 5_000;

/// The platform allows a request so many (on its free plan).
const SUBREQUESTS: u32 = 50;

/// The state is looked at after so many steps; replies and fetches at once.
const WATCH: u64 = 8;
