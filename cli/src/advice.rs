//! What lifetimes suit the content, for people.

use std::fmt::Write;

use anyhow::Result;
use serde_json::Value;

use crate::edge::Edge;

/// What is known of each rule's content, and the same in words.
pub fn of(edge: &Edge) -> Result<(Value, String)> {
    let told = edge.ask("", &[])?["lifetimes"].take();
    // Without a token rules have no more than their numbers.
    let named = edge.ask("/stats", &[("minutes", "0"), ("top", "1")]);
    let rules = named.map_or(Value::Null, |mut told| told["rules"].take());
    let words = table(&told, &rules);
    Ok((told, words))
}

/// A line for each rule whose content was compared with the origin's.
fn table(lifetimes: &Value, rules: &Value) -> String {
    let mut out = format!(
        "{:>8} {:>8} {:>8} {:>8} {:>9} {:>13} {:>13}  rule\n",
        "checks", "changes", "ttl", "advised", "fetches", "outdated now", "outdated then"
    );
    for row in lifetimes.as_array().into_iter().flatten() {
        let number = row["rule"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let pattern = number.checked_sub(1).and_then(|place| rules[place].as_str());
        let name = match (number, pattern) {
            (0, _) => "no rule".to_owned(),
            (number, Some(pattern)) => format!("{number}: {pattern}"),
            (number, None) => number.to_string(),
        };
        let auto = if row["auto"] == true { " (auto)" } else { "" };
        let (checks, changes) = (&row["checks"], changes(row));
        let advice = &row["advice"];
        let [now, ttl] = ["ttlNow", "ttl"].map(|name| span(&advice[name]));
        let fetches = match advice["fetchesSaved"].as_f64() {
            Some(saved) => format!("{:+.0} %", -100.0 * saved),
            None => "-".to_owned(),
        };
        let [before, after] = ["staleNow", "staleThen"].map(|name| share(&advice[name]));
        let _ = writeln!(
            out,
            "{checks:>8} {changes:>8} {now:>8} {ttl:>8} {fetches:>9} {before:>13} {after:>13}  \
             {name}{auto}"
        );
    }
    out
}

/// Silent changes, and those that purges announced.
fn changes(row: &Value) -> String {
    match row["announcedChanges"].as_u64() {
        None | Some(0) => row["silentChanges"].to_string(),
        Some(announced) => format!("{}+{announced}", row["silentChanges"]),
    }
}

fn share(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

fn span(seconds: &Value) -> String {
    match seconds.as_f64() {
        None => "-".to_owned(),
        Some(seconds) if seconds < 120.0 => format!("{seconds:.0}s"),
        Some(seconds) if seconds < 7200.0 => format!("{:.0}m", seconds / 60.0),
        Some(seconds) => format!("{:.0}h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_is_a_line() {
        let advice = json!({
            "ttlNow": 60.0, "ttl": 360.4, "fetchesSaved": 0.71,
            "staleNow": 0.008, "staleThen": 0.047,
        });
        let rows = json!([
            { "rule": 0, "auto": false, "checks": 3, "silentChanges": 0, "announcedChanges": 0 },
            { "rule": 1, "auto": true, "checks": 4000, "silentChanges": 9, "announcedChanges": 2,
              "advice": advice },
        ]);
        let told = table(&rows, &json!(["/builds/*"]));
        let lines: Vec<Vec<&str>> =
            told.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["3", "0", "-", "-", "-", "-", "-", "no", "rule"]);
        let row = "4000 9+2 60s 6m -71 % 0.8 % 4.7 % 1: /builds/* (auto)";
        assert_eq!(lines[2].join(" "), row);
        let unnamed = table(&rows, &Value::Null);
        assert!(unnamed.lines().nth(2).is_some_and(|line| line.ends_with("  1 (auto)")));
    }
}
