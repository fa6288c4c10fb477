//! What became of each case, as the repository keeps it.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::suite::{Case, Complaint, Run};

/// One line for each case, by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Results(BTreeMap<String, Entry>);

/// How one case ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The part of the suite that it belongs to.
    pub suite: String,
    /// `required`, `optimal` or `check`.
    pub kind: String,
    /// Its end in each place.
    #[serde(flatten)]
    ends: BTreeMap<Place, Outcome>,
}

/// The end of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Not as the suite wants it, or "no" to a check.
    Fail,
    /// As the suite wants it, or "yes" to a check.
    Pass,
    /// The case did not get as far as its question.
    Setup,
}

impl Results {
    /// The results of the runs in all places; each must have asked every case.
    pub fn of(cases: &[Case], runs: &BTreeMap<Place, Run>) -> Result<Self> {
        let mut all = BTreeMap::new();
        for Case { suite, id, kind } in cases {
            let end = |(place, run): (&Place, &Run)| {
                let found = run.get(id).with_context(|| format!("{id} was not run {place}"))?;
                Ok((*place, Outcome::of(found.as_ref())))
            };
            let ends = runs.iter().map(end).collect::<Result<_>>()?;
            let entry = Entry { suite: suite.clone(), kind: kind.clone(), ends };
            if all.insert(id.clone(), entry).is_some() {
                bail!("the suite has two cases called {id}");
            }
        }
        Ok(Self(all))
    }

    /// These results, and those of `others` for the places that are not among them.
    pub fn and(mut self, others: &Self) -> Self {
        for (id, entry) in &mut self.0 {
            for (place, end) in others.0.get(id).iter().flat_map(|other| &other.ends) {
                entry.ends.entry(*place).or_insert(*end);
            }
        }
        self
    }

    /// Reads the file.
    pub fn from_json(text: &str) -> Result<Self> {
        Ok(Self(serde_json::from_str(text)?))
    }

    /// The file: one line for each case.
    pub fn to_json(&self) -> Result<String> {
        let mut lines = Vec::new();
        for (id, entry) in &self.0 {
            lines.push(format!("  {:?}: {}", id, serde_json::to_string(entry)?));
        }
        Ok(format!("{{\n{}\n}}\n", lines.join(",\n")))
    }

    /// What is different in `measured`, in words.
    pub fn changes(&self, measured: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for (id, entry) in &measured.0 {
            match self.0.get(id) {
                None => changes.push(format!("{id}: not in the file")),
                Some(known) => changes.extend(known.changes(id, entry)),
            }
        }
        let gone = self.0.keys().filter(|id| !measured.0.contains_key(*id));
        changes.extend(gone.map(|id| format!("{id}: no longer in the suite")));
        changes
    }

    /// What the suite said of the cases that should be passed and are not.
    pub fn explanations(&self, runs: &BTreeMap<Place, Run>) -> Vec<String> {
        let mut told = Vec::new();
        for (id, entry) in self.0.iter().filter(|(_, entry)| entry.kind != "check") {
            for (place, run) in runs {
                if let Some(Some(Complaint { name, message })) = run.get(id) {
                    told.push(format!("{} {id} {place}: {name}: {message}", entry.kind));
                }
            }
        }
        told
    }

    /// What a page of reasons leaves out or says wrongly: it must have a row for each case that
    /// is not passed, none for one that is, and for each check the answer that was measured.
    pub fn unexplained(&self, page: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        let rows: BTreeMap<&str, &str> = page.lines().flat_map(row).collect();
        for (id, entry) in &self.0 {
            let passed: Vec<bool> = entry.ends.values().map(|end| *end == Outcome::Pass).collect();
            let all = |wanted| passed.iter().all(|passed| *passed == wanted);
            let said = rows.get(id.as_str());
            match (entry.kind.as_str(), said) {
                ("check", None) => complaints.push(format!("{id}: no answer")),
                ("check", Some(said)) => {
                    let yes = said.starts_with("yes");
                    let agrees = said.starts_with("no") != yes && all(yes);
                    if !agrees {
                        complaints.push(format!("{id}: the page says {said}: {passed:?}"));
                    }
                }
                (_, None) if !all(true) => complaints.push(format!("{id}: no reason")),
                (_, Some(_)) if all(true) => complaints.push(format!("{id}: passed")),
                _ => {}
            }
        }
        complaints
    }

    /// How many cases of a kind are passed, of how many, in one place; those on the superseded
    /// `Surrogate-Control` do not count.
    pub fn count(&self, kind: &str, place: Place) -> Count {
        let counted = |entry: &&Entry| entry.kind == kind && entry.suite != "surrogate-control";
        let passed = |entry: &&Entry| entry.ends.get(&place) == Some(&Outcome::Pass);
        let all: Vec<&Entry> = self.0.values().filter(counted).collect();
        let measured = all.iter().any(|entry| entry.ends.contains_key(&place));
        let passed = measured.then(|| all.iter().copied().filter(passed).count());
        Count { passed, total: all.len() }
    }
}

/// The ids in a table row's first cell, each with the second cell.
fn row(line: &str) -> Vec<(&str, &str)> {
    let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
    let (Some(ids), Some(second)) = (cells.next(), cells.next()) else { return Vec::new() };
    let quoted = ids.split('`').skip(1).step_by(2);
    quoted.map(|id| (id, second)).collect()
}

impl Entry {
    fn changes(&self, id: &str, measured: &Self) -> Vec<String> {
        let changed = measured.ends.iter().filter(|(place, now)| self.ends.get(place) != Some(now));
        let kind = &measured.kind;
        let known = |place| self.ends.get(place).map_or("unknown".to_owned(), Outcome::to_string);
        changed
            .map(|(place, now)| format!("{kind} {id} {place}: {} → {now}", known(place)))
            .collect()
    }
}

impl Outcome {
    fn of(complaint: Option<&Complaint>) -> Self {
        match complaint {
            None => Self::Pass,
            Some(complaint) if complaint.name == "Setup" => Self::Setup,
            Some(_) => Self::Fail,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fail => "fail",
            Self::Pass => "pass",
            Self::Setup => "setup",
        })
    }
}

/// So many of so many, if they were asked at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub passed: Option<usize>,
    pub total: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.passed {
            Some(passed) => write!(f, "{passed} of {}", self.total),
            None => f.write_str("–"),
        }
    }
}
