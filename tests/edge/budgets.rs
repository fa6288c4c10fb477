//! What the platform allows one request, and what the worst one takes.

use std::time::Duration;

use anyhow::{Context, Result};
use breadbox::cache::exchange::Limits;
use breadbox::cache::key::Key;
use breadbox::redis::Keys;
use xtask::bench::spent;
use xtask::faults::Trouble;
use xtask::harness::{ADMIN, READER, Spec, Troubles, Weather, eventually};
use xtask::origin::{Reply, Seen};

use crate::site::{HOST, PATIENCE, Site, answer, one, page, set};

/// A lease that nobody gives back has a request wait for all of its patience, looking again and
/// again: no other way through the machine has more steps.
#[tokio::test]
async fn the_longest_wait_stays_within_the_free_plans_subrequests() -> Result<()> {
    let change = |spec| Spec { troubles: Troubles::OnEveryLine, ..one(spec) };
    let mut site = Site::with(|_| page(1), change)?;
    // Scripts are loaded and counts flushed by requests before.
    site.warm(0, "/before").await?;
    let key = Key::of_url(&format!("http://{HOST}/held"));
    let lease = Keys::new("breadbox", 1).lease(key.id());
    site.wire()?.ask(&[b"SET", lease.as_bytes(), b"another's", b"PX", b"60000"])?;
    let before = subrequests(&site)?;
    let answer = site.get(0, "/held").await?;
    assert_eq!(answer.text(), "version 1", "{}", answer.headers_text());
    assert!(answer.took >= Limits::default().patience, "{:?}", answer.took);
    let spent = subrequests(&site)? - before;
    assert!(spent <= SUBREQUESTS, "{spent} subrequests");
    Ok(())
}

/// Redis, the platform's cache and the origin together are asked no more things at a time than the
/// platform opens connections for one event, whatever the request does: further ones would queue.
#[tokio::test]
async fn no_request_opens_more_connections_than_the_platform() -> Result<()> {
    let script = |seen: &Seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", _) => Reply::status(201).header("location", "/a").header("content-location", "/b"),
        (_, "/varied") => page(1).header("vary", "accept-language"),
        (_, "/purges") => page(1).header("breadbox-purge", "a, b"),
        _ => page(1),
    };
    let change = |spec| {
        let spec = Spec { troubles: Troubles::OnEveryLine, ..one(spec) };
        set(set(spec, "REDIS_SHARDS", "4"), "VISIBILITY", "0s")
    };
    let site = Site::with(script, change)?;
    // So slow that what is asked side by side is seen side by side.
    site.edge.lines()?.store.set(Trouble::Slow(SLOW));
    site.edge.colos[0].set_weather(Weather::Slow(SLOW));
    let mut most = 0;
    for (method, path) in [
        ("GET", "/page"),
        ("GET", "/page"),
        ("GET", "/varied"),
        ("GET", "/varied"),
        ("GET", "/purges"),
        ("POST", "/page"),
        ("DELETE", "/varied"),
        ("PURGE", "/page"),
        ("GET", "/api/v1/cache"),
        ("GET", "/api/v1/cache/stats"),
        ("GET", "/api/v1/cache/entries?url=http://site.test/varied"),
    ] {
        at_once(&site).await?;
        answer(site.request(method, 0, path).bearer_auth(ADMIN)).await?;
        let opened = at_once(&site).await?;
        assert!(opened <= CONNECTIONS, "{method} {path}: {opened} at a time");
        most = most.max(opened);
    }
    assert!(most > 3, "{most}: nothing was seen side by side");
    Ok(())
}

/// The most that was asked at a time, once nothing is under way. Each part's own maximum is taken,
/// so that it may be more than it was.
async fn at_once(site: &Site) -> Result<usize> {
    let mut last = None;
    eventually("nothing is under way", PATIENCE, async || {
        tokio::time::sleep(4 * SLOW).await;
        let now = subrequests(site).ok();
        std::mem::replace(&mut last, now) == now
    })
    .await?;
    let (lines, near) = (site.edge.lines()?, site.edge.colos[0].at_once());
    Ok(near + lines.store.at_once().max(lines.origin.at_once()))
}

/// What requests cost the processor, on average, beside the ten milliseconds that the free plan has
/// for one: pages, a purge with all that it may name, the reports.
#[tokio::test]
async fn requests_stay_within_the_free_plans_processor_time() -> Result<()> {
    let page = |_: &Seen| Reply::ok(vec![b'x'; PAGE]).header("cache-control", "max-age=600");
    let site = Site::with(page, one)?;
    let tags: Vec<String> = (0..1_000).map(|n| format!("tag-{n}")).collect();
    let purge = serde_json::json!({ "tags": tags }).to_string();
    let group = site.edge.workers[0].daemon.id().context("it runs")?;
    for (what, times) in
        [("hit", 200), ("miss", 60), ("purge", 20), ("/metrics", 40), ("/stats", 40)]
    {
        let ask = async |n: usize| match what {
            "hit" => answer(site.request("GET", 0, "/hit")).await,
            "miss" => answer(site.request("GET", 0, &format!("/miss/{n}"))).await,
            "purge" => site.purge(&purge).await,
            path => {
                let path = format!("/api/v1/cache{path}");
                answer(site.request("GET", 0, &path).bearer_auth(READER)).await
            }
        };
        // The runtime compiles what it runs often, on threads of the same process.
        for n in 0..times / 2 {
            ask(times + n).await?;
        }
        let before = spent(group);
        for n in 0..times {
            ask(n).await?;
        }
        let each = (spent(group) - before) / u32::try_from(times)?;
        xtask::progress::line(&format!("  {what}: {each:?} of the processor"));
        assert!(each < PROCESSOR, "{what}: {each:?} each");
    }
    Ok(())
}

pub fn subrequests(site: &Site) -> Result<u64> {
    let lines = site.edge.lines()?;
    let near: u64 = site
        .edge
        .colos
        .iter()
        .map(|colo| colo.asked())
        .map(|asked| asked.matches + asked.puts + asked.deletes)
        .sum();
    Ok(near + (lines.store.requests() + lines.origin.requests()) as u64)
}

/// Of one request, on the free plan.
pub const SUBREQUESTS: u64 = 50;
/// That wait for their answer at a time.
const CONNECTIONS: usize = 6;
/// Of one request, on the free plan, twice over: a machine that runs other tests counts more
/// for the same. docs/reliability.md has what was counted.
const PROCESSOR: Duration = Duration::from_millis(20);
/// The page that is usual, in bytes.
const PAGE: usize = 64 << 10;
/// How long what is asked takes.
const SLOW: Duration = Duration::from_millis(50);
