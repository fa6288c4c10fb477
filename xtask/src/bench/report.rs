//! Medians, spread and ratios, for people and as JSON.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::cases::Case;
use super::field::Field;
use super::load;
use super::{Options, cpu};
use crate::places::{make, write};

/// One measurement of one contestant.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Right answers a second.
    pub rate: f64,
    /// Microseconds of the server's processor time for each.
    pub cost: f64,
    /// p50 and p99 in microseconds, for each kind of answer.
    pub latencies: Vec<(f64, f64)>,
}

impl Measured {
    /// Takes it.
    pub fn take(
        case: &Case,
        entrant: &str,
        field: &Field,
        span: Duration,
        connections: usize,
    ) -> Result<Self> {
        let contestant = field.contestant(entrant).context("an entrant that runs")?;
        let span = if case.rate.is_some() { span * 3 } else { span };
        let before = cpu::spent(contestant.group);
        let mut sample = load::run(&case.load(contestant, span, connections))?;
        let spent = cpu::spent(contestant.group).saturating_sub(before);
        field.origin.forget();
        let requests = sample.requests();
        if requests == 0 || sample.wrong > requests / 20 {
            let head = sample.example.unwrap_or_default();
            bail!(
                "{entrant}, {}: {} answers are wrong, such as\n{head}",
                case.name(),
                sample.wrong
            );
        }
        let kinds = 0..case.kinds().len();
        let latencies =
            kinds.map(|kind| (sample.latency(kind, 0.5), sample.latency(kind, 0.99))).collect();
        Ok(Self {
            rate: sample.rate(),
            cost: spent.as_secs_f64() * 1e6 / requests as f64,
            latencies,
        })
    }
}

/// All measurements so far.
pub struct Report {
    rows: Vec<Row>,
    conditions: Value,
}

struct Row {
    case: String,
    entrant: &'static str,
    kinds: &'static [&'static str],
    first: &'static str,
    rounds: Vec<Measured>,
}

impl Report {
    /// An empty report with the conditions under which it is made.
    pub fn new(options: &Options, _field: &Field) -> Self {
        let conditions = json!({
            "rounds": options.rounds,
            "span_ms": options.span,
            "connections": options.connections,
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
        });
        Self { rows: Vec::new(), conditions }
    }

    /// Takes in a measurement.
    pub fn add(&mut self, case: &Case, entrant: &'static str, measured: Measured) {
        let name = case.name();
        let found = self.rows.iter_mut().find(|r| r.case == name && r.entrant == entrant);
        match found {
            Some(row) => row.rounds.push(measured),
            None => {
                let first = case.entrants.first().copied().unwrap_or_default();
                let rounds = vec![measured];
                self.rows.push(Row { case: name, entrant, kinds: case.kinds(), first, rounds });
            }
        }
        let order = |row: &Row| case.entrants.iter().position(|name| *name == row.entrant);
        let name = case.name();
        if let Some(start) = self.rows.iter().position(|row| row.case == name) {
            let end = self.rows.iter().rposition(|row| row.case == name).unwrap_or(start);
            self.rows[start..=end].sort_by_key(order);
        }
    }

