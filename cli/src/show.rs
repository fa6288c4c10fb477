//! Answers for people.

use std::fmt::Write;

use breadbox::replay::Replay;
use serde_json::Value;

/// The health report.
pub fn status(told: &Value) -> String {
    let redis = &told["redis"];
    let state = match (&redis["configured"], &redis["health"]["connected"]) {
        (Value::Bool(false), _) => "off: each data centre caches for itself".to_owned(),
        (_, Value::Bool(true)) => {
            format!("connected, answers in {} ms", redis["health"]["latency"])
        }
        _ => format!("DOWN (breaker {})", text(&redis["health"]["breaker"])),
    };
    let purge = &told["purge"];
    let mut lines = vec![
        ("redis", state),
        (
            "hit rate",
            format!(
                "{} ({} hits, {} misses), target {}",
                or(text(&told["targets"]["currentHitRate"]), "–"),
                redis["hits"],
                redis["misses"],
                text(&told["targets"]["hitRateTarget"]),
            ),
        ),
        (
            "origin",
            format!(
                "{} spared: {} fetches, {} while clients waited, {} faults",
                percent(&told["origin"]["loadSaved"]),
                told["origin"]["fetches"],
                told["origin"]["whileClientsWaited"],
                told["origin"]["faults"],
            ),
        ),
        ("cost", cost(told)),
        (
            "purges",
            format!(
                "visible within {} ms; canary {}",
                purge["visibilityMs"],
                text(&purge["canary"]),
            ),
        ),
    ];
    lines.extend(waits(told));
    lines.push(("requests", requests(told)));
    table(lines)
}

/// What is billed. Of few requests the rate says what looking on costs, and not what hits do.
fn cost(told: &Value) -> String {
    let counted = told["requests"].as_object().into_iter().flatten();
    let requests: u64 = counted.filter_map(|(_, count)| count.as_u64()).sum();
    let cost = &told["cost"];
    let commands = &cost["redisCommands"];
    if requests < TELLING {
        return format!("{commands} Redis commands billed so far");
    }
    let rate = decimal(&cost["redisCommandsPer1000Requests"]);
    format!("{rate} Redis commands billed per 1000 requests, {commands} in all")
}

/// Waits and faults, a line each.
fn waits(told: &Value) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for (tier, waits) in told["latency"].as_object().into_iter().flatten() {
        if waits["count"].as_u64() > Some(0) {
            let bound = |name: &str| match waits[name].as_u64() {
                Some(bound) => format!("< {bound} ms"),
                None => "> 5 s".to_owned(),
            };
            lines.push((
                "waits",
                format!(
                    "{tier}: {} waits, average {} ms, half {}, 99 % {}",
                    waits["count"],
                    decimal(&waits["averageMs"]),
                    bound("p50BelowMs"),
                    bound("p99BelowMs"),
                ),
            ));
        }
    }
    for (fault, count) in told["counts"]["faults"].as_object().into_iter().flatten() {
        lines.push(("faults", format!("{fault}: {count}")));
    }
    lines
}

/// Requests by verdict, and over what they were counted.
fn requests(told: &Value) -> String {
    let counted = match told["counted"].as_str() {
        Some("all") => "over all isolates",
        _ => "of the one isolate that answered, not totals",
    };
    let requests = told["requests"].as_object().into_iter().flatten();
    let parts: Vec<String> = requests
        .filter(|(_, count)| count.as_u64() > Some(0))
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    format!("{} ({counted})", or(&parts.join(", "), "none"))
}

