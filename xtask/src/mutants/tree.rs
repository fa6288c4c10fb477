//! The copy of the repository that has all mutants in it, and what is built of it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::list::Mutant;
use super::plant::{Planted, plant};
use super::syntax::{Syntax, syntax};
use crate::places::{self, make, read, root, target, write};
use crate::progress::step;

/// A copy of the repository with mutants in it.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    files: BTreeMap<String, File>,
    /// Why mutants are not in it.
    pub left_out: BTreeMap<u32, LeftOut>,
}

/// Why a mutant is not in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It does not compile.
    Unviable,
    /// It has no form with a switch; cargo-mutants itself may try it.
    Untried,
}

#[derive(Debug)]
struct File {
    source: String,
    syntax: Syntax,
    planted: Planted,
}

impl File {
    /// What tells this source from others.
    fn print(&self) -> Value {
        let mut hasher = DefaultHasher::new();
        self.source.hash(&mut hasher);
        Value::from(hasher.finish())
    }
}

/// A program of tests.
#[derive(Clone, Debug)]
pub struct Tests {
    /// Its target's name; `lib` for the unit tests.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

impl Tree {
    /// Copies the repository and plants the mutants, save those that the compiler refuses.
    pub fn plant(mutants: &[Mutant]) -> Result<Self> {
        let planted = mutants.iter().map(|mutant| mutant.file.as_str()).collect();
        let root = copy(&planted)?;
        let mut tree = Self { root, files: BTreeMap::new(), left_out: BTreeMap::new() };
        for mutant in mutants {
            if !tree.files.contains_key(&mutant.file) {
                let source = read(&places::root().join(&mutant.file))?;
                let syntax = syntax(&source).with_context(|| mutant.file.clone())?;
                let file = File { source, syntax, planted: Planted::default() };
                tree.files.insert(mutant.file.clone(), file);
            }
        }
        tree.add_switch(mutants.len())?;
        tree.recall(mutants)?;
        for round in 1.. {
            tree.write(mutants)?;
            let errors =
                step(&format!("the compiler reads the mutants, round {round}"), || tree.check())?;
            if errors.is_empty() {
                break;
            }
            let before = tree.left_out.len();
            for error in &errors {
                tree.blame(error);
            }
            ensure!(
                tree.left_out.len() > before,
                "the tree does not compile, and not for a mutant: {:#?}",
                errors.first()
            );
        }
        tree.note(mutants)?;
        Ok(tree)
    }

    /// Takes up what the compiler has refused before in files that are still the same.
    fn recall(&mut self, mutants: &[Mutant]) -> Result<()> {
        let path = directory().join(REFUSED);
        let text = if path.is_file() { read(&path)? } else { "{}".to_owned() };
        let known: Value = serde_json::from_str(&text).unwrap_or_default();
        for mutant in mutants {
            let same = self.files.get(&mutant.file).is_some_and(|file| {
                known.pointer("/sources").and_then(|it| it.get(&mutant.file)) == Some(&file.print())
            });
            let why = known.pointer("/mutants").and_then(|it| it.get(&mutant.name)?.as_str());
            let why = match why.filter(|_| same) {
                Some("unviable") => LeftOut::Unviable,
                Some(_) => LeftOut::Untried,
                None => continue,
            };
            self.left_out.insert(mutant.number, why);
        }
        Ok(())
    }

    fn note(&self, mutants: &[Mutant]) -> Result<()> {
        let sources = self.files.iter().map(|(path, file)| (path.clone(), file.print()));
        let refused = mutants.iter().filter_map(|mutant| {
            let word = match self.left_out.get(&mutant.number)? {
                LeftOut::Unviable => "unviable",
                LeftOut::Untried => "untried",
            };
            Some((mutant.name.clone(), Value::from(word)))
        });
        let (sources, refused): (Map<_, _>, Map<_, _>) = (sources.collect(), refused.collect());
        let text = json!({ "sources": sources, "mutants": refused }).to_string();
        write(&directory().join(REFUSED), text)
    }

    /// Builds the programs of tests that run natively.
    pub fn tests(&self, names: &[&str]) -> Result<Vec<Tests>> {
        let mut cargo = self.cargo(&["test", "--no-run", "--package", "breadbox", "--lib"]);
        cargo.arg("--message-format=json-render-diagnostics");
        for name in names {
            cargo.args(["--test", name]);
        }
        let output = step("cargo builds the tests with the mutants", || {
            cargo.stderr(std::process::Stdio::inherit()).output().context("cannot run cargo")
        })?;
        ensure!(output.status.success(), "the tests with the mutants do not compile");
        let tests = messages(&output.stdout).into_iter().filter_map(|message| {
            let path = PathBuf::from(message.get("executable")?.as_str()?);
            let name = message.pointer("/target/name")?.as_str()?;
            let lib = message.pointer("/target/kind/0")? == "lib";
            Some(Tests { name: if lib { "lib".to_owned() } else { name.to_owned() }, path })
        });
        Ok(tests.collect())
    }

    /// Where the tests are to run.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn write(&mut self, mutants: &[Mutant]) -> Result<()> {
        for (path, file) in &mut self.files {
            let kept = mutants.iter().filter(|mutant| {
                &mutant.file == path && !self.left_out.contains_key(&mutant.number)
            });
            file.planted = plant(&file.source, &file.syntax, &kept.collect::<Vec<_>>());
            for number in &file.planted.wrong {
                self.left_out.insert(*number, LeftOut::Unviable);
            }
            for number in &file.planted.odd {
                self.left_out.insert(*number, LeftOut::Untried);
            }
            replace(&self.root.join(path), file.planted.text.as_bytes())?;
        }
        Ok(())
    }

