//! Requests that share one read of Redis: none is shared across a change, and who has given up on
//! one is not in its way.

use std::time::Duration;

use anyhow::Result;
use xtask::harness::{Troubles, eventually};

use xtask::faults::Trouble;

use crate::site::{PATIENCE, REDIS_TIMEOUT, Site, answer, one, page, set};

/// A read that was sent before a change is still on its way when the change is answered. Who asks
/// after that reads anew, whichever variant it is.
#[tokio::test]
async fn a_read_from_before_a_change_is_not_shared_after_it() -> Result<()> {
    let site = Site::with(
        |_| page(1).header("vary", "accept-language"),
        |spec| {
            let spec = xtask::harness::Spec { troubles: Troubles::OnEveryLine, ..one(spec) };
            set(spec, "NEAR", "off")
        },
    )?;
    for language in ["de", "en"] {
        site.origin.rescript(|_| page(1).header("vary", "accept-language"));
        for warmed in ["de", "en"] {
            eventually("both variants are hits", PATIENCE, async || {
                ask(&site, warmed).await.is_ok_and(|answered| answered.is_hit())
            })
            .await?;
        }
        site.origin.rescript(|_| page(2).header("vary", "accept-language"));
        let store = &site.edge.lines()?.store;
        store.set(Trouble::Late(LATE));
        let before = store.requests();
        let late = answer(site.request("GET", 0, "/page").header("accept-language", language));
        let late = tokio::spawn(late);
        eventually("the read is on its way", PATIENCE, async || store.requests() > before).await?;
        store.set(Trouble::Fair);
        let changed = answer(site.request("POST", 0, "/page")).await?;
        assert_eq!(changed.status, 200, "{}", changed.headers_text());
        let asked = ask(&site, language).await?;
        assert_eq!(asked.text(), "version 2", "{language}: {}", asked.headers_text());
        assert!(!late.is_finished(), "{language}: the machine is too slow for this test");
        late.await??;
    }
    Ok(())
}

/// After a moment in which the whole isolate stood still, a read is given more time than others
/// wait for it. Those are answered from the platform's cache and gone when it ends; `Site` looks
/// for the complaint that the runtime had about that.
#[tokio::test]
async fn who_gives_up_on_a_read_is_not_in_its_way() -> Result<()> {
    let site = Site::with(
        |_| page(1),
        |spec| {
            let spec = xtask::harness::Spec { troubles: Troubles::OnEveryLine, ..one(spec) };
            set(set(spec, "NEAR", "off"), REDIS_TIMEOUT, "1s")
        },
    )?;
    site.warm(0, "/page").await?;
    let store = &site.edge.lines()?.store;
    store.set(Trouble::Status(500));
    for _ in 0..BREAKER {
        site.get(0, "/page").await?;
    }
    store.set(Trouble::Silent);
    let mut asked = Vec::new();
    eventually("several wait for one more try", PATIENCE, async || {
        asked.push(tokio::spawn(answer(site.request("GET", 0, "/page"))));
        asked.iter().filter(|asked| !asked.is_finished()).count() == FEW
    })
    .await?;
    let isolate = &site.edge.workers[0].daemon;
    isolate.freeze();
    let still = tokio::time::timeout(STILL, site.get(0, "/page")).await;
    isolate.thaw();
    assert!(still.is_err(), "an isolate that stands still has answered");
    for answered in asked {
        assert_eq!(answered.await??.text(), "version 1");
    }
    Ok(())
}

async fn ask(site: &Site, language: &str) -> Result<crate::site::Answer> {
    answer(site.request("GET", 0, "/page").header("accept-language", language)).await
}

/// Longer than all that happens meanwhile, and shorter than the edge waits for Redis.
const LATE: Duration = Duration::from_secs(6);

/// So many failures in a row open the breaker.
const BREAKER: usize = 3;
const FEW: usize = 10;
/// Longer than a read and what it is given again.
const STILL: Duration = Duration::from_millis(2500);
