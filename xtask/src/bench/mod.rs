//! `cargo bench-edge`: Breadbox beside its peers, on this machine, in turn.
//!
//! Every round measures every contestant of a case once, each in its turn, so that what else the
//! machine does falls on all of them. What counts are ratios within a round, and the processor
//! time that a request costs the server, which other load disturbs least.

mod cases;
pub(crate) mod cpu;
mod field;
mod gateway;
mod load;
mod peers;
mod report;
mod start;
pub(crate) mod workload;

pub use cpu::spent;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::places::{target, write};
use crate::progress::line;
use cases::Case;
use field::Field;
use report::{Measured, Report};

pub use load::{Answer, Load, Sample};

/// Flags of `cargo bench-edge`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How often everything is measured
    #[arg(long, default_value_t = 7)]
    pub rounds: usize,
    /// How long one measurement takes, in milliseconds
    #[arg(long, default_value_t = 1000)]
    pub span: u64,
    /// How many connections ask at once
    #[arg(long, default_value_t = 16)]
    pub connections: usize,
    /// Measure only the cases whose name contains this, as "memory" or "10 KB"
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,
    /// Leave out nginx and Varnish, which are installed from Debian
    #[arg(long)]
    pub no_native: bool,
    /// Replay a workload instead: the file popularity.txt of one of Akamai's traffic classes, from
    /// github.com/UMass-LIDS/Tragen
    #[arg(long, value_name = "FILE")]
    pub workload: Option<PathBuf>,
    /// Objects of the workload
    #[arg(long, default_value_t = 1500)]
    pub objects: usize,
    /// Requests of the workload
    #[arg(long, default_value_t = 10_000)]
    pub requests: usize,
    /// Measure starts of the Worker instead, so many beside as many of a Worker that says hello
    #[arg(long, value_name = "COUNT", conflicts_with = "workload",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub starts: Option<u32>,
    /// Measure the gateway instead, beside redis-benchmark
    #[arg(long, conflicts_with_all = ["workload", "starts"])]
    pub gateway: bool,
    /// Where the figures go as JSON; target/bench/edge.json unless said otherwise
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Measures and prints; the figures are in a JSON file afterwards.
pub fn run(options: &Options) -> Result<()> {
    let file = options.json.clone().unwrap_or_else(|| target().join("bench/edge.json"));
    if let Some(distribution) = &options.workload {
        let field = Field::start(false)?;
        let (objects, requests) = (options.objects, options.requests);
        let amount = workload::Amount { objects, requests, seed: SEED };
        let figures = workload::run(&field, distribution, amount)?;
        return write(&file, format!("{figures:#}\n"));
    }
    if let Some(starts) = options.starts {
        return write(&file, format!("{:#}\n", start::run(starts)?));
    }
    let span = Duration::from_millis(options.span);
    if options.gateway {
        return write(&file, format!("{:#}\n", gateway::run(options.rounds, span)?));
    }
    let field = Field::start(!options.no_native)?;
    let wanted = |case: &Case| {
        options.only.is_empty() || options.only.iter().any(|text| case.name().contains(text))
    };
    let cases: Vec<Case> = cases::all(&field).into_iter().filter(wanted).collect();
    let mut report = Report::new(options, &field);
    for case in &cases {
        case.warm(&field)?;
    }
    let steps: usize = cases.iter().map(|case| case.entrants.len()).sum::<usize>() * options.rounds;
    let seconds = steps as f64 * span.as_secs_f64();
    line(&format!("{} cases, {steps} measurements, about {seconds:.0} s", cases.len()));
    for round in 0..options.rounds {
        for case in &cases {
            let count = case.entrants.len();
            for turn in 0..count {
                let entrant = &case.entrants[(round + turn) % count];
                let measured = Measured::take(case, entrant, &field, span, options.connections)?;
                report.add(case, entrant, measured);
            }
            line(&report.progress(round, options.rounds, case));
        }
    }
    line(&report.table());
    report.write(&file)?;
    line(&format!("figures: {}", file.display()));
    Ok(())
}

/// Every replay draws the same objects and requests.
const SEED: u64 = 6;
