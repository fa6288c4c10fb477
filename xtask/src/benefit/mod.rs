//! `cargo xtask benefit`: what parts of the cache are good for, shown with and without.

mod ahead;
mod prefetch;
mod queries;
mod rules;
mod values;
mod warming;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::harness::{Edge, client};

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// What clients wait for pages that are refreshed ahead, and not; timed.
    Ahead,
    /// Who waits for the next page, where it is fetched ahead and where not; counts alone.
    Prefetch,
    /// How many questions by content reach the origin; counts alone.
    Queries,
    /// The hit ratio with and without rules about queries; counts alone.
    Rules,
    /// What the library spares a database; timed.
    Values,
    /// The hit ratio after a purge of everything; counts alone, so the same on every machine.
    Warming,
}

/// The flags of `cargo xtask benefit`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What is shown; everything without it
    #[arg(value_enum)]
    pub parts: Vec<Part>,
}

/// Shows it; false if there is no benefit.
pub fn run(options: &Options) -> Result<bool> {
    let all =
        [Part::Rules, Part::Warming, Part::Queries, Part::Prefetch, Part::Values, Part::Ahead];
    let parts = if options.parts.is_empty() { &all[..] } else { &options.parts };
    let runtime = tokio::runtime::Runtime::new()?;
    let mut good = true;
    for part in parts {
        good &= match part {
            Part::Ahead => runtime.block_on(ahead::show())?,
            Part::Prefetch => runtime.block_on(prefetch::show())?,
            Part::Queries => runtime.block_on(queries::show())?,
            Part::Rules => runtime.block_on(rules::show())?,
            Part::Values => runtime.block_on(values::show())?,
            Part::Warming => runtime.block_on(warming::show())?,
        };
    }
    Ok(good)
}

/// Asks for a page; whether it was there.
async fn ask(edge: &Edge, path: &str) -> Result<bool> {
    let answer = client().get(format!("{}{path}", edge.url(0))).send().await?;
    let told = answer.headers().get("cache-status").and_then(|told| told.to_str().ok());
    let hit = told.is_some_and(|told| told.contains("Breadbox; hit"));
    answer.error_for_status()?.bytes().await?;
    Ok(hit)
}

fn percent(part: usize, whole: usize) -> f64 {
    let [part, whole] = [part, whole].map(|n| f64::from(u32::try_from(n).unwrap_or(u32::MAX)));
    part * 100.0 / whole
}

/// A sequence of numbers that is the same each time.
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// The sequence from its beginning.
    pub fn seeded() -> Self {
        Self(0x5eed)
    }

    /// A number from 0 to 1.
    pub fn part(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap_or(0)) / 4_294_967_296.0
    }

    /// A number below another.
    pub fn below(&mut self, end: usize) -> usize {
        let drawn = usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1);
        self.part();
        drawn
    }

    /// A rank from 1: the n-th is drawn 1/n as often as the first.
    pub fn rank(&mut self, last: usize) -> usize {
        let weight = |rank: usize| 1.0 / f64::from(u32::try_from(rank).unwrap_or(u32::MAX));
        let mut left = self.part() * (1..=last).map(weight).sum::<f64>();
        let mut ranks = 1..last;
        let found = ranks.find(|rank| {
            left -= weight(*rank);
            left <= 0.0
        });
        found.unwrap_or(last)
    }
}
