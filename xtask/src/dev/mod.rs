//! `cargo dev`: Redis, the gateway, an origin and the Worker on one machine.

mod stack;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

pub use stack::{OriginSite, Stack};

use crate::check;
use crate::harness::client;
use crate::places::{dev, make};
use crate::progress::line;

/// What runs the Worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Runtime {
    /// `wrangler dev`, which rebuilds when a source changes.
    Wrangler,
    /// `workerd serve`, which can be several isolates.
    Workerd,
}

/// Flags of `cargo dev`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What runs the Worker: wrangler, or workerd where --isolates asks for several
    #[arg(long, value_enum)]
    pub runtime: Option<Runtime>,
    /// Port of the edge; further isolates take the next ones; 0 chooses free ones
    #[arg(long, default_value_t = 8787)]
    pub port: u16,
    /// Put the edge in front of this site instead of the sample
    #[arg(long, value_name = "URL")]
    pub origin: Option<String>,
    /// Use this Redis instead of starting one
    #[arg(long, value_name = "URL", conflicts_with = "no_redis")]
    pub redis: Option<String>,
    /// Run with the platform cache alone
    #[arg(long)]
    pub no_redis: bool,
    /// Isolates, each on its own port with its own platform cache (workerd)
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub isolates: u16,
    /// Run a smoke scenario, print what was seen, and end with 0 or 1
    #[arg(long)]
    pub check: bool,
}

impl Options {
    /// What runs the Worker, after the other flags have had their say.
    pub fn chosen_runtime(&self) -> Result<Runtime> {
        match (self.runtime, self.isolates) {
            (Some(Runtime::Wrangler), 2..) => {
                bail!("--isolates {} needs --runtime workerd", self.isolates)
            }
            (Some(runtime), _) => Ok(runtime),
            (None, 1) => Ok(Runtime::Wrangler),
            (None, _) => Ok(Runtime::Workerd),
        }
    }
}

/// Brings everything up and keeps it up until Ctrl-C, SIGTERM or the end of the check.
///
/// The answer is whether all went well.
pub fn run(options: &Options) -> Result<bool> {
    let began = Instant::now();
    options.chosen_runtime()?;
    let home = Home::claim()?;
    let mut stack = Stack::start(options, &home.directory)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        for edge in &stack.edges {
            answers(edge).await?;
        }
        introduce(&stack, &home.directory, began.elapsed());
        println!("{}", stack.ready_line());
        std::io::stdout().flush()?;
        tokio::select! {
            all_well = check_or_wait(options, &mut stack, &home.directory) => all_well,
            () = interrupted() => {
                line("\nending all servers");
                Ok(!options.check)
            }
        }
    })
}

async fn check_or_wait(options: &Options, stack: &mut Stack, logs: &Path) -> Result<bool> {
    if options.check {
        return check::run(stack).await;
    }
    let (mut gone, mut fired) = (Vec::new(), Instant::now());
    loop {
        tokio::time::sleep(WATCH).await;
        if fired.elapsed() >= CRON {
            fired = Instant::now();
            tokio::spawn(fire(stack.crons()));
        }
        for name in stack.ended() {
            if name == Stack::EDGE {
                bail!("the edge ended by itself; see the logs in {}", logs.display());
            }
            if !gone.contains(&name) {
                line(&format!("{name} ended by itself; the edge goes on without it"));
                gone.push(name);
            }
        }
    }
}

/// Fires the scheduled event; what it does is in the edge's log.
async fn fire(crons: Vec<String>) {
    let client = client();
    for cron in crons {
        if let Err(error) = client.get(&cron).send().await {
            line(&format!("the scheduled event did not fire: {error}"));
        }
    }
}

fn introduce(stack: &Stack, logs: &Path, took: Duration) {
    line(&format!("\nBreadbox is up ({:.1} s). Ctrl-C ends it.\n", took.as_secs_f64()));
    for edge in &stack.edges {
        line(&format!("  the site          {edge}/"));
        line(&format!("  health            {edge}/api/v1/cache"));
        line(&format!("  dashboard         {edge}/api/v1/cache/ui/"));
    }
    line(&format!("  without the edge  {}/", stack.origin.url()));
    match stack.shared() {
        Some((redis, gateway)) => {
            line(&format!("  Redis             {redis}  (over REST: {gateway})"));
        }
        None => line(&format!("  Redis             none: {}", stack.without_redis)),
    }
    line(&format!("  logs              {}\n", logs.display()));
}

/// Waits until the edge answers anything at all.
async fn answers(edge: &str) -> Result<()> {
    let client = client();
    let deadline = Instant::now() + PATIENCE;
    loop {
        match client.get(format!("{edge}/api/v1/cache")).send().await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(error).context(format!("the edge does not answer at {edge}"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn interrupted() {
    let terminated = signal(SignalKind::terminate());
    let hung_up = signal(SignalKind::hangup());
    match (terminated, hung_up) {
        (Ok(mut terminated), Ok(mut hung_up)) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
            _ = hung_up.recv() => {}
        },
        _ => std::future::pending().await,
    }
}

/// Where the servers' logs and settings are: `target/dev`, or a directory beside it while
/// another `cargo dev` uses that one.
struct Home {
    directory: PathBuf,
    _claim: File,
}

impl Home {
    fn claim() -> Result<Self> {
        let others = (2..).map(|n| dev().with_file_name(format!("dev-{n}")));
        for directory in [dev()].into_iter().chain(others.take(MOST_AT_ONCE)) {
            make(&directory)?;
            let claim = File::create(directory.join("lock")).context("cannot create a lock")?;
            if claim.try_lock().is_ok() {
                empty(&directory)?;
                return Ok(Self { directory, _claim: claim });
            }
        }
        bail!("{MOST_AT_ONCE} others run `cargo dev` here; end some of them")
    }
}

fn empty(directory: &Path) -> Result<()> {
    let files = fs::read_dir(directory).context("cannot list the logs")?;
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    let logs: Vec<PathBuf> = paths.filter(|it| it.extension() == Some("log".as_ref())).collect();
    for log in logs {
        fs::remove_file(&log).with_context(|| format!("cannot delete {}", log.display()))?;
    }
    Ok(())
}

const MOST_AT_ONCE: usize = 20;
/// As often as wrangler.toml has it.
const CRON: Duration = Duration::from_secs(60);
const WATCH: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(30);
