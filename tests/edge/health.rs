//! The health report: what it holds, and that its figures are those of all isolates.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::faults::Trouble;
use xtask::harness::{SharedTier, Spec, Troubles, eventually};
use xtask::origin::Reply;

use crate::site::{PATIENCE, Site, answer, one, page, set};

#[tokio::test]
async fn the_report_counts_all_isolates() -> Result<()> {
    let site = Site::start(|seen| match seen.method.as_str() {
        "GET" => page(1),
        _ => Reply::status(204),
    })?;
    site.get(0, "/one").await?;
    eventually("the page is stored", PATIENCE, async || {
        site.edge.colos.iter().any(|colo| !colo.is_empty())
    })
    .await?;
    for isolate in 0..4 {
        for _ in 0..isolate + 3 {
            assert!(site.get(isolate, "/one").await?.is_hit());
        }
        answer(site.request("POST", isolate, "/form")).await?;
    }
    site.get(2, "/two").await?;
    site.purge(r#"{"tags":["nobody"]}"#).await?;
    for isolate in [0, 3] {
        let mut last = Value::Null;
        let counted = eventually("the figures are complete", PATIENCE, async || {
            last = report(&site, isolate).await.unwrap_or_default();
            let at = |pointer: &str| last.pointer(pointer).and_then(Value::as_u64);
            at("/requests/hit") == Some(3 + 4 + 5 + 6)
                && at("/requests/miss") == Some(2)
                && at("/requests/bypass") == Some(4)
                && at("/origin/fetches") == Some(6)
        });
        let counted = counted.await;
        counted.with_context(|| last.to_string())?;
        assert_eq!(last["redis"]["hits"], 18, "{last}");
        assert_eq!(last["redis"]["misses"], 2, "{last}");
        assert_eq!(last["redis"]["hitRate"], 0.9, "{last}");
        assert_eq!(last["targets"]["currentHitRate"], "90.0%", "{last}");
        assert_eq!(last["performance"]["hitRateAchieved"], true, "{last}");
        assert_eq!(last["counted"], "all", "{last}");
    }
    Ok(())
}

/// What an isolate has sent and Redis has not taken yet is in neither's counts for a moment.
#[tokio::test]
async fn the_report_waits_for_counts_on_their_way() -> Result<()> {
    let change = |spec| {
        let spec = Spec { troubles: Troubles::OnEveryLine, ..one(spec) };
        set(spec, "VISIBILITY", "1h")
    };
    let site = Site::with(|_| page(1), change)?;
    site.warm(0, "/page").await?;
    let store = &site.edge.lines()?.store;
    store.set(Trouble::Slow(Duration::from_secs(2)));
    let before = store.requests();
    eventually("counts are sent", PATIENCE, async || store.requests() > before).await?;
    store.set(Trouble::Fair);
    let told = report(&site, 0).await?;
    assert_eq!(told["redis"]["misses"], 1, "{told}");
    Ok(())
}

#[tokio::test]
async fn the_report_has_the_documented_fields() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    site.warm(0, "/page").await?;
    let answered = site.get(0, HEALTH).await?;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.header("content-type"), "application/json");
    assert!(answered.header("cache-control").contains("no-store"), "{}", answered.headers_text());
    let json = answered.json()?;
    assert_eq!(json["success"], true, "{json}");
    let data = &json["data"];
    type Is = fn(&Value) -> bool;
    let expected: [(&str, Is); 10] = [
        ("/redis/hits", Value::is_u64),
        ("/redis/misses", Value::is_u64),
        ("/redis/hitRate", Value::is_f64),
        ("/redis/health/connected", |value| *value == true),
        ("/redis/health/latency", Value::is_number),
        ("/redis/configured", |value| *value == true),
        ("/targets/hitRateTarget", |value| *value == "90%"),
        ("/targets/currentHitRate", |value| value.as_str().is_some_and(|it| it.ends_with('%'))),
        ("/performance/hitRateAchieved", Value::is_boolean),
        ("/performance/subMillisecondReads", Value::is_boolean),
    ];
    for (pointer, is_right) in expected {
        let value = data.pointer(pointer).with_context(|| format!("no {pointer} in {json}"))?;
        assert!(is_right(value), "{pointer} is {value}");
    }
    Ok(())
}

#[tokio::test]
async fn the_report_says_that_there_is_no_redis() -> Result<()> {
    let site = Site::with(|_| page(1), |spec| Spec { shared: SharedTier::Off, ..one(spec) })?;
    site.warm(0, "/page").await?;
    let report = report(&site, 0).await?;
    assert_eq!(report["redis"]["configured"], false, "{report}");
    assert_eq!(report["redis"]["health"]["connected"], false, "{report}");
    assert_eq!(report["counted"], "isolate", "{report}");
    Ok(())
}

#[tokio::test]
async fn the_report_says_that_redis_is_gone_and_that_it_is_back() -> Result<()> {
    let mut site = Site::strict(|_| page(1))?;
    assert_eq!(report(&site, 0).await?["redis"]["health"]["connected"], true);
    site.edge.redis()?.daemon.kill();
    let gone = report(&site, 0).await?;
    assert_eq!(gone["redis"]["health"]["connected"], false, "{gone}");
    assert_eq!(gone["redis"]["configured"], true, "{gone}");
    site.edge.redis()?.daemon.start_again()?;
    eventually("Redis is reported again", PATIENCE, async || {
        let report = report(&site, 0).await.unwrap_or_default();
        report["redis"]["health"]["connected"] == true
    })
    .await
}

async fn report(site: &Site, isolate: usize) -> Result<Value> {
    let mut json = site.get(isolate, HEALTH).await?.json()?;
    Ok(json["data"].take())
}

const HEALTH: &str = "/api/v1/cache";
