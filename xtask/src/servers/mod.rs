//! The servers around the edge, each a value that ends its process when dropped.
//!
//! Every one keeps its port over [`Daemon::stop`], [`Daemon::kill`] and [`Daemon::start_again`],
//! because that is what the tests of failures do.

mod capnp;
mod colo;
mod gateway;
mod port;
mod redis;
mod sample;
mod store;
mod wire;
mod workerd;
mod wrangler;

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::Signal;

pub use colo::{Asked, Colo, Weather};
pub use gateway::{Gateway, Tokens};
pub(crate) use port::is_closed;
pub use port::{free_port, free_ports};
pub use redis::Redis;
pub use sample::Sample;
pub use wire::{Value, Wire};
pub use workerd::{Workerd, WorkerdSpec, compatibility_date};
pub use wrangler::{Wrangler, WranglerSpec};

use crate::process::{Process, Program};

/// How it is known that a server answers.
#[derive(Clone, Debug)]
pub enum Ready {
    /// A line of standard output that contains this text.
    Line(&'static str),
    /// This many lines of standard output that contain this text.
    Lines {
        /// The text.
        text: &'static str,
        /// How many lines.
        count: usize,
    },
    /// A TCP connection to this address is accepted.
    Accepts(SocketAddr),
}

/// A server's process, which can be stopped and started again on the same port.
#[derive(Debug)]
pub struct Daemon {
    program: Program,
    ready: Ready,
    patience: Duration,
    logs: PathBuf,
    process: Option<Process>,
}

impl Daemon {
    /// Starts `program` and waits until it is ready.
    pub fn start(program: Program, ready: Ready, patience: Duration, logs: &Path) -> Result<Self> {
        let mut daemon = Self { program, ready, patience, logs: logs.to_owned(), process: None };
        daemon.start_again()?;
        Ok(daemon)
    }

    /// Starts it again after a stop, on the same port; nothing if it runs.
    pub fn start_again(&mut self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        let mut process = self.program.spawn(&self.logs)?;
        match self.ready {
            Ready::Line(text) => {
                process.wait_for(self.patience, |line| line.contains(text).then_some(()))?
            }
            Ready::Lines { text, count } => {
                let mut seen = 0;
                process.wait_for(self.patience, |line| {
                    seen += usize::from(line.contains(text));
                    (seen == count).then_some(())
                })?;
            }
            Ready::Accepts(address) => wait_until_accepts(&mut process, address, self.patience)?,
        }
        self.process = Some(process);
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it has; connections are refused from then on.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop();
        }
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// The id of its process, which is also its group's; none while it is stopped.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Freezes it (SIGSTOP): connections are accepted, nothing is answered.
    pub fn freeze(&self) {
        if let Some(process) = &self.process {
            process.signal(Signal::STOP);
        }
    }

    /// Lets a frozen server go on (SIGCONT).
    pub fn thaw(&self) {
        if let Some(process) = &self.process {
            process.signal(Signal::CONT);
        }
    }

    /// Whether its process runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }
}

fn wait_until_accepts(
    process: &mut Process,
    address: SocketAddr,
    patience: Duration,
) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        if TcpStream::connect_timeout(&address, CONNECT).is_ok() {
            return Ok(());
        }
        if !process.is_running() || Instant::now() > deadline {
            let said = process.wait_for::<()>(Duration::ZERO, |_| None);
            bail!("nothing accepts connections on {address}: {:#}", said.unwrap_err());
        }
        thread::sleep(POLL);
    }
}

/// The address of a port on this machine.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

const CONNECT: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(5);
