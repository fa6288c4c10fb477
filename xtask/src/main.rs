//! `cargo dev` and `cargo xtask`: see `--help`.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::chaos;
use xtask::checking;
use xtask::dev::Options;
use xtask::faults::matrix;
use xtask::nightly::{Fuzzing, Simulation};
use xtask::progress::line;
use xtask::tools::{self, RedisServer};
use xtask::{bench, benefit, build, compression, count, dev, mutants, nightly, purges};

/// Set-up and orchestration of Breadbox.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run the edge with Redis, the gateway and a sample site (`cargo dev`)
    Dev(Options),
    /// Kill and trouble everything at random, and check every answer
    Chaos(chaos::Options),
    /// Measure what each trouble of the store costs each class of traffic
    FaultMatrix(matrix::Options),
    /// Measure the edge beside its peers (`cargo bench-edge`)
    BenchEdge(bench::Options),
    /// Fuzz every parser and the machine, each target for a while
    Fuzz(Fuzzing),
    /// Change the core in every way that cargo-mutants knows, and see whether tests notice
    Mutants(mutants::Options),
    /// Run the simulation at length
    Simulate(Simulation),
    /// Count the instructions of the core's hit path and compare with benches/counts.json
    Count {
        /// Compare with these counts from now on
        #[arg(long)]
        keep: bool,
    },
    /// Build the Worker into build/, if its sources changed
    Build {
        /// Build this example instead, into its own build/
        #[arg(long, value_name = "NAME")]
        example: Option<String>,
    },
    /// Check a breadbox.toml: line, setting, what was found and what is allowed
    CheckConfig(checking::Options),
    /// Show what warming and refreshing ahead are good for, with them and without
    Benefit(benefit::Options),
    /// Measure what purges cost, when they are seen, and what a flood of them does
    BenchPurge(purges::Options),
    /// Measure what stored text saves when it is compressed, and what that costs
    BenchCompression(compression::Options),
    /// Install what building, running and testing need
    Tools,
}

fn main() -> ExitCode {
    let task = Command::parse_from(arguments()).task;
    if let Task::CheckConfig(options) = &task {
        return checking::run(options);
    }
    match run(task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<bool> {
    match task {
        Task::Dev(options) => dev::run(&options),
        Task::Chaos(options) => chaos::run(&options),
        Task::FaultMatrix(options) => matrix::run(&options),
        Task::BenchEdge(options) => {
            bench::run(&options)?;
            Ok(true)
        }
        Task::Fuzz(options) => nightly::fuzz(&options),
        Task::Mutants(options) => mutants::run(&options),
        Task::Simulate(options) => nightly::simulate(&options),
        Task::Count { keep } => count::run(keep),
        Task::Build { example } => {
            let builder = tools::builder(&tools::npm()?)?;
            match example {
                Some(name) => build::example(&builder, &name)?,
                None => build::worker(&builder)?,
            };
            Ok(true)
        }
        Task::CheckConfig(options) => Ok(checking::run(&options) == ExitCode::SUCCESS),
        Task::Benefit(options) => benefit::run(&options),
        Task::BenchPurge(options) => purges::run(&options),
        Task::BenchCompression(options) => {
            compression::run(&options)?;
            Ok(true)
        }
        Task::Tools => {
            let (.., redis) = tools::all()?;
            tools::chromium()?;
            if let RedisServer::Missing(why) = redis {
                line(&format!("no redis-server: {why}"));
                return Ok(false);
            }
            line("everything is installed");
            Ok(true)
        }
    }
}

/// The arguments, without the `--` that stands before the flags in `cargo dev -- --check`.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(2).is_some_and(|argument| argument == "--") {
        arguments.remove(2);
    }
    arguments
}
