//! Free ports that stay free.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use super::local;

/// A port of this machine that nothing listens on, and that this process was not given before.
///
/// It lies below the range from which the system takes the ports of outgoing connections, so a
/// server that is stopped finds its port free when it is started again.
pub fn free_port() -> Result<u16> {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let first = std::process::id() % SPAN;
    let port = (0..SPAN)
        .filter_map(|step| u16::try_from((first * STRIDE + step) % SPAN).ok())
        .map(|offset| LOWEST + offset)
        .find(|port| !taken.contains(port) && TcpListener::bind(local(*port)).is_ok())
        .with_context(|| format!("no free port from {LOWEST} on; end some servers"))?;
    taken.insert(port);
    Ok(port)
}

/// `count` free ports.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    (0..count).map(|_| free_port()).collect()
}

const LOWEST: u16 = 20_000;
const SPAN: u32 = 12_000;
const STRIDE: u32 = 37;
