//! The core, changed in every way that cargo-mutants knows: whether the tests notice.
//!
//! cargo-mutants builds once for each mutant, which takes a day. At once means that all of its
//! mutants are built into one copy of the repository, each behind a switch.

mod list;
mod plant;
mod report;
mod syntax;
mod tree;
mod trial;

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::nightly::succeeds;
use crate::places::{root, target};
use crate::tools;
use tree::Tree;
use trial::{Fate, Results, Trial};

/// What is mutated.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Which files: a glob
    #[arg(long, default_value = "src/cache/**")]
    files: String,
    /// Which part of the mutants, as `2/8`
    #[arg(long)]
    shard: Option<String>,
    /// Build all mutants at once, each behind a switch; goes on where it was interrupted
    #[arg(long)]
    at_once: bool,
    /// Try those again that were missed before
    #[arg(long, requires = "at_once")]
    again: bool,
    /// Leave the simulation out, which takes ten times as long as all others; `--again` without
    /// this tries what was missed with it
    #[arg(long, requires = "at_once")]
    quick: bool,
}

/// Changes the core and sees whether the tests notice.
pub fn run(options: &Options) -> Result<bool> {
    match options.at_once {
        true => at_once(options),
        false => one_by_one(options),
    }
}

fn at_once(options: &Options) -> Result<bool> {
    let mutants = list::mutants(&options.files, options.shard.as_deref())?;
    let tree = Tree::plant(&mutants)?;
    let mut tests = tree.tests(&TESTS)?;
    tests.retain(|tests| !options.quick || tests.name != "simulation");
    let trial = Trial::prepare(&tree, tests, mutants.len())?;
    let mut results = Results::open()?;
    let due = mutants.iter().filter(|mutant| match results.fate(&mutant.name) {
        _ if tree.left_out.contains_key(&mutant.number) => false,
        None => true,
        Some(Fate::Missed | Fate::Unreached) => options.again,
        Some(_) => false,
    });
    let due: Vec<_> = due.collect();
    trial.run(&due, &mut results)?;
    report::show(&mutants, &tree, &results)
}

fn one_by_one(options: &Options) -> Result<bool> {
    let mut run = Command::new(tools::mutator()?);
    run.args(["mutants", "--package", "breadbox", "--file", &options.files, "--output"]);
    run.arg(target()).args(["--timeout", "300"]).current_dir(root());
    if let Some(shard) = &options.shard {
        run.args(["--shard", shard]);
    }
    run.args(["--", "--lib"]);
    for test in TESTS {
        run.args(["--test", test]);
    }
    succeeds(run.env("STEPS", "100000"))
}

/// The tests that need nothing but themselves.
const TESTS: [&str; 14] = [
    "config",
    "entry",
    "field",
    "fuzz",
    "graphql",
    "ledger",
    "memory",
    "policy",
    "purge",
    "scenario",
    "simulation",
    "tally",
    "tuning",
    "values",
];
