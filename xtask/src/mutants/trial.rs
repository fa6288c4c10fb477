//! Mutants before the tests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::list::Mutant;
use super::tree::{Tests, Tree, directory};
use crate::places::{read, write};
use crate::progress::{line, step};

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// These tests fail with it.
    Noticed(String),
    /// These tests do not come to an end with it.
    Endless(String),
    /// No test fails, though it was run.
    Missed,
    /// No test comes to it.
    Unreached,
}

/// The tests, the quickest first, and which mutants each of them comes to.
#[derive(Debug)]
pub struct Trial<'a> {
    tree: &'a Tree,
    stands: Vec<Stand>,
}

#[derive(Debug)]
struct Stand {
    tests: Tests,
    took: Duration,
    reached: BTreeSet<u32>,
}

/// How a run of tests ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Sound,
    Failed,
    Endless,
}

impl<'a> Trial<'a> {
    /// Runs the tests without any mutant, and once more to see what they come to.
    pub fn prepare(tree: &'a Tree, tests: Vec<Tests>, count: usize) -> Result<Self> {
        let none = (count + 1).to_string();
        let mut stands = Vec::new();
        for tests in tests {
            let stand = step(&format!("{} without a mutant", tests.name), || {
                let list = directory().join(format!("{}.reached", tests.name));
                write(&list, "")?;
                end(tree.root(), &tests, &[("MUTANTS_REACHED", list.as_os_str())], SLOWEST)?;
                let reached = read(&list)?.lines().filter_map(|it| it.parse().ok()).collect();
                let began = Instant::now();
                let found = end(tree.root(), &tests, &[("MUTANT", none.as_ref())], SLOWEST)?;
                if found != End::Sound {
                    bail!("{} fails without a mutant: {found:?}", tests.name);
                }
                Ok(Stand { tests: tests.clone(), took: began.elapsed(), reached })
            })?;
            stands.push(stand);
        }
        stands.sort_by_key(|stand| stand.took);
        Ok(Self { tree, stands })
    }

    /// Tries the mutants that have no result yet, on all cores; keeps each result at once.
    pub fn run(&self, mutants: &[&Mutant], results: &mut Results) -> Result<()> {
        let (next, tried) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let keep = Mutex::new(results);
        let work = || -> Result<()> {
            while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                let fate = self.fate(mutant.number)?;
                let mut results = keep.lock().unwrap_or_else(PoisonError::into_inner);
                results.keep(&mutant.name, fate)?;
                let tried = tried.fetch_add(1, Ordering::Relaxed) + 1;
                if tried.is_multiple_of(SHOWN) || tried == mutants.len() {
                    let missed = results.missed();
                    line(&format!("  ...  {tried} of {}, {missed} missed in all", mutants.len()));
                }
            }
            Ok(())
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            let mut ends = workers.into_iter().map(|worker| worker.join());
            ends.try_for_each(|end| end.unwrap_or_else(|_| bail!("a worker panicked")))
        })
    }

    fn fate(&self, number: u32) -> Result<Fate> {
        let mut fate = Fate::Unreached;
        for stand in self.stands.iter().filter(|stand| stand.reached.contains(&number)) {
            let chosen = number.to_string();
            let limit = (stand.took * 10).max(LIMIT);
            let environment = [("MUTANT", chosen.as_ref())];
            fate = match end(self.tree.root(), &stand.tests, &environment, limit)? {
                End::Sound => Fate::Missed,
                End::Failed => return Ok(Fate::Noticed(stand.tests.name.clone())),
                End::Endless => return Ok(Fate::Endless(stand.tests.name.clone())),
            };
        }
        Ok(fate)
    }
}

/// Runs tests with a limit of processor time, so that a busy machine does not look like an
/// endless loop; what waits for ever is ended by the clock.
fn end(
    root: &Path,
    tests: &Tests,
    environment: &[(&str, &std::ffi::OsStr)],
    limit: Duration,
) -> Result<End> {
    let seconds = limit.as_secs().max(1);
    let shell =
        format!("ulimit -t {seconds}; ulimit -v {MEMORY} 2>/dev/null; exec \"$0\" -q \"$@\"");
    let mut run = Command::new("sh");
    run.args(["-c", &shell]).arg(&tests.path).args(chosen(&tests.name)).current_dir(root);
    run.envs(environment.iter().copied()).env("STEPS", STEPS).env("PROPTEST_MAX_SHRINK_ITERS", "0");
    run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = run.spawn().context("cannot run sh")?;
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            // SIGXCPU and SIGKILL come of the limit; SIGABRT of an overflown stack or of memory.
            use std::os::unix::process::ExitStatusExt;
            return Ok(match status.signal() {
                Some(24 | 9) => End::Endless,
                _ if status.success() => End::Sound,
                _ => End::Failed,
            });
        }
        if began.elapsed() > limit * PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(End::Endless);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Which tests of a program are run: of the simulation not those that take long or only show that
/// a law can be seen broken.
fn chosen(program: &str) -> &'static [&'static str] {
    match program {
        "simulation" => &["the_laws", "small_schedules_survive_every"],
        _ => &[],
    }
}

/// Results so far, one JSON object a line, so that a run can be taken up again.
#[derive(Debug)]
pub struct Results {
    file: File,
    fates: BTreeMap<String, Fate>,
}

impl Results {
    /// Those that an earlier run has left.
    pub fn open() -> Result<Self> {
        let path: PathBuf = directory().join("results.jsonl");
        let text = if path.is_file() { read(&path)? } else { String::new() };
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let fates = lines.filter_map(|line| {
            let by = || line.get("by").and_then(Value::as_str).unwrap_or_default().to_owned();
            let fate = match line.get("fate")?.as_str()? {
                "noticed" => Fate::Noticed(by()),
                "endless" => Fate::Endless(by()),
                "missed" => Fate::Missed,
                _ => Fate::Unreached,
            };
            Some((line.get("mutant")?.as_str()?.to_owned(), fate))
        });
        let fates: HashMap<_, _> = fates.collect();
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { file, fates: fates.into_iter().collect() })
    }

    /// What became of a mutant.
    pub fn fate(&self, name: &str) -> Option<&Fate> {
        self.fates.get(name)
    }

    fn missed(&self) -> usize {
        self.fates.values().filter(|fate| matches!(fate, Fate::Missed | Fate::Unreached)).count()
    }

    fn keep(&mut self, name: &str, fate: Fate) -> Result<()> {
        let (word, by) = match &fate {
            Fate::Noticed(by) => ("noticed", by.as_str()),
            Fate::Endless(by) => ("endless", by.as_str()),
            Fate::Missed => ("missed", ""),
            Fate::Unreached => ("unreached", ""),
        };
        writeln!(self.file, "{}", json!({ "mutant": name, "fate": word, "by": by }))?;
        self.fates.insert(name.to_owned(), fate);
        Ok(())
    }
}

/// Processor time after which tests count as endless, unless they take long anyway.
const LIMIT: Duration = Duration::from_secs(20);

/// What tests may take without a mutant.
const SLOWEST: Duration = Duration::from_secs(300);

/// How much longer than the processor's time the clock's may be.
const PATIENCE: u32 = 10;

/// Memory, in kilobytes.
const MEMORY: u32 = 4_000_000;

/// How far the simulation goes.
const STEPS: &str = "200000";

/// After so many mutants a line says how far it is.
const SHOWN: usize = 50;
