//! Who kills and troubles, and remembers what was troubled when.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result};
use breadbox::cache::exchange::Limits;

use super::chance::Chance;
use crate::faults::{Proxy, Trouble};
use crate::harness::{Edge, Weather};
use crate::servers::Daemon;

/// What was done and what it did to the memory of those that it was done to.
#[derive(Debug, Default)]
pub(super) struct Deeds {
    /// How often each deed was done.
    pub counts: BTreeMap<String, usize>,
    /// Second by second, the memory in MB of the workerd that nobody kills.
    pub witness: Vec<f64>,
    /// The most memory in MB that a process of each kind had.
    pub most: BTreeMap<&'static str, f64>,
    /// What could not be done or undone, and so ended the run.
    pub fault: Option<Error>,
}

/// When the origin and each worker could not be relied upon.
#[derive(Debug)]
pub(super) struct Past {
    /// The origin's, and then each worker's.
    spans: Vec<Mutex<Spans>>,
    cut_short: AtomicBool,
}

/// Beginnings and ends; one that lasts has no end.
type Spans = Vec<(Instant, Option<Instant>)>;

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Colo(usize, Weather),
    Kill(Part),
    Line(Which, Trouble),
    Memory,
    ReadOnly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Gateway,
    Redis,
    Worker(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Origin,
    Redis,
    Store,
}

impl Past {
    pub fn new(workers: usize) -> Self {
        let spans = (0..=workers).map(|_| Mutex::default()).collect();
        Self { spans, cut_short: AtomicBool::new(false) }
    }

    /// Whether the run is over before its time.
    pub fn is_cut_short(&self) -> bool {
        self.cut_short.load(Ordering::Relaxed)
    }

    /// Whether the origin's line was troubled in a span, or so shortly before that others were
    /// still told to leave it alone.
    pub fn origin_failed(&self, from: Instant, to: Instant) -> bool {
        self.failed(0, BACKOFF, from, to)
    }

    /// Whether a fetch that was begun in such a trouble may have been given up in a span, or so
    /// shortly before that others were still told to leave the origin alone.
    pub fn origin_was_given_up(&self, from: Instant, to: Instant) -> bool {
        self.failed(0, Limits::default().deadline + BACKOFF, from, to)
    }

    /// Whether a worker was away in a span.
    pub fn worker_failed(&self, worker: usize, from: Instant, to: Instant) -> bool {
        self.failed(worker + 1, BACKOFF, from, to)
    }

    fn failed(&self, index: usize, lasting: Duration, from: Instant, to: Instant) -> bool {
        let overlaps = |(begin, end): &(Instant, Option<Instant>)| {
            *begin <= to && end.is_none_or(|end| end + lasting >= from)
        };
        self.spans(index).iter().any(overlaps)
    }

    fn spans(&self, index: usize) -> MutexGuard<'_, Spans> {
        self.spans[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, index: usize) {
        self.spans(index).push((Instant::now(), None));
    }

    fn end(&self, index: usize) {
        if let Some((_, end)) = self.spans(index).last_mut() {
            *end = Some(Instant::now());
        }
    }
}

/// Does one deed after another, at times two at once, and undoes them all in the end. What it did
/// until then is told if it comes to a bad end, too, and the clients are sent home.
pub(super) fn until(end: Instant, edge: &mut Edge, seed: u64, past: &Past) -> Deeds {
    let mut deeds = Deeds::default();
    if let Err(fault) = deeds.go_on(end, edge, seed, past) {
        deeds.fault = Some(fault);
        past.cut_short.store(true, Ordering::Relaxed);
    }
    deeds
}

impl Deed {
    fn any(chance: &mut Chance, workers: usize) -> Self {
        match chance.below(10) {
            0 | 1 => Self::Line(Which::Store, chance.one_of(&Trouble::HTTP)),
            2 | 3 => Self::Line(Which::Redis, chance.one_of(&Trouble::BYTES)),
            4 => Self::Line(Which::Origin, chance.one_of(&ORIGIN)),
            5 => chance.one_of(&[Self::Memory, Self::ReadOnly]),
            6 => Self::Kill(chance.one_of(&[Part::Gateway, Part::Redis])),
            // The first worker is the witness: it lives through everything.
            7 | 8 => Self::Kill(Part::Worker(1 + chance.below(workers - 1))),
            _ => Self::Colo(chance.below(workers), chance.one_of(&WEATHERS)),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Colo(_, weather) => format!("platform cache: {weather:?}"),
            Self::Kill(Part::Worker(_)) => "workerd killed".to_owned(),
            Self::Kill(part) => format!("{part:?} killed").to_lowercase(),
            Self::Line(Which::Origin, trouble) => format!("Worker to origin: {trouble}"),
            Self::Line(Which::Redis, trouble) => format!("gateway to Redis: {trouble}"),
            Self::Line(Which::Store, trouble) => format!("Worker to gateway: {trouble}"),
            Self::Memory => "Redis: out of memory".to_owned(),
            Self::ReadOnly => "Redis: read-only".to_owned(),
        }
    }

    /// Whether two deeds are done to the same thing.
    fn touches(self, other: Self) -> bool {
        let redis = |deed| matches!(deed, Self::Kill(Part::Redis) | Self::Memory | Self::ReadOnly);
        match (self, other) {
            (Self::Line(one, _), Self::Line(another, _)) => one == another,
            (Self::Kill(one), Self::Kill(another)) => one == another,
            (Self::Colo(one, _), Self::Colo(another, _)) => one == another,
            _ => redis(self) && redis(other),
        }
    }

