//! The suite: its origin server, its command-line client, the edge between them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use tokio::runtime::Runtime;
use xtask::harness::{client, free_port};
use xtask::places::{on_path, read, test_run, write};
use xtask::process::Program;
use xtask::progress::step;
use xtask::servers::{Daemon, Ready};
use xtask::tools;

use crate::directory;
use crate::place::{Place, Running};

/// An edition of the suite.
#[derive(Debug)]
pub struct Suite {
    node: PathBuf,
    home: PathBuf,
    layout: &'static Layout,
    logs: PathBuf,
}

/// Where an edition keeps what.
#[derive(Debug)]
struct Layout {
    client: &'static str,
    server: &'static str,
    lists: &'static [&'static str],
}

/// A case of the suite.
#[derive(Clone, Debug)]
pub struct Case {
    /// The part of the suite that it belongs to.
    pub suite: String,
    /// Its name.
    pub id: String,
    /// `required`, `optimal` or `check`.
    pub kind: String,
}

/// How each case ended, by its id: `None` is a pass, anything else says what went wrong.
pub type Run = BTreeMap<String, Option<Complaint>>;

/// Why a case was not passed.
#[derive(Clone, Debug)]
pub struct Complaint {
    /// `Assertion`, or `Setup` if the case did not get as far as its question.
    pub name: String,
    /// What was seen.
    pub message: String,
}

impl Suite {
    /// The npm package that the lock file names, installed where that is still to do.
    pub fn install() -> Result<Self> {
        let home = directory().join("node_modules/http-cache-tests");
        let suite = Self { node: tools::npm()?.node, home, layout: &NPM, logs: test_run()? };
        let lock = read(&directory().join("package-lock.json"))?;
        let installed = directory().join("node_modules/.installed");
        if read(&installed).ok().as_ref() != Some(&lock) {
            let npm = on_path("npm").context("no npm on PATH; install Node.js")?;
            step("npm installs http-cache-tests", || {
                let npm = Program::new("npm", npm).args(["ci", "--no-audit", "--no-fund"]);
                npm.directory(directory()).run(&suite.logs)
            })?;
            write(&installed, lock)?;
        }
        Ok(suite)
    }

    /// The checkout of the suite's repository that the variable `CACHE_TESTS` names, its
    /// dependencies installed.
    pub fn checked_out() -> Result<Self> {
        let home = env::var_os("CACHE_TESTS").map(PathBuf::from);
        let home = home.context("CACHE_TESTS must name a checkout of http-tests/cache-tests")?;
        let client = home.join(CHECKOUT.client);
        ensure!(client.is_file(), "CACHE_TESTS: there is no {}", client.display());
        Ok(Self { node: tools::npm()?.node, home, layout: &CHECKOUT, logs: test_run()? })
    }

    /// Every case that applies to a reverse proxy.
    pub fn cases(&self) -> Result<Vec<Case>> {
        let lists = self.layout.lists.iter().map(|list| self.home.join(list));
        let list = Program::new("list", &self.node).arg("list.mjs").directory(directory());
        let text = list.args(lists).run(&self.logs)?;
        let case = |line: &str| {
            let mut parts = line.split('\t').map(str::to_owned);
            Some(Case { suite: parts.next()?, id: parts.next()?, kind: parts.next()? })
        };
        text.lines().map(|line| case(line).context("a line of list.mjs is too short")).collect()
    }

    /// Runs all of it in these places at once, each with an edge of its own: most of the time
    /// goes in the cases' own pauses.
    pub fn run(&self, places: &[Place]) -> Result<BTreeMap<Place, Run>> {
        thread::scope(|scope| {
            let run = |place| (place, scope.spawn(move || self.run_at(place)));
            let runs: Vec<_> = places.iter().copied().map(run).collect();
            let end = |(place, run): (Place, thread::ScopedJoinHandle<'_, Result<Run>>)| {
                let run = run.join().map_err(|_| anyhow!("the run {place} panicked"))?;
                Ok((place, run.with_context(|| format!("http-cache-tests {place}"))?))
            };
            runs.into_iter().map(end).collect()
        })
    }

    fn run_at(&self, place: Place) -> Result<Run> {
        let port = free_port()?;
        let _origin = self.origin(port)?;
        let edge = Running::start(place, &format!("http://127.0.0.1:{port}"), &self.logs)?;
        warm(edge.url())?;
        let what = format!("http-cache-tests asks the edge {place}");
        let text = step(&what, || self.ask(edge.url()))?;
        outcomes(&text)
    }

    fn origin(&self, port: u16) -> Result<Daemon> {
        let program = self.script(&format!("origin-{port}"), self.layout.server).envs(&[
            ("npm_config_port", &port.to_string()),
            ("npm_config_protocol", "http"),
            ("npm_config_pidfile", &self.logs.join("origin.pid").to_string_lossy()),
        ]);
        Daemon::start(program, Ready::Line("Listening on"), START, &self.logs)
    }

    fn ask(&self, edge: &str) -> Result<String> {
        let name = format!("cli-{}", edge.rsplit(':').next().unwrap_or_default());
        let program = self.script(&name, self.layout.client).envs(&[
            ("npm_config_base", edge),
            ("npm_config_id", ""),
            ("npm_package_config_id", ""),
        ]);
        let mut text = String::new();
        program.spawn(&self.logs)?.wait_for(RUN, |line| {
            let begun = !text.is_empty() || line == "{";
            if begun {
                text.push_str(line);
                text.push('\n');
            }
            (begun && line == "}").then_some(())
        })?;
        Ok(text)
    }

    fn script(&self, name: &str, script: &str) -> Program {
        Program::new(name, &self.node).arg("--no-warnings").arg(script).directory(&self.home)
    }
}

/// Several variables at once.
trait Envs {
    fn envs(self, variables: &[(&str, &str)]) -> Self;
}

impl Envs for Program {
    fn envs(self, variables: &[(&str, &str)]) -> Self {
        variables.iter().fold(self, |program, (name, value)| program.env(name, value))
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = std::fs::remove_dir_all::<&Path>(&self.logs);
        }
    }
}

/// One request before all others: requests that are an empty data centre's first, and come
/// together, each begin a ledger for it, and what is stored under any but the last is lost.
fn warm(edge: &str) -> Result<()> {
    let request = client().get(format!("{edge}/state/none"));
    let answer = Runtime::new()?.block_on(async { request.send().await });
    answer.map(drop).context("the edge does not answer")
}

fn outcomes(text: &str) -> Result<Run> {
    let all: BTreeMap<String, Value> =
        serde_json::from_str(text).context("the suite's client printed no JSON")?;
    let word = |value: &Value, at: usize| {
        value.get(at).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let outcome = |value: Value| match value {
        Value::Bool(true) => None,
        other => Some(Complaint { name: word(&other, 0), message: word(&other, 1) }),
    };
    Ok(all.into_iter().map(|(id, value)| (id, outcome(value))).collect())
}

const NPM: Layout = Layout {
    client: "cli.mjs",
    server: "server/server.mjs",
    lists: &["tests/index.mjs", "tests/surrogate-control.mjs"],
};
const CHECKOUT: Layout = Layout {
    client: "test-engine/cli.mjs",
    server: "test-engine/server/server.mjs",
    lists: &["tests/index.mjs"],
};
const START: Duration = Duration::from_secs(30);
const RUN: Duration = Duration::from_secs(300);
