//! Who carries the receipt of a purge sees no less, from whatever isolate, at once.

use anyhow::Result;
use xtask::harness::eventually;

use crate::site::{PATIENCE, Site, answer, page, set};

const FIELD: &str = "breadbox-receipt";

/// A bound of an hour: without the receipt, nobody else would look.
fn site() -> Result<Site> {
    Site::with(|_| page(1).header("cache-tag", "mine"), |spec| set(spec, "VISIBILITY", "1h"))
}

async fn purged(site: &Site) -> Result<String> {
    let receipt = site.purge(r#"{"tags":["mine"]}"#).await?.json()?;
    let receipt = receipt.pointer("/data/receipt").and_then(serde_json::Value::as_str);
    Ok(receipt.unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_receipt_is_honoured_by_every_isolate() -> Result<()> {
    let site = site()?;
    for isolate in 0..4 {
        site.warm(isolate, &format!("/{isolate}")).await?;
    }
    site.origin.rescript(|_| page(2).header("cache-tag", "mine"));
    let receipt = purged(&site).await?;
    for isolate in 1..4 {
        let path = format!("/{isolate}");
        let without = site.get(isolate, &path).await?;
        assert_eq!(without.text(), "version 1", "the bound has not passed");
        let field = match isolate {
            1 => (FIELD, receipt.clone()),
            2 => ("cookie", format!("a=b; {FIELD}={receipt}")),
            _ => (FIELD, format!("0000000000000001-9, {receipt}")),
        };
        let request = site.request("GET", isolate, &path).header(field.0, &field.1);
        let with = answer(request).await?;
        assert_eq!(with.text(), "version 2", "{field:?}: {}", with.headers_text());
    }
    Ok(())
}

/// A receipt that nobody gave makes an isolate look, and no more than that.
#[tokio::test]
async fn a_forged_receipt_fetches_nothing() -> Result<()> {
    let site = site()?;
    site.warm(0, "/kept").await?;
    for forged in ["ffffffffffffffff-1", "0000000000000001-18446744073709551615", "x", "-", "1-1-1"]
    {
        let request = site.request("GET", 0, "/kept").header(FIELD, forged);
        let answered = answer(request).await?;
        assert!(answered.is_hit(), "{forged}: {}", answered.headers_text());
    }
    crate::site::asked_exactly(&site, "/kept", 1);
    Ok(())
}

/// Redis is gone: what may be older than the purge must not stand in.
#[tokio::test]
async fn a_receipt_holds_while_redis_is_away() -> Result<()> {
    let mut site = Site::with(
        |_| page(1).header("cache-tag", "mine"),
        |spec| set(set(spec, "VISIBILITY", "1h"), "REDIS_TIMEOUT", "250ms"),
    )?;
    site.warm(1, "/copied").await?;
    site.origin.rescript(|_| page(2).header("cache-tag", "mine"));
    let receipt = purged(&site).await?;
    site.edge.redis()?.daemon.kill();
    eventually("the platform's copy stands in", PATIENCE, async || {
        site.get(1, "/copied").await.is_ok_and(|answer| answer.text() == "version 1")
    })
    .await?;
    let with = answer(site.request("GET", 1, "/copied").header(FIELD, &receipt)).await?;
    assert_eq!(with.text(), "version 2", "{}", with.headers_text());
    Ok(())
}
