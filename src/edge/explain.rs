//! Why a URL is or isn't served from the cache: the machine itself is run, up to its reply.
//!
//! The looks are real. The lease is not taken but taken for granted, the origin is asked only where
//! nothing usable is stored, and nothing is ever stored. What the machine was told makes a record
//! from which the same run can be repeated natively ([`crate::replay`]).

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue, Method};
use js_sys::Uint8Array;
use serde_json::{Map, Value, json};
use web_sys::Request;
use worker::Context;

use super::driver::Driver;
use super::js;
use super::state::{Edge, Ruled};
use crate::cache::entry::{Entry, Kind};
use crate::cache::exchange::{
    Action, Exchange, Found, Lease, MARKED, Outcome, Plan, Reach, Reply, told,
};
use crate::cache::family::Generation;
use crate::cache::policy::Standing;
use crate::cache::{Reason, RequestHead, ResponseHead, Time, Verdict, millis};

/// Whether the origin is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// If nothing usable is stored.
    Absent,
    /// Never.
    Never,
}

/// A run in the making.
struct Run {
    driver: Driver,
    probe: Probe,
    steps: Vec<Value>,
    tiers: Vec<Value>,
    reply: Option<Reply<Uint8Array>>,
    /// Why nothing that is stored answers, if nothing does.
    short: Option<Reason>,
}

pub(super) async fn explain(
    edge: &Rc<Edge>,
    mut head: RequestHead,
    probe: Probe,
    request: &Request,
    context: &Rc<Context>,
) -> Value {
    withhold(&mut head.headers);
    let asked = head.url.clone();
    let (plan, Ruled { rule, .. }) = edge.plan(&mut head);
    // What this isolate happens to remember of the URL decides nothing but the order of looks.
    let plan = Plan { hint: None, ..plan };
    let (began, seed) = (js::now(), js::random());
    let driver =
        Driver::new(Rc::clone(edge), Clone::clone(request), head.clone(), Rc::clone(context));
    let mut run =
        Run { driver, probe, steps: Vec::new(), tiers: Vec::new(), reply: None, short: None };
    run.play(&head, plan.clone(), began, seed).await;
    let rules = edge.rules();
    let rule = rule.and_then(|rule| {
        let written = rules.written(rule)?;
        Some(json!({ "number": rule.saturating_add(1), "written": written }))
    });
    let record = json!({
        "version": 1,
        "method": head.method.as_str(),
        "url": head.url,
        "headers": fields(&head.headers),
        "rule": rule.as_ref().and_then(|rule| rule.get("written")),
        "bypass": rules.out_of_service(),
        "origin": edge.config.origin,
        "search": plan.search.as_ref().map(|search| search.rule.to_string()),
        "tiers": plan.tiers.iter().map(|tier| told::tier(*tier)).collect::<Vec<_>>(),
        "began": began.0,
        "seed": seed.to_string(),
        "steps": run.steps,
    });
    let verdict = run.reply.as_ref().map(|reply| reply.status.verdict);
    json!({
        "url": asked,
        "key": plan.key.as_str(),
        "id": plan.key.id().to_string(),
        "rule": rule,
        "tags": run.tags(&plan),
        "verdict": verdict.map(Verdict::as_str),
        "reason": run.reason().map(Reason::as_str),
        "why": run.why(edge).join(" "),
        "tiers": run.tiers,
        "record": record,
    })
}

impl Run {
    async fn play(&mut self, head: &RequestHead, plan: Plan, began: Time, seed: u64) {
        let (mut exchange, mut action) = Exchange::begin(head.clone(), began, seed, plan);
        for _ in 0..STEPS_MAX {
            let done = told::action(&action);
            let outcome = match action {
                Action::Lookup { .. } => {
                    let outcome = self.driver.perform(action).await;
                    self.tiers.push(tier(&done, &outcome));
                    outcome
                }
                Action::Acquire { ref key, .. } => {
                    let stamp = self.driver.stamp(key);
                    let generation = Generation::NONE;
                    let lease = Lease { token: 1, stamp, reach: Reach::Everywhere, generation };
                    Outcome::Granted { lease, found: None }
                }
                Action::Fetch(ref fetch)
                    if self.probe == Probe::Absent && !fetch.passes && safe(&fetch.method) =>
                {
                    self.short = Some(exchange.reason());
                    self.driver.perform(action).await
                }
                // What passes is not asked for: supposing any answer tells why it passes.
                Action::Fetch(ref fetch) if fetch.passes => {
                    let response = ResponseHead { status: 200, headers: HeaderMap::new() };
                    Outcome::Answered { response, length: None }
                }
                Action::Invalidate { .. } => Outcome::Done,
                Action::Reply(reply) => {
                    self.steps.push(json!({ "action": done }));
                    self.reply = Some(reply);
                    return;
                }
                _ => {
                    self.short = Some(exchange.reason());
                    self.steps.push(json!({ "action": done }));
                    return;
                }
            };
            let now = js::now();
            self.steps.push(step(&done, &outcome, now));
            (exchange, action) = exchange.resume(outcome, now);
        }
    }

    fn reason(&self) -> Option<Reason> {
        match &self.reply {
            Some(reply) => reply.status.reason,
            None => self.short,
        }
    }

