//! What a run has shown, by file.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;

use super::list::Mutant;
use super::tree::{LeftOut, Tree, directory};
use super::trial::{Fate, Results};
use crate::places::write;
use crate::progress::line;

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    listed: usize,
    unviable: usize,
    untried: usize,
    noticed: usize,
    missed: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.listed += other.listed;
        self.unviable += other.unviable;
        self.untried += other.untried;
        self.noticed += other.noticed;
        self.missed += other.missed;
    }

    fn row(&self, name: &str) -> String {
        let Self { listed, unviable, untried, noticed, missed } = *self;
        let tried = noticed + missed;
        let score = match tried {
            0 => "–".to_owned(),
            _ => format!("{}.{} %", noticed * 100 / tried, noticed * 1000 / tried % 10),
        };
        format!("| {name} | {listed} | {unviable} | {untried} | {noticed} | {missed} | {score} |")
    }
}

/// Prints the counts and leaves the survivors in a file; whether at least 90 % were noticed.
pub fn show(mutants: &[Mutant], tree: &Tree, results: &Results) -> Result<bool> {
    let (mut files, mut all) = (BTreeMap::<&str, Count>::new(), Count::default());
    let (mut by, mut survivors) = (BTreeMap::<&str, usize>::new(), String::new());
    for mutant in mutants {
        let mut count = Count { listed: 1, ..Count::default() };
        let left_out = tree.left_out.get(&mutant.number);
        match (left_out, results.fate(&mutant.name)) {
            (Some(LeftOut::Unviable), _) => count.unviable = 1,
            (Some(LeftOut::Untried), _) => count.untried = 1,
            (None, Some(Fate::Noticed(tests) | Fate::Endless(tests))) => {
                count.noticed = 1;
                *by.entry(tests).or_default() += 1;
            }
            (None, _) => count.missed = 1,
        }
        let word = match (left_out, results.fate(&mutant.name)) {
            (Some(LeftOut::Untried), _) => "untried",
            (None, Some(Fate::Unreached)) => "unreached",
            (None, Some(Fate::Missed)) => "missed",
            _ => "",
        };
        if !word.is_empty() {
            let _ = writeln!(survivors, "{word:9} {}:{} {}", mutant.file, mutant.line, mutant.name);
        }
        files.entry(&mutant.file).or_default().add(count);
        all.add(count);
    }
    line("| file | listed | unviable | not tried | noticed | missed | score |");
    line("|---|---|---|---|---|---|---|");
    for (file, count) in &files {
        line(&count.row(file.strip_prefix("src/cache/").unwrap_or(file)));
    }
    line(&all.row("all"));
    line(&format!("noticed first by: {by:?}"));
    let path = directory().join("survivors.txt");
    write(&path, survivors)?;
    line(&format!("the survivors are in {}", path.display()));
    Ok(all.noticed * 10 >= (all.noticed + all.missed) * 9)
}
