//! What the operator may look into: metrics, time series with what is hot, and single entries.

use std::rc::Rc;

use http::{HeaderName, HeaderValue, Method, header};
use serde_json::{Value, json};
use web_sys::{Request, Response};
use worker::Context;

use super::state::Edge;
use super::{explain, health, js, reply};
use crate::cache::json;
use crate::cache::key::normalised;
use crate::cache::tally::exposition::{Gauge, exposition};
use crate::cache::tally::sheet::{Board, Event, PURGE, REQUEST, Subject};
use crate::cache::tally::sketch::Row;
use crate::cache::tally::{FAMILIES, Tally};
use crate::cache::{RequestHead, Tier, Time, Verdict};
use crate::config::Token;
use crate::redis::{Failure, Shared, Span};

/// What is looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Insight {
    Entry,
    Metrics,
    Stats,
}

pub(super) async fn answer(
    edge: &Rc<Edge>,
    sought: Insight,
    head: &RequestHead,
    request: &Request,
    context: &Rc<Context>,
) -> Response {
    let query = Query::of(&head.url);
    let result = match sought {
        Insight::Metrics => Ok(reply::text(200, EXPOSITION, &metrics(edge, context).await)),
        Insight::Stats => match permitted(edge, head) {
            Ok(_) => stats(edge, &query, context).await,
            Err(refusal) => Err(refusal),
        },
        Insight::Entry => match permitted(edge, head) {
            Ok(_) => entry(edge, &query, request, context).await,
            Err(refusal) => Err(refusal),
        },
    };
    result.unwrap_or_else(|refusal| refusal)
}

/// URLs and tags may be confidential: any token opens them, for each may look.
pub(super) fn permitted<'a>(edge: &'a Edge, head: &RequestHead) -> Result<&'a Token, Response> {
    if edge.config.tokens.is_empty() {
        let message = "no token is configured (BREADBOX_TOKENS), so this is closed";
        return Err(reply::failure(403, "closed", message, None));
    }
    let field = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret = field.and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    match secret.and_then(|secret| edge.config.tokens.find(secret)) {
        Some(token) => Ok(token),
        None => {
            let message = "send Authorization: Bearer with a valid token";
            let response = reply::failure(401, "unauthorized", message, None);
            let _ = response.headers().set("www-authenticate", "Bearer realm=\"breadbox\"");
            Err(response)
        }
    }
}

async fn metrics(edge: &Edge, context: &Context) -> String {
    let (pinged, tally, scope) = health::totals(edge, context).await;
    let breaker = edge.shared.as_ref().map_or("", |shared| shared.rest().breaker().as_str());
    let is = |yes: bool| u64::from(yes);
    let gauge = |name, help, value| Gauge { name, help, value };
    exposition(
        &tally,
        &[
            gauge("redis_configured", "Whether there is a shared tier.", is(edge.shared.is_some())),
            gauge("redis_up", "Whether Redis answers.", is(pinged.is_some())),
            gauge(
                "breaker_open",
                "Whether the breaker of the isolate that answers is open.",
                is(breaker == "open"),
            ),
            gauge(
                "counts_of_all_isolates",
                "Whether these are the counts of all isolates, or of one.",
                is(scope == "all"),
            ),
        ],
    )
}

async fn stats(edge: &Edge, query: &Query, context: &Context) -> Result<Response, Response> {
    let minutes = query.number("minutes", 60)?.min(Span::Minute.kept());
    let hours = query.number("hours", 0)?.min(Span::Hour.kept());
    let count = query.number("top", 20)?.min(TOP_MAX) as usize;
    let now = js::now();
    let (pinged, tally, scope) = health::totals(edge, context).await;
    let mut board = Board::default();
    let mut lists = [String::new(), String::new()];
    match (&edge.shared, pinged) {
        (Some(shared), Some(_)) => match history(edge, shared, now, [minutes, hours]).await {
            Ok((sheets, found)) => {
                sheets.iter().for_each(|sheet| board.add(sheet, now));
                lists = found;
            }
            Err(failure) => edge.fault(Tier::Shared, "stats", &failure),
        },
        _ => board.add(&edge.counts.sheet(now), now),
    }
    board.settle();
    let top = json!({
        "urls": ranks(&board, Subject::Urls, count),
        "tags": ranks(&board, Subject::Tags, count),
        "rules": ranks(&board, Subject::Rules, count),
    });
    let told = json!({
        "now": now.0,
        "counted": scope,
        "isolates": board.isolates,
        "since": board.since.map(|since| since.0),
        "families": families(),
        "rules": edge.rules().patterns(),
        "totals": tally.cells(),
        "top": top,
        "requests": events(&board.requests, REQUEST),
        "purges": events(&board.purges, PURGE),
    });
    // The lists are JSON already, and long.
    let told = json::text(&told);
    let inner = told.trim_start_matches('{');
    let [minutes, hours] = lists;
    let text = format!(
        "{{\"success\":true,\"data\":{{\"minutes\":[{minutes}],\"hours\":[{hours}],{inner}}}\n"
    );
    Ok(reply::text(200, "application/json", &text))
}