/// The rows of a rank.
pub fn top(rows: &Value, rules: &Value, subject: &str) -> String {
    let mut out = format!("{:>9} {:>9} {:>12}  {subject}\n", "requests", "misses", "bytes");
    for row in rows.as_array().into_iter().flatten() {
        let label = text(&row["label"]);
        let rule = label.parse::<usize>().ok().and_then(|n| rules[n.checked_sub(1)?].as_str());
        let label = match (subject, rule) {
            ("rules", Some(rule)) => format!("{label}: {rule}"),
            ("rules", None) => "no rule".to_owned(),
            _ => label.to_owned(),
        };
        let verdicts: Vec<String> = row["verdicts"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        let numbers = ["requests", "misses", "bytes"].map(|name| row[name].as_u64().unwrap_or(0));
        let [requests, misses, bytes] = numbers;
        let verdicts = verdicts.join(", ");
        let _ = writeln!(out, "{requests:>9} {misses:>9} {bytes:>12}  {label}  ({verdicts})");
    }
    out
}

/// Why a URL is cached, or why not.
pub fn explanation(told: &Value) -> String {
    let tags: Vec<&str> =
        told["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rule = match told["rule"]["number"].as_u64() {
        Some(number) => format!("{number}: {}", told["rule"]["written"]),
        None => "none matches".to_owned(),
    };
    let reason = told["reason"].as_str().map(|reason| format!(", {reason}")).unwrap_or_default();
    let verdict = or(text(&told["verdict"]), "not served from the cache");
    let mut lines = vec![
        ("verdict", format!("{verdict}{reason}")),
        ("why", text(&told["why"]).to_owned()),
        ("key", text(&told["key"]).to_owned()),
        ("rule", rule),
        ("tags", or(&tags.join(", "), "none").to_owned()),
    ];
    for tier in told["tiers"].as_array().into_iter().flatten() {
        let entry = &tier["entry"];
        let name = text(&tier["tier"]);
        lines.push(("tier", match (entry["kind"].as_str(), tier["state"].as_str()) {
            (Some("mark"), _) => format!("{name}: a mark: {}", text(&entry["marked"])),
            (Some(_), _) => format!(
                "{name}: stored ({}), status {}, {} bytes, age {}, fresh for {}, stale until {}",
                text(&tier["standing"]), entry["status"], entry["bytes"], seconds(&entry["ageMs"]),
                seconds(&entry["freshLeftMs"]), seconds(&entry["staleMs"]),
            ),
            (None, Some("failed")) => format!("{name}: failed, {}", text(&tier["fault"])),
            (None, _) => format!("{name}: absent"),
        }));
    }
    table(lines)
}

/// A replay, action by action.
pub fn replay(replay: &Replay) -> String {
    let mut out = String::new();
    for (recorded, repeated) in replay.recorded.iter().zip(&replay.repeated) {
        let mark = if recorded == repeated { "same " } else { "OTHER" };
        let _ = writeln!(out, "{mark}  {recorded}");
        if recorded != repeated {
            let _ = writeln!(out, "  now  {repeated}");
        }
    }
    let end = if replay.agrees() { "the replay agrees" } else { "the replay DIFFERS" };
    out + end + "\n"
}

/// The receipt of a purge.
pub fn receipt(told: &Value) -> String {
    let records: Vec<&str> =
        told["records"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    table(vec![
        ("purged", records.join(", ")),
        ("receipt", format!("epoch {}, sequence {}", text(&told["epoch"]), told["sequence"])),
        ("visible", format!("{} within {} ms", text(&told["scope"]), told["visible_in_ms"])),
    ])
}

/// A request or a purge as one line.
pub fn event(kind: &str, event: &Value) -> String {
    let at = event["at"].as_i64().unwrap_or(0);
    let clock = format!(
        "{:02}:{:02}:{:02}.{:03}Z",
        at / 3_600_000 % 24,
        at / 60_000 % 60,
        at / 1_000 % 60,
        at % 1_000
    );
    let word = |name: &str| text(&event[name]);
    match kind {
        "purge" => format!(
            "{clock} purge {} by {} (purge {})",
            word("records"),
            word("token"),
            word("sequence")
        ),
        _ => format!(
            "{clock} {:<11} {:<8} {} {:>5} ms  {}{}",
            word("verdict"),
            word("source"),
            word("status"),
            word("took"),
            word("url"),
            match word("reason") {
                "" => String::new(),
                reason => format!("  ({reason})"),
            },
        ),
    }
}

fn table(lines: Vec<(&str, String)>) -> String {
    lines.into_iter().map(|(name, value)| format!("{name:<9} {value}\n")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

fn percent(share: &Value) -> String {
    share.as_f64().map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

fn decimal(value: &Value) -> String {
    value.as_f64().map_or("–".to_owned(), |value| format!("{value:.1}"))
}

fn seconds(millis: &Value) -> String {
    millis.as_f64().map_or("–".to_owned(), |millis| format!("{:.1} s", millis / 1_000.0))
}

/// So many requests make a rate.
const TELLING: u64 = 1000;
