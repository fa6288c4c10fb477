//! The list of mutants that cargo-mutants makes.

use std::collections::HashMap;
use std::ops::Range;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::places::{read, root};
use crate::tools;

/// One change to the code.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// What chooses it among those of one tree, from 1 on.
    pub number: u32,
    /// What it does to which function, without line and column, so that a result outlives edits
    /// elsewhere; those that would be called the same are counted.
    pub name: String,
    /// The file, from the root on.
    pub file: String,
    /// The line that it begins in.
    pub line: usize,
    /// What is changed.
    pub genre: Genre,
    /// The bytes of the file that are replaced.
    pub span: Range<usize>,
    /// What replaces them.
    pub replacement: String,
}

/// What kind of code a mutant changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Genre {
    /// The body of a function becomes a value.
    Body,
    /// The body of a function that returns `impl Trait`, whose type is that of its body.
    Opaque,
    /// An operator between two operands becomes another.
    Operator,
    /// `!` or `-` is left out.
    Sign,
    /// An arm of a `match` is left out.
    Arm,
    /// The guard of an arm becomes `true` or `false`.
    Guard,
    /// A field of a struct expression is left to the base.
    Field,
}

/// All mutants of the files that a glob selects.
pub fn mutants(files: &str, shard: Option<&str>) -> Result<Vec<Mutant>> {
    let mut list = Command::new(tools::mutator()?);
    list.args(["mutants", "--list", "--json", "--package", "breadbox", "--file", files]);
    if let Some(shard) = shard {
        list.args(["--shard", shard]);
    }
    let output = list.current_dir(root()).output().context("cannot run cargo-mutants")?;
    if !output.status.success() {
        bail!("cargo mutants --list: {}", String::from_utf8_lossy(&output.stderr));
    }
    let listed: Vec<Value> = serde_json::from_slice(&output.stdout).context("its list")?;
    let mut texts = HashMap::new();
    let mut alike: HashMap<String, u32> = HashMap::new();
    let mut mutants = Vec::new();
    for (value, number) in listed.iter().zip(1..) {
        let file = text(value, "file")?;
        if !texts.contains_key(file) {
            texts.insert(file.to_owned(), read(&root().join(file))?);
        }
        let mut mutant = mutant(value, number, texts.get(file).map_or("", String::as_str))
            .with_context(|| format!("cannot read {value}"))?;
        let before = alike.entry(mutant.name.clone()).or_default();
        *before += 1;
        if *before > 1 {
            mutant.name = format!("{} #{before}", mutant.name);
        }
        mutants.push(mutant);
    }
    Ok(mutants)
}

fn mutant(value: &Value, number: u32, source: &str) -> Result<Mutant> {
    let file = text(value, "file")?.to_owned();
    let shown = text(value, "name")?;
    let place = shown.strip_prefix(&file).unwrap_or(shown);
    let what = place.split_once(": ").map_or(place, |(_, what)| what);
    let returned = value.pointer("/function/return_type").and_then(Value::as_str);
    let genre = match text(value, "genre")? {
        "FnValue" if returned.is_some_and(|returned| returned.contains("impl ")) => Genre::Opaque,
        "FnValue" => Genre::Body,
        "BinaryOperator" => Genre::Operator,
        "UnaryOperator" => Genre::Sign,
        "MatchArm" => Genre::Arm,
        "MatchArmGuard" => Genre::Guard,
        "StructField" => Genre::Field,
        other => bail!("cargo-mutants has a new kind: {other}"),
    };
    let start = offset(value, "start", source)?;
    Ok(Mutant {
        number,
        name: format!("{file}: {what}"),
        line: source.get(..start).map_or(0, |before| before.lines().count()),
        file,
        genre,
        span: start..offset(value, "end", source)?,
        replacement: text(value, "replacement")?.to_owned(),
    })
}

/// Where in the source the line and the column are that a mutant begins or ends at.
fn offset(value: &Value, end: &str, source: &str) -> Result<usize> {
    let number = |name: &str| {
        let found = value.pointer(&format!("/span/{end}/{name}")).and_then(Value::as_u64);
        found.and_then(|found| usize::try_from(found).ok()).context("no span")
    };
    let (line, column) = (number("line")?, number("column")?);
    let before: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = source.get(before..).context("the file has fewer lines")?;
    Ok(before + rest.chars().take(column - 1).map(char::len_utf8).sum::<usize>())
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value.get(name).and_then(Value::as_str).with_context(|| format!("no {name}"))
}
