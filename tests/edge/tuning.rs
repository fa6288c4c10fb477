//! How often content changes: what is counted of it, what is advised, and lifetimes by it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::harness::{READER, Spec, eventually};
use xtask::origin::Reply;

use crate::site::{PATIENCE, Site, answer, one, set};

const RULES: &str = "[[rule]]\nmatch = \"/counted/**\"\n[[rule]]\nmatch = \"/auto/**\"\n\
                     ttl = \"auto\"\nmin_ttl = \"20s\"\nmax_ttl = \"10m\"\nstale = \"0\"\n";

/// A site whose every path has this version, with or without a validator. What is counted comes by
/// a cache where it has lain for a minute, so that time passes here without waiting.
fn versioned() -> Result<(Site, Arc<AtomicUsize>)> {
    let version = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&version);
    let script = move |seen: &xtask::origin::Seen| {
        let version = current.load(Relaxed);
        let tag = format!("\"v{version}\"");
        let bare = seen.path.ends_with("/bare");
        let age = if seen.path.starts_with("/counted/") { "60" } else { "0" };
        if !bare && seen.header("if-none-match") == tag {
            return Reply::status(304).header("etag", tag).header("age", age);
        }
        let reply = Reply::ok(format!("version {version}")).header("cache-control", "max-age=600");
        let reply = reply.header("age", age);
        if bare { reply } else { reply.header("etag", tag) }
    };
    let change = |spec| set(Spec { rules: RULES.to_owned(), ..one(spec) }, "VISIBILITY", "0s");
    Ok((Site::with(script, change)?, version))
}

/// Has the origin asked for what is stored, and waits until that is stored in turn.
async fn look_again(site: &Site, path: &str) -> Result<()> {
    let before = stored(site, path).await?["generated"].as_i64();
    let asked = answer(site.request("GET", 0, path).header("cache-control", "no-cache")).await?;
    assert_eq!(asked.status, 200, "{}", asked.headers_text());
    eventually("the answer is stored", PATIENCE, async || {
        stored(site, path).await.is_ok_and(|entry| entry["generated"].as_i64() > before)
    })
    .await
}

/// What the first tier that has it says of the entry; null if none has.
async fn stored(site: &Site, path: &str) -> Result<Value> {
    let query = format!("/api/v1/cache/entries?url=http://site.test{path}");
    let told = answer(site.request("GET", 0, &query).bearer_auth(READER)).await?.json()?;
    let tiers = told["data"]["tiers"].as_array().cloned().unwrap_or_default();
    let found = tiers.into_iter().find(|tier| tier["state"] == "found");
    Ok(found.map_or(Value::Null, |mut tier| tier["entry"].take()))
}

async fn lifetimes(site: &Site) -> Result<Value> {
    Ok(site.get(0, "/api/v1/cache").await?.json()?["data"]["lifetimes"].take())
}

/// What is known of one rule.
async fn of_rule(site: &Site, number: u64) -> Result<Value> {
    let told = lifetimes(site).await?;
    let row = told.as_array().into_iter().flatten().find(|row| row["rule"] == number);
    row.cloned().with_context(|| format!("rule {number}: {told}"))
}

/// Confirmations, changes and purges are counted for their rule, with validators or without, and
/// after twenty of them there is advice.
#[tokio::test]
async fn changes_are_counted_and_lifetimes_advised() -> Result<()> {
    let (site, version) = versioned()?;
    for path in ["/counted/tagged", "/counted/bare"] {
        site.warm(0, path).await?;
        for _ in 0..9 {
            look_again(&site, path).await?;
        }
        version.fetch_add(1, Relaxed);
        look_again(&site, path).await?;
        version.fetch_add(1, Relaxed);
        site.purge(&format!("{{\"urls\":[\"http://site.test{path}\"]}}")).await?;
        look_again(&site, path).await?;
    }
    let mut row = Value::Null;
    let counted = eventually("all comparisons are counted", PATIENCE, async || {
        row = of_rule(&site, 1).await.unwrap_or_default();
        row["checks"] == 22
    });
    counted.await.with_context(|| row.to_string())?;
    assert_eq!((&row["silentChanges"], &row["announcedChanges"]), (&2.into(), &2.into()), "{row}");
    assert_eq!(row["auto"], false, "{row}");
    let advice = |name: &str| row["advice"][name].as_f64().unwrap_or(f64::NAN);
    assert!((advice("ttlNow") - 600.0).abs() < 1.0, "{row}");
    assert!((30.0..100.0).contains(&advice("ttl")), "two changes in 22 minutes: {row}");
    assert!(advice("fetchesSaved") < 0.0 && advice("staleThen") < advice("staleNow"), "{row}");
    let metrics = site.get(0, "/api/v1/cache/metrics").await?.text();
    let line = "breadbox_checks_total{rule=\"1\",of=\"silent\"} 2";
    assert!(metrics.contains(line), "{metrics}");
    Ok(())
}

/// A lifetime begins short, grows while nothing changes, and is cut back by a change; a change
/// that was purged does not count against it.
#[tokio::test]
async fn lifetimes_follow_the_content() -> Result<()> {
    let (site, version) = versioned()?;
    let fresh = async |path: &str| -> Result<i64> {
        let entry = stored(&site, path).await?;
        let millis = entry["freshMs"].as_i64().with_context(|| entry.to_string())?;
        Ok(millis / 1000)
    };
    for path in ["/auto/tagged", "/auto/bare"] {
        site.warm(0, path).await?;
        assert_eq!(fresh(path).await?, 100, "five times the shortest: {path}");
        let mut before = 100;
        for _ in 0..3 {
            look_again(&site, path).await?;
            let now = fresh(path).await?;
            assert!((before..=601).contains(&now), "{path}: {now} after {before}");
            before = now;
        }
        version.fetch_add(1, Relaxed);
        look_again(&site, path).await?;
        let cut = fresh(path).await?;
        assert!(cut * 2 < before && cut >= 20, "{path}: {cut} after {before}");
        version.fetch_add(1, Relaxed);
        site.purge(&format!("{{\"urls\":[\"http://site.test{path}\"]}}")).await?;
        look_again(&site, path).await?;
        let purged = fresh(path).await?;
        assert!(purged >= cut, "{path}: {purged} after {cut}");
    }
    assert_eq!(of_rule(&site, 2).await?["auto"], true);
    Ok(())
}
