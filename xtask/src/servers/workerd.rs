//! The Worker in `workerd serve`: several isolates in one process, each on its own port.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Daemon, Ready, capnp, free_ports};
use crate::process::Program;
use crate::{build, places};

/// What one workerd process serves.
#[derive(Clone, Debug)]
pub struct WorkerdSpec {
    /// The `workerd` program.
    pub program: PathBuf,
    /// The directory that holds the Worker's modules ([`build::MODULES`]).
    pub worker: PathBuf,
    /// The directory behind the binding `ASSETS`.
    pub www: PathBuf,
    /// One port for each isolate.
    pub ports: Vec<u16>,
    /// The ports of the isolates' platform caches ([`super::Colo::port`]). An isolate without
    /// one has no Cache API: every call of it throws.
    pub colos: Vec<u16>,
    /// The Worker's variables and secrets.
    pub variables: Vec<(String, String)>,
    /// The authority under which every isolate sees its requests; without it the one that the
    /// client names, which makes each port a site of its own.
    pub authority: Option<String>,
    /// The port of a service that data points of the Workers Analytics Engine are sent to, behind
    /// the binding `ANALYTICS`.
    pub analytics: Option<u16>,
    /// The process' name in logs.
    pub name: String,
}

/// A running workerd.
#[derive(Debug)]
pub struct Workerd {
    /// Its process.
    pub daemon: Daemon,
    urls: Vec<String>,
    crons: Vec<String>,
}

impl Workerd {
    /// Writes its settings and copies the Worker below `logs`, and starts it.
    pub fn start(spec: &WorkerdSpec, logs: &Path) -> Result<Self> {
        let home = logs.join(&spec.name);
        places::make(&home)?;
        for file in build::MODULES {
            let built = spec.worker.join(file);
            fs::copy(&built, home.join(file)).with_context(|| {
                format!("cannot copy {}; run `cargo xtask build`", built.display())
            })?;
        }
        places::write(&home.join("assets.js"), include_str!("assets.js"))?;
        places::write(&home.join("cron.js"), include_str!("cron.js"))?;
        let crons = free_ports(spec.ports.len())?;
        let date = compatibility_date()?;
        let settings = home.join("config.capnp");
        write_private(&settings, &capnp::settings(spec, &spec.ports, &crons, &date))?;
        let program = Program::new(&spec.name, &spec.program)
            .args(["serve", "--experimental", "--control-fd", "1"])
            .arg(&settings)
            .directory(home);
        let last = Ready::Lines { text: "\"event\":\"listen\"", count: 2 * spec.ports.len() };
        let daemon = Daemon::start(program, last, PATIENCE, logs)?;
        let url = |port: &u16| format!("http://127.0.0.1:{port}");
        let urls = spec.ports.iter().map(url).collect();
        Ok(Self { daemon, urls, crons: crons.iter().map(url).collect() })
    }

    /// One URL per isolate.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// One URL per isolate whose `GET /?cron=…` fires the isolate's scheduled event.
    pub fn crons(&self) -> &[String] {
        &self.crons
    }
}

/// The date in `wrangler.toml`, so that tests and deployments run the same semantics.
pub fn compatibility_date() -> Result<String> {
    let text = places::read(&places::root().join("wrangler.toml"))?;
    let settings: toml::Table = text.parse().context("wrangler.toml is not valid TOML")?;
    let date = settings.get("compatibility_date").and_then(|date| date.as_str());
    Ok(date.context("wrangler.toml has no `compatibility_date = \"YYYY-MM-DD\"`")?.to_owned())
}

/// Writes a file that holds secrets: for the owner's eyes only.
pub(super) fn write_private(file: &Path, content: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let opened = options.open(file).and_then(|mut file| file.write_all(content.as_bytes()));
    opened.with_context(|| format!("cannot write {}", file.display()))
}

const PATIENCE: Duration = Duration::from_secs(30);
