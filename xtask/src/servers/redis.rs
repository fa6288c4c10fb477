//! A Redis or Valkey server without persistence.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::wire::{Value, Wire};
use super::{Daemon, Ready, free_port, local};
use crate::process::Program;

/// A running Redis; its data is gone when it stops.
#[derive(Debug)]
pub struct Redis {
    /// Its process.
    pub daemon: Daemon,
    port: u16,
}

impl Redis {
    /// Starts `server` (`redis-server` or `valkey-server`) on a free port.
    pub fn start(server: &Path, logs: &Path) -> Result<Self> {
        Self::start_with(server, logs, &[])
    }

    /// The same with settings of `redis.conf`, as `["--maxmemory", "8mb"]`.
    pub fn start_with(server: &Path, logs: &Path, settings: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let program = Program::new("redis", server)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .args(settings.iter().copied())
            .directory(logs);
        crate::places::make(logs)?;
        let daemon = Daemon::start(program, Ready::Accepts(local(port)), PATIENCE, logs)?;
        Ok(Self { daemon, port })
    }

    /// `redis://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs a command: the words of its reply, an error's line included.
    pub fn ask(&self, words: &[&str]) -> Result<Vec<String>> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let reply = Wire::open(self.port)?.call(&words)?;
        let word = |value| match value {
            Value::Error(line) => line,
            Value::Number(number) => number.to_string(),
            Value::Text(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Value::List(_) | Value::Nil => String::new(),
        };
        Ok(match reply {
            Value::List(items) => items.into_iter().map(word).collect(),
            value => vec![word(value)],
        })
    }

    /// Runs a command whose reply is one word.
    pub fn tell(&self, words: &[&str]) -> Result<String> {
        Ok(self.ask(words)?.concat())
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
