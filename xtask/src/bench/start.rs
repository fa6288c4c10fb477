//! How long the Worker takes to start, beside a Worker that says hello.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::peers;
use super::report::median;
use crate::build::{self, MODULES};
use crate::places::{make, target, write};
use crate::process::Program;
use crate::progress::line;
use crate::servers::{Daemon, Ready, compatibility_date};
use crate::tools;

/// Starts both so many times, in turn; prints and answers the milliseconds from start to
/// listening.
///
/// Their configurations are compiled before: to parse one takes the longer the larger the modules
/// in it are, and nobody does that where Workers are deployed.
pub fn run(starts: u32) -> Result<Value> {
    let (npm, builder, _) = tools::all()?;
    let worker = build::worker(&builder)?;
    let logs = target().join("bench");
    let [hello, ..] = peers::modules(&npm, &logs)?;
    let site = Site { workerd: &npm.workerd, logs: &logs };
    let modules = MODULES.map(|name| (name, worker.join(name)));
    let breadbox = site.compiled("start-breadbox", &modules)?;
    let hello = site.compiled("start-js-hello", &[("index.js", hello)])?;
    line(&format!("{starts} starts of each, about {} s", starts / 15 + 1));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        ours.push(site.start(&breadbox)?);
        theirs.push(site.start(&hello)?);
    }
    Ok(told(&ours, &theirs))
}

/// Where they are started.
struct Site<'a> {
    workerd: &'a Path,
    logs: &'a Path,
}

impl Site<'_> {
    /// Compiles the configuration of a Worker of these modules, the first of which is the way in.
    fn compiled(&self, name: &str, modules: &[(&str, PathBuf)]) -> Result<PathBuf> {
        let home = self.logs.join(name);
        make(&home)?;
        let mut listed = String::new();
        for (module, file) in modules {
            let kind = if module.ends_with(".wasm") { "wasm" } else { "esModule" };
            listed.push_str(&format!("(name = {module:?}, {kind} = embed {module:?}), "));
            fs::copy(file, home.join(module))
                .with_context(|| format!("cannot copy {}", file.display()))?;
        }
        let settings = include_str!("peers/start.capnp")
            .replace("$DATE", &compatibility_date()?)
            .replace("$MODULES", &listed);
        write(&home.join("config.capnp"), settings)?;
        let compiled = home.join(COMPILED);
        let status = Command::new(self.workerd)
            .args(["compile", "--config-only", "config.capnp"])
            .current_dir(&home)
            .stdout(File::create(&compiled).context("cannot write a compiled configuration")?)
            .status()
            .context("cannot start workerd")?;
        ensure!(status.success(), "workerd compile of {name}: {status}");
        Ok(home)
    }

    /// One start, in milliseconds.
    fn start(&self, home: &Path) -> Result<f64> {
        let program = Program::new("start", self.workerd)
            .args(["serve", "--experimental", "--control-fd", "1", "--binary", COMPILED])
            .directory(home);
        let began = Instant::now();
        let listening = Ready::Line("\"event\":\"listen\"");
        let _daemon = Daemon::start(program, listening, PATIENCE, self.logs)?;
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }
}

fn told(ours: &[f64], theirs: &[f64]) -> Value {
    let least = |list: &[f64]| list.iter().copied().fold(f64::INFINITY, f64::min);
    let of = |list: &[f64]| json!({ "least": least(list), "median": median(list), "all": list });
    for (name, list) in [("breadbox", ours), ("js hello", theirs)] {
        line(&format!("{name:10} least {:6.1} ms, median {:6.1} ms", least(list), median(list)));
    }
    let (first, half) = (least(ours) - least(theirs), median(ours) - median(theirs));
    line(&format!("apart      least {first:6.1} ms, median {half:6.1} ms"));
    json!({ "start": { "breadbox": of(ours), "jsHello": of(theirs) } })
}

const COMPILED: &str = "config.bin";
const PATIENCE: Duration = Duration::from_secs(30);
