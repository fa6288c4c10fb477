//! Scenarios: a scripted origin, clients one after another, virtual time (`scenarios/*.txt`).
//!
//! Each line is a word and what it says, parts two spaces apart:
//!
//! ```text
//! origin   200  cache-control: max-age=1  body=one     the origin's next answer; or `origin  down`
//! client   GET /a  accept: text/html = 200 one hit     a request, and what it must get
//! at       +2s                                         time passes
//! drain                                                refreshes that were begun come to their end
//! purge    hard tag news                               a purge, seen at once
//! meantime hard tag news                               the same while the origin is asked next
//! leader   /a 200ms  200  cache-control: …  body=x     another isolate fetches, and stores this
//! store    down                                        the shared tier fails; or `store  up`
//! limit    spent                                       the origin's purges are refused; or `free`
//! expect   origin=2 refresh=1                          fetches so far, and how many after a reply
//! asked    if-none-match: "a"                         the last fetch's field; or `asked  no range`
//! trace                                                what the machine did, line by line
//! ```
//!
//! A fetch that no `origin` answers fails the run. `UPDATE_EXPECT=1` writes the traces anew.

#[path = "scenario/stage.rs"]
mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use breadbox::cache::ResponseHead;
use breadbox::cache::glob::Glob;
use breadbox::cache::ledger::{Mode, Record, Selector};
use http::{HeaderMap, HeaderName, HeaderValue};

use stage::{Limit, Scripted, Stage, StoreState};

#[test]
fn scenarios_run_as_they_are_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 8, "only {} scenarios in {}", paths.len(), directory.display());
    let failures: Vec<String> = paths.iter().filter_map(|path| run(path).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn run(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (script, blessed) = text.split_once("\ntrace\n").unwrap_or((text.as_str(), ""));
    let mut stage = Stage::default();
    for (index, line) in script.lines().enumerate() {
        let place = || format!("{}:{}: {line}", path.display(), index + 1);
        step(&mut stage, line)
            .map_err(|fault| format!("{}\n  {fault}\n  {}", place(), stage.trace.join("\n  ")))?;
    }
    for word in ["title", "cite"] {
        if !script.lines().any(|line| line.starts_with(word)) {
            return Err(format!("{}: has no {word}", path.display()));
        }
    }
    if !stage.scripted.is_empty() {
        return Err(format!("{}: {} answers unused", path.display(), stage.scripted.len()));
    }
    let trace: String = stage.trace.iter().map(|line| format!("  {line}\n")).collect();
    if trace == blessed {
        return Ok(());
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let whole = format!("{}\ntrace\n{trace}", script.trim_end());
        return fs::write(path, whole).map_err(|error| format!("{}: {error}", path.display()));
    }
    let name = path.display();
    Err(format!(
        "{name}: the trace differs (UPDATE_EXPECT=1 takes it)\n{}",
        changes(blessed, &trace)
    ))
}

/// The first line in which two traces differ, with what comes before it.
fn changes(blessed: &str, found: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (blessed.lines().collect(), found.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let line = |lines: &[&str]| lines.get(same).map_or("(end)".to_owned(), |line| line.to_string());
    let before: Vec<&str> = new.iter().take(same).copied().collect();
    format!("{}\n- {}\n+ {}", before.join("\n"), line(&old), line(&new))
}

fn step(stage: &mut Stage, line: &str) -> Result<(), String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match word {
        "" | "#" | "title" | "cite" => Ok(()),
        "origin" => {
            stage.scripted.push_back(scripted(rest)?);
            Ok(())
        }
        "client" => client(stage, rest),
        "at" => {
            let span = span(rest.strip_prefix('+').ok_or("at +<span>")?)?;
            stage.pass(span);
            Ok(())
        }
        "drain" => stage.drain(),
        "purge" => {
            stage.purge(record(rest)?);
            Ok(())
        }
        "meantime" => {
            stage.meantime = Some(record(rest)?);
            Ok(())
        }
        "leader" => {
            let (which, answer) = rest.split_once("  ").ok_or("leader <path> <span>  <answer>")?;
            let (path, time) = which.split_once(' ').ok_or("leader <path> <span>  <answer>")?;
            stage.leader(path, span(time)?, scripted(answer)?)
        }
        "store" => {
            stage.store = match rest {
                "up" => StoreState::Up,
                "down" => StoreState::Down,
                _ => return Err("store up or store down".to_owned()),
            };
            Ok(())
        }
        "limit" => {
            stage.limit = match rest {
                "free" => Limit::Free,
                "spent" => Limit::Spent,
                _ => return Err("limit free or limit spent".to_owned()),
            };
            Ok(())
        }
        "expect" => rest.split(' ').try_for_each(|pair| {
            let (name, wanted) = pair.split_once('=').ok_or("expect name=number")?;
            let found = match name {
                "origin" => stage.fetches,
                "refresh" => stage.refreshes,
                _ => return Err(format!("nothing counts {name}")),
            };
            equal(&format!("{name}={found}"), &format!("{name}={wanted}"))
        }),
        "asked" => {
            let asked = stage.asked.as_ref().ok_or("the origin was not asked")?;
            if let Some(name) = rest.strip_prefix("no ") {
                return equal(&format!("{:?}", asked.get(name)), "None");
            }
            let (name, value) = rest.split_once(": ").ok_or("asked <field>: <value>")?;
            let found = asked.get(name).and_then(|found| found.to_str().ok());
            equal(found.unwrap_or("(no such field)"), value)
        }
        _ => Err(format!("no directive is called {word}")),
    }
}

fn client(stage: &mut Stage, rest: &str) -> Result<(), String> {
    let (asked, wanted) =
        rest.rsplit_once(" = ").ok_or("client <request> = <status body verdict>")?;
    let mut parts = asked.split("  ").map(str::trim).filter(|part| !part.is_empty());
    let line = parts.next().ok_or("client <method> <path>")?;
    let (method, path) = line.split_once(' ').ok_or("client <method> <path>")?;
    let headers = fields(parts)?;
    let found = stage.ask(method, path, headers)?;
    let wanted: Vec<&str> = wanted.split_whitespace().collect();
    equal(&found, &wanted.join(" "))
}

fn equal(found: &str, wanted: &str) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("found {found}")),
    }
}

