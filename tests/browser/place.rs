//! Where the scripts walk: a stack of `cargo dev`, and a door through which they stop its parts.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use xtask::dev::{Options, OriginSite, Runtime, Stack};
use xtask::origin::{Origin, Reply, Seen};
use xtask::places::{Alone, make, on_path, read, root, target, test_run, write};
use xtask::process::Program;
use xtask::progress::{line, step};
use xtask::tools;

/// Runs a script against a stack of its own; it must do this many checks.
pub fn play(script: &str, isolates: u16, checks: usize) {
    let outcome = tools().and_then(|tools| run(tools, script, isolates));
    let done = outcome.unwrap_or_else(|error| panic!("{script}: {error:#}"));
    assert_eq!(done, checks, "{script}: a check was left out or added");
}

fn run(tools: &Tools, script: &str, isolates: u16) -> Result<usize> {
    let place = Place::start(isolates)?;
    let program = Program::new(script, &tools.node)
        .arg(home().join("run.js"))
        .arg(script)
        .env("CHROMIUM", &tools.chromium)
        .env("EDGES", place.edges.join(","))
        .env("ORIGIN", &place.origin)
        .env("TOKEN", &place.token)
        .env("DOOR", place.door.url())
        .env("SHOTS", &tools.shots);
    let mut process = program.spawn(&place.logs)?;
    let mut done = 0;
    process.wait_for(PATIENCE, |said| {
        line(&format!("  {script}: {said}"));
        done += usize::from(said.starts_with("ok "));
        (said == "done").then_some(())
    })?;
    process.finish()?;
    let logs = place.logs.clone();
    drop(place);
    // Where something failed they stay.
    let _ = std::fs::remove_dir_all(logs);
    Ok(done)
}

/// What every script needs.
struct Tools {
    node: PathBuf,
    chromium: PathBuf,
    shots: PathBuf,
}

/// Sets up once per process, and remembers the outcome.
fn tools() -> Result<&'static Tools> {
    static TOOLS: OnceLock<Result<Tools, String>> = OnceLock::new();
    let tools = TOOLS.get_or_init(|| set_up().map_err(|error| format!("{error:#}")));
    tools.as_ref().map_err(|error| anyhow!("the browser tests cannot be set up: {error}"))
}

fn set_up() -> Result<Tools> {
    let node = tools::npm()?.node;
    let chromium = tools::chromium()?;
    if !chromium.is_file() {
        bail!("there is no {}; have CHROMIUM_BIN name a Chromium", chromium.display());
    }
    let _alone = Alone::claim()?;
    let lock = read(&home().join("package-lock.json"))?;
    let installed = home().join("node_modules/.installed");
    if read(&installed).ok().as_ref() != Some(&lock) {
        let npm = on_path("npm").context("npm is not on PATH; install Node.js, then try again")?;
        step("npm installs playwright-core and axe-core", || {
            let npm = Program::new("npm-browser", npm).args(["ci", "--no-audit", "--no-fund"]);
            let ci = npm.arg("--ignore-scripts").directory(home()).run(&target().join("dev"));
            ci.context("`npm ci` failed in tests/browser; it needs the npm registry")
        })?;
        write(&installed, lock)?;
    }
    let shots = target().join("browser");
    make(&shots)?;
    Ok(Tools { node, chromium, shots })
}

fn home() -> PathBuf {
    root().join("tests/browser")
}

/// A running stack.
struct Place {
    edges: Vec<String>,
    origin: String,
    token: String,
    logs: PathBuf,
    door: Origin,
    stack: Arc<Mutex<Option<Stack>>>,
}

impl Place {
    fn start(isolates: u16) -> Result<Self> {
        let logs = test_run()?;
        let options = Options {
            runtime: Some(Runtime::Workerd),
            port: 0,
            origin: None,
            redis: None,
            no_redis: false,
            isolates,
            check: false,
        };
        let stack = Stack::start(&options, &logs)?;
        if stack.redis.is_none() {
            bail!("these tests need a redis-server or valkey-server: {}", stack.without_redis);
        }
        let (edges, token) = (stack.edges.clone(), stack.token.clone());
        let origin = stack.origin.url();
        let stack = Arc::new(Mutex::new(Some(stack)));
        let behind = Arc::clone(&stack);
        let door = Origin::start(move |asked| match answer(&mut lock(&behind), asked) {
            Ok(()) => Reply::ok("done"),
            Err(error) => Reply::status(500).body(format!("{error:#}")),
        })?;
        Ok(Self { edges, origin, token, logs, door, stack })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.stop();
        lock(&self.stack).take();
    }
}

/// `POST /<part>/<stop or start>`: what has been asked for has happened when the answer comes.
fn answer(stack: &mut Option<Stack>, asked: &Seen) -> Result<()> {
    let stack = stack.as_mut().context("the stack has ended")?;
    let redis = stack.redis.as_mut().map(|redis| &mut redis.daemon);
    let gateway = stack.gateway.as_mut().map(|gateway| &mut gateway.daemon);
    let origin = match &mut stack.origin {
        OriginSite::Sample(sample) => Some(&mut sample.daemon),
        OriginSite::Own(_) => None,
    };
    let (part, deed) = asked.path.trim_start_matches('/').split_once('/').unwrap_or_default();
    let daemon = match part {
        "redis" => redis,
        "gateway" => gateway,
        "origin" => origin,
        _ => None,
    };
    let daemon = daemon.with_context(|| format!("there is no part {part:?}"))?;
    match deed {
        "stop" => daemon.stop(),
        "start" => daemon.start_again()?,
        _ => bail!("a part can stop or start, not {deed:?}"),
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long one script may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(300);
