//! Free ports that stay free.

use std::fs::File;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::local;
use crate::places;

/// A port of this machine that nothing listens on, and that is this process' own as long as it
/// lives: neither this one nor any other that asks here is given it meanwhile.
///
/// It lies below the range from which the system takes the ports of outgoing connections, so a
/// server that is stopped finds its port free when it is started again.
pub fn free_port() -> Result<u16> {
    static OWN: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let claims = places::port_claims();
    places::make(&claims)?;
    let first = std::process::id() % SPAN;
    let (port, claim) = (0..SPAN)
        .filter_map(|step| u16::try_from((first * STRIDE + step) % SPAN).ok())
        .map(|offset| LOWEST + offset)
        .find_map(|port| claim(&claims, port).map(|claim| (port, claim)))
        .with_context(|| format!("no free port from {LOWEST} on; end some servers"))?;
    OWN.lock().unwrap_or_else(PoisonError::into_inner).push(claim);
    Ok(port)
}

/// `count` free ports.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    (0..count).map(|_| free_port()).collect()
}

/// Claims a port by a locked file, which the system unlocks when this process ends. Children do
/// not inherit it; one that outlives its parent still listens, which is looked at, too.
fn claim(claims: &Path, port: u16) -> Option<File> {
    let file = File::options().create(true).append(true).open(claims.join(port.to_string()));
    file.ok().filter(|file| file.try_lock().is_ok() && is_closed(port))
}

/// Nothing listens there. To listen and close is no way to see it: a process that is started at
/// that moment would go on listening until its program runs.
pub(crate) fn is_closed(port: u16) -> bool {
    let connected = TcpStream::connect_timeout(&local(port), PATIENCE);
    connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

const PATIENCE: Duration = Duration::from_secs(1);
const LOWEST: u16 = 20_000;
const SPAN: u32 = 12_000;
const STRIDE: u32 = 37;

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::{env, fs, thread};

    use super::*;

    /// This test runs itself as a process that takes a port, listens on nothing, and lives on.
    #[test]
    fn a_port_is_its_process_own_as_long_as_that_lives() -> Result<()> {
        const NAME: &str = "servers::port::tests::a_port_is_its_process_own_as_long_as_that_lives";
        if let Some(file) = env::var_os("PORT_TEST_CHILD") {
            places::write(Path::new(&file), format!("{}\n", free_port()?))?;
            loop {
                thread::park();
            }
        }
        let own = free_port()?;
        assert!(claim(&places::port_claims(), own).is_none(), "not even to itself again");
        let file = places::test_run()?.join("port");
        let mut command = Command::new(env::current_exe()?);
        command.args(["--exact", NAME]).env("PORT_TEST_CHILD", &file);
        let mut other = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let told = || fs::read_to_string(&file).ok()?.strip_suffix('\n')?.parse::<u16>().ok();
        let port = loop {
            match told() {
                Some(port) => break port,
                None if other.try_wait()?.is_some() => anyhow::bail!("the other process ended"),
                None => thread::yield_now(),
            }
        };
        assert!(is_closed(port), "nothing listens");
        assert!(claim(&places::port_claims(), port).is_none(), "and yet it is another's");
        other.kill()?;
        other.wait()?;
        assert!(claim(&places::port_claims(), port).is_some(), "until that has ended");
        Ok(())
    }
}
