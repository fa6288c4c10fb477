//! The origin is down, slow, or breaks off.

use std::time::Duration;

use anyhow::Result;
use xtask::harness::eventually;
use xtask::origin::Reply;

use crate::site::{Answer, PATIENCE, Site, asked_exactly, page, stale_page};

#[tokio::test]
async fn a_stopped_origin_is_stood_in_for() -> Result<()> {
    let mut site = stale_site().await?;
    site.origin.stop();
    for isolate in 0..4 {
        let answer = site.get(isolate, "/page").await?;
        assert_eq!(answer.status, 200, "{}", answer.headers_text());
        assert_eq!(answer.text(), "version 1", "{}", answer.headers_text());
    }
    let missing = site.get(0, "/never-seen").await?;
    expect_excuse(&missing, 502)?;
    site.origin.start_again()?;
    site.origin.rescript(|_| page(2));
    eventually("the origin is asked again", PATIENCE, async || {
        site.get(0, "/page").await.is_ok_and(|answer| answer.text() == "version 2")
    })
    .await
}

/// Beyond the window for refreshing, within that for failures.
#[tokio::test]
async fn an_origin_that_errs_is_stood_in_for() -> Result<()> {
    for failure in [Reply::status(503), Reply::status(500).body("oops"), Reply::close()] {
        let site = Site::start(|_| rescue_page())?;
        site.get(0, "/page").await?;
        stored(&site).await?;
        site.origin.rescript(move |_| failure.clone());
        let answer = site.get(1, "/page").await?;
        assert_eq!(answer.status, 200, "{}", answer.headers_text());
        assert_eq!(answer.text(), "version 1", "{}", answer.headers_text());
        assert!(!answer.is_hit() && !answer.says("stored"), "{}", answer.headers_text());
    }
    Ok(())
}

/// What the origin says goes to its client, but no error is kept for others.
#[tokio::test]
async fn an_error_passes_and_is_not_stored() -> Result<()> {
    let site = Site::start(|_| Reply::status(503).body("busy"))?;
    for times in 1..4 {
        let answer = site.get(times, "/busy").await?;
        assert_eq!((answer.status, answer.text()), (503, "busy".to_owned()));
        asked_exactly(&site, "/busy", times);
    }
    site.origin.rescript(|_| page(1));
    site.warm(0, "/busy").await?;
    Ok(())
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_stored() -> Result<()> {
    let body = "x".repeat(50_000);
    for chunked in [false, true] {
        let (cut, whole) = (body.clone(), body.clone());
        let site = Site::start(move |_| {
            let reply = page(1).body(cut.clone()).truncate(20_000);
            if chunked { reply.drip(10_000, Duration::from_millis(5)) } else { reply }
        })?;
        let broken = site.get(0, "/cut").await;
        assert!(broken.is_err(), "a body that broke off looks whole: {broken:?}");
        site.origin.rescript(move |_| page(1).body(whole.clone()));
        let answer = site.get(1, "/cut").await?;
        assert_eq!(answer.body.len(), body.len(), "{}", answer.headers_text());
        assert!(!answer.is_hit(), "{}", answer.headers_text());
        assert_eq!(site.warm(2, "/cut").await?.text(), body);
        asked_exactly(&site, "/cut", 2);
    }
    Ok(())
}

/// Stale content never waits; what only helps in need waits for a while.
#[tokio::test]
async fn a_silent_origin_is_stood_in_for() -> Result<()> {
    let site = stale_site().await?;
    site.origin.rescript(|_| Reply::hang());
    let stale = site.get(0, "/page").await?;
    assert!(stale.is_stale() && stale.text() == "version 1", "{}", stale.headers_text());
    assert!(stale.took < ORIGIN_DEADLINE, "stale content waited: {:?}", stale.took);
    let rescued = site.get(1, "/rescue").await?;
    assert_eq!(rescued.status, 200, "{}", rescued.headers_text());
    assert_eq!(rescued.text(), "version 1", "{}", rescued.headers_text());
    Ok(())
}

/// Everything else is served while one page's origin is silent.
#[tokio::test]
async fn a_silent_page_holds_up_no_other() -> Result<()> {
    let site = Site::start(|seen| match seen.path.as_str() {
        "/silent" => Reply::hang(),
        _ => page(1),
    })?;
    let others = async {
        eventually("the silent page is asked for", PATIENCE, async || site.fetches("/silent") > 0)
            .await?;
        for isolate in 0..4 {
            assert_eq!(site.get(isolate, "/other").await?.text(), "version 1");
        }
        site.warm(0, "/other").await
    };
    tokio::select! {
        silent = site.get(0, "/silent") => panic!("a hanging origin answered: {silent:?}"),
        others = others => others.map(drop),
    }
}

/// A page within its stale window and one within its rescue window.
async fn stale_site() -> Result<Site> {
    let site = Site::start(|seen| match seen.path.as_str() {
        "/rescue" => rescue_page(),
        _ => stale_page(1),
    })?;
    for path in ["/page", "/rescue"] {
        let answer = site.get(0, path).await?;
        assert!(answer.says("stored"), "{path}: {}", answer.headers_text());
    }
    stored(&site).await?;
    Ok(site)
}

async fn stored(site: &Site) -> Result<()> {
    let all = site.origin.requests().len();
    eventually("what was fetched is stored", PATIENCE, async || {
        site.edge.colos.iter().map(xtask::harness::Colo::len).sum::<usize>() == all
    })
    .await
}

fn rescue_page() -> Reply {
    let lifetimes = "max-age=60, stale-while-revalidate=0, stale-if-error=600";
    Reply::ok("version 1").header("cache-control", lifetimes).header("age", "90")
}

fn expect_excuse(answer: &Answer, status: u16) -> Result<()> {
    assert_eq!(answer.status, status, "{}", answer.headers_text());
    assert!(answer.says("detail=origin-unreachable"), "{}", answer.headers_text());
    assert_eq!(answer.header("content-type"), "application/json");
    let json = answer.json()?;
    assert_eq!(json["success"], false, "{json}");
    assert_eq!(json["error"]["code"], "origin-unreachable", "{json}");
    Ok(())
}

/// How long the product waits for an origin while something stored could stand in.
const ORIGIN_DEADLINE: Duration = Duration::from_secs(10);
