//! Checks that take too long for every change: the simulation at length, fuzzing.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::places::{make, root, target};
use crate::progress::line;
use crate::tools;

/// How far the simulation goes.
#[derive(Args, Clone, Debug)]
pub struct Simulation {
    /// Steps on random schedules; 1 000 000 in an ordinary test run
    #[arg(long, default_value_t = 100_000_000)]
    steps: u64,
    /// The first schedule, so that runs on several machines or days differ
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Strike the small schedules with every pair of mishaps, too: hours
    #[arg(long)]
    pairs: bool,
}

/// How long is fuzzed.
#[derive(Args, Clone, Debug)]
pub struct Fuzzing {
    /// Seconds for each target
    #[arg(long, default_value_t = 240)]
    seconds: u64,
    /// Targets; all if none is named
    targets: Vec<String>,
}

/// Runs the simulation at length, optimized.
pub fn simulate(options: &Simulation) -> Result<bool> {
    let mut test = cargo(&["test", "--release", "--package", "breadbox", "--test", "simulation"]);
    test.args(["--", "--nocapture", "the_laws"]);
    if options.pairs {
        test.arg("small_schedules").env("PAIRS", "1");
    }
    test.env("STEPS", options.steps.to_string()).env("FROM", options.from.to_string());
    succeeds(test)
}

/// Fuzzes each target for a while, beginning with its corpus; finds lie in `target/fuzz`.
pub fn fuzz(options: &Fuzzing) -> Result<bool> {
    let fuzzer = tools::fuzzer()?;
    let mut targets = options.targets.clone();
    if targets.is_empty() {
        let programs = std::fs::read_dir(root().join("fuzz/fuzz_targets"))?.flatten();
        let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        targets = programs.filter_map(|program| stem(&program.path())).collect();
        targets.sort();
    }
    let mut sound = true;
    for name in &targets {
        let found = target().join("fuzz").join(name);
        make(&found)?;
        line(&format!("fuzzing {name} for {:?}", Duration::from_secs(options.seconds)));
        // The code is safe Rust, so no sanitizer is needed, and with it no nightly compiler.
        let mut run = Command::new(&fuzzer);
        run.args(["run", "--release", "--sanitizer", "none", name]).arg(&found);
        run.arg(root().join("fuzz/corpus").join(name)).args(["--", "-timeout=10"]);
        run.arg(format!("-max_total_time={}", options.seconds)).current_dir(root().join("fuzz"));
        sound &= succeeds(run)?;
    }
    Ok(sound)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(root());
    cargo
}

/// Runs a command and says whether it succeeded.
pub fn succeeds(mut command: impl std::borrow::BorrowMut<Command>) -> Result<bool> {
    let command = command.borrow_mut();
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if status.code().is_none() {
        bail!("{command:?} was ended by a signal");
    }
    Ok(status.success())
}