async fn history(
    edge: &Edge,
    shared: &Shared,
    now: Time,
    [minutes, hours]: [u32; 2],
) -> Result<(Vec<String>, [String; 2]), Failure> {
    edge.counts.publish(shared).await?;
    let sheets = shared.sheets().await?;
    let mut lists = [String::new(), String::new()];
    for (list, span, count) in lists
        .iter_mut()
        .zip([(Span::Minute, minutes), (Span::Hour, hours)])
        .map(|(l, (s, c))| (l, s, c))
    {
        if count > 0 {
            *list = shared.series(span, now, count).await?.join(",");
        }
    }
    Ok((sheets, lists))
}

/// The layout of all lists of cells.
fn families() -> Value {
    let family = |family: &crate::cache::tally::Family| {
        let cells = 0..family.cells().len();
        let values = cells.map(|cell| {
            let values = family.values(cell);
            Value::from(values.iter().take(family.labels.len()).cloned().collect::<Vec<_>>())
        });
        json!({
            "name": family.name,
            "labels": family.labels,
            "values": values.collect::<Vec<_>>(),
        })
    };
    FAMILIES.iter().map(family).collect()
}

fn ranks(board: &Board, subject: Subject, count: usize) -> Value {
    json!({
        "byRequests": rows(board.top(subject, Row::requests, count)),
        "byMisses": rows(board.top(subject, Row::misses, count)),
        "byBytes": rows(board.top(subject, |row| row.bytes, count)),
    })
}

fn rows(rows: Vec<&Row>) -> Value {
    let row = |row: &Row| {
        let verdicts = Verdict::ALL.iter().zip(row.verdicts).filter(|&(_, count)| count > 0);
        let told = verdicts.map(|(verdict, count)| (verdict.to_string(), count.into()));
        json!({
            "label": row.label,
            "requests": row.requests(),
            "misses": row.misses(),
            "bytes": row.bytes,
            "verdicts": json::object(told),
        })
    };
    rows.into_iter().map(row).collect()
}

fn events(events: &[Event], names: &[&str]) -> Value {
    let event = |event: &Event| {
        let words = names.iter().zip(&event.words);
        let told = words.map(|(name, word)| ((*name).to_owned(), word.clone().into()));
        json::object(told.chain([("at".into(), event.at.0.into())]))
    };
    events.iter().map(event).collect()
}

async fn entry(
    edge: &Rc<Edge>,
    query: &Query,
    request: &Request,
    context: &Rc<Context>,
) -> Result<Response, Response> {
    let wrong = |message: &str, field: &str| reply::failure(400, "invalid", message, Some(field));
    let url = query.first("url").and_then(normalised);
    let url = url.ok_or_else(|| wrong("url must be a complete URL, percent-encoded", "url"))?;
    let method = query.first("method").unwrap_or("GET");
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| wrong("method is not the name of a method", "method"))?;
    let mut head = RequestHead { method, url, headers: http::HeaderMap::new() };
    for line in query.all("header") {
        let field = line.split_once(':').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        });
        let (name, value) =
            field.ok_or_else(|| wrong("header must be a name, a colon and a value", "header"))?;
        head.headers.append(name, value);
    }
    let probe = match query.first("probe") {
        None | Some("absent") => explain::Probe::Absent,
        Some("never") => explain::Probe::Never,
        Some(_) => return Err(wrong("probe must be absent or never", "probe")),
    };
    let told = explain::explain(edge, head, probe, request, context).await;
    Ok(reply::json(200, &json!({ "success": true, "data": told })))
}

/// The fields of a URL's query.
struct Query(Vec<(String, String)>);

impl Query {
    fn of(url: &str) -> Self {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn number(&self, name: &str, default: u32) -> Result<u32, Response> {
        let wrong = || {
            let message = format!("{name} must be a whole number");
            reply::failure(400, "invalid", &message, Some(name))
        };
        self.first(name).map_or(Ok(default), |text| text.parse().map_err(|_| wrong()))
    }
}

/// All counts by family and labels; what was never counted is left out.
pub(super) fn counts(tally: &Tally) -> Value {
    let family = |family: &crate::cache::tally::Family| {
        let cells = tally.cells().get(family.cells()).unwrap_or_default();
        let counted = cells.iter().enumerate().filter(|&(_, &count)| count > 0);
        let named = counted.map(|(cell, &count)| {
            let [first, second] = family.values(cell);
            let name = if second.is_empty() { first.into() } else { format!("{first} {second}") };
            (name, count.into())
        });
        (family.name.to_owned(), json::object(named))
    };
    json::object(FAMILIES.iter().filter(|f| !f.is_histogram()).map(family))
}

const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// No more rows of a rank than this.
const TOP_MAX: u32 = 100;
