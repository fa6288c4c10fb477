//! `cargo xtask bench-purge`: what purges cost, when they are seen, and what a flood of them does.
//!
//! Figures are printed with their spread. The command fails where a promise is broken; how fast
//! this machine is breaks none.

mod cost;
mod figures;
mod flood;
mod visibility;

use anyhow::Result;
use clap::{Args, ValueEnum};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// A purge of many entries against a purge of one, and the reclaim afterwards.
    Cost,
    /// From the acknowledgement to the last isolate.
    Visibility,
    /// As many purges as the machine can send.
    Flood,
}

/// The flags of `cargo xtask bench-purge`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What is measured; everything without it
    #[arg(value_enum)]
    pub parts: Vec<Part>,
    /// Entries under the tag that is purged
    #[arg(long, default_value_t = 1_000_000)]
    pub entries: u64,
    /// Purges whose visibility is watched
    #[arg(long, default_value_t = 1000)]
    pub purges: usize,
    /// Seconds of the flood, and as many without it
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// The flood's limit, as `PURGE_RATE`: `off` shows what it would do without any
    #[arg(long, default_value = "20")]
    pub rate: String,
}

/// Measures; false if a promise is broken.
pub fn run(options: &Options) -> Result<bool> {
    let all = [Part::Cost, Part::Visibility, Part::Flood];
    let parts = if options.parts.is_empty() { &all[..] } else { &options.parts };
    let runtime = tokio::runtime::Runtime::new()?;
    let mut kept = true;
    for part in parts {
        kept &= match part {
            Part::Cost => runtime.block_on(cost::measure(options.entries))?,
            Part::Visibility => runtime.block_on(visibility::measure(options.purges))?,
            Part::Flood => runtime.block_on(flood::measure(options.seconds, &options.rate))?,
        };
    }
    Ok(kept)
}
