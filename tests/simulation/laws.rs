//! Who watches: what must hold of every reply and every fetch.

use std::collections::BTreeMap;

use breadbox::cache::exchange::{Fetch, Reach, Reply};
use breadbox::cache::key::Key;
use breadbox::cache::{RequestHead, Verdict};
use bytes::Bytes;
use http::header;

use super::site::{Audience, resource};
use super::stage::Stage;
use super::world;

/// A request as its watcher knows it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its number.
    pub number: u64,
    /// How often the shared tier failed it.
    pub store_faults: u32,
    /// How often the origin failed it.
    pub origin_faults: u32,
    isolate: usize,
    url: String,
    language: String,
    user: String,
    began: i64,
}

/// A purge that must be seen.
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
    purges: Vec<Purge>,
    waiting: BTreeMap<u64, Seen>,
    under_way: BTreeMap<u64, UnderWay>,
    ends: BTreeMap<u64, i64>,
}

impl Seen {
    /// A request that is about to begin.
    pub fn new(isolate: usize, head: &RequestHead) -> Self {
        let field = |name| {
            let value = head.headers.get(name).and_then(|v: &http::HeaderValue| v.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        Self {
            number: 1 + world::random(1 << 40),
            store_faults: 0,
            origin_faults: 0,
            isolate,
            url: head.url.clone(),
            language: field(header::ACCEPT_LANGUAGE),
            user: field(header::COOKIE),
            began: world::elapsed(),
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
        let Seen { number, isolate, url, language, user, .. } = seen;
        world::note(|| format!("#{number} {url} {language}{user} on isolate {isolate}"));
        self.waiting.insert(*number, seen.clone());
    }

    /// A request has its answer.
    pub fn replied(
        &mut self,
        seen: &mut Seen,
        stage: &Stage,
        reply: &Reply<Bytes>,
        body: Option<Bytes>,
    ) {
        let verdict = reply.status.verdict;
        let text = body.map(|body| String::from_utf8_lossy(&body).into_owned());
        world::note(|| format!("#{} = {} {verdict} {text:?}", seen.number, reply.head.status));
        *self.verdicts.entry(verdict.as_str()).or_default() += 1;
        if self.waiting.remove(&seen.number).is_none() {
            self.breach(seen, "L2", "a second reply".to_owned());
        }
        if reply.head.status >= 500 && seen.origin_faults == 0 {
            self.breach(seen, "L2", format!("{} of our own making", reply.head.status));
        }
        if let Some(text) = text.filter(|text| text.starts_with('/')) {
            self.read(seen, stage, verdict, &text);
        }
    }

    /// Judges a body: `path version whom`.
    fn read(&mut self, seen: &Seen, stage: &Stage, verdict: Verdict, text: &str) {
        let resource = resource(&seen.url);
        let mut words = text.split(' ');
        let path = words.next().unwrap_or_default();
        let version: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let whom = words.next().unwrap_or_default();
        let expected = match resource.audience {
            Audience::All => "all",
            Audience::Language => seen.language.as_str(),
            Audience::User => seen.user.as_str(),
        };
        if path != resource.path || whom != expected {
            self.breach(seen, "L4", format!("got {text}, which is another's"));
        }
        // A request that began in time may be answered late; only a rescue is then an old answer.
        let floor_at = |time: i64| {
            let seen =
                |purge: &&Purge| purge.path == path && purge.acknowledged + stage.bound < time;
            self.purges.iter().filter(seen).map(|purge| purge.version).max().unwrap_or(0)
        };
        let (floor, late) = (floor_at(seen.began), floor_at(world::elapsed() - 2 * PATIENT_LOOK));
        // Who cannot reach the ledger cannot know; docs/decisions.md says why it serves.
        if version < floor && seen.store_faults > 0 {
            self.blind += 1;
        } else if version < floor {
            let what = format!("version {version} ({verdict}), {floor} was purged for");
            self.breach(seen, "L1", what);
        } else if version < late && verdict == Verdict::Rescue {
            self.late_rescues += 1;
        }
        let confirmed = stage.site.borrow().confirmed(path, version).unwrap_or(i64::MIN / 2);
        let age = seen.began - confirmed;
        let window = match verdict {
            Verdict::Hit | Verdict::Collapsed => resource.fresh,
            Verdict::Stale => resource.fresh + resource.stale,
            _ => i64::MAX / 4000,
        };
        let slack = LATENCY + 2 * stage.weather.get().skew as i64;
        if age > window * 1000 + slack {
            self.breach(seen, "L5", format!("{verdict} at the age of {age} ms"));
        }
    }

    /// A request has done all it had to do.
    pub fn ended(&mut self, seen: &Seen) {
        self.ends.insert(seen.number, world::elapsed());
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
        lease: Option<&(Key, Reach)>,
    ) {
        world::note(|| format!("#{} asks the origin under {lease:?}", seen.number));
        if fetch.passes {
            return;
        }
        let Some((key, Reach::Everywhere)) = lease else {
            let waited = world::elapsed() - seen.began >= PATIENCE;
            // What must be validated for each request is no use to those who wait.
            let insists = resource(&seen.url).control.contains("no-cache");
            if seen.store_faults == 0 && !waited && !insists {
                self.breach(seen, "L3", "a fetch without a lease for no reason".to_owned());
            }
            return;
        };
        let name = format!("{{s:0}}:l:{}", key.id());
        let store = stage.store.borrow();
        let others = self.under_way.values().filter(|other| other.key == name);
        let excess = others.filter(|other| {
            let lost = store.model.lost.iter();
            !lost.rev().any(|(at, key)| *at >= other.since && key == name.as_bytes())
        });
        let excess = excess.count();
        drop(store);
        if excess > 0 {
            self.breach(seen, "L3", format!("{excess} other fetches are under way"));
        }
        let since = world::elapsed();
        self.under_way.insert(seen.number, UnderWay { isolate: seen.isolate, key: name, since });
    }

    /// The origin has answered, or won't.
    pub fn asked(&mut self, seen: &Seen) {
        self.under_way.remove(&seen.number);
    }

    /// An isolate, or one of its requests, is no more: nobody waits for its replies.
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
        if self.purges.is_empty() {
            self.breaches.push("the schedule had no purge".to_owned());
        }
    }
}

/// From asking to being confirmed, times are rounded to seconds, twice.
const LATENCY: i64 = 3_000;

/// How long a look into the shared tier takes at the most.
const PATIENT_LOOK: i64 = 500;

/// How long a request waits for another one's fetch.
const PATIENCE: i64 = 14_000;
