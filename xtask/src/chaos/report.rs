//! What a run has shown.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::clients::Tally;
use super::mischief::Deeds;

/// The figures of a run.
#[derive(Debug)]
pub struct Report {
    pub(super) rate: f64,
    pub(super) calm: Tally,
    pub(super) tally: Tally,
    pub(super) deeds: Deeds,
    pub(super) logs: Vec<String>,
    pub(super) alive: bool,
    pub(super) seconds: u64,
}

impl Report {
    /// Whether everything that must hold held.
    pub fn holds(&self) -> bool {
        let clean = self.violations().is_empty() && self.logs.is_empty();
        clean && self.alive && self.deeds.fault.is_none() && self.is_flat()
    }

    fn violations(&self) -> Vec<&String> {
        self.calm.violations.iter().chain(&self.tally.violations).collect()
    }

    /// The witness' memory early and late: it has warmed up after a quarter of the time.
    fn memory(&self) -> (f64, f64) {
        let witness = &self.deeds.witness;
        let quarter = witness.len() / 4;
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
        (mean(&witness[quarter..2 * quarter]), mean(&witness[witness.len() - quarter..]))
    }

    fn is_flat(&self) -> bool {
        let (early, late) = self.memory();
        self.seconds < WARM || late <= early * GROWTH + LEEWAY
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, calm, tally, deeds, seconds, .. } = self;
        let (early, late) = self.memory();
        let violations = self.violations();
        writeln!(f, "chaos: {}", if self.holds() { "everything held" } else { "FAILED" })?;
        writeln!(f, "| what | figure |\n|---|---|")?;
        writeln!(f, "| length | {seconds} s |")?;
        writeln!(f, "| rate without trouble, and aimed at | {rate:.0}/s, {:.0}/s |", rate / 2.0)?;
        writeln!(f, "| good answers | {} |", tally.answers())?;
        writeln!(f, "| by verdict or reason | {} |", listed(&tally.verdicts))?;
        writeln!(f, "| requests to the origin | {} |", tally.fetches)?;
        writeln!(f, "| time without trouble: {} |", spread(&calm.took))?;
        writeln!(f, "| time in chaos: {} |", spread(&tally.took))?;
        let (purges, refused) = (tally.purges, tally.purges_refused);
        writeln!(f, "| purges, of which not acknowledged | {purges}, {refused} |")?;
        writeln!(f, "| excused by the origin or a dead worker | {} |", listed(&tally.excused))?;
        writeln!(f, "| troubles | {} |", listed(&deeds.counts))?;
        writeln!(
            f,
            "| memory of the workerd that lived, early and late | {early:.0} MB, {late:.0} MB |"
        )?;
        for (kind, megabytes) in &deeds.most {
            writeln!(f, "| most memory of a {kind} | {megabytes:.0} MB |")?;
        }
        writeln!(f, "| bad lines in logs | {} |", self.logs.len())?;
        writeln!(f, "| violations | {} |", violations.len())?;
        if let Some(fault) = &deeds.fault {
            writeln!(f, "  ended early: {fault:#}")?;
        }
        for line in violations.into_iter().chain(&self.logs).take(SHOWN) {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

/// Lines of the processes' logs that no trouble excuses.
pub(super) fn bad_lines(logs: &Path) -> Result<Vec<String>> {
    let mut bad = Vec::new();
    for entry in fs::read_dir(logs)?.flatten() {
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        let lines = text.lines().filter(|line| BAD.iter().any(|word| line.contains(word)));
        bad.extend(lines.map(|line| format!("{name}: {line}")));
    }
    Ok(bad)
}

fn listed(counts: &BTreeMap<String, usize>) -> String {
    let parts: Vec<_> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn spread(took: &[f64]) -> String {
    let mut took = took.to_vec();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (took.len() as f64 * share) as usize;
        took.get(index.min(took.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    let [median, tail, last, most] = [0.5, 0.99, 0.999, 1.0].map(at);
    format!("median, 99 %, 99.9 %, most | {median:.1}, {tail:.0}, {last:.0}, {most:.0} ms")
}

/// What runtimes say of code that is broken, rather than of trouble.
const BAD: [&str; 6] = [
    "Uncaught exception",
    "code had hung",
    "different request",
    "panicked",
    "unreachable executed",
    "Segmentation",
];
const GROWTH: f64 = 1.2;
const LEEWAY: f64 = 12.0;
/// In a run shorter than this the memory has not yet found its level.
const WARM: u64 = 120;
const SHOWN: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_ended_early_tells_what_was_seen_until_then() {
        let tally = Tally { took: vec![1.0, 2.0], ..Tally::default() };
        let report = |fault| Report {
            rate: 10.0,
            calm: Tally::default(),
            tally: tally.clone(),
            deeds: Deeds { fault, ..Deeds::default() },
            logs: Vec::new(),
            alive: true,
            seconds: 7,
        };
        assert!(report(None).holds());
        let early = report(Some(anyhow::anyhow!("a worker did not come back")));
        assert!(!early.holds());
        let text = early.to_string();
        assert!(text.contains("| good answers | 2 |") && text.contains("| length | 7 s |"));
        assert!(text.contains("ended early: a worker did not come back"), "{text}");
    }
}
