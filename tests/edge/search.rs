//! Queries that a response does not tell apart: `No-Vary-Search`.

use anyhow::Result;
use breadbox::replay::replay;
use xtask::harness::{ADMIN, SharedTier, Spec, eventually};
use xtask::origin::{Reply, Seen};

use crate::site::{PATIENCE, Site, answer, one, page, set};
use crate::warming;

#[tokio::test]
async fn a_query_that_means_the_same_is_one_command() -> Result<()> {
    let mut site =
        Site::with(pages(1), |spec| set(set(one(spec), "VISIBILITY", "1h"), "NEAR", "off"))?;
    let mut wire = site.wire()?;
    warm(&site, 1).await?;
    let before = wire.calls()?;
    for number in 0..20 {
        let path = format!("/p?utm={number}&a=1");
        let answered = answer(site.request("GET", 0, &path)).await?;
        assert!(answered.is_hit(), "{}", answered.headers_text());
    }
    let after = wire.calls()?;
    let more =
        |name: &str| after.get(name).copied().unwrap_or(0) - before.get(name).copied().unwrap_or(0);
    assert_eq!((more("get"), more("mget"), more("evalsha")), (0, 20, 0), "{after:?}");
    let other = answer(site.request("GET", 0, "/p?utm=1&a=2")).await?;
    assert_eq!((other.is_hit(), other.text()), (false, "1 a=2".to_owned()));
    Ok(())
}

#[tokio::test]
async fn purges_and_changes_reach_every_query() -> Result<()> {
    let site = Site::with(pages(1), |spec| spec)?;
    purged_and_changed(&site).await
}

#[tokio::test]
async fn purges_and_changes_reach_every_query_without_redis() -> Result<()> {
    let site = Site::with(pages(1), |mut spec| {
        spec.shared = SharedTier::Off;
        one(spec)
    })?;
    purged_and_changed(&site).await
}

/// Each time by a query that nobody has asked for, so that no entry is of that very URL.
async fn purged_and_changed(site: &Site) -> Result<()> {
    let purges = [
        r#"{"urls":["http://site.test/p?utm=never&a=1"]}"#,
        r#"{"patterns":["site.test/p?utm=n*"]}"#,
        r#"{"prefixes":["site.test/p?ut"]}"#,
    ];
    for (purge, version) in purges.into_iter().zip(1..) {
        warm(site, version).await?;
        site.origin.rescript(pages(version + 1));
        site.purge(purge).await?;
        renewed(site, version + 1).await?;
    }
    warm(site, 4).await?;
    site.origin.rescript(pages(5));
    let posted = answer(site.request("POST", 0, "/p?a=never")).await?;
    assert_eq!(posted.status, 201);
    renewed(site, 5).await
}

/// Every isolate shows a version from now on, and no other.
async fn renewed(site: &Site, version: u64) -> Result<()> {
    eventually("the old one is gone", PATIENCE, async || {
        seen(site).await.is_ok_and(|texts| texts.iter().all(|text| *text == told(version)))
    })
    .await?;
    for text in seen(site).await? {
        assert_eq!(text, told(version));
    }
    Ok(())
}

async fn seen(site: &Site) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for isolate in 0..site.edge.urls().len() {
        texts.push(answer(site.request("GET", isolate, "/p?utm=seen&a=1")).await?.text());
    }
    Ok(texts)
}

#[tokio::test]
async fn an_explanation_finds_it_and_can_be_replayed() -> Result<()> {
    let site = Site::with(pages(1), one)?;
    warm(&site, 1).await?;
    let path = "/api/v1/cache/entries?url=http://site.test/p%3Futm=9%26a=1";
    let told = answer(site.request("GET", 0, path).bearer_auth(ADMIN)).await?;
    let told = told.json()?["data"].take();
    assert_eq!(told["verdict"], "hit", "{told:#}");
    let replayed = replay(&told["record"]).map_err(anyhow::Error::msg)?;
    assert!(replayed.agrees() && !replayed.repeated.is_empty(), "{replayed:?}");
    Ok(())
}

/// What carries a tag is asked for by one query each, the parts that matter of those that were
/// asked before, also by an isolate that does not know yet which do.
#[tokio::test]
async fn what_a_tag_selects_is_warmed_by_one_query_each() -> Result<()> {
    let change = |spec| {
        let spec = Spec { isolates: 1, processes: 2, ..spec };
        set(spec, "VISIBILITY", "0s")
    };
    let site = Site::with(move |seen| pages(1)(seen).header("cache-tag", "list"), change)?;
    for path in ["/p?utm=1&a=1", "/p?utm=2&a=1", "/p?a=2&utm=3", "/p?utm=4"] {
        eventually("it is stored", PATIENCE, async || {
            answer(site.request("GET", 1, path)).await.is_ok_and(|answered| answered.is_hit())
        })
        .await?;
    }
    site.purge(r#"{"tags":["list"]}"#).await?;
    site.origin.forget();
    warming::order(&site, ADMIN, "POST", "", r#"{"tags":["list"],"rate":100}"#).await?;
    let job = warming::finish(&site).await?;
    // The very first lies under its own URL, for nobody knew what matters of it.
    assert_eq!((&job["pages"], &job["failed"]), (&4.into(), &0.into()), "{job}");
    let asked = site.origin.requests_for("/p").into_iter().map(|seen| seen.query);
    // Whichever comes first of the very first's own query and of what matters of it, its answer
    // may stand for both.
    let matters = |query: String| if query == "utm=1&a=1" { "a=1".to_owned() } else { query };
    let mut asked: Vec<String> = asked.map(matters).collect();
    let first = asked.first().cloned();
    asked.sort();
    asked.dedup();
    assert_eq!(asked, ["", "a=1", "a=2"]);
    for (path, query) in [("/p?utm=7&a=1", "a=1"), ("/p?a=2", "a=2"), ("/p?utm=8", "")] {
        // What is asked first lies under its own URL again, if this isolate does not know better.
        if first.as_deref() == Some(query) {
            continue;
        }
        for isolate in 0..2 {
            let answered = answer(site.request("GET", isolate, path)).await?;
            assert!(answered.is_hit(), "{path} at {isolate}: {}", answered.headers_text());
        }
    }
    Ok(())
}

fn pages(version: u64) -> impl Fn(&Seen) -> Reply + Send + Sync + Clone + 'static {
    move |seen| match seen.method.as_str() {
        "POST" => Reply::status(201),
        _ => {
            let counts = seen.query.split('&').find(|part| part.starts_with("a="));
            page(60)
                .body(format!("{version} {}", counts.unwrap_or_default()))
                .header("no-vary-search", "key-order, params=(\"utm\")")
        }
    }
}

fn told(version: u64) -> String {
    format!("{version} a=1")
}

/// Asks by one query after another until each isolate answers any other from its cache.
async fn warm(site: &Site, version: u64) -> Result<()> {
    let mut number = 0;
    for isolate in 0..site.edge.urls().len() {
        eventually("another query is a hit", PATIENCE, async || {
            number += 1;
            let path = format!("/p?a=1&utm=w{number}");
            let answered = answer(site.request("GET", isolate, &path)).await;
            answered.is_ok_and(|answered| answered.is_hit() && answered.text() == told(version))
        })
        .await?;
    }
    Ok(())
}
