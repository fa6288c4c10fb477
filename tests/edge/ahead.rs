//! What is asked for now and then is refreshed before it is stale, where a rule wants it.

use std::time::Duration;

use anyhow::Result;
use xtask::harness::{Spec, eventually};

use crate::site::{PATIENCE, Site, asked_exactly, one, page};

/// Twenty requests are sent in the first three quarters of a lifetime, and one soon after, when
/// less than two of their gaps are left: that one is a hit and has the page fetched again, though
/// nothing else would, as the origin is quick.
#[tokio::test]
async fn the_last_request_of_a_lifetime_refreshes_the_page() -> Result<()> {
    let rules = "[[rule]]\nmatch = \"/ahead\"\nrefresh = \"ahead\"\n".to_owned();
    let change = |spec| Spec { rules, ..one(spec) };
    let site = Site::with(|_| page(1).header("cache-control", "max-age=8"), change)?;
    for path in ["/ahead", "/usual"] {
        site.warm(0, path).await?;
    }
    let mut gap = tokio::time::interval(Duration::from_millis(800));
    let mut refreshed = false;
    eventually("a page is refreshed while it is fresh", PATIENCE, async || {
        gap.tick().await;
        let Ok(ahead) = site.get(0, "/ahead").await else { return false };
        refreshed |= ahead.is_hit() && site.fetches("/ahead") == 2;
        refreshed || !ahead.is_hit()
    })
    .await?;
    assert!(refreshed, "a client waited for the origin");
    asked_exactly(&site, "/usual", 1);
    Ok(())
}
