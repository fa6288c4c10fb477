//! Counts on their way to Redis, when its replies are lost and isolates are killed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::join_all;
use xtask::faults::Trouble;
use xtask::harness::{Spec, Troubles, eventually};

use crate::insight::{health, sum};
use crate::site::{PATIENCE, Site, page, set};

/// Asks all isolates for so long; when each request was answered, and by which. One that comes to a
/// connection whose isolate has been killed is not answered.
async fn load(site: &Site, span: Duration) -> Vec<(Instant, usize)> {
    let (begun, mut answered) = (Instant::now(), Vec::new());
    while begun.elapsed() < span {
        let asked = (0..4 * ISOLATES).map(|n| async move {
            site.get(n, "/page").await.is_ok().then(|| (Instant::now(), n % ISOLATES))
        });
        answered.extend(join_all(asked).await.into_iter().flatten());
    }
    answered
}

async fn counted(site: &Site) -> u64 {
    health(site).await.map_or(0, |data| match data["counted"] == "all" {
        true => sum(&data["counts"]["requests"]),
        false => 0,
    })
}

/// A reply that is lost has Redis' counts neither doubled nor short.
#[tokio::test]
async fn lost_replies_cost_no_count() -> Result<()> {
    let troubled = |spec| Spec { troubles: Troubles::OnEveryLine, ..spec };
    let site = Site::with(|_| page(1), |spec| set(troubled(spec), "REDIS_TIMEOUT", "1s"))?;
    let mut asked = load(&site, INTERVAL / 4).await.len() as u64;
    for _ in 0..3 {
        site.edge.lines()?.store.set(Trouble::Truncated);
        asked += load(&site, INTERVAL * 2).await.len() as u64;
        site.edge.lines()?.store.set(Trouble::Fair);
        asked += load(&site, INTERVAL).await.len() as u64;
    }
    let mut found = 0;
    eventually("all requests are counted", PATIENCE, async || {
        // Something has to be counted for a flush to go.
        asked += site.crowd(ISOLATES, "/page").await.map_or(0, |answers| answers.len() as u64);
        tokio::time::sleep(INTERVAL + INTERVAL / 2).await;
        found = counted(&site).await;
        found == asked
    })
    .await
    .with_context(|| format!("{found} of {asked}"))
}

/// Where isolates are killed, what is missing was asked within the last interval before.
#[tokio::test]
async fn killed_isolates_lose_less_than_an_interval() -> Result<()> {
    let mut site = Site::start(|_| page(1))?;
    let (mut asked, mut late) = (0, 0);
    for round in 0..4_u32 {
        // At four different moments between one flush and the next.
        let seen = load(&site, INTERVAL * 2 + INTERVAL * round / 4).await;
        let process = round as usize % 2;
        site.edge.workers[process].daemon.kill();
        let killed = Instant::now();
        site.edge.workers[process].daemon.start_again()?;
        asked += seen.len() as u64;
        let recent = |(at, isolate): &&(Instant, usize)| {
            isolate / 2 == process && killed.duration_since(*at) < INTERVAL + FLUSH
        };
        late += seen.iter().filter(recent).count() as u64;
    }
    let mut found = 0;
    eventually("what was not lost is counted", PATIENCE, async || {
        tokio::time::sleep(INTERVAL).await;
        let before = found;
        found = counted(&site).await;
        found > 0 && found == before
    })
    .await?;
    assert!(late < asked / 2, "{late} of {asked}: the test asks too late");
    assert!((asked - late..=asked).contains(&found), "{found} of {asked}, {late} of them late");
    Ok(())
}

/// How long an isolate keeps its counts, and how long a flush may take on a busy machine.
const INTERVAL: Duration = Duration::from_secs(2);
const FLUSH: Duration = Duration::from_millis(500);
/// How many isolates a site has.
const ISOLATES: usize = 4;
