//! Repeats natively what the edge did: from the record of an explanation to the same actions.
//!
//! A record holds all that a decision depends on: the request's head, the rule, the times, and
//! what the machine was told at each step, the head of a stored entry and what the ledger said of
//! it included.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use crate::cache::entry::Entry;
use crate::cache::exchange::{Exchange, Fault, Found, Lease, Limits, Outcome, Plan, Reach, told};
use crate::cache::family::Generation;
use crate::cache::field::NoVarySearch;
use crate::cache::ledger::{Epoch, Sequence, Stamp};
use crate::cache::policy::{Standing, Treatment};
use crate::cache::{RequestHead, ResponseHead, Tier, Time};
use crate::config::Rules;

/// What a record says was done, and what the machine does when told the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The actions of the record.
    pub recorded: Vec<String>,
    /// The actions of the replay.
    pub repeated: Vec<String>,
}

impl Replay {
    /// Whether they are the same.
    pub fn agrees(&self) -> bool {
        self.recorded == self.repeated
    }
}

/// Runs the machine on a record in JSON; the error names the part that can't be read.
pub fn replay(record: &Value) -> Result<Replay, String> {
    let part = Part(record);
    let head = RequestHead {
        method: Method::from_bytes(part.text("method")?.as_bytes())
            .map_err(|error| format!("method: {error}"))?,
        url: part.text("url")?.to_owned(),
        headers: part.headers()?,
    };
    let seed = part.text("seed")?.parse().map_err(|error| format!("seed: {error}"))?;
    let (mut exchange, mut action) =
        Exchange::begin(head.clone(), Time(part.number("began")?), seed, plan(record, &head)?);
    let steps = part.list("steps")?;
    let mut replay = Replay { recorded: Vec::new(), repeated: Vec::new() };
    for step in steps {
        replay.recorded.push(Part(step).text("action")?.to_owned());
        replay.repeated.push(told::action(&action));
        if step.get("outcome").is_none() {
            break;
        }
        let at = Time(Part(step).number("at")?);
        (exchange, action) = exchange.resume(outcome(step)?, at);
    }
    Ok(replay)
}

fn plan(record: &Value, head: &RequestHead) -> Result<Plan, String> {
    let mut rules = match record.get("rule") {
        None | Some(Value::Null) => json!({}),
        Some(rule) => json!({ "rule": [rule] }),
    };
    if let (Some(bypass @ Value::String(_)), Some(rules)) =
        (record.get("bypass"), rules.as_object_mut())
    {
        rules.insert("bypass".into(), bypass.clone());
    }
    let rules = Rules::from_json(&rules.to_string()).map_err(|error| error.to_string())?;
    let rest = head.url.split_once("://").map_or(head.url.as_str(), |(_, rest)| rest);
    let slash = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(slash).unwrap_or((rest, ""));
    let mut ruling = rules.ruling(host, path.split_once('?').map_or(path, |(path, _)| path));
    if let Some((_, query)) = path.split_once('?') {
        // It is folded already; what keeps the request from the cache still stands in it.
        ruling.fold(query);
    }
    let origin = Some(Part(record).text("origin")?.to_owned());
    let tiers = Part(record).list("tiers")?;
    let tier = |name: &Value| {
        let known = [Tier::Memory, Tier::Platform, Tier::Shared].into_iter();
        known.into_iter().find(|tier| Some(told::tier(*tier)) == name.as_str())
    };
    let plan = Plan {
        key: ruling.settle(&mut head.clone()),
        treatment: Treatment { origin, ..ruling.treatment },
        tags: ruling.tags,
        tiers: tiers.iter().map(tier).collect::<Option<_>>().ok_or("tiers: unknown")?,
        limits: Limits::default(),
        stamp: Stamp::default(),
        hint: None,
        search: None,
    };
    match record.get("search") {
        None | Some(Value::Null) => Ok(plan),
        Some(text) => {
            let rule = text.as_str().and_then(NoVarySearch::from_text);
            Ok(plan.modulo(rule.ok_or("search: no rule of queries")?, &head.method))
        }
    }
}

fn outcome(step: &Value) -> Result<Outcome<()>, String> {
    let part = Part(step);
    Ok(match part.text("outcome")? {
        "absent" => Outcome::Absent,
        "answered" => Outcome::Answered {
            response: ResponseHead {
                status: u16::try_from(part.number("status")?).map_err(|e| e.to_string())?,
                headers: part.headers()?,
            },
            length: step.get("length").and_then(Value::as_u64),
        },
        "done" => Outcome::Done,
        "failed" => {
            let word = part.text("fault")?;
            let fault = Fault::ALL.into_iter().find(|fault| fault.as_str() == word);
            Outcome::Failed(fault.ok_or("fault: unknown")?)
        }
        "found" => Outcome::Found(Found {
            entry: entry(part.text("entry")?, part.number("bytes")?.unsigned_abs())?,
            body: (),
            standing: match part.text("standing")? {
                "clean" => Standing::Clean,
                "dead" => Standing::Dead,
                "soft" => Standing::Soft,
                "unknown" => Standing::Unknown,
                _ => return Err("standing: unknown".into()),
            },
        }),
        "granted" => {
            let epoch = Epoch::parse(part.text("epoch")?).ok_or("epoch: unreadable")?;
            let sequence = Sequence(part.number("sequence")?.unsigned_abs());
            let stamp = Stamp { epoch, sequence };
            let generation = Generation::NONE;
            let lease = Lease { token: 1, stamp, reach: Reach::Everywhere, generation };
            Outcome::Granted { lease, found: None }
        }
        other => return Err(format!("outcome: {other} is unknown")),
    })
}

/// An entry whose body was left out of the record.
fn entry(text: &str, body_len: u64) -> Result<Entry, String> {
    let bytes = BASE64.decode(text).map_err(|error| format!("entry: {error}"))?;
    let (entry, _) = Entry::decode(&bytes).map_err(|error| format!("entry: {error}"))?;
    Ok(Entry { body_len, ..entry })
}

struct Part<'a>(&'a Value);

impl<'a> Part<'a> {
    fn text(&self, name: &str) -> Result<&'a str, String> {
        self.0.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name}: not a text"))
    }

    fn number(&self, name: &str) -> Result<i64, String> {
        self.0.get(name).and_then(Value::as_i64).ok_or_else(|| format!("{name}: not a number"))
    }

    fn list(&self, name: &str) -> Result<&'a Vec<Value>, String> {
        self.0.get(name).and_then(Value::as_array).ok_or_else(|| format!("{name}: not a list"))
    }

    fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for pair in self.list("headers")? {
            let text = |n: usize| pair.get(n).and_then(Value::as_str).ok_or("headers: no pairs");
            let name: HeaderName = text(0)?.parse().map_err(|e| format!("headers: {e}"))?;
            let value = HeaderValue::from_str(text(1)?).map_err(|e| format!("headers: {e}"))?;
            headers.append(name, value);
        }
        Ok(headers)
    }
}
