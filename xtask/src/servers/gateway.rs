//! `breadbox-gateway` in front of a Redis.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::{Daemon, Ready, free_port};
use crate::process::Program;

/// The bearer tokens of a gateway.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// May do everything.
    pub standard: String,
    /// May only read; empty for none.
    pub read_only: String,
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Its process.
    pub daemon: Daemon,
    port: u16,
    tokens: Tokens,
}

impl Gateway {
    /// Starts the binary on a free port, over the Redis at `redis` (`REDIS_URL`).
    pub fn start(binary: &Path, redis: &str, tokens: Tokens, logs: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut program = Program::new("gateway", binary)
            .env("REDIS_URL", redis)
            .env("REDIS_REST_TOKEN", &tokens.standard)
            .env("LISTEN", format!("127.0.0.1:{port}"));
        if !tokens.read_only.is_empty() {
            program = program.env("REDIS_REST_READONLY_TOKEN", &tokens.read_only);
        }
        let daemon = Daemon::start(program, Ready::Line("ready redis-rest="), PATIENCE, logs)?;
        Ok(Self { daemon, port, tokens })
    }

    /// `http://127.0.0.1:<port>`: the Worker's `REDIS_REST_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The tokens it was started with.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
