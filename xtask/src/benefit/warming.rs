//! The hit ratio after a purge of everything.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Chance, ask, percent};
use crate::harness::{ADMIN, Edge, Spec, client, eventually};
use crate::origin::{Origin, Reply};

/// What came of the requests after the purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct After {
    first: usize,
    hits: usize,
    warmed: usize,
}

/// Prints the hit ratio with and without warming; false if there is no benefit.
pub async fn show() -> Result<bool> {
    println!(
        "{PAGES} pages, asked for as often as Zipf's law has it; everything is purged after \
         {BEFORE} requests; the next {AFTER} are counted:\n"
    );
    println!(
        "| warmed by itself | hit ratio of the first {FIRST} | of all {AFTER} | pages fetched \
              before anybody asked |"
    );
    println!("|---|---|---|---|");
    let mut rows = Vec::new();
    for top in [0, 10, 30] {
        let After { first, hits, warmed } = after(top).await?;
        let share = |hits: usize, of: usize| format!("{:.1} %", percent(hits, of));
        let name = if top == 0 { "nothing".to_owned() } else { format!("top {top}") };
        println!("| {name} | {} | {} | {warmed} |", share(first, FIRST), share(hits, AFTER));
        rows.push((first, hits));
    }
    let better = rows.windows(2).all(|pair| matches!(pair, [less, more] if less.1 < more.1));
    println!("\n{}", if better { "each more is better" } else { "NO BENEFIT" });
    Ok(better)
}

async fn after(top: usize) -> Result<After> {
    let origin = Origin::start(|seen| {
        Reply::ok(seen.path.clone()).header("cache-control", "public, max-age=3600")
    })?;
    let mut spec = Spec::of(&origin.url()).as_site("site.test");
    for (name, value) in [
        ("VISIBILITY", "0s"),
        ("WARM_TOP", &top.to_string()),
        ("WARM_RATE", "100"),
        ("SUBREQUESTS", "500"),
        ("REDIS_TIMEOUT", "10s"),
    ] {
        spec.variables.retain(|(other, _)| other != name);
        spec.variables.push((name.to_owned(), value.to_owned()));
    }
    let edge = Edge::start(spec)?;
    let mut chance = Chance::seeded();
    for _ in 0..BEFORE {
        ask(&edge, &format!("/{}", chance.rank(PAGES))).await?;
    }
    let purge = client().post(format!("{}/api/v1/cache/purge", edge.url(0)));
    let purged = purge.bearer_auth(ADMIN).body(r#"{"everything":true}"#).send().await?;
    purged.error_for_status()?;
    let warmed = if top == 0 { 0 } else { wait(&edge).await? };
    let mut count = After { first: 0, hits: 0, warmed };
    for number in 0..AFTER {
        let hit = usize::from(ask(&edge, &format!("/{}", chance.rank(PAGES))).await?);
        count.hits += hit;
        count.first += if number < FIRST { hit } else { 0 };
    }
    Ok(count)
}

/// Has the edge go on with its job to the end; how many pages it has fetched.
async fn wait(edge: &Edge) -> Result<usize> {
    let mut job = Value::Null;
    eventually("the edge has warmed what was hot", Duration::from_secs(60), async || {
        let next = format!("{}/api/v1/cache/warm/next", edge.url(0));
        let Ok(told) = client().post(next).bearer_auth(ADMIN).send().await else { return false };
        job = told.json::<Value>().await.unwrap_or_default()["data"]["job"].clone();
        job["state"] == "done"
    })
    .await?;
    usize::try_from(job["stored"].as_u64().context("a count")?).context("a count")
}

const PAGES: usize = 300;
const BEFORE: usize = 3_000;
const AFTER: usize = 500;
const FIRST: usize = 100;
