//! The counts in the text form that Prometheus reads.

use std::fmt::Write;

use super::histogram::{BOUNDS, Histogram};
use super::{FAMILIES, Family, Tally};

/// A value that may go up and down.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    /// Its name, without our prefix.
    pub name: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// Its value.
    pub value: u64,
}

/// Writes counters, histograms and gauges in the text format, version 0.0.4. Cells that were never
/// counted are left out, save where all are few.
pub fn exposition(tally: &Tally, gauges: &[Gauge]) -> String {
    let mut text = String::new();
    for family in FAMILIES {
        match family.is_histogram() {
            true => histograms(&mut text, family, tally),
            false => counters(&mut text, family, tally),
        }
    }
    for Gauge { name, help, value } in gauges {
        head(&mut text, name, help, "gauge");
        let _ = writeln!(text, "breadbox_{name} {value}");
    }
    text
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(text, "# HELP breadbox_{name} {help}\n# TYPE breadbox_{name} {kind}");
}

fn counters(text: &mut String, family: &Family, tally: &Tally) {
    let name = format!("{}_total", family.name);
    head(text, &name, family.help, "counter");
    let cells = tally.cells().get(family.cells()).unwrap_or_default();
    for (cell, &count) in cells.iter().enumerate() {
        if count == 0 && cells.len() > FEW {
            continue;
        }
        let values = family.values(cell);
        let labels: Vec<String> =
            family.labels.iter().zip(values).map(|(name, v)| format!("{name}=\"{v}\"")).collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(text, "breadbox_{name}{labels} {count}");
    }
}

fn histograms(text: &mut String, family: &Family, tally: &Tally) {
    head(text, family.name, family.help, "histogram");
    let cells = tally.cells().get(family.cells()).unwrap_or_default();
    for (place, cells) in cells.chunks(super::histogram::SIZE).enumerate() {
        let [tier, _] = family.values(place.saturating_mul(super::histogram::SIZE));
        let name = family.name;
        let histogram = Histogram(cells);
        let mut below: u64 = 0;
        let bounds = BOUNDS.iter().map(|&bound| seconds(bound)).chain(["+Inf".to_owned()]);
        for (count, bound) in histogram.buckets().zip(bounds) {
            below = below.saturating_add(count);
            let labels = format!("{{tier=\"{tier}\",le=\"{bound}\"}}");
            let _ = writeln!(text, "breadbox_{name}_bucket{labels} {below}");
        }
        let (sum, count) = (seconds(histogram.sum()), histogram.count());
        let _ = writeln!(text, "breadbox_{name}_sum{{tier=\"{tier}\"}} {sum}");
        let _ = writeln!(text, "breadbox_{name}_count{{tier=\"{tier}\"}} {count}");
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

/// A family of so many cells is written whole.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Verdict;
    use crate::cache::tally::{Cell, Peer};

    #[test]
    fn counts_are_written_in_the_text_form() {
        let mut tally = Tally::default();
        tally.add(Cell::Requests(Verdict::Hit), 12);
        tally.add(Cell::Waits(Peer::Shared, 0), 3);
        tally.add(Cell::Waits(Peer::Shared, 30), 1);
        let up = Gauge { name: "redis_up", help: "Whether Redis answers.", value: 1 };
        let text = exposition(&tally, &[up]);
        for line in [
            "# TYPE breadbox_requests_total counter",
            "breadbox_requests_total{verdict=\"hit\"} 12",
            "breadbox_requests_total{verdict=\"error\"} 0",
            "breadbox_purges_total 0",
            "breadbox_purges_refused_total 0",
            "# TYPE breadbox_wait_seconds histogram",
            "breadbox_wait_seconds_bucket{tier=\"redis\",le=\"0.001\"} 3",
            "breadbox_wait_seconds_bucket{tier=\"redis\",le=\"0.050\"} 4",
            "breadbox_wait_seconds_bucket{tier=\"redis\",le=\"+Inf\"} 4",
            "breadbox_wait_seconds_sum{tier=\"redis\"} 0.030",
            "breadbox_wait_seconds_count{tier=\"redis\"} 4",
            "# TYPE breadbox_redis_up gauge",
            "breadbox_redis_up 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("reason="), "what was never counted is left out");
    }
}
