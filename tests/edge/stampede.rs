//! Many requests at once for one key.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use breadbox::cache::exchange::Limits;
use futures_util::future::join_all;
use xtask::harness::{PlatformTier, Spec, eventually};
use xtask::origin::Reply;

use crate::site::{Answer, PATIENCE, REDIS_TIMEOUT, Site, asked_exactly, page, set, stale_page};

#[tokio::test]
async fn a_cold_key_is_fetched_once_for_all_isolates() -> Result<()> {
    let slow = |_: &_| page(1).after(Duration::from_millis(500));
    let site = Site::with(slow, four_processes)?;
    let answers = site.crowd(THOUSAND, "/cold").await?;
    expect_all(&answers, "version 1");
    asked_exactly(&site, "/cold", 1);
    let stored = answers.iter().filter(|answer| answer.says("stored")).count();
    assert!(stored == 1, "{stored} answers say that they were stored");
    Ok(())
}

#[tokio::test]
async fn a_stale_key_is_served_at_once_and_refreshed_once() -> Result<()> {
    let site = Site::start(|_| stale_page(1))?;
    let first = site.get(0, "/stale").await?;
    assert!(first.says("stored"), "{}", first.headers_text());
    eventually("the stale page is stored", PATIENCE, async || {
        site.edge.colos.iter().any(|colo| !colo.is_empty())
    })
    .await?;
    site.origin.forget();
    site.origin.rescript(|_| page(2).after(SLOW));
    let answers = site.crowd(CROWD, "/stale").await?;
    expect_all(&answers, "version 1");
    for answer in &answers {
        assert!(answer.is_stale(), "not stale: {}", answer.cache_status());
        assert!(answer.took < SLOW, "a stale answer waited for the origin: {:?}", answer.took);
    }
    eventually("the new version is served everywhere", PATIENCE, async || {
        let answers = site.crowd(4, "/stale").await.unwrap_or_default();
        !answers.is_empty() && answers.iter().all(|answer| answer.text() == "version 2")
    })
    .await?;
    asked_exactly(&site, "/stale", 1);
    Ok(())
}

/// The origin never answers again, so requests that wait for each other would never reach it.
#[tokio::test]
async fn what_may_not_be_stored_does_not_queue() -> Result<()> {
    let asked = AtomicUsize::new(0);
    let site = Site::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::ok("private").header("cache-control", "no-store").after(FIRST),
        _ => Reply::hang(),
    })?;
    let all_asked = eventually("all requests reach the origin together", TOGETHER, async || {
        site.fetches("/private") == FEW
    });
    tokio::select! {
        reached = all_asked => {
            reached.with_context(|| format!("{} did", site.fetches("/private")))
        }
        answers = site.crowd(FEW, "/private") => {
            anyhow::bail!("all were answered by an origin that hangs: {answers:?}")
        }
    }
}

#[tokio::test]
async fn without_redis_each_isolate_fetches_once() -> Result<()> {
    let slow = |_: &_| page(1).after(Duration::from_millis(700));
    let mut site = Site::with(slow, four_processes)?;
    site.edge.redis()?.daemon.kill();
    site.edge.gateway()?.daemon.kill();
    let answers = site.crowd(THOUSAND, "/alone").await?;
    expect_all(&answers, "version 1");
    let fetches = site.fetches("/alone");
    assert!(fetches <= 4, "4 isolates asked the origin {fetches} times");
    Ok(())
}

/// Redis accepts connections and never answers: each isolate finds out by itself.
#[tokio::test]
async fn with_a_silent_redis_each_isolate_fetches_once() -> Result<()> {
    let mut site = Site::with(
        |_| page(1).after(Duration::from_millis(700)),
        |spec| set(spec, REDIS_TIMEOUT, "250ms"),
    )?;
    site.edge.redis()?.daemon.freeze();
    let answers = site.crowd(CROWD, "/silent").await?;
    expect_all(&answers, "version 1");
    let fetches = site.fetches("/silent");
    assert!(fetches <= 4, "4 isolates asked the origin {fetches} times");
    Ok(())
}

#[tokio::test]
async fn without_any_tier_everybody_is_answered() -> Result<()> {
    let mut site = Site::with(
        |_| page(1).after(Duration::from_millis(200)),
        |spec| Spec { platform: PlatformTier::Off, ..spec },
    )?;
    site.edge.gateway()?.daemon.kill();
    expect_all(&site.crowd(CROWD / 4, "/bare").await?, "version 1");
    Ok(())
}

/// The request that was to fetch for all dies with its process; when its lease has expired,
/// another takes over.
#[tokio::test]
async fn a_leader_that_dies_is_outwaited() -> Result<()> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let times = Arc::clone(&asked);
    let script = move |_: &_| {
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        times.push(Instant::now());
        if times.len() == 1 { Reply::hang() } else { page(1) }
    };
    let mut site = Site::with(script, four_processes)?;
    tokio::select! {
        lost = site.get(0, "/orphan") => anyhow::bail!("a hanging origin answered: {lost:?}"),
        led = eventually("the leader asks", PATIENCE, async || site.fetches("/orphan") == 1) => {
            led?;
        }
    }
    if let Some(first) = site.edge.workers.first_mut() {
        first.daemon.kill();
    }
    let answers = join_all((0..THOUSAND).map(|n| site.get(1 + n % 3, "/orphan"))).await;
    expect_all(&answers.into_iter().collect::<Result<Vec<_>>>()?, "version 1");
    asked_exactly(&site, "/orphan", 2);
    let times = asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let between = times[1] - times[0];
    assert!(between >= Limits::default().lease, "the second fetch came {between:?} later");
    Ok(())
}

/// One isolate each.
fn four_processes(spec: Spec) -> Spec {
    Spec { isolates: 1, processes: 4, ..spec }
}

/// Who waits for a fetch shares its failure: a crowd is no crowd for an origin that is down.
#[tokio::test]
async fn a_failing_origin_is_asked_once_for_all_who_wait() -> Result<()> {
    let site = Site::start(|_| Reply::status(503).after(Duration::from_millis(700)))?;
    let answers = site.crowd(CROWD, "/failing").await?;
    for answer in &answers {
        assert!(answer.status == 503, "{} {}", answer.headers_text(), answer.text());
    }
    let shared = answers.iter().filter(|answer| answer.cache_status().contains("backoff")).count();
    assert!(shared > CROWD / 2, "only {shared} of {CROWD} share the failure");
    let fetches = site.fetches("/failing");
    // Not all of a crowd come before the first fetch ends; those who don't wait for the next.
    assert!(fetches <= CROWD / 10, "{fetches} fetches for a crowd of {CROWD}");
    site.origin.rescript(|_| page(1));
    expect_all(&[site.get(0, "/failing").await?], "version 1");
    Ok(())
}

#[track_caller]
fn expect_all(answers: &[Answer], body: &str) {
    for answer in answers {
        assert!(answer.status == 200, "{} {}", answer.headers_text(), answer.text());
        assert!(answer.text() == body, "{}: {}", answer.headers_text(), answer.text());
    }
}

const CROWD: usize = 200;
const THOUSAND: usize = 1000;
const FEW: usize = 40;
/// Less than the time after which a request no longer waits for another's fetch.
const TOGETHER: Duration = Duration::from_secs(9);
const FIRST: Duration = Duration::from_millis(300);
/// How long the origin takes to refresh what is stale.
const SLOW: Duration = Duration::from_secs(4);
