//! What the library spares a database, and what its values cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use breadbox::values::{Cache, mins};

use super::{Chance, percent};
use crate::harness::{parts, tokens};
use crate::places::test_run;
use crate::servers::{Gateway, Redis};

/// Prints what reaches a database with and without; false if there is no benefit.
pub async fn show() -> Result<bool> {
    println!(
        "{PROCESSES} processes ask for {ASKED} values, one of {VALUES} each time, as often as \
         Zipf's law has it; a query takes {} ms:\n",
        QUERY.as_millis()
    );
    println!("| | queries | spared | p50 | p90 |");
    println!("|---|---|---|---|---|");
    println!("| without the library | {ASKED} | | {0} ms | {0} ms |", QUERY.as_millis());
    let logs = test_run()?;
    let redis = Redis::start(&parts()?.redis, &logs)?;
    let gateway = Gateway::start(&parts()?.gateway, &redis.url(), tokens(), &logs)?;
    let token = &gateway.tokens().standard;
    let processes: Vec<Cache> = (0..PROCESSES)
        .map(|_| Cache::connect(&gateway.url(), token, |work| drop(tokio::spawn(work))))
        .collect();
    let (queries, mut waits, mut chance) = (Arc::default(), Vec::new(), Chance::seeded());
    for number in 0..ASKED {
        let value = chance.rank(VALUES);
        let Some(cache) = processes.get(number % PROCESSES) else { continue };
        let asked = Instant::now();
        let ask = cache.get(&format!("value:{value}")).fresh(mins(10));
        let queries = Arc::clone(&queries);
        let found = ask.fetch(move || query(queries, value)).await;
        found.map_err(|failed| anyhow!("{failed}"))?;
        waits.push(asked.elapsed());
    }
    waits.sort_unstable();
    let at = |percent: usize| {
        let wait = waits.get(waits.len() * percent / 100).copied().unwrap_or_default();
        wait.as_secs_f64() * 1_000.0
    };
    let queries = queries.load(Ordering::Relaxed);
    let spared = percent(ASKED.saturating_sub(queries), ASKED);
    println!("| with it | {queries} | {spared:.1} % | {:.1} ms | {:.1} ms |\n", at(50), at(90));
    Ok(queries <= VALUES)
}

async fn query(queries: Arc<AtomicUsize>, value: usize) -> Result<usize, std::io::Error> {
    queries.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(QUERY).await;
    Ok(value)
}

const PROCESSES: usize = 4;
const VALUES: usize = 200;
const ASKED: usize = 4_000;
const QUERY: Duration = Duration::from_millis(20);
