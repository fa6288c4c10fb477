//! The Worker as developers run it: `wrangler dev`, the configuration in `wrangler.toml`.

use anyhow::{Context, Result};
use xtask::harness::{self, ADMIN, eventually, free_port, parts};
use xtask::origin::Origin;
use xtask::servers::{Gateway, Redis, Tokens, Wrangler, WranglerSpec};
use xtask::{places, tools};

use crate::site::{Answer, PATIENCE, PURGE, answer, page};

#[tokio::test]
async fn wrangler_dev_serves_a_miss_a_hit_and_a_purge() -> Result<()> {
    let origin = Origin::start(|_| page(1).header("cache-tag", "shown"))?;
    let (parts, npm, logs) = (parts()?, tools::npm()?, places::test_run()?);
    let redis = Redis::start(&parts.redis, &logs)?;
    let tokens = Tokens { standard: "gateway-secret".to_owned(), read_only: String::new() };
    let gateway = Gateway::start(&parts.gateway, &redis.url(), tokens, &logs)?;
    let variables = [
        ("ORIGIN", origin.url()),
        ("REDIS_REST_URL", gateway.url()),
        ("REDIS_REST_TOKEN", gateway.tokens().standard.clone()),
        ("REDIS_TIMEOUT", "10s".to_owned()),
        ("VISIBILITY", "0s".to_owned()),
        ("BREADBOX_TOKENS", format!("test=admin:{ADMIN}")),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let (node, script) = (npm.node, npm.wrangler);
    let spec = WranglerSpec { node, script, port: free_port()?, variables };
    let wrangler = Wrangler::start(&spec, &logs)?;
    let get = async |path: &str| -> Result<Answer> {
        answer(harness::client().get(format!("{}{path}", wrangler.url()))).await
    };
    let miss = get("/page").await?;
    assert_eq!(miss.text(), "version 1", "{}", miss.headers_text());
    assert!(miss.says("fwd=uri-miss") && miss.says("stored"), "{}", miss.headers_text());
    eventually("the page is a hit", PATIENCE, async || {
        get("/page").await.is_ok_and(|answer| answer.is_hit())
    })
    .await?;
    origin.rescript(|_| page(2));
    let purge = harness::client().post(format!("{}{PURGE}", wrangler.url())).bearer_auth(ADMIN);
    let purged = answer(purge.body(r#"{"tags":["shown"]}"#)).await?;
    assert_eq!(purged.status, 200, "{}", purged.text());
    assert_eq!(get("/page").await?.text(), "version 2");
    let health = get("/api/v1/cache").await?.json()?;
    let connected = health.pointer("/data/redis/health/connected").context("no health")?;
    assert_eq!(connected, true, "{health}");
    let dashboard = get("/api/v1/cache/ui/").await?;
    assert!(dashboard.status == 200 && dashboard.text().contains("<html"));
    drop(wrangler);
    Ok(std::fs::remove_dir_all(logs)?)
}
