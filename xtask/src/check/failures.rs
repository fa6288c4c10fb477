//! The steps in which something is stopped and started again.

use std::time::Instant;

use anyhow::{Context, Result};

use super::table::{Outcome, Table};
use super::visit::Visit;
use super::{Browser, PATIENCE, PAUSE, connected};
use crate::dev::{OriginSite, Stack};
use crate::servers::Daemon;

/// Stops Redis, then the origin, and looks at what the edge does.
pub(super) async fn run(browser: &Browser, stack: &mut Stack, table: &mut Table) {
    let outage = async || outage(browser, stack).await;
    table.step("loads while Redis is down", "no 5xx, hits", outage).await;
    let recovery = async || recovery(browser, stack).await;
    table.step("Redis is back", "connected again by itself", recovery).await;
    let rescue = async || rescue(browser, stack).await;
    table.step("load while the origin is down", "the stored page", rescue).await;
    let back = async || back(browser, stack).await;
    table.step("the origin is back", "answers", back).await;
}

async fn outage(browser: &Browser, stack: &mut Stack) -> Result<Outcome> {
    let Some(daemon) = shared_tier(stack) else {
        return Ok(Outcome::NotApplicable("there is no Redis to stop"));
    };
    browser.load_until(PAGE, Visit::is_hit).await?;
    daemon.stop();
    let mut worst = browser.load(PAGE).await?;
    let mut hits = usize::from(worst.is_hit());
    for n in 1..LOADS {
        let visit = browser.load_at(n, PAGE).await?;
        hits += usize::from(visit.is_hit());
        if (visit.status >= 500, visit.took) > (worst.status >= 500, worst.took) {
            worst = visit;
        }
    }
    let seen = format!("{hits} hits in {LOADS} loads, the slowest {worst}");
    // Other isolates meet the page in their own colo's cache at their first load.
    let misses_allowed = browser.edges.len() - 1;
    Ok(Outcome::of(worst.status < 500 && hits + misses_allowed >= LOADS, seen))
}

async fn recovery(browser: &Browser, stack: &mut Stack) -> Result<Outcome> {
    let Some(daemon) = shared_tier(stack) else {
        return Ok(Outcome::NotApplicable("there is no Redis to start"));
    };
    daemon.start_again()?;
    let began = Instant::now();
    while !connected(&browser.health().await?) {
        if began.elapsed() > PATIENCE {
            return Ok(Outcome::Otherwise("the health says that Redis is not connected".into()));
        }
        browser.load(PAGE).await?;
        tokio::time::sleep(PAUSE).await;
    }
    let after = began.elapsed().as_millis();
    let (visit, _) = browser.load_until(PAGE, Visit::is_hit).await?;
    Ok(Outcome::of(visit.status < 500, format!("connected after {after} ms, then {visit}")))
}

/// Redis if it is ours to stop, else the gateway in front of it.
fn shared_tier(stack: &mut Stack) -> Option<&mut Daemon> {
    match (&mut stack.redis, &mut stack.gateway) {
        (Some(redis), _) => Some(&mut redis.daemon),
        (None, Some(gateway)) => Some(&mut gateway.daemon),
        (None, None) => None,
    }
}

async fn rescue(browser: &Browser, stack: &mut Stack) -> Result<Outcome> {
    let OriginSite::Sample(sample) = &mut stack.origin else {
        return Ok(Outcome::NotApplicable("your site is not ours to stop"));
    };
    browser.load_until(KEPT, Visit::is_hit).await?;
    sample.daemon.stop();
    if !browser.shared {
        let visit = browser.load(KEPT).await?;
        return Ok(Outcome::of(visit.status == 200 && visit.is_hit(), visit));
    }
    browser.purge_softly(KEPT).await?;
    let (visit, _) = browser.load_until(KEPT, |visit| visit.is_stale()).await?;
    Ok(Outcome::of(visit.status == 200, visit))
}

async fn back(browser: &Browser, stack: &mut Stack) -> Result<Outcome> {
    let OriginSite::Sample(sample) = &mut stack.origin else {
        return Ok(Outcome::NotApplicable("your site was not stopped"));
    };
    sample.daemon.start_again().context("the sample origin")?;
    let answers = |visit: &Visit| visit.status == 200 && visit.is_forwarded();
    let (visit, _) = browser.load_until("/_stats", answers).await?;
    Ok(Outcome::of(true, visit))
}

const PAGE: &str = "/";
/// Stored after Redis has come back: what was stored before may have died with its data, which an
/// isolate learns within the bound.
const KEPT: &str = "/builds/11";
const LOADS: usize = 10;