    /// What the compiler says against the tree: code, file, bytes.
    fn check(&self) -> Result<Vec<Complaint>> {
        let mut cargo = self.cargo(&["check", "--package", "breadbox", "--lib"]);
        let output = cargo.arg("--message-format=json").output().context("cannot run cargo")?;
        let complaints: Vec<Complaint> =
            messages(&output.stdout).iter().filter_map(complaint).collect();
        if !output.status.success() && complaints.is_empty() {
            bail!("cargo check: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(complaints)
    }

    fn blame(&mut self, complaint: &Complaint) {
        for (file, range) in &complaint.places {
            let Some(file) = self.files.get(file) else { continue };
            let (blamed, surely) = file.planted.blame(range);
            // A constant may not ask the environment, whatever the mutant is.
            let viable = !surely || complaint.code == "E0015";
            for number in blamed {
                let why = if viable { LeftOut::Untried } else { LeftOut::Unviable };
                self.left_out.entry(number).or_insert(why);
            }
        }
    }

    fn add_switch(&self, count: usize) -> Result<()> {
        let library = read(&root().join("src/lib.rs"))?;
        let switch = include_str!("switch.txt").replace("COUNT", &format!("{}", count + 1));
        replace(&self.root.join("src/lib.rs"), format!("{library}{switch}").as_bytes())?;
        // What the tests only link against need not be quick.
        let workspace = read(&root().join("Cargo.toml"))?;
        let slow = "\n[profile.dev.package.xtask]\nopt-level = 0\n";
        replace(&self.root.join("Cargo.toml"), format!("{workspace}{slow}").as_bytes())
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(arguments).current_dir(&self.root);
        cargo.env("CARGO_TARGET_DIR", directory().join("build"));
        // Warnings are not wanted, and the simulation is to be quick.
        cargo.env("RUSTFLAGS", "--cap-lints=allow").env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
        cargo.env("CARGO_INCREMENTAL", "0");
        cargo
    }
}

/// Where mutants are kept.
pub fn directory() -> PathBuf {
    target().join("mutants")
}

/// An error of the compiler.
#[derive(Debug)]
struct Complaint {
    code: String,
    places: Vec<(String, Range<usize>)>,
    #[expect(dead_code, reason = "shown where no mutant is to blame")]
    text: String,
}

fn messages(output: &[u8]) -> Vec<Value> {
    let lines = output.split(|byte| *byte == b'\n');
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn complaint(message: &Value) -> Option<Complaint> {
    let message = message.get("message")?;
    if message.get("level")? != "error" {
        return None;
    }
    let spans = message.get("spans")?.as_array()?;
    let primary = spans.iter().filter(|span| span.get("is_primary") == Some(&Value::Bool(true)));
    let places: Vec<_> = primary.filter_map(place).collect();
    let code = message.pointer("/code/code").and_then(Value::as_str).unwrap_or_default();
    let text = message.get("rendered").and_then(Value::as_str).unwrap_or_default();
    // Others sum up: `aborting due to …`.
    (!spans.is_empty()).then(|| Complaint { code: code.to_owned(), places, text: text.to_owned() })
}

/// Where in the core an error is, out of all macros.
fn place(span: &Value) -> Option<(String, Range<usize>)> {
    let file = span.get("file_name")?.as_str()?;
    if !file.starts_with("src/cache") {
        return place(span.pointer("/expansion/span")?);
    }
    let byte = |name: &str| usize::try_from(span.get(name)?.as_u64()?).ok();
    Some((file.to_owned(), byte("byte_start")?..byte("byte_end")?))
}

/// Copies what git knows of the repository, and what is new; what has not changed keeps its time.
fn copy(planted: &BTreeSet<&str>) -> Result<PathBuf> {
    let tree = directory().join("tree");
    make(&tree)?;
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.current_dir(root()).output().context("cannot run git")?;
    ensure!(output.status.success(), "git ls-files fails; is this a checkout?");
    let names = String::from_utf8(output.stdout).context("names of files")?;
    let mut known = BTreeSet::new();
    for name in names.split('\0').filter(|name| root().join(name).is_file()) {
        // What mutants are planted in is written later; until then it may stay as it was.
        let later = ["Cargo.toml", "src/lib.rs"].contains(&name) || planted.contains(name);
        if !later || !tree.join(name).is_file() {
            let content = std::fs::read(root().join(name));
            replace(&tree.join(name), &content.with_context(|| format!("cannot read {name}"))?)?;
        }
        known.insert(tree.join(name));
    }
    clear(&tree, &known)?;
    Ok(tree)
}

/// Deletes files of an earlier copy that are no longer in the repository.
fn clear(directory: &Path, known: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(directory)?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            clear(&path, known)?;
        } else if !known.contains(&path) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn replace(file: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(file).is_ok_and(|before| before == content) {
        return Ok(());
    }
    if let Some(directory) = file.parent() {
        make(directory)?;
    }
    write(file, content)
}

/// Where it is kept which mutants the compiler has refused.
const REFUSED: &str = "refused.json";
