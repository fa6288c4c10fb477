//! Warming: asking the edge for URLs before clients do, never faster than was allowed.

mod job;
mod list;

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::edge::{Edge, Visit};

/// What is to be warmed, and how fast.
///
/// Every request goes to --edge, whatever a list or a sitemap says; URLs of other hosts are left
/// out and counted.
#[derive(Args, Debug)]
pub struct Order {
    /// Paths of the edge's site, or URLs of it
    urls: Vec<String>,
    /// A file with a path or URL on each line; - for standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A sitemap, or an index of sitemaps, on the edge's site
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "/sitemap.xml")]
    sitemap: Option<String>,
    /// The URLs that were asked for most (any token)
    #[arg(long, value_name = "N")]
    top: Option<u16>,
    /// Another host whose URLs mean the edge's site
    #[arg(long, value_name = "HOST")]
    site: Vec<String>,
    /// At most so many requests a second, one at a time
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// At most so many URLs
    #[arg(long, default_value_t = 10_000)]
    max: usize,
    /// A field of the requests, such as 'Accept-Language: de'
    #[arg(long)]
    header: Vec<String>,
    /// Keep the URLs that are done in this file, and leave out those that it names
    #[arg(long, value_name = "FILE")]
    done: Option<PathBuf>,
    #[command(flatten)]
    wish: job::Wish,
}

/// What has come of it.
#[derive(Debug, Default)]
pub struct Warmed {
    verdicts: BTreeMap<String, u64>,
    failed: Vec<(String, String)>,
    foreign: usize,
    before: usize,
}

/// Asks for everything, or has the edge do it; what came of it for programs and for people, and
/// whether nothing failed.
pub fn carry_out(edge: &Edge, order: &Order) -> Result<(Value, String, bool)> {
    if order.wish.is_one() {
        let job = job::work(edge, order)?;
        let (words, good) = (job::words(&job), job::is_good(&job));
        return Ok((job, words, good));
    }
    let warmed = warm(edge, order)?;
    Ok((warmed.to_json(), warmed.to_text(), warmed.is_good()))
}

/// Asks for everything in turn; what happens is told on standard error.
fn warm(edge: &Edge, order: &Order) -> Result<Warmed> {
    let mut list = list::List::new(edge, &order.site, order.max);
    list.read(edge, order)?;
    let done = order.done.as_ref().map(Done::open).transpose()?;
    let (known, mut log) = done.map_or_else(Default::default, |done| (done.known, Some(done.log)));
    let mut warmed = Warmed { foreign: list.foreign, ..Warmed::default() };
    let paths: Vec<&String> = list.paths.iter().filter(|path| !known.contains(*path)).collect();
    warmed.before = list.paths.len() - paths.len();
    let pause = Duration::from_secs(1) / order.rate;
    let mut progress = Progress::new(paths.len());
    for (number, path) in paths.into_iter().enumerate() {
        let began = Instant::now();
        match edge.visit(path, &order.header) {
            Ok(Visit { status, verdict }) if status < 500 => {
                *warmed.verdicts.entry(verdict).or_default() += 1;
                if let Some(log) = &mut log {
                    writeln!(log, "{path}").context("--done can't be written")?;
                }
            }
            Ok(Visit { status, .. }) => warmed.failed.push((path.clone(), status.to_string())),
            Err(error) => warmed.failed.push((path.clone(), format!("{error:#}"))),
        }
        progress.tell(number + 1, warmed.failed.len());
        sleep(pause.saturating_sub(began.elapsed()));
    }
    Ok(warmed)
}

impl Warmed {
    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        self.failed.is_empty()
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let failed = self.failed.iter().map(|(url, why)| json!({ "path": url, "why": why }));
        json!({
            "verdicts": self.verdicts,
            "failed": failed.collect::<Vec<_>>(),
            "foreign": self.foreign,
            "doneBefore": self.before,
        })
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let warmed: u64 = self.verdicts.values().sum();
        let mut verdicts: Vec<String> =
            self.verdicts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        verdicts.sort_unstable();
        let mut text = format!("warmed    {warmed} ({})\n", verdicts.join(", "));
        for (count, what) in [(self.before, "done before"), (self.foreign, "of other hosts")] {
            if count > 0 {
                text.push_str(&format!("left out  {count} {what}\n"));
            }
        }
        for (path, why) in &self.failed {
            text.push_str(&format!("failed    {path}: {why}\n"));
        }
        text
    }
}

/// What was done before, and what is done now.
struct Done {
    known: HashSet<String>,
    log: fs::File,
}

impl Done {
    fn open(path: &PathBuf) -> Result<Self> {
        let context = || format!("--done {}", path.display());
        let mut options = OpenOptions::new();
        let log = options.create(true).append(true).open(path).with_context(context)?;
        let known = fs::read_to_string(path).with_context(context)?;
        Ok(Self { known: known.lines().map(str::to_owned).collect(), log })
    }
}

/// A line that is written over in a terminal; elsewhere one now and then.
struct Progress {
    all: usize,
    told: Instant,
}

impl Progress {
    fn new(all: usize) -> Self {
        Self { all, told: Instant::now() }
    }

    fn tell(&mut self, done: usize, failed: usize) {
        let line = format!("{done} of {} asked for, {failed} failed", self.all);
        if stderr().is_terminal() {
            let end = if done == self.all { "\n" } else { "" };
            eprint!("\r{line}{end}");
        } else if self.told.elapsed() >= NOW_AND_THEN {
            self.told = Instant::now();
            eprintln!("{line}");
        }
    }
}

const NOW_AND_THEN: Duration = Duration::from_secs(5);
