//! The health report, and the pages that show it.

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use web_sys::Response;

use super::state::{Canary, Edge};
use super::{js, reply};
use crate::cache::exchange::{Content, Reply};
use crate::cache::policy::Status;
use crate::cache::tally::{Cell, Tally};
use crate::cache::{ResponseHead, Tier, Verdict, millis};
use crate::redis::{Haste, Shared};

/// The counts of all isolates and the state of the store, as `GET /api/v1/cache` tells them.
pub(super) async fn report(edge: &Edge) -> Value {
    let (connected, latency) = match &edge.shared {
        Some(shared) => ping(edge, shared).await,
        None => (false, None),
    };
    let (tally, scope) = match (connected || edge.shared.is_none(), edge.totals().await) {
        (true, Ok(tally)) if edge.shared.is_some() => (tally, "all"),
        (_, Ok(tally)) => (tally, "isolate"),
        (_, Err(failure)) => {
            edge.fault(Tier::Shared, "tally", &failure);
            (edge.unflushed(), "isolate")
        }
    };
    let (hits, misses) = tally.hits_and_misses();
    let rate = ratio(hits, hits.saturating_add(misses));
    json!({ "success": true, "data": {
        "redis": {
            "configured": edge.shared.is_some(),
            "hits": hits,
            "misses": misses,
            "hitRate": rate,
            "health": {
                "connected": connected,
                "latency": latency,
                "breaker": edge.shared.as_ref().map(|shared| shared.rest().breaker().as_str()),
            },
        },
        "targets": {
            "hitRateTarget": format!("{HIT_RATE_TARGET}%"),
            "currentHitRate": rate.map(|rate| format!("{:.1}%", rate * 100.0)),
        },
        "performance": performance(&tally, rate),
        "requests": requests(&tally),
        "origin": {
            "fetches": tally.count(Cell::OriginFetches),
            "faults": tally.count(Cell::OriginFaults),
        },
        "variants": { "displaced": tally.count(Cell::DisplacedVariants) },
        "purge": {
            "requests": tally.count(Cell::Purges),
            "refusedForTags": tally.count(Cell::TagRefusals),
            "visibilityMs": millis(edge.config.visibility),
            "canary": match edge.canary.get() {
                Canary::Purged => "purged",
                Canary::Survived => "survived",
                Canary::Untried => "untried",
            },
        },
        "counted": scope,
    }})
}

/// A dashboard file with the headers that keep it to itself.
pub(super) fn page(found: Response, file: &str) -> Response {
    let mut headers = HeaderMap::new();
    let kind = match file.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
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
    reply::response(Reply { head, content: Content::Origin, decode: None, status }, Some(&found))
}

async fn ping(edge: &Edge, shared: &Shared) -> (bool, Option<i64>) {
    let asked = js::now();
    match shared.rest().command(&["PING"], Haste::Reply, js::now).await {
        Ok(_) => (true, Some(millis(js::now().since(asked)))),
        Err(failure) => {
            edge.fault(Tier::Shared, "ping", &failure);
            (false, None)
        }
    }
}

fn performance(tally: &Tally, rate: Option<f64>) -> Value {
    let reads = tally.count(Cell::Reads);
    let quick = ratio(tally.count(Cell::QuickReads), reads);
    let average = ratio(tally.count(Cell::ReadMillis), reads);
    json!({
        "hitRateAchieved": rate.map(|rate| rate * 100.0 >= HIT_RATE_TARGET),
        "subMillisecondReads": quick.map(|share| share >= 0.5),
        "subMillisecondReadShare": quick,
        "averageReadMs": average,
        "reads": reads,
    })
}

fn requests(tally: &Tally) -> Value {
    let counts = Verdict::ALL.map(|verdict| {
        (verdict.as_str().to_owned(), Value::from(tally.count(Cell::Requests(verdict))))
    });
    Value::Object(counts.into_iter().collect())
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
const HIT_RATE_TARGET: f64 = 90.0;
