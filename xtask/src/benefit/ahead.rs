//! What clients wait for pages that are asked for now and then, refreshed ahead and not.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;

use super::Chance;
use crate::harness::{Edge, Spec, client};
use crate::origin::{Origin, Reply};

/// Prints the waits with and without; false if there is no benefit.
pub async fn show() -> Result<bool> {
    let origin = Origin::start(|seen| {
        let page = Reply::ok(seen.path.clone()).header("cache-control", "public, max-age=20");
        page.after(ORIGIN)
    })?;
    let rules = "[[rule]]\nmatch = \"/ahead/**\"\nrefresh = \"ahead\"\n".to_owned();
    let edge = Edge::start(Spec { rules, ..Spec::of(&origin.url()).as_site("site.test") })?;
    let visits = ["due", "ahead"].map(|way| visits(&edge, way));
    let mut taken = try_join_all(visits).await?.into_iter();
    println!(
        "{PAGES} pages, each asked for once in {} s on average, fresh for 20 s and never served \
         stale; the origin takes {} ms; {} s:\n",
        GAP.as_secs(),
        ORIGIN.as_millis(),
        SPAN.as_secs()
    );
    println!("| | requests | waited for the origin | p50 | p90 | p95 | p99 | fetches |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut tails = Vec::new();
    for (name, way) in [("as usual", "due"), ("`refresh = \"ahead\"`", "ahead")] {
        let mut waits = taken.next().context("two ways")?;
        waits.sort_unstable();
        let at = |percent: usize| {
            let place = (waits.len() * percent / 100).min(waits.len().saturating_sub(1));
            waits.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1_000.0)
        };
        let slow = waits.iter().filter(|wait| **wait >= ORIGIN).count();
        let start = format!("/{way}/");
        let fetches = origin.requests().iter().filter(|it| it.path.starts_with(&start)).count();
        println!(
            "| {name} | {} | {slow} | {:.0} ms | {:.0} ms | {:.0} ms | {:.0} ms | {fetches} |",
            waits.len(),
            at(50),
            at(90),
            at(95),
            at(99)
        );
        tails.push(at(95));
    }
    Ok(matches!(tails.as_slice(), [usual, ahead] if ahead < usual))
}

/// How long each request took, of all pages of a way.
async fn visits(edge: &Edge, way: &str) -> Result<Vec<Duration>> {
    let pages = (0..PAGES).map(|page| visitor(edge, format!("/{way}/{page}"), page));
    Ok(try_join_all(pages).await?.concat())
}

/// Asks for a page at random moments, the same ones each time.
async fn visitor(edge: &Edge, path: String, page: u64) -> Result<Vec<Duration>> {
    let (client, url) = (client(), format!("{}{path}", edge.url(0)));
    let mut chance = Chance::seeded();
    for _ in 0..page * 7 {
        chance.part();
    }
    let (began, mut waits) = (Instant::now(), Vec::new());
    loop {
        let pause = GAP.mul_f64(-(1.0 - chance.part()).ln());
        tokio::time::sleep(pause).await;
        if began.elapsed() > SPAN {
            return Ok(waits);
        }
        let asked = Instant::now();
        client.get(&url).send().await?.error_for_status()?.bytes().await?;
        waits.push(asked.elapsed());
    }
}

const PAGES: u64 = 12;
const GAP: Duration = Duration::from_secs(2);
const ORIGIN: Duration = Duration::from_millis(200);
const SPAN: Duration = Duration::from_secs(120);
