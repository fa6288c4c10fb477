//! The health report, and the pages that show it.

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use web_sys::Response;
use worker::Context;

use super::state::{Canary, Edge};
use super::{insight, js, reply};
use crate::cache::exchange::{Content, Fault, Reply};
use crate::cache::json;
use crate::cache::policy::Status;
use crate::cache::tally::{Cell, Patience, Peer, Tally};
use crate::cache::{Reason, ResponseHead, Tier, Verdict, millis};
use crate::redis::{Haste, Shared};

/// The counts of all isolates and the state of the store, as `GET /api/v1/cache` tells them.
pub(super) async fn report(edge: &Edge, context: &Context) -> Value {
    let (latency, tally, scope) = totals(edge, context).await;
    let (entries, bytes) = edge.memory.size();
    let (hits, misses) = tally.hits_and_misses();
    let rate = ratio(hits, hits.saturating_add(misses));
    json!({ "success": true, "data": {
        "redis": {
            "configured": edge.shared.is_some(),
            "hits": hits,
            "misses": misses,
            "hitRate": rate,
            "health": {
                "connected": latency.is_some(),
                "latency": latency,
                "breaker": edge.shared.as_ref().map(|shared| shared.rest().breaker().as_str()),
            },
        },
        "targets": {
            "hitRateTarget": format!("{HIT_RATE_TARGET}%"),
            "currentHitRate": percent(hits, hits.saturating_add(misses)),
        },
        "performance": performance(&tally, rate),
        "requests": requests(&tally),
        "origin": origin(&tally),
        "latency": latencies(&tally),
        "cost": {
            "redisCommands": tally.count(Cell::Commands),
            "redisCommandsPer1000Requests":
                ratio(tally.count(Cell::Commands).saturating_mul(1_000), tally.requests()),
        },
        "variants": { "displaced": tally.count(Cell::DisplacedVariants) },
        "memory": { "entries": entries, "bytes": bytes },
        "purge": {
            "requests": tally.count(Cell::Purges),
            "refused": tally.count(Cell::RefusedPurges),
            "refusedForTags": tally.count(Cell::Reasons(Reason::Tags)),
            "visibilityMs": millis(edge.config.visibility),
            "canary": match edge.canary.get() {
                Canary::Purged => "purged",
                Canary::Survived => "survived",
                Canary::Untried => "untried",
            },
        },
        "lifetimes": lifetimes(edge, &tally),
        "counts": insight::counts(&tally),
        "counted": scope,
    }})
}

/// How long Redis took to answer, if it did, and the counts with their scope: those of all
/// isolates, or of this one alone.
pub(super) async fn totals(edge: &Edge, context: &Context) -> (Option<i64>, Tally, &'static str) {
    let latency = match &edge.shared {
        Some(shared) => ping(edge, shared).await,
        None => None,
    };
    if latency.is_some() {
        match edge.totals(context).await {
            Ok(tally) => return (latency, tally, "all"),
            Err(failure) => edge.fault(Tier::Shared, "tally", &failure),
        }
    }
    (latency, edge.counts.unsent(), "isolate")
}

/// A dashboard file with the headers that keep it to itself.
pub(super) fn page(found: Response, file: &str) -> Response {
    let mut headers = HeaderMap::new();
    let kind = match file.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        Some((_, "txt")) => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let status = Status::new(Verdict::Bypass);
    status.append(&mut headers);
    let head = ResponseHead { status: 200, headers };
    let reply = Reply { head, content: Content::Origin, decode: None, saved: 0, status };
    reply::response(reply, Some(&found))
}

async fn ping(edge: &Edge, shared: &Shared) -> Option<i64> {
    let asked = js::now();
    match shared.rest().command(&["PING"], Haste::Reply, js::now).await {
        Ok(_) => Some(millis(js::now().since(asked))),
        Err(failure) => {
            edge.fault(Tier::Shared, "ping", &failure);
            None
        }
    }
}

/// The targets' flags, and what they are computed from.
fn performance(tally: &Tally, rate: Option<f64>) -> Value {
    let waits = tally.waits(Peer::Shared);
    let reads = waits.count();
    let quick = tally.count(Cell::Waits(Peer::Shared, 0));
    let share = ratio(quick, reads);
    json!({
        "hitRateAchieved": rate.map(|rate| rate * 100.0 >= f64::from(HIT_RATE_TARGET)),
        "subMillisecondReads": share.map(|share| share >= 0.5),
        "subMillisecondReadShare": share,
        "averageReadMs": ratio(waits.sum(), reads),
        "reads": reads,
        "computedFrom": {
            "hitRateAchieved": "redis.hits / (redis.hits + redis.misses), of all requests counted",
            "subMillisecondReads": "at least half of the reads took less than 1 ms",
        },
    })
}

fn origin(tally: &Tally) -> Value {
    let (requests, fetches) = (tally.requests(), tally.fetches());
    let faults = Fault::ALL.map(|fault| tally.count(Cell::Faults(Peer::Origin, fault)));
    let saved = requests.saturating_sub(fetches);
    json!({
        "fetches": fetches,
        "whileClientsWaited": tally.count(Cell::Fetches(Patience::Foreground)),
        "faults": faults.iter().sum::<u64>(),
        "fetchesSaved": saved,
        "loadSaved": ratio(saved, requests),
    })
}

/// Waits by place: below how many milliseconds the quicker half stayed, and so on.
fn latencies(tally: &Tally) -> Value {
    let places = [("redis", Peer::Shared), ("platform", Peer::Platform), ("origin", Peer::Origin)];
    let told = places.map(|(name, place)| {
        let waits = tally.waits(place);
        let told = json!({
            "count": waits.count(),
            "averageMs": ratio(waits.sum(), waits.count()),
            "p50BelowMs": waits.below(50),
            "p90BelowMs": waits.below(90),
            "p99BelowMs": waits.below(99),
        });
        (name.to_owned(), told)
    });
    json::object(told)
}

/// What is known of how often each rule's content changes, and the lifetime that suits that.
fn lifetimes(edge: &Edge, tally: &Tally) -> Value {
    let rules = edge.rules();
    let told = tally.watches().filter(|(_, watch)| watch.checks > 0).map(|(rule, watch)| {
        let bounds = rules.tuning(rule);
        let advice = watch.advice(bounds.unwrap_or_default().staleness).map(|advice| {
            json!({
                "ttlNow": rounded(advice.now),
                "ttl": rounded(advice.ttl),
                "fetchesSaved": rounded(advice.saved),
                "staleNow": rounded(advice.stale_now),
                "staleThen": rounded(advice.stale_then),
            })
        });
        json!({
            "rule": rule,
            "auto": bounds.is_some(),
            "checks": watch.checks,
            "silentChanges": watch.silent,
            "announcedChanges": watch.announced,
            "advice": advice,
        })
    });
    told.collect()
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn requests(tally: &Tally) -> Value {
    let counts = Verdict::ALL.map(|verdict| {
        (verdict.as_str().to_owned(), Value::from(tally.count(Cell::Requests(verdict))))
    });
    json::object(counts)
}

/// A share in percent with one decimal, unless there is nothing to share. Whole numbers make it:
/// the library's text of any other number is ten kilobytes of the Worker.
fn percent(part: u64, whole: u64) -> Option<String> {
    let tenths = part.saturating_mul(1_000).saturating_add(whole / 2).checked_div(whole)?;
    Some(format!("{}.{}%", tenths / 10, tenths % 10))
}

/// A share, unless there is nothing to share.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The page uses nothing but its own files and submits by script alone.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The hit rate that is aimed at, in percent.
const HIT_RATE_TARGET: u32 = 90;
