//! What the platform allows one request, and what the worst one takes.

use anyhow::Result;
use breadbox::cache::exchange::Limits;
use breadbox::cache::key::Key;
use breadbox::redis::Keys;
use xtask::harness::{Spec, Troubles};

use crate::site::{HOST, Site, one, page};

/// A lease that nobody gives back has a request wait for all of its patience, looking again and
/// again: no other way through the machine has more steps.
#[tokio::test]
async fn the_longest_wait_stays_within_the_free_plans_subrequests() -> Result<()> {
    let change = |spec| Spec { troubles: Troubles::OnEveryLine, ..one(spec) };
    let mut site = Site::with(|_| page(1), change)?;
    // Scripts are loaded and counts flushed by requests before.
    site.warm(0, "/before").await?;
    let key = Key::of_url(&format!("http://{HOST}/held"));
    let lease = Keys::new("breadbox", 1).lease(key.id());
    site.wire()?.ask(&[b"SET", lease.as_bytes(), b"another's", b"PX", b"60000"])?;
    let before = subrequests(&site)?;
    let answer = site.get(0, "/held").await?;
    assert_eq!(answer.text(), "version 1", "{}", answer.headers_text());
    assert!(answer.took >= Limits::default().patience, "{:?}", answer.took);
    let spent = subrequests(&site)? - before;
    assert!(spent <= SUBREQUESTS, "{spent} subrequests");
    Ok(())
}

fn subrequests(site: &Site) -> Result<u64> {
    let lines = site.edge.lines()?;
    let near: u64 = site
        .edge
        .colos
        .iter()
        .map(|colo| colo.asked())
        .map(|asked| asked.matches + asked.puts + asked.deletes)
        .sum();
    Ok(near + (lines.store.requests() + lines.origin.requests()) as u64)
}

/// Of one request, on the free plan.
const SUBREQUESTS: u64 = 50;
