//! As many purges as the machine can send, beside hits: what they take, and what they leave.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use super::figures::Figures;
use crate::harness::{ADMIN, Edge, Spec, Wire, client};
use crate::origin::{Origin, Reply};
use crate::progress::line;

/// Hits alone with twice the readers, then hits beside purges. The readers and the purgers are as
/// many, so hits are due half of what twice the readers get.
pub(super) async fn measure(seconds: u64, rate: &str) -> Result<bool> {
    let origin = Origin::start(|_| Reply::ok("page").header("cache-control", "max-age=3600"))?;
    let mut spec = Spec { isolates: 2, ..Spec::of(&origin.url()).as_site("bench.test") };
    spec.variables.push(("PURGE_RATE".to_owned(), rate.to_owned()));
    let mut edge = Edge::start(spec)?;
    let mut wire = Wire::open(edge.redis()?.port())?;
    let urls: Arc<[String]> = edge.urls().into();
    let span = Duration::from_secs(seconds);
    let warm = round(&urls, span / 10, CLIENTS, 0).await?;
    ensure!(warm.hits > 0, "no hits at all");
    let before = Memory::now(&edge, &mut wire)?;
    let calm = round(&urls, span, 2 * CLIENTS, 0).await?;
    let between = Memory::now(&edge, &mut wire)?;
    let mut flood = round(&urls, span / 2, CLIENTS, CLIENTS).await?;
    let half = Memory::now(&edge, &mut wire)?;
    flood.add(round(&urls, span / 2, CLIENTS, CLIENTS).await?);
    let after = Memory::now(&edge, &mut wire)?;
    line(&format!("{seconds} s each, {CLIENTS} readers and {CLIENTS} purgers, 2 isolates:"));
    line(&format!("  {} readers alone: {}", 2 * CLIENTS, calm.line(span)));
    line(&format!("  beside the flood: {}", flood.line(span)));
    for (what, times) in &flood.wrong {
        line(&format!("    wrong, {times} times: {what}"));
    }
    line(&format!(
        "  purges: {} acknowledged, {} refused as too many, {} otherwise ({:.0} a second, \
         {} selectors each)",
        flood.purges,
        flood.refused,
        flood.failed,
        flood.purges as f64 / span.as_secs_f64(),
        SELECTORS,
    ));
    let stages = [("before", before), ("calm", between), ("half", half), ("flood", after)];
    for (name, memory) in stages {
        line(&format!("  memory {name:>6}: {}", memory.line()));
    }
    let due = calm.hits as f64 / 2.0;
    let share = flood.hits as f64 / due;
    line(&format!("  hits beside the flood are {share:.2} of their share of the processor"));
    // V8 takes a few hundred megabytes whoever asks for what; after half of the flood it has them.
    let bounded = after.records <= LEDGER_MAX && after.edge < half.edge + 64 * MB;
    Ok(share >= 0.8 && bounded && flood.wrong.is_empty())
}

/// What a round came to.
#[derive(Default)]
struct Round {
    hits: u64,
    /// What else came than the page, and how often.
    wrong: BTreeMap<String, u64>,
    purges: u64,
    refused: u64,
    failed: u64,
    took: Figures,
}

impl Round {
    /// Of the times that hits took those of the one that had the most of them are kept.
    fn add(&mut self, one: Self) {
        self.hits += one.hits;
        for (what, times) in one.wrong {
            *self.wrong.entry(what).or_default() += times;
        }
        self.purges += one.purges;
        self.refused += one.refused;
        self.failed += one.failed;
        if one.took.count() > self.took.count() {
            self.took = one.took;
        }
    }

    fn line(&self, span: Duration) -> String {
        let rate = self.hits as f64 / span.as_secs_f64();
        let wrong: u64 = self.wrong.values().sum();
        format!("{rate:.0} hits a second, {wrong} wrong answers; {}", self.took.line())
    }
}

async fn round(urls: &Arc<[String]>, span: Duration, readers: u64, purgers: u64) -> Result<Round> {
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for number in 0..readers {
        clients.spawn(read(Arc::clone(urls), number, Arc::clone(&over)));
    }
    for number in 0..purgers {
        clients.spawn(purge(Arc::clone(urls), number, Arc::clone(&over)));
    }
    tokio::time::sleep(span).await;
    over.store(true, Ordering::Relaxed);
    let mut round = Round::default();
    while let Some(one) = clients.join_next().await {
        round.add(one??);
    }
    Ok(round)
}

async fn read(urls: Arc<[String]>, number: u64, over: Arc<AtomicBool>) -> Result<Round> {
    let (client, mut round) = (client(), Round::default());
    let url = format!("{}/page", one(&urls, number));
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let response = client.get(&url).send().await?;
        let (status, why) = (response.status(), response.headers().get("cache-status").cloned());
        let text = response.text().await?;
        match text.as_str() {
            "page" => round.hits += 1,
            _ => {
                let why = why.as_ref().and_then(|why| why.to_str().ok()).unwrap_or("no status");
                *round.wrong.entry(format!("{status} {why}")).or_default() += 1;
            }
        }
        // Every tenth: keeping them in order costs more than the request.
        if round.hits.is_multiple_of(10) {
            round.took.add(began.elapsed());
        }
    }
    Ok(round)
}

async fn purge(urls: Arc<[String]>, number: u64, over: Arc<AtomicBool>) -> Result<Round> {
    let (client, mut round) = (client(), Round::default());
    let url = format!("{}/api/v1/cache/purge", one(&urls, number));
    while !over.load(Ordering::Relaxed) {
        let first = NEXT.fetch_add(SELECTORS, Ordering::Relaxed);
        let tags: Vec<String> = (first..first + SELECTORS).map(|n| format!("\"x{n}\"")).collect();
        let body = format!("{{\"tags\":[{}]}}", tags.join(","));
        let response = client.post(&url).bearer_auth(ADMIN).body(body).send().await?;
        match response.status().as_u16() {
            200 => round.purges += 1,
            429 => round.refused += 1,
            _ => round.failed += 1,
        }
        response.bytes().await?;
    }
    Ok(round)
}

fn one(urls: &[String], number: u64) -> &str {
    let at = number as usize % urls.len().max(1);
    urls.get(at).map_or("", String::as_str)
}

/// What is held where.
#[derive(Clone, Copy)]
struct Memory {
    edge: u64,
    redis: u64,
    records: u64,
}

impl Memory {
    fn now(edge: &Edge, wire: &mut Wire) -> Result<Self> {
        let pids = edge.workers.iter().filter_map(|worker| worker.daemon.id());
        let edge = pids.map(resident).sum();
        let records = match wire.ask(&[b"ZCARD", b"{breadbox:0}:ledger"])? {
            crate::harness::Value::Number(records) => records.unsigned_abs(),
            _ => 0,
        };
        Ok(Self { edge, redis: wire.figure("memory", "used_memory")?, records })
    }

    fn line(&self) -> String {
        let Self { edge, redis, records } = self;
        format!("workerd {} MB, Redis {} MB, ledger {records} members", edge / MB, redis / MB)
    }
}

/// The bytes of a process that are in memory.
fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// The next tag: none is purged twice.
static NEXT: AtomicU64 = AtomicU64::new(0);

const CLIENTS: u64 = 8;
const SELECTORS: u64 = 20;
const MB: u64 = 1 << 20;

/// The ledger's bound and its floor.
const LEDGER_MAX: u64 = 9_217;
