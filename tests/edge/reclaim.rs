//! What was purged is deleted in the background.

use std::time::Duration;

use anyhow::{Context, Result};
use xtask::harness::eventually;

use crate::site::{PATIENCE, Site, one, page, set};

/// The cron of one event after the other deletes what was purged, and spares the rest.
#[tokio::test]
async fn the_cron_deletes_what_was_purged() -> Result<()> {
    let mut site = Site::with(
        |seen| page(1).header("cache-tag", seen.path.split('/').nth(1).unwrap_or_default()),
        |spec| set(one(spec), "VISIBILITY", "0s"),
    )?;
    for number in 0..20 {
        site.warm(0, &format!("/going/{number}")).await?;
        site.warm(0, &format!("/staying/{number}")).await?;
    }
    let mut wire = site.wire()?;
    assert_eq!(wire.keys(ENTRIES)?.len(), 40);
    site.purge(r#"{"tags":["going"]}"#).await?;
    site.warm(0, "/going/0").await?;
    assert_eq!(wire.keys(ENTRIES)?.len(), 40, "a purge deletes nothing by itself");
    let crons = site.edge.workers.first().context("a worker")?.crons();
    let cron = format!("{}/?cron=*", crons.first().context("a cron")?);
    eventually("what was purged is gone", PATIENCE, async || {
        let fired = xtask::harness::client().get(&cron).timeout(Duration::from_secs(10));
        fired.send().await.is_ok() && wire.keys(ENTRIES).is_ok_and(|keys| keys.len() == 21)
    })
    .await?;
    for path in ["/going/0", "/staying/7"] {
        let answer = site.get(0, path).await?;
        assert!(answer.is_hit(), "{path}: {}", answer.headers_text());
    }
    Ok(())
}

const ENTRIES: &str = "*:e:*";
