//! Programs, and processes that end when their value does.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{guard, places};

/// What to start: a program with its arguments, environment and directory.
#[derive(Clone, Debug)]
pub struct Program {
    name: String,
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
}

impl Program {
    /// A program under the name that its log file and its errors bear.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: places::root().to_owned(),
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments in order.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment; secrets go here, never into arguments.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets the directory it runs in: the repository's root unless said otherwise.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// Starts it in a process group of its own, with both outputs in `<logs>/<name>.log`.
    pub fn spawn(&self, logs: &Path) -> Result<Process> {
        places::make(logs)?;
        let log = logs.join(format!("{}.log", self.name));
        let open = || OpenOptions::new().create(true).append(true).open(&log);
        let file = open().with_context(|| format!("cannot write the log {}", log.display()))?;
        let errors = file.try_clone().context("cannot share the log")?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {} ({})", self.name, self.path.display()))?;
        guard::watch(child.id());
        let (sender, lines) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || tee(output, file, &sender));
        }
        Ok(Process { name: self.name.clone(), child, log, lines, ended: false })
    }

    /// Runs it to its end; a failure carries the end of its log.
    pub fn run(&self, logs: &Path) -> Result<String> {
        let _ = std::fs::remove_file(logs.join(format!("{}.log", self.name)));
        self.spawn(logs)?.finish()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).current_dir(&self.directory);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") {
                command.env_remove(name);
            }
        }
        // What cargo tells the program it runs would make a cargo that this program starts
        // believe that its inputs changed, and build everything anew.
        for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"] {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A running program; dropping it ends its whole process group.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    lines: Receiver<String>,
    ended: bool,
}

impl Process {
    /// The process id, which is also its group's.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the first line of standard output that `read` understands.
    pub fn wait_for<T>(
        &mut self,
        patience: Duration,
        mut read: impl FnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(found) = read(&line) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{} was not ready within {patience:?}\n{}", self.name, self.last_words())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().context("cannot wait for a process")?;
                    self.ended();
                    bail!("{} ended with {status}\n{}", self.name, self.last_words());
                }
            }
        }
    }

    /// Waits for its end; an exit status other than 0 is an error.
    pub fn finish(mut self) -> Result<String> {
        let mut output = String::new();
        while let Ok(line) = self.lines.recv() {
            output.push_str(&line);
            output.push('\n');
        }
        let status = self.child.wait().context("cannot wait for a process")?;
        self.ended();
        if !status.success() {
            bail!("{} ended with {status}\n{}", self.name, self.last_words());
        }
        Ok(output)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        !self.ended && matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal to its group.
    pub fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }

    /// Asks it to end (SIGTERM), and ends what is left of its group after five seconds.
    pub fn stop(&mut self) {
        if !self.ended {
            self.signal(Signal::TERM);
            self.signal(Signal::CONT);
            let deadline = Instant::now() + GRACE;
            while self.is_running() && Instant::now() < deadline {
                thread::sleep(POLL);
            }
            self.kill();
        }
    }

    /// Ends its group at once (SIGKILL).
    pub fn kill(&mut self) {
        if !self.ended {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
            self.ended();
        }
    }

    fn ended(&mut self) {
        self.signal(Signal::KILL);
        guard::forget(self.child.id());
        self.ended = true;
    }

    fn last_words(&self) -> String {
        let mut last = VecDeque::new();
        if let Ok(file) = File::open(&self.log) {
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                last.push_back(line);
                if last.len() > LAST_LINES {
                    last.pop_front();
                }
            }
        }
        let text = Vec::from(last).join("\n  | ");
        format!("  the end of {}:\n  | {text}", self.log.display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn tee(output: ChildStdout, mut log: File, lines: &Sender<String>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let _ = writeln!(log, "{line}");
        let _ = lines.send(line);
    }
}

const GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);
const LAST_LINES: usize = 60;
