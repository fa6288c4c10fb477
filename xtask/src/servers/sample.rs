//! The sample origin `builds`.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::{Daemon, Ready, free_port};
use crate::process::Program;

/// A running sample origin with a database of its own.
#[derive(Debug)]
pub struct Sample {
    /// Its process.
    pub daemon: Daemon,
    port: u16,
}

impl Sample {
    /// Starts the binary on a free port; after a write it purges at every one of `edges`.
    pub fn start(binary: &Path, edges: &[String], token: &str, logs: &Path) -> Result<Self> {
        let port = free_port()?;
        crate::places::make(logs)?;
        let mut program = Program::new("origin", binary)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .env("EDGE_TOKEN", token)
            .arg("--database")
            .arg(logs.join("builds.sqlite"));
        for edge in edges {
            program = program.args(["--edge", edge]);
        }
        let daemon = Daemon::start(program, Ready::Line("ready origin="), PATIENCE, logs)?;
        Ok(Self { daemon, port })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
