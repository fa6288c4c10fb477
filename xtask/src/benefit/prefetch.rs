//! Who waits for the page that the one before has linked.

use std::time::Duration;

use anyhow::Result;

use super::{Chance, ask, percent};
use crate::harness::{Edge, Spec};
use crate::origin::{Origin, Reply};

/// What came of the visits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Visits {
    /// How many went on to the next page.
    asked: usize,
    /// How many of them found it there.
    there: usize,
    /// How many next pages were fetched.
    fetched: usize,
    /// How many of those nobody has read.
    unread: usize,
}

/// Prints how many next pages were there with and without; false if there is no benefit.
pub async fn show() -> Result<bool> {
    println!(
        "{VISITORS} visitors read one of {ARTICLES} articles, as often as Zipf's law has it, for \
         {} ms, and three of four then its next page:\n",
        READING.as_millis()
    );
    println!("| | next pages asked for | there already | fetched | read by nobody |");
    println!("|---|---|---|---|---|");
    let mut all = Vec::new();
    for (name, rule) in [("as usual", ""), ("`prefetch = 1`", "prefetch = 1")] {
        let Visits { asked, there, fetched, unread } = visits(rule).await?;
        let there = percent(there, asked);
        println!("| {name} | {asked} | {there:.1} % | {fetched} | {unread} |");
        all.push(there);
    }
    println!();
    Ok(matches!(all.as_slice(), [usual, ahead] if ahead > usual))
}

async fn visits(rule: &str) -> Result<Visits> {
    let origin = Origin::start(|seen| {
        let page = Reply::ok(seen.path.clone()).header("cache-control", "public, max-age=3600");
        page.header("link", format!("<{}/next>; rel=next", seen.path))
    })?;
    let rules = format!("[[rule]]\nmatch = \"/**\"\n{rule}\n");
    let edge = Edge::start(Spec { rules, ..Spec::of(&origin.url()).as_site("site.test") })?;
    let (mut chance, mut visits, mut read) = (Chance::seeded(), Visits::default(), Vec::new());
    for _ in 0..VISITORS {
        let article = format!("/{}", chance.rank(ARTICLES));
        ask(&edge, &article).await?;
        tokio::time::sleep(READING).await;
        if chance.below(4) > 0 {
            let next = format!("{article}/next");
            visits.asked += 1;
            visits.there += usize::from(ask(&edge, &next).await?);
            read.push(next);
        }
    }
    for seen in origin.requests().iter().filter(|seen| seen.path.ends_with("/next")) {
        visits.fetched += 1;
        visits.unread += usize::from(!read.contains(&seen.path));
    }
    Ok(visits)
}

const ARTICLES: usize = 300;
const VISITORS: usize = 300;
const READING: Duration = Duration::from_millis(200);
