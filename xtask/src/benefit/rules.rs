//! How much of a site's traffic a rule about queries brings together.

use anyhow::Result;

use super::{Chance, ask, percent};
use crate::harness::{Edge, Spec};
use crate::origin::{Origin, Reply};

/// Prints the hit ratio by which rule; false if there is no benefit.
pub async fn show() -> Result<bool> {
    println!(
        "{ASKED} requests for {PAGES} pages, as often as Zipf's law has it: each names what to \
         show in either order, and every other one comes from one of {CAMPAIGNS} campaigns:\n"
    );
    println!("| rule | hit ratio | fetches |");
    println!("|---|---|---|");
    let mut all = Vec::new();
    for (name, query) in [
        ("none", ""),
        ("`query = { ignore = [\"utm_*\"] }`", "query = { ignore = [\"utm_*\"] }"),
        ("the same, with `sort = true`", "query = { ignore = [\"utm_*\"], sort = true }"),
    ] {
        let (hits, fetches) = visits(query).await?;
        println!("| {name} | {:.1} % | {fetches} |", percent(hits, ASKED));
        all.push(hits);
    }
    println!();
    Ok(all.windows(2).all(|pair| matches!(pair, [less, more] if less < more)))
}

/// How many requests were hits, and how often the origin was asked.
async fn visits(query: &str) -> Result<(usize, usize)> {
    let origin = Origin::start(|seen| {
        Reply::ok(seen.path.clone()).header("cache-control", "public, max-age=3600")
    })?;
    let rules = format!("[[rule]]\nmatch = \"/**\"\n{query}\n");
    let edge = Edge::start(Spec { rules, ..Spec::of(&origin.url()).as_site("site.test") })?;
    let (mut chance, mut hits) = (Chance::seeded(), 0);
    for _ in 0..ASKED {
        let page = chance.rank(PAGES);
        let shown = match chance.below(2) {
            0 => "sort=new&size=20",
            _ => "size=20&sort=new",
        };
        let campaign = match chance.below(2) {
            0 => format!("&utm_source=mail&utm_campaign={}", chance.below(CAMPAIGNS)),
            _ => String::new(),
        };
        hits += usize::from(ask(&edge, &format!("/{page}?{shown}{campaign}")).await?);
    }
    Ok((hits, origin.requests().len()))
}

const PAGES: usize = 100;
const ASKED: usize = 2_000;
const CAMPAIGNS: usize = 50;