    /// One line about the case just measured.
    pub fn progress(&self, round: usize, rounds: usize, case: &Case) -> String {
        let name = case.name();
        let rows = self.rows.iter().filter(|row| row.case == name);
        let parts: Vec<String> = rows
            .filter_map(|row| Some((row.entrant, row.rounds.last()?)))
            .map(|(entrant, last)| format!("{entrant} {:.0}/s {:.0} us", last.rate, last.cost))
            .collect();
        format!("  round {}/{rounds}  {name:<18} {}", round + 1, parts.join("  "))
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "\nMedians of the rounds, (spread) = half of max - min as a share of the median. us = \
             the server's\nprocessor time per request. Ratios are this Breadbox to the other, \
             within each round: of rates, and\nof the inverse of processor time; above 1 Breadbox \
             is better.\n\n",
        );
        text.push_str(&format!(
            "{:<19}{:<20}{:>9} {:>6}{:>9} {:>6}{:>9}{:>9}{:>7}{:>7}\n",
            "case", "server", "req/s", "", "us", "", "p50 us", "p99 us", "rate", "cpu"
        ));
        let mut last = "";
        for row in &self.rows {
            let case = if row.case == last { "" } else { &row.case };
            last = &row.case;
            let (rate, cost) = (row.column(|m| m.rate), row.column(|m| m.cost));
            let ratios = self.ratios(row);
            for (kind, word) in row.kinds.iter().enumerate() {
                let (p50, p99) = row.latency(kind);
                let entrant = match row.kinds.len() {
                    1 => row.entrant.to_owned(),
                    _ => format!("{} {word}", row.entrant),
                };
                let ratio = |ratio: Option<f64>| ratio.map_or(String::new(), |r| format!("{r:.2}"));
                text.push_str(&format!(
                    "{case:<19}{entrant:<20.20}{:>9.0} {:>6}{:>9.1} {:>6}\
                     {p50:>9.0}{p99:>9.0}{:>7}{:>7}\n",
                    median(&rate),
                    spread(&rate),
                    median(&cost),
                    spread(&cost),
                    ratio(ratios.map(|(rate, _)| rate)),
                    ratio(ratios.map(|(_, cost)| cost)),
                ));
            }
        }
        text
    }

    /// Ratios of the case's first entrant to this one, within rounds.
    fn ratios(&self, row: &Row) -> Option<(f64, f64)> {
        let first = self.rows.iter().find(|r| r.case == row.case && r.entrant == row.first)?;
        if first.entrant == row.entrant {
            return None;
        }
        let pairs = || first.rounds.iter().zip(&row.rounds);
        let rates: Vec<f64> = pairs().map(|(ours, theirs)| ours.rate / theirs.rate).collect();
        let costs: Vec<f64> = pairs().map(|(ours, theirs)| theirs.cost / ours.cost).collect();
        Some((median(&rates), median(&costs)))
    }

    /// Writes all figures as JSON.
    pub fn write(&self, file: &Path) -> Result<()> {
        if let Some(parent) = file.parent() {
            make(parent)?;
        }
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let ratios = self.ratios(row);
                let rounds: Vec<Value> = row.rounds.iter().map(|m| json!({
                    "requests_per_second": m.rate,
                    "cpu_us_per_request": m.cost,
                    "latency_us": row.kinds.iter().zip(&m.latencies).map(|(kind, (p50, p99))| {
                        ((*kind).to_owned(), json!({ "p50": p50, "p99": p99 }))
                    }).collect::<serde_json::Map<_, _>>(),
                })).collect();
                json!({
                    "case": row.case,
                    "server": row.entrant,
                    "requests_per_second": median(&row.column(|m| m.rate)),
                    "cpu_us_per_request": median(&row.column(|m| m.cost)),
                    "ratio_of": row.first,
                    "rate_ratio": ratios.map(|(rate, _)| rate),
                    "cpu_ratio": ratios.map(|(_, cost)| cost),
                    "rounds": rounds,
                })
            })
            .collect();
        let all = json!({ "conditions": self.conditions, "rows": rows });
        write(file, format!("{all:#}\n"))
    }
}

impl Row {
    fn column(&self, of: impl Fn(&Measured) -> f64) -> Vec<f64> {
        self.rounds.iter().map(of).collect()
    }

    fn latency(&self, kind: usize) -> (f64, f64) {
        let of = |which: fn(&(f64, f64)) -> f64| {
            median(&self.column(|m| m.latencies.get(kind).map_or(f64::NAN, which)))
        };
        (of(|l| l.0), of(|l| l.1))
    }
}

/// The middle of them; NaN of none.
pub fn median(list: &[f64]) -> f64 {
    let mut list: Vec<f64> = list.iter().copied().filter(|value| !value.is_nan()).collect();
    list.sort_by(f64::total_cmp);
    match list.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => list[len / 2],
        len => f64::midpoint(list[len / 2 - 1], list[len / 2]),
    }
}

fn spread(list: &[f64]) -> String {
    let max = list.iter().copied().fold(f64::MIN, f64::max);
    let min = list.iter().copied().fold(f64::MAX, f64::min);
    format!("±{:.0}%", (max - min) / 2.0 / median(list) * 100.0)
}