fn scripted(text: &str) -> Result<Scripted, String> {
    if text == "down" {
        return Ok(Scripted::Down);
    }
    let mut parts = text.split("  ").map(str::trim).filter(|part| !part.is_empty());
    let status =
        parts.next().and_then(|status| status.parse().ok()).ok_or("a status comes first")?;
    let (body, rest): (Vec<&str>, Vec<&str>) = parts.partition(|part| part.starts_with("body="));
    let body = body.first().map_or("", |body| &body["body=".len()..]).to_owned();
    Ok(Scripted::Answer(ResponseHead { status, headers: fields(rest.into_iter())? }, body))
}

fn fields<'a>(parts: impl Iterator<Item = &'a str>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for part in parts {
        let (name, value) = part.split_once(": ").ok_or(format!("{part} is no field"))?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        headers.append(name, HeaderValue::from_str(value).map_err(|error| error.to_string())?);
    }
    Ok(headers)
}

fn record(text: &str) -> Result<Record, String> {
    let mut words = text.splitn(3, ' ');
    let mode = match words.next() {
        Some("hard") => Mode::Hard,
        Some("soft") => Mode::Soft,
        _ => return Err("purge hard|soft <what>".to_owned()),
    };
    let (kind, value) = (words.next().unwrap_or(""), words.next().unwrap_or("").to_owned());
    let selector = match kind {
        "everything" => Selector::All,
        "glob" => Selector::Glob(Glob::new(value)),
        "host" => Selector::Host(value),
        "prefix" => Selector::Prefix(value),
        "tag" => Selector::Tag(value),
        "url" => Selector::Url(value),
        _ => return Err(format!("nothing is purged by {kind}")),
    };
    Ok(Record { mode, selector })
}

fn span(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(|c: char| c.is_alphabetic());
    let amount: u64 = number.parse().map_err(|_| format!("{text} is no span"))?;
    match &text[number.len()..] {
        "ms" => Ok(Duration::from_millis(amount)),
        "s" => Ok(Duration::from_secs(amount)),
        "m" => Ok(Duration::from_secs(60 * amount)),
        "h" => Ok(Duration::from_secs(3600 * amount)),
        _ => Err(format!("{text} is no span; allowed: 5ms, 5s, 5m, 5h")),
    }
}