    fn why(&self, edge: &Edge) -> Vec<String> {
        let mut sentences = Vec::new();
        match &self.reply {
            Some(reply) => sentences.push(reply.status.verdict.words().to_owned()),
            None => sentences.push("The request goes to the origin.".to_owned()),
        }
        let short = self.short.filter(|reason| Some(*reason) != self.reason());
        for reason in short.into_iter().chain(self.reason()) {
            sentences.push(reason.words().to_owned());
        }
        if self.reply.as_ref().is_some_and(|reply| reply.status.stored) {
            sentences.push("The answer would be stored for those who come next.".to_owned());
        }
        let marked = self.tiers.iter().find_map(|tier| tier.pointer("/entry/marked")?.as_str());
        if let Some(reason) = marked.and_then(named) {
            sentences.push(format!("It was found not to be storable: {}", reason.words()));
        }
        if edge.shared.is_none() {
            sentences.push("There is no Redis: this is what one data centre knows.".to_owned());
        }
        sentences
    }

    fn tags(&self, plan: &Plan) -> Value {
        let stored = self.tiers.iter().find_map(|tier| tier.pointer("/entry/tags"));
        stored.cloned().unwrap_or_else(|| Value::from(plan.tags.clone()))
    }
}

fn named(word: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|reason| reason.as_str() == word)
}

fn safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// What a look into a tier has shown, for people.
fn tier(look: &str, outcome: &Outcome<Uint8Array>) -> Value {
    let name = look.split(' ').nth(1).unwrap_or_default();
    match outcome {
        Outcome::Found(found) => json!({
            "tier": name,
            "state": "found",
            "standing": standing(found.standing),
            "entry": described(found),
        }),
        Outcome::Failed(fault) => {
            json!({ "tier": name, "state": "failed", "fault": fault.as_str() })
        }
        _ => json!({ "tier": name, "state": "absent" }),
    }
}

fn described(found: &Found<Uint8Array>) -> Value {
    let entry = &found.entry;
    let age = millis(js::now().since(entry.generated));
    let left = |span| millis(span).saturating_sub(age);
    let marked = entry.head.headers.get(MARKED).and_then(|value| value.to_str().ok());
    json!({
        "kind": match entry.kind {
            Kind::Pass => "mark",
            Kind::Compressed { .. } | Kind::Response => "response",
        },
        "marked": marked,
        "key": entry.key,
        "tags": entry.tags,
        "status": entry.head.status,
        "ageMs": age,
        "generated": entry.generated.0,
        "freshMs": millis(entry.lifetime.fresh),
        "staleMs": millis(entry.lifetime.stale),
        "rescueMs": millis(entry.lifetime.rescue),
        "keepMs": millis(entry.lifetime.keep),
        "freshLeftMs": left(entry.lifetime.fresh),
        "fetchMs": millis(entry.fetch),
        "bytes": entry.body_len,
        "receivedBytes": entry.received_len(),
        "epoch": entry.stamp.epoch.to_string(),
        "sequence": entry.stamp.sequence.0,
        "selecting": entry.selecting.iter().map(|(name, value)| format!("{name}: {value}"))
            .collect::<Vec<_>>(),
        "headers": fields(&entry.head.headers),
    })
}

/// What the machine was told, for a replay.
fn step(action: &str, outcome: &Outcome<Uint8Array>, now: Time) -> Value {
    let told = match outcome {
        Outcome::Found(found) => json!({
            "outcome": "found",
            "entry": BASE64.encode(withheld(&found.entry).encode()),
            "bytes": found.entry.body_len,
            "standing": standing(found.standing),
        }),
        Outcome::Granted { lease, .. } => json!({
            "outcome": "granted",
            "epoch": lease.stamp.epoch.to_string(),
            "sequence": lease.stamp.sequence.0,
        }),
        Outcome::Answered { response, length } => json!({
            "outcome": "answered",
            "status": response.status,
            "headers": fields(&response.headers),
            "length": length,
        }),
        Outcome::Failed(fault) => json!({ "outcome": "failed", "fault": fault.as_str() }),
        Outcome::Done => json!({ "outcome": "done" }),
        _ => json!({ "outcome": "absent" }),
    };
    let mut told = match told {
        Value::Object(told) => told,
        _ => Map::new(),
    };
    told.insert("action".into(), action.into());
    told.insert("at".into(), now.0.into());
    Value::Object(told)
}

/// An entry without its body and without what cookies hold.
fn withheld(entry: &Entry) -> Entry {
    let mut entry = Entry { body_len: 0, ..entry.clone() };
    if let Some(cookie) = entry.head.headers.get_mut(http::header::SET_COOKIE) {
        *cookie = HeaderValue::from_static("withheld");
    }
    entry
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Clean => "clean",
        Standing::Dead => "dead",
        Standing::Soft => "soft",
        Standing::Unknown => "unknown",
    }
}

/// Fields as pairs; cookies are told to be there and no more.
fn fields(headers: &HeaderMap) -> Vec<[String; 2]> {
    let value = |name: &str, value: &HeaderValue| match name {
        "set-cookie" => "withheld".to_owned(),
        _ => String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    headers.iter().map(|(name, v)| [name.to_string(), value(name.as_str(), v)]).collect()
}

/// Leaves of credentials no more than that they are there, and of cookies their names, by which
/// rules go.
fn withhold(headers: &mut HeaderMap) {
    if headers.contains_key(AUTHORIZATION) {
        headers.insert(AUTHORIZATION, HeaderValue::from_static("withheld"));
    }
    let Some(cookies) = headers.remove(COOKIE) else { return };
    let cookies = cookies.to_str().unwrap_or_default().split(';');
    let names =
        cookies.map(|cookie| cookie.split_once('=').map_or(cookie, |(name, _)| name).trim());
    let told: Vec<String> = names.map(|name| format!("{name}=withheld")).collect();
    if let Ok(told) = HeaderValue::from_str(&told.join("; ")) {
        headers.insert(COOKIE, told);
    }
}

/// No run is longer.
const STEPS_MAX: usize = 12;
