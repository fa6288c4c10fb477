//! What a purge selects, and when it is seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use breadbox::cache::key::Key;
use futures_util::future::join_all;
use xtask::harness::eventually;
use xtask::origin::Reply;

use crate::site::{Answer, HOST, PATIENCE, Site, page, set};

/// A purge request, the path that it selects and one that it spares.
struct Case {
    purge: String,
    hits: &'static str,
    spares: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    let case = |purge: String, hits, spares| Case { purge, hits, spares: Some(spares) };
    let key = Key::of_url(&format!("http://{HOST}/by-key"));
    vec![
        case(r#"{"tags":["red","unused"]}"#.into(), "/tag/red", "/tag/blue"),
        case(format!(r#"{{"keys":["{}"]}}"#, key.as_str()), "/by-key", "/by-key?other"),
        case(format!(r#"{{"urls":["http://{HOST}/u?q=1"]}}"#), "/u?q=1", "/u?q=2"),
        case(format!(r#"{{"prefixes":["{HOST}/p/a"]}}"#), "/p/abc", "/p/b"),
        case(r#"{"prefixes":["/x/"]}"#.into(), "/x/y", "/y/x/"),
        case(r#"{"patterns":["/*/mid/*"]}"#.into(), "/one/mid/two", "/one/two/mid"),
        case(r#"{"patterns":["user:*"]}"#.into(), "/tag/user:7", "/tag/users"),
        Case { purge: format!(r#"{{"hosts":["{HOST}"]}}"#), hits: "/by-host", spares: None },
        Case { purge: r#"{"everything":true}"#.into(), hits: "/all", spares: None },
    ]
}

/// Pages that are tagged with the last segment of their path and count their versions.
fn versions() -> Result<(Site, Arc<AtomicUsize>)> {
    let version = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&version);
    let script = move |seen: &xtask::origin::Seen| {
        let tag = seen.path.rsplit('/').next().unwrap_or_default().to_owned();
        page(current.load(Ordering::SeqCst)).header("cache-tag", tag)
    };
    Ok((Site::with(script, |spec| set(spec, "VISIBILITY", "0s"))?, version))
}

#[tokio::test]
async fn a_hard_purge_hits_what_it_selects_on_every_isolate() -> Result<()> {
    let (site, version) = versions()?;
    for Case { purge, hits, spares } in cases() {
        let old = format!("version {}", version.load(Ordering::SeqCst));
        for isolate in 0..4 {
            for path in spares.iter().chain([&hits]) {
                assert_eq!(site.warm(isolate, path).await?.text(), old, "{path}");
            }
        }
        let new = format!("version {}", version.fetch_add(1, Ordering::SeqCst) + 1);
        site.purge(&purge).await?;
        for isolate in 0..4 {
            let answer = site.get(isolate, hits).await?;
            assert_eq!(answer.text(), new, "{purge} on isolate {isolate}: {}", told(&answer));
            if let Some(path) = spares {
                let answer = site.get(isolate, path).await?;
                assert_eq!(answer.text(), old, "{purge} hit {path}: {}", told(&answer));
                assert!(answer.is_hit(), "{purge} hit {path}: {}", told(&answer));
            }
        }
        if spares.is_some() {
            site.purge(r#"{"everything":true}"#).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_soft_purge_serves_stale_while_it_refreshes() -> Result<()> {
    let rules = "[[rule]]\nmatch = \"/**\"\nttl = \"10m\"\nstale = \"10m\"\ntags = [\"soft\"]\n";
    let version = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&version);
    let site = Site::with(
        move |_| page(current.load(Ordering::SeqCst)),
        |spec| set(xtask::harness::Spec { rules: rules.to_owned(), ..spec }, "VISIBILITY", "0s"),
    )?;
    for isolate in 0..4 {
        site.warm(isolate, "/soft").await?;
    }
    version.store(2, Ordering::SeqCst);
    site.origin.rescript(|_| page(2).after(Duration::from_secs(2)));
    site.purge(r#"{"tags":["soft"],"soft":true}"#).await?;
    let answers = join_all((0..4).map(|n| site.get(n, "/soft"))).await;
    for answer in answers.into_iter().collect::<Result<Vec<_>>>()? {
        assert!(answer.is_stale() && answer.says("detail=soft-purged"), "{}", told(&answer));
        assert_eq!(answer.text(), "version 1", "{}", told(&answer));
    }
    for isolate in 0..4 {
        eventually("the refreshed page is a hit", PATIENCE, async || {
            let answer = site.get(isolate, "/soft").await;
            answer.is_ok_and(|answer| answer.is_hit() && answer.text() == "version 2")
        })
        .await?;
    }
    crate::site::asked_exactly(&site, "/soft", 2);
    Ok(())
}

/// No answer asked for after the bound shows what was purged. Each isolate has a page of its own,
/// so that none learns of the purge from what another has stored since.
#[tokio::test]
async fn a_purge_is_seen_within_the_bound() -> Result<()> {
    let version = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&version);
    let site =
        Site::start(move |_| page(current.load(Ordering::SeqCst)).header("cache-tag", "shown"))?;
    let paths = ["/shown/0", "/shown/1", "/shown/2", "/shown/3"];
    for round in 2..4 {
        for (isolate, path) in paths.into_iter().enumerate() {
            site.warm(isolate, path).await?;
        }
        version.store(round, Ordering::SeqCst);
        let receipt = site.purge(r#"{"tags":["shown"]}"#).await?.json()?;
        let bound = receipt.pointer("/data/visible_in_ms").and_then(serde_json::Value::as_u64);
        let bound = Duration::from_millis(bound.context("the receipt names no bound")?);
        assert_eq!(bound, Duration::from_secs(1));
        let acknowledged = Instant::now();
        let mut latest = [0; 4];
        while acknowledged.elapsed() < bound * 2 {
            for (isolate, newest) in latest.iter_mut().enumerate() {
                let asked = acknowledged.elapsed();
                let answer = site.get(isolate, paths[isolate]).await?;
                let text = answer.text();
                let shown = text.strip_prefix("version ").and_then(|it| it.parse().ok());
                let shown: usize = shown.with_context(|| told(&answer))?;
                assert!(shown >= *newest, "isolate {isolate} went back to {shown}");
                assert!(shown == round || asked < bound, "{text} asked for after {asked:?}");
                *newest = shown;
            }
        }
        assert_eq!(latest, [round; 4]);
    }
    Ok(())
}

/// Many requests at once reach isolates that have never looked into the ledger, or not for longer
/// than the bound: one may look for all, but none may answer before it is known what was purged.
#[tokio::test]
async fn a_crowd_after_the_bound_sees_no_purged_page() -> Result<()> {
    let site = Site::start(|_| page(1).header("cache-tag", "old"))?;
    site.warm(0, "/crowded").await?;
    site.warm(1, "/crowded").await?;
    site.origin.rescript(|_| page(2).header("cache-tag", "old").after(Duration::from_secs(1)));
    site.purge(r#"{"tags":["old"]}"#).await?;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    for answer in site.crowd(80, "/crowded").await? {
        assert_eq!(answer.text(), "version 2", "{}", told(&answer));
    }
    Ok(())
}

/// Who purges sees it at once; tags may come in `Surrogate-Key`, too.
#[tokio::test]
async fn the_isolate_that_purged_sees_it_at_once() -> Result<()> {
    let version = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&version);
    let site = Site::start(move |_| {
        page(current.load(Ordering::SeqCst)).header("surrogate-key", "mine other")
    })?;
    site.warm(0, "/mine").await?;
    version.store(2, Ordering::SeqCst);
    site.purge(r#"{"tags":["other"]}"#).await?;
    let answer = site.get(0, "/mine").await?;
    assert_eq!(answer.text(), "version 2", "{}", told(&answer));
    Ok(())
}

/// An unsafe request that succeeds makes what is stored under its address unusable.
#[tokio::test]
async fn a_successful_write_invalidates_its_address() -> Result<()> {
    let site = Site::strict(|seen| match seen.method.as_str() {
        "GET" => page(1),
        _ => Reply::status(204),
    })?;
    site.warm(0, "/form").await?;
    site.origin.rescript(|seen| match seen.method.as_str() {
        "GET" => page(2),
        _ => Reply::status(204),
    });
    let posted = crate::site::answer(site.request("POST", 0, "/form").body("x=1")).await?;
    assert_eq!(posted.status, 204, "{}", told(&posted));
    eventually("the new version is served", PATIENCE, async || {
        let answer = site.get(0, "/form").await;
        answer.is_ok_and(|answer| answer.text() == "version 2")
    })
    .await
}

fn told(answer: &Answer) -> String {
    answer.headers_text()
}
