//! `cargo xtask chaos`: the parts of an edge are killed and their lines troubled at random while
//! clients ask, and every answer is checked against what the origin had published when.

mod chance;
mod clients;
mod mischief;
mod report;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

pub use report::Report;

use crate::faults::{Published, Terms};
use crate::harness::{self, Edge, Spec, Troubles};
use crate::progress::line;
use clients::{Load, Pace};
use mischief::Past;

/// What `cargo xtask chaos` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How long the chaos lasts, in seconds
    #[arg(long, default_value_t = 600)]
    pub seconds: u64,
    /// What decides which trouble comes when
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How long the rate without trouble is measured first, in seconds
    #[arg(long, default_value_t = 10)]
    pub calibrate: u64,
}

/// Runs it and prints the report; whether everything held.
pub fn run(options: &Options) -> Result<bool> {
    let report = chaos(options)?;
    line(&report.to_string());
    Ok(report.holds())
}

/// Four workerd processes of one isolate each, every one a data centre of its own, for a while.
pub fn chaos(options: &Options) -> Result<Report> {
    let site = Published::start(terms())?;
    let spec = Spec { processes: PROCESSES, ..Spec::of(&site.origin.url()).as_site(HOST) };
    // The law to the letter: who cannot read the ledger asks the origin again.
    let variables = vec![("REDIS_GRACE".to_owned(), "0s".to_owned())];
    let mut edge = Edge::start(Spec { troubles: Troubles::OnEveryLine, variables, ..spec })?;
    let past = Past::new(PROCESSES);
    let load = Load::new(&site, edge.urls().to_owned(), options.seed, &past);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let calibration = Duration::from_secs(options.calibrate);
    let calm = runtime.block_on(load.run(Pace::Flat, calibration));
    let rate = calm.answers() as f64 / calibration.as_secs_f64();
    line(&format!("  without trouble: {rate:.0} answers a second; half of that from here on"));
    let begun = Instant::now();
    let until = begun + Duration::from_secs(options.seconds);
    let (deeds, tally) = thread::scope(|scope| {
        let troubled = scope.spawn(|| mischief::until(until, &mut edge, options.seed, &past));
        let span = Duration::from_secs(options.seconds) + AFTERWARDS;
        let tally = runtime.block_on(load.run(Pace::Rate(rate / 2.0), span));
        (troubled.join(), tally)
    });
    let deeds = deeds.map_err(|_| anyhow!("the mischief maker panicked"))?;
    let alive = edge.workers.iter_mut().all(|worker| worker.daemon.is_running());
    let logs = report::bad_lines(edge.logs())?;
    let seconds = options.seconds.min(begun.elapsed().as_secs());
    Ok(Report { rate, calm, tally, deeds, logs, alive, seconds })
}

/// Pages of four kinds, by their number.
fn terms() -> Terms {
    let cache_control = |path: &str| match kind(path) {
        0 => "max-age=2, stale-while-revalidate=5, stale-if-error=30",
        1 => "max-age=20",
        2 => "no-cache",
        _ => "max-age=600, stale-if-error=600",
    };
    Terms { cache_control, stale: |path| STALE[kind(path)], visibility: harness::VISIBILITY }
}

fn kind(path: &str) -> usize {
    let digits = path.rsplit('/').next().and_then(|digits| digits.parse::<usize>().ok());
    digits.unwrap_or(0) % 4
}

/// How long after its end a version of each kind may be served: its lifetimes, and the time that
/// a fetch of it may take.
const STALE: [Duration; 4] = [
    Duration::from_secs(30 + FETCH),
    Duration::from_secs(20 + FETCH),
    Duration::from_secs(FETCH),
    Duration::from_secs(1200 + FETCH),
];
const FETCH: u64 = 10;
const HOST: &str = "site.test";
const PROCESSES: usize = 4;
/// How long the load goes on when the last trouble is over.
const AFTERWARDS: Duration = Duration::from_secs(3);