    fn r#do(self, edge: &mut Edge, past: &Past) -> Result<()> {
        match self {
            Self::Colo(colo, weather) => edge.colos[colo].set_weather(weather),
            Self::Kill(part) => {
                if let Part::Worker(worker) = part {
                    past.begin(worker + 1);
                }
                part.daemon(edge)?.kill();
            }
            Self::Line(which, trouble) => {
                if which == Which::Origin {
                    past.begin(0);
                }
                which.proxy(edge)?.set(trouble);
            }
            Self::Memory => tell(edge, &["CONFIG", "SET", "maxmemory", "1"])?,
            Self::ReadOnly => tell(edge, &["REPLICAOF", "127.0.0.1", "1"])?,
        }
        Ok(())
    }

    fn undo(self, edge: &mut Edge, past: &Past) -> Result<()> {
        match self {
            Self::Colo(colo, _) => edge.colos[colo].set_weather(Weather::Fair),
            Self::Kill(part) => {
                part.daemon(edge)?.start_again()?;
                if let Part::Worker(worker) = part {
                    past.end(worker + 1);
                }
            }
            Self::Line(which, _) => {
                which.proxy(edge)?.set(Trouble::Fair);
                if which == Which::Origin {
                    past.end(0);
                }
            }
            Self::Memory => tell(edge, &["CONFIG", "SET", "maxmemory", "0"])?,
            Self::ReadOnly => tell(edge, &["REPLICAOF", "NO", "ONE"])?,
        }
        Ok(())
    }
}

impl Part {
    fn daemon(self, edge: &mut Edge) -> Result<&mut Daemon> {
        Ok(match self {
            Self::Gateway => &mut edge.gateway()?.daemon,
            Self::Redis => &mut edge.redis()?.daemon,
            Self::Worker(worker) => &mut edge.workers.get_mut(worker).context("a worker")?.daemon,
        })
    }
}

impl Which {
    fn proxy(self, edge: &Edge) -> Result<&Proxy> {
        let lines = edge.lines()?;
        Ok(match self {
            Self::Origin => &lines.origin,
            Self::Redis => &lines.redis,
            Self::Store => &lines.store,
        })
    }
}

impl Deeds {
    fn go_on(&mut self, end: Instant, edge: &mut Edge, seed: u64, past: &Past) -> Result<()> {
        let mut chance = Chance::new(seed);
        let mut active: Vec<(Instant, Deed)> = Vec::new();
        let (mut next, mut look) = (Instant::now(), Instant::now());
        while Instant::now() < end {
            let now = Instant::now();
            for (_, deed) in active.extract_if(.., |(over, _)| *over <= now) {
                deed.undo(edge, past)?;
            }
            if now >= next && active.len() < AT_ONCE {
                let deed = Deed::any(&mut chance, edge.workers.len());
                let lasts = chance.between(SHORTEST, LONGEST);
                next = now + chance.between(PAUSE_MIN, PAUSE_MAX);
                if !active.iter().any(|(_, other)| other.touches(deed)) {
                    *self.counts.entry(deed.name()).or_default() += 1;
                    deed.r#do(edge, past)?;
                    active.push((Instant::now() + lasts, deed));
                }
            }
            if now >= look {
                look = now + Duration::from_secs(1);
                self.weigh(edge);
            }
            sleep(STEP);
        }
        active.into_iter().try_for_each(|(_, deed)| deed.undo(edge, past))
    }

    fn weigh(&mut self, edge: &mut Edge) {
        let mut heaviest = |kind, megabytes: f64| {
            let most = self.most.entry(kind).or_default();
            *most = most.max(megabytes);
        };
        for (index, worker) in edge.workers.iter().enumerate() {
            let Some(megabytes) = worker.daemon.id().and_then(resident) else { continue };
            heaviest("workerd", megabytes);
            if index == 0 {
                self.witness.push(megabytes);
            }
        }
        let gateway = edge.gateway.as_ref().and_then(|it| it.daemon.id());
        let redis = edge.redis.as_ref().and_then(|it| it.daemon.id());
        for (kind, id) in [("gateway", gateway), ("redis-server", redis)] {
            if let Some(megabytes) = id.and_then(resident) {
                heaviest(kind, megabytes);
            }
        }
    }
}

/// The resident memory of a process in MB.
fn resident(id: u32) -> Option<f64> {
    let pages = fs::read_to_string(format!("/proc/{id}/statm")).ok()?;
    let pages: f64 = pages.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE / 1e6)
}

fn tell(edge: &mut Edge, words: &[&str]) -> Result<()> {
    edge.redis()?.tell(words).map(drop)
}

const AT_ONCE: usize = 2;
/// For so long after its failure a key's origin may be left alone.
const BACKOFF: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_secs(3);
const PAGE: f64 = 4096.0;
const PAUSE_MAX: Duration = Duration::from_millis(2500);
const PAUSE_MIN: Duration = Duration::from_millis(200);
const SHORTEST: Duration = Duration::from_millis(100);
const STEP: Duration = Duration::from_millis(10);
/// An origin that lies about its coding is believed, as by any cache.
const ORIGIN: [Trouble; 9] = [
    Trouble::Refused,
    Trouble::Status(429),
    Trouble::Status(500),
    Trouble::Slow(Duration::from_millis(200)),
    Trouble::Slow(Duration::from_millis(1000)),
    Trouble::Silent,
    Trouble::Truncated,
    Trouble::Html,
    Trouble::Reset,
];
const WEATHERS: [Weather; 3] =
    [Weather::Failing, Weather::Silent, Weather::Slow(Duration::from_millis(300))];
