//! A Worker beside the edge, in a workerd of its own.

use std::path::Path;

use anyhow::{Context, Result};
use xtask::harness::parts;
use xtask::places::write;
use xtask::process::Program;
use xtask::servers::{Daemon, Ready, compatibility_date, free_ports};

use crate::site::PATIENCE;

/// Starts the Worker whose modules lie in `home`, with the settings that `settings` makes of its
/// port and of the compatibility date; answers its URL.
pub fn serve(
    name: &str,
    home: &Path,
    logs: &Path,
    settings: impl FnOnce(u16, &str) -> String,
) -> Result<(String, Daemon)> {
    let port = *free_ports(1)?.first().context("a port")?;
    write(&home.join("config.capnp"), settings(port, &compatibility_date()?))?;
    let program = Program::new(name, &parts()?.workerd)
        .args(["serve", "--experimental", "--control-fd", "1", "config.capnp"])
        .directory(home);
    let last = Ready::Lines { text: "\"event\":\"listen\"", count: 1 };
    let daemon = Daemon::start(program, last, PATIENCE, logs)?;
    Ok((format!("http://127.0.0.1:{port}"), daemon))
}
