//! What became of each case, as the repository keeps it.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::suite::{Case, Complaint, Run};

/// One line for each case, by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Results(BTreeMap<String, Entry>);

/// How one case ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The part of the suite that it belongs to.
    pub suite: String,
    /// `required`, `optimal` or `check`.
    pub kind: String,
    /// With Redis.
    pub redis: Outcome,
    /// On the platform tier alone.
    pub platform: Outcome,
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
    /// The results of two runs; each must have asked every case.
    pub fn of(cases: &[Case], with_redis: &Run, without: &Run) -> Result<Self> {
        let mut all = BTreeMap::new();
        for Case { suite, id, kind } in cases {
            let end = |run: &Run| {
                let found = run.get(id).with_context(|| format!("the case {id} was not run"))?;
                Ok::<_, anyhow::Error>(Outcome::of(found.as_ref()))
            };
            let (redis, platform) = (end(with_redis)?, end(without)?);
            let entry = Entry { suite: suite.clone(), kind: kind.clone(), redis, platform };
            if all.insert(id.clone(), entry).is_some() {
                bail!("the suite has two cases called {id}");
            }
        }
        Ok(Self(all))
    }

    /// Reads the file.
    pub fn from_json(text: &str) -> Result<Self> {
        let all = serde_json::from_str(text).context("tests/conformance/results.json")?;
        Ok(Self(all))
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
    pub fn explanations(&self, with_redis: &Run, without: &Run) -> Vec<String> {
        let mut told = Vec::new();
        for (id, entry) in self.0.iter().filter(|(_, entry)| entry.kind != "check") {
            for (tier, run) in [("redis", with_redis), ("platform", without)] {
                if let Some(Some(Complaint { name, message })) = run.get(id) {
                    told.push(format!("{} {id} ({tier}): {name}: {message}", entry.kind));
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
            let passed = [entry.redis, entry.platform].map(|end| end == Outcome::Pass);
            let said = rows.get(id.as_str());
            match (entry.kind.as_str(), said) {
                ("check", None) => complaints.push(format!("{id}: no answer")),
                ("check", Some(said)) => {
                    let yes = said.starts_with("yes");
                    let agrees = said.starts_with("no") != yes && passed == [yes; 2];
                    if !agrees {
                        complaints.push(format!("{id}: the page says {said}: {passed:?}"));
                    }
                }
                (_, None) if passed != [true; 2] => complaints.push(format!("{id}: no reason")),
                (_, Some(_)) if passed == [true; 2] => complaints.push(format!("{id}: passed")),
                _ => {}
            }
        }
        complaints
    }

    /// How many cases of a kind are passed, of how many, in one of the runs; those on the
    /// superseded `Surrogate-Control` do not count.
    pub fn count(&self, kind: &str, end: impl Fn(&Entry) -> Outcome) -> Count {
        let counted = |entry: &&Entry| entry.kind == kind && entry.suite != "surrogate-control";
        let ends: Vec<Outcome> = self.0.values().filter(counted).map(end).collect();
        let passed = ends.iter().filter(|end| **end == Outcome::Pass).count();
        Count { passed, total: ends.len() }
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
        let tiers = [
            ("with Redis", self.redis, measured.redis),
            ("without Redis", self.platform, measured.platform),
        ];
        let changed = tiers.into_iter().filter(|(_, known, now)| known != now);
        let kind = &measured.kind;
        changed.map(|(tier, known, now)| format!("{kind} {id} {tier}: {known} → {now}")).collect()
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

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub passed: usize,
    pub total: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.passed, self.total)
    }
}
