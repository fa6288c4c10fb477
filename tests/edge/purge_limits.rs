//! A purger that names new selectors without end is told to wait, in its own words.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use xtask::harness::{ADMIN, PURGER, SharedTier, Spec};
use xtask::origin::{Reply, Seen};

use crate::site::{Answer, PURGE, Site, answer, one, page, set};

/// Fifty selectors at once are far beyond ten: nothing is free for a while.
fn many() -> String {
    let tags: Vec<String> = (0..50).map(|n| format!("\"t{n}\"")).collect();
    format!("{{\"tags\":[{}]}}", tags.join(","))
}

fn limited(spec: Spec) -> Spec {
    set(set(set(spec, "VISIBILITY", "0s"), "PURGE_RATE", "1"), "PURGE_BURST", "10")
}

fn script(seen: &Seen) -> Reply {
    match seen.path.as_str() {
        "/form" => Reply::status(303).header("breadbox-purge", "other"),
        "/many" => {
            let tags: Vec<String> = (0..50).map(|n| format!("t{n}")).collect();
            Reply::status(303).header("breadbox-purge", tags.join(", "))
        }
        _ => page(1).header("cache-tag", "news"),
    }
}

async fn purge(site: &Site, isolate: usize, token: &str, body: &str) -> Result<Answer> {
    let request = site.request("POST", isolate, PURGE).bearer_auth(token);
    answer(request.body(body.to_owned())).await
}

#[tokio::test]
async fn a_token_beyond_its_limit_is_refused_by_every_isolate_and_in_every_dialect() -> Result<()> {
    let site = Site::with(script, limited)?;
    assert_eq!(purge(&site, 0, ADMIN, &many()).await?.status, 200);
    let bearer = format!("Bearer {ADMIN}");
    let zone = "/client/v4/zones/0123/purge_cache";
    for isolate in 0..4 {
        let refused = purge(&site, isolate, ADMIN, r#"{"tags":["news"]}"#).await?;
        assert_eq!(refused.status, 429, "{}", refused.text());
        assert!(refused.took >= Duration::from_millis(250), "a flood is not held back");
        let error = refused.json()?["error"].clone();
        assert_eq!(error["code"], "too-many-purges", "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains("PURGE_RATE") && message.contains("PURGE_BURST"), "{message}");
        let wait: u64 = refused.header("retry-after").parse()?;
        assert!((1..=50).contains(&wait), "{wait}");
        for (method, path, field, place, expected) in [
            ("POST", zone, ("authorization", bearer.as_str()), "/errors/0/code", json!(971)),
            (
                "POST",
                "/service/s/purge_all",
                ("fastly-key", ADMIN),
                "/msg",
                "too-many-purges".into(),
            ),
            ("PURGE", "/page", ("fastly-key", ADMIN), "/msg", "too-many-purges".into()),
            ("BAN", "/", ("authorization", bearer.as_str()), "/msg", "too-many-purges".into()),
        ] {
            let request = site.request(method, isolate, path).header(field.0, field.1);
            let told = answer(request.header("x-ban-url", "^/").body("{\"tags\":[\"a\"]}")).await?;
            assert_eq!(told.status, 429, "{method} {path}: {}", told.text());
            assert_eq!(told.json()?.pointer(place), Some(&expected), "{}", told.text());
            assert!(!told.header("retry-after").is_empty(), "{}", told.headers_text());
            let fastly = field.0 == "fastly-key";
            assert_eq!(told.header("fastly-ratelimit-remaining") == "0", fastly, "{method} {path}");
        }
    }
    let other = purge(&site, 1, PURGER, r#"{"tags":["news"]}"#).await?;
    assert_eq!(other.status, 200, "another token has a limit of its own: {}", other.text());
    let report = site.get(1, "/api/v1/cache").await?.json()?;
    let refused = report.pointer("/data/purge/refused").and_then(serde_json::Value::as_u64);
    assert!(refused > Some(0), "{report}");
    Ok(())
}

/// Its answers must not be lost, and neither must its purges: they become one of the whole host.
#[tokio::test]
async fn the_origin_beyond_its_limit_purges_its_host() -> Result<()> {
    let site = Site::with(script, |spec| limited(one(spec)))?;
    site.warm(0, "/page").await?;
    assert_eq!(answer(site.request("POST", 0, "/many")).await?.status, 303);
    assert!(site.get(0, "/page").await?.is_hit(), "within the burst each tag is itself");
    let posted = answer(site.request("POST", 0, "/form")).await?;
    assert_eq!(posted.status, 303, "{}", posted.headers_text());
    assert!(!posted.header("breadbox-receipt").is_empty(), "{}", posted.headers_text());
    assert!(!site.get(0, "/page").await?.is_hit(), "a purge was lost");
    // The operator's tokens are not held to account for it.
    site.purge(r#"{"tags":["news"]}"#).await?;
    Ok(())
}

#[tokio::test]
async fn without_redis_each_isolate_keeps_the_limit() -> Result<()> {
    let site = Site::with(script, |spec| limited(Spec { shared: SharedTier::Off, ..one(spec) }))?;
    assert_eq!(purge(&site, 0, ADMIN, &many()).await?.status, 200);
    let refused = purge(&site, 0, ADMIN, r#"{"tags":["news"]}"#).await?;
    assert_eq!(refused.status, 429, "{}", refused.text());
    Ok(())
}

#[tokio::test]
async fn an_operator_may_lift_the_limit() -> Result<()> {
    let site = Site::with(script, |spec| set(limited(one(spec)), "PURGE_RATE", "off"))?;
    for _ in 0..3 {
        assert_eq!(purge(&site, 0, ADMIN, &many()).await?.status, 200);
    }
    Ok(())
}
