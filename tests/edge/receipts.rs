//! Purges that meet fills in flight, and Redis that lost its data.

use std::time::Duration;

use anyhow::{Context, Result};
use xtask::harness::eventually;
use xtask::origin::Reply;

use crate::site::{Door, PATIENCE, Site, one, page, set};

/// The origin holds its answer back until the purge has been acknowledged.
#[tokio::test]
async fn a_fill_in_flight_does_not_survive_a_purge() -> Result<()> {
    for purge in [r#"{"tags":["raced"]}"#, r#"{"everything":true}"#, r#"{"prefixes":["/raced"]}"#] {
        let mut site = Site::start(|_| Reply::status(500))?;
        let mut wire = site.wire()?;
        let door = Door::default();
        let latch = door.latch();
        site.origin.rescript(move |_| {
            latch.wait();
            page(1).header("cache-tag", "raced")
        });
        let purged = async {
            eventually("the fill is under way", PATIENCE, async || site.fetches("/raced") == 1)
                .await?;
            site.purge(purge).await?;
            door.open();
            anyhow::Ok(())
        };
        let (filled, purged) = tokio::join!(site.get(0, "/raced"), purged);
        purged?;
        assert_eq!(filled?.text(), "version 1", "its own client may have it");
        eventually("the lease is given back", PATIENCE, async || {
            wire.keys("*:l:*").is_ok_and(|leases| leases.is_empty())
        })
        .await?;
        assert!(wire.keys("*:e:*")?.is_empty(), "{purge}: what was purged was stored");
        site.origin.rescript(|_| page(2).header("cache-tag", "raced"));
        for isolate in [0, 3] {
            let next = site.get(isolate, "/raced").await?;
            assert_eq!(next.text(), "version 2", "{purge}: {}", next.headers_text());
        }
    }
    Ok(())
}

/// The purge comes when the head has been sent and the body is still on its way.
#[tokio::test]
async fn a_body_in_flight_does_not_survive_a_purge() -> Result<()> {
    let site = Site::start(|_| page(1).drip(1, Duration::from_millis(200)))?;
    let response = site.request("GET", 0, "/slow").send().await?;
    site.purge(&format!(r#"{{"urls":["http://{}/slow"]}}"#, crate::site::HOST)).await?;
    assert_eq!(response.text().await?, "version 1");
    site.origin.rescript(|_| page(2));
    let next = site.get(0, "/slow").await?;
    assert_eq!(next.text(), "version 2", "{}", next.headers_text());
    Ok(())
}

/// A purge of something else does not cost the fill.
#[tokio::test]
async fn a_fill_in_flight_survives_a_purge_of_something_else() -> Result<()> {
    let site = Site::strict(|_| page(1).drip(1, Duration::from_millis(100)))?;
    let response = site.request("GET", 0, "/kept").send().await?;
    site.purge(r#"{"tags":["something-else"]}"#).await?;
    assert_eq!(response.text().await?, "version 1");
    site.warm(0, "/kept").await?;
    crate::site::asked_exactly(&site, "/kept", 1);
    Ok(())
}

/// The entry comes back from a copy, the ledger of purges does not.
#[tokio::test]
async fn an_entry_older_than_the_ledger_is_dead() -> Result<()> {
    let mut site = Site::strict(|_| page(1))?;
    site.warm(0, "/restored").await?;
    let mut wire = site.wire()?;
    let keys = wire.keys("*:e:*")?;
    let key = keys.first().context("no entry is stored")?;
    let entry = wire.value(key)?;
    site.origin.rescript(|_| page(2));
    wire.ask(&[b"FLUSHALL"])?;
    wire.ask(&[b"SET", key, &entry])?;
    let answer = site.get(0, "/restored").await?;
    assert_eq!(answer.text(), "version 2", "{}", answer.headers_text());
    Ok(())
}

/// Redis is emptied and then fails: the platform's copy from before must not stand in.
#[tokio::test]
async fn a_platform_copy_older_than_the_ledger_is_dead() -> Result<()> {
    let mut site = Site::strict(|_| page(1))?;
    site.warm(0, "/copied").await?;
    site.origin.rescript(|_| page(2));
    site.wire()?.ask(&[b"FLUSHALL"])?;
    site.get(0, "/something-else").await?;
    site.edge.redis()?.daemon.kill();
    let answer = site.get(0, "/copied").await?;
    assert_eq!(answer.text(), "version 2", "{}", answer.headers_text());
    Ok(())
}

/// The ledger alone is evicted: unknown is not clean.
#[tokio::test]
async fn a_lost_ledger_is_not_a_clean_one() -> Result<()> {
    let mut site = Site::with(|_| page(1), |spec| set(one(spec), "VISIBILITY", "0s"))?;
    site.warm(0, "/unsure").await?;
    site.origin.rescript(|_| page(2));
    let mut wire = site.wire()?;
    let ledgers = wire.keys("*:ledger")?;
    wire.ask(&[b"DEL", ledgers.first().context("there is no ledger")?])?;
    let answer = site.get(0, "/unsure").await?;
    assert_eq!(answer.text(), "version 2", "{}", answer.headers_text());
    Ok(())
}

/// Without the store a purge can't be promised; with it back, it can be repeated.
#[tokio::test]
async fn a_purge_without_redis_is_not_acknowledged() -> Result<()> {
    let mut site = Site::with(|_| page(1), |spec| set(one(spec), "REDIS_TIMEOUT", "250ms"))?;
    site.warm(0, "/waiting").await?;
    for stop_gateway in [false, true] {
        site.edge.redis()?.daemon.stop();
        if stop_gateway {
            site.edge.gateway()?.daemon.kill();
        }
        let refused = site.try_purge(r#"{"everything":true}"#).await?;
        assert_eq!(refused.status, 503, "{}", refused.text());
        let error = refused.json()?;
        assert_eq!(error["success"], false, "{error}");
        assert_eq!(error["error"]["code"], "ledger-unreachable", "{error}");
        assert!(!refused.header("retry-after").is_empty(), "{}", refused.headers_text());
        site.edge.redis()?.daemon.start_again()?;
        site.edge.gateway()?.daemon.start_again()?;
        eventually("the purge is taken again", PATIENCE, async || {
            let purged = site.try_purge(r#"{"everything":true}"#).await;
            purged.is_ok_and(|purged| purged.status == 200)
        })
        .await?;
    }
    Ok(())
}
