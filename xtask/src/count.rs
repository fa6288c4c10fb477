//! `cargo xtask count`: what the core's hit path costs in instructions.
//!
//! valgrind counts them, so the figures are the same on a busy machine and on an idle one; they
//! change with the code and the compiler alone. A case is run with many repetitions and with none,
//! and the difference is divided by their number.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use crate::places::{make, read, root, target, write};
use crate::process::Program;
use crate::progress::{line, step};
use crate::tools;

/// Counts, compares with `benches/counts.json`, and answers whether no case costs more than a
/// twentieth more. With `keep` the counts become those to compare with.
pub fn run(keep: bool) -> Result<bool> {
    let valgrind = tools::debian("valgrind", "valgrind")?;
    let binary = build()?;
    let logs = target().join("bench");
    make(&logs)?;
    let file = root().join("benches/counts.json");
    let before: Value =
        read(&file).ok().and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
    let mut counts = Map::new();
    let mut good = true;
    line(&format!("{:<12}{:>12}{:>12}{:>9}", "case", "instructions", "before", "change"));
    for case in CASES {
        let all = counted(&valgrind, &binary, case, TIMES, &logs)?;
        let none = counted(&valgrind, &binary, case, 0, &logs)?;
        let each = all.saturating_sub(none) / u64::from(TIMES);
        let known = before.get(case).and_then(Value::as_u64);
        let change = known.map(|known| each as f64 / known.max(1) as f64 - 1.0);
        good &= change.is_none_or(|change| change <= MORE);
        let told = known.map_or_else(|| "-".to_owned(), |known| known.to_string());
        let change = change.map_or(String::new(), |change| format!("{:+.1}%", change * 100.0));
        line(&format!("{case:<12}{each:>12}{told:>12}{change:>9}"));
        counts.insert(case.to_owned(), json!(each));
    }
    if keep {
        write(&file, format!("{:#}\n", Value::from(counts)))?;
        return Ok(true);
    }
    Ok(good)
}

fn build() -> Result<PathBuf> {
    let benches = root().join("benches");
    let directory = target().join("benches");
    let cargo = std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from);
    step("cargo builds the cases", || {
        Program::new("cargo-count", cargo)
            .args(["build", "--release", "--locked", "--bin", "count"])
            .env("CARGO_TARGET_DIR", &directory)
            .directory(benches)
            .run(&target().join("bench"))
    })?;
    Ok(directory.join("release/count"))
}

fn counted(valgrind: &Path, binary: &Path, case: &str, times: u32, logs: &Path) -> Result<u64> {
    let name = format!("callgrind-{case}-{times}");
    Program::new(&name, valgrind)
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(binary)
        .args([case, &times.to_string()])
        .run(logs)?;
    // What valgrind says is on standard error, and so in the log.
    let log = read(&logs.join(format!("{name}.log")))?;
    let collected = log.lines().find_map(|line| line.split_once("Collected : "));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok());
    match count {
        Some(count) => Ok(count),
        None => bail!("callgrind said no count: see {name}.log in {}", logs.display()),
    }
}

const CASES: [&str; 4] = ["again", "decode", "exchange", "judge"];
const TIMES: u32 = 1000;
/// A case may cost so much more before that counts as a regression.
const MORE: f64 = 0.05;
