//! A whole edge in one call, its failures included.

use std::time::Duration;

use anyhow::{Context, Result};
use xtask::harness::{ADMIN, Edge, PlatformTier, SharedTier, Spec, client, eventually};
use xtask::origin::{Origin, Reply};

const PATIENCE: Duration = Duration::from_secs(10);

fn origin() -> Result<Origin> {
    Origin::start(|request| {
        let page = Reply::ok(format!("page {}", request.path)).header("cache-tag", "pages");
        page.header("cache-control", "max-age=60").after(Duration::from_millis(50))
    })
}

async fn cache_status(url: &str) -> Result<String> {
    let answer = client().get(url).send().await?;
    let value = answer.headers().get("cache-status").context("no Cache-Status")?;
    Ok(value.to_str()?.to_owned())
}

#[tokio::test]
async fn isolates_and_processes_share_redis_under_one_authority() -> Result<()> {
    let origin = origin()?;
    let spec = Spec { isolates: 2, processes: 2, ..Spec::of(&origin.url()).as_site("site.test") };
    let edge = Edge::start(spec)?;
    assert_eq!(edge.urls().len(), 4);
    let loads = (0..40).map(|n| {
        let url = format!("{}/cold", edge.url(n));
        tokio::spawn(async move { client().get(url).send().await?.text().await })
    });
    for load in loads.collect::<Vec<_>>() {
        assert_eq!(load.await??, "page /cold");
    }
    assert_eq!(origin.requests_for("/cold").len(), 1);
    assert_eq!(origin.requests_for("/cold")[0].header("x-forwarded-host"), "site.test");
    Ok(())
}

#[tokio::test]
async fn the_tiers_can_be_stopped_and_the_tokens_are_good() -> Result<()> {
    let origin = origin()?;
    let mut edge = Edge::start(Spec::of(&origin.url()))?;
    let url = format!("{}/page", edge.url(0));
    let hits = async || cache_status(&url).await.is_ok_and(|status| status.contains("; hit"));
    eventually("the page is stored", PATIENCE, hits).await?;
    edge.redis()?.daemon.kill();
    assert!(hits().await);
    edge.redis()?.daemon.start_again()?;
    edge.gateway()?.daemon.freeze();
    assert!(hits().await);
    edge.gateway()?.daemon.thaw();
    let purge = client().post(format!("{}/api/v1/cache/purge", edge.url(0))).bearer_auth(ADMIN);
    assert!(edge.colos[0].asked().puts > 0);
    let answer = purge.body(r#"{"tags":["pages"]}"#).send().await?;
    assert!(answer.status() == 200 || answer.status() == 503, "{}", answer.status());
    Ok(())
}

#[tokio::test]
async fn an_edge_can_do_without_either_tier() -> Result<()> {
    let origin = origin()?;
    let spec = Spec {
        shared: SharedTier::Off,
        platform: PlatformTier::Off,
        rules: "[[rule]]\nmatch = \"/private/**\"\ncache = \"bypass\"\n".to_owned(),
        ..Spec::of(&origin.url())
    };
    let edge = Edge::start(spec)?;
    assert!(cache_status(&format!("{}/page", edge.url(0))).await?.contains("fwd=uri-miss"));
    let private = cache_status(&format!("{}/private/a", edge.url(0))).await?;
    assert!(private.contains("detail=rule"), "{private}");
    let logs = edge.logs().to_owned();
    drop(edge);
    assert!(!logs.exists());
    Ok(())
}
