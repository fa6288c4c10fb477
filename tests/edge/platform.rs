//! The edge without Redis: one data centre's cache is the first tier.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::join_all;
use xtask::harness::{PlatformTier, SharedTier, Spec, Weather, eventually};

use crate::site::{HOST, PATIENCE, Site, asked_exactly, page, set, stale_page};

#[tokio::test]
async fn a_data_centre_keeps_pages_by_itself() -> Result<()> {
    let site = alone(|_| page(1))?;
    site.get(0, "/page").await?;
    for isolate in 0..4 {
        assert_eq!(site.warm(isolate, "/page").await?.text(), "version 1");
    }
    asked_exactly(&site, "/page", 1);
    Ok(())
}

#[tokio::test]
async fn a_data_centre_serves_stale_while_it_refreshes() -> Result<()> {
    let site = alone(|_| stale_page(1))?;
    site.get(0, "/stale").await?;
    eventually("the page is stored", PATIENCE, async || {
        // The other object is the data centre's ledger.
        site.edge.colos.iter().any(|colo| colo.len() == 2)
    })
    .await?;
    site.origin.rescript(|_| page(2).after(SLOW));
    for answer in site.crowd(20, "/stale").await? {
        assert!(answer.is_stale(), "{}", answer.headers_text());
        assert_eq!(answer.text(), "version 1");
        assert!(answer.took < SLOW, "a stale answer waited for the origin: {:?}", answer.took);
    }
    eventually("the new version is served", PATIENCE, async || {
        site.get(1, "/stale").await.is_ok_and(|answer| answer.text() == "version 2")
    })
    .await?;
    let fetches = site.fetches("/stale");
    assert!(fetches <= 1 + 4, "4 isolates asked the origin {fetches} times");
    Ok(())
}

#[tokio::test]
async fn a_purge_holds_within_its_data_centre() -> Result<()> {
    let site = alone(|_| page(1).header("cache-tag", "shown"))?;
    let purges = [
        r#"{"tags":["shown"]}"#.to_owned(),
        format!(r#"{{"urls":["http://{HOST}/shown"]}}"#),
        r#"{"prefixes":["/sho"]}"#.to_owned(),
        r#"{"everything":true}"#.to_owned(),
    ];
    for (purge, version) in purges.iter().zip(2..) {
        for isolate in 0..4 {
            site.warm(isolate, "/shown").await?;
        }
        site.origin.rescript(move |_| page(version).header("cache-tag", "shown"));
        let receipt = site.purge(purge).await?.json()?;
        assert_eq!(receipt["data"]["scope"], "data-centre", "{receipt}");
        for isolate in 0..4 {
            let answer = site.get(isolate, "/shown").await?;
            let new = format!("version {version}");
            assert_eq!(answer.text(), new, "{purge}: {}", answer.headers_text());
        }
    }
    Ok(())
}

#[tokio::test]
async fn one_isolate_fetches_a_cold_key_once() -> Result<()> {
    let site = Site::with(
        |_| page(1).after(Duration::from_millis(300)),
        |spec| Spec { shared: SharedTier::Off, isolates: 1, processes: 1, ..spec },
    )?;
    for answer in site.crowd(100, "/cold").await? {
        assert_eq!(answer.text(), "version 1", "{}", answer.headers_text());
    }
    asked_exactly(&site, "/cold", 1);
    Ok(())
}

/// A page and all its parts are asked for at once where nothing is known yet: the requests agree on
/// one ledger, and nothing that they store is lost.
#[tokio::test]
async fn first_requests_at_once_begin_one_ledger() -> Result<()> {
    let site = Site::with(
        |_| page(1),
        |spec| Spec { shared: SharedTier::Off, isolates: 1, processes: 1, ..spec },
    )?;
    let colo = site.edge.colos.first().context("there is no data centre")?;
    colo.set_weather(Weather::Slow(Duration::from_millis(200)));
    let paths: Vec<String> = (0..8).map(|part| format!("/part{part}")).collect();
    for answered in join_all(paths.iter().map(|path| site.get(0, path))).await {
        assert_eq!(answered?.text(), "version 1");
    }
    eventually("all is stored", PATIENCE, async || colo.len() == paths.len() + 1).await?;
    assert_eq!(colo.asked().puts, paths.len() as u64 + 1, "the ledger was begun more than once");
    colo.set_weather(Weather::Fair);
    for path in &paths {
        let again = site.get(0, path).await?;
        assert!(again.is_hit(), "{path}: {}", again.headers_text());
    }
    Ok(())
}

/// Four isolates of one data centre, and purges that are visible at once.
fn alone(
    script: impl Fn(&xtask::origin::Seen) -> xtask::origin::Reply + Send + Sync + 'static,
) -> Result<Site> {
    Site::with(script, |spec| {
        let spec = Spec { shared: SharedTier::Off, platform: PlatformTier::Common, ..spec };
        set(spec, "VISIBILITY", "0s")
    })
}

/// How long the origin takes to refresh what is stale.
const SLOW: Duration = Duration::from_secs(3);
