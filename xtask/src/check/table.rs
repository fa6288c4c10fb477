//! The table of what was seen.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

/// What a step saw.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// What was expected.
    AsExpected(String),
    /// Something else.
    Otherwise(String),
    /// The step does not apply here; why.
    NotApplicable(&'static str),
}

impl Outcome {
    /// As expected if `holds`.
    pub(super) fn of(holds: bool, seen: impl fmt::Display) -> Self {
        if holds { Self::AsExpected(seen.to_string()) } else { Self::Otherwise(seen.to_string()) }
    }
}

/// The steps so far.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    step: String,
    expected: String,
    outcome: Outcome,
    took: Duration,
}

impl Table {
    /// Runs a step and keeps what it saw; an error is something else than expected.
    pub(super) async fn step(
        &mut self,
        step: impl Into<String>,
        expected: impl Into<String>,
        work: impl AsyncFnOnce() -> Result<Outcome>,
    ) {
        let began = Instant::now();
        let outcome = work().await.unwrap_or_else(|error| Outcome::Otherwise(format!("{error:#}")));
        let (step, expected) = (step.into(), expected.into());
        self.rows.push(Row { step, expected, outcome, took: began.elapsed() });
    }

    /// Whether every step saw what was expected or did not apply.
    pub(super) fn all_as_expected(&self) -> bool {
        self.rows.iter().all(|row| !matches!(row.outcome, Outcome::Otherwise(_)))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&Row) -> &str, title: &str| {
            let widest = self.rows.iter().map(|row| text(row).chars().count()).max();
            widest.unwrap_or(0).max(title.len())
        };
        let steps = width(|row| &row.step, "step");
        let expectations = width(|row| &row.expected, "expected");
        writeln!(formatter, "     {:steps$}  {:expectations$}      ms  seen", "step", "expected")?;
        for row in &self.rows {
            let (mark, seen) = match &row.outcome {
                Outcome::AsExpected(seen) => ("ok  ", seen.as_str()),
                Outcome::Otherwise(seen) => ("FAIL", seen.as_str()),
                Outcome::NotApplicable(why) => ("n/a ", *why),
            };
            let (step, expected, ms) = (&row.step, &row.expected, row.took.as_millis());
            let row = format!("{step:steps$}  {expected:expectations$}  {ms:>6}  {seen}");
            writeln!(formatter, "{mark} {row}")?;
        }
        Ok(())
    }
}
