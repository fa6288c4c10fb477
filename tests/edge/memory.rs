//! The memory tier: no I/O while the ledger is known, and nothing that another tier would not say.

use std::time::Duration;

use anyhow::Result;
use xtask::harness::{ADMIN, PlatformTier, SharedTier, Spec, eventually};
use xtask::origin::Reply;

use crate::site::{ADMIN_PATH, Answer, PATIENCE, Site, answer, one, page, set, stale_page};

/// Purges are asked about once an hour here, so that nothing hides among the syncs.
fn quiet(spec: Spec) -> Spec {
    set(one(spec), "VISIBILITY", "1h")
}

/// Asks until Redis is not asked any more.
async fn settle(site: &mut Site, path: &str) -> Result<Answer> {
    let mut wire = site.wire()?;
    let mut last = site.warm(0, path).await?;
    eventually(&format!("{path} is in memory"), PATIENCE, async || {
        let reads = |wire: &mut xtask::harness::Wire| {
            wire.calls().ok().and_then(|calls| calls.get("get").copied()).unwrap_or(0)
        };
        let before = reads(&mut wire);
        let Ok(answer) = site.get(0, path).await else { return false };
        last = answer;
        last.is_hit() && reads(&mut wire) == before
    })
    .await?;
    Ok(last)
}

#[tokio::test]
async fn a_memory_hit_costs_redis_nothing() -> Result<()> {
    let mut site = Site::with(|_| page(1).header("etag", "\"a\""), quiet)?;
    settle(&mut site, "/hot").await?;
    let mut wire = site.wire()?;
    let before = wire.calls()?;
    for _ in 0..50 {
        let hit = site.get(0, "/hot").await?;
        assert!(hit.is_hit() && hit.text() == "version 1", "{}", hit.headers_text());
    }
    for name in ["get", "zrange", "evalsha"] {
        assert_eq!(wire.calls()?.get(name), before.get(name), "{name}");
    }
    Ok(())
}

/// What the short way sends is what the long way sends, but for what time changes.
#[tokio::test]
async fn the_short_way_sends_the_same() -> Result<()> {
    let reply = || {
        page(1)
            .header("etag", "\"a\"")
            .header("cache-tag", "x")
            .header("x-two", "a")
            .header("x-two", "b")
    };
    let mut site = Site::with(move |_| reply(), quiet)?;
    let short = settle(&mut site, "/same").await?;
    // A directive that changes nothing leads the long way.
    let long = site.request("GET", 0, "/same").header("range", "lines=1-2");
    let long = answer(long).await?;
    let timeless = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.remove("age");
        headers.remove("cache-status");
        headers
    };
    assert_eq!(timeless(&short), timeless(&long));
    assert_eq!(short.body, long.body);
    assert!(short.cache_status().starts_with("Breadbox; hit; ttl="), "{}", short.cache_status());
    assert!(!short.header("age").is_empty());
    Ok(())
}

#[tokio::test]
async fn conditions_parts_and_heads_are_answered_from_memory() -> Result<()> {
    let mut site = Site::with(|_| page(1).header("etag", "\"a\""), quiet)?;
    settle(&mut site, "/hot").await?;
    let asked = |method: &str, name: &str, value: &str| {
        answer(site.request(method, 0, "/hot").header(name, value))
    };
    assert_eq!(asked("GET", "if-none-match", "\"a\"").await?.status, 304);
    let part = asked("GET", "range", "bytes=0-6").await?;
    assert_eq!((part.status, part.text().as_str()), (206, "version"));
    let head = asked("HEAD", "accept", "*/*").await?;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "9", 0));
    assert_eq!(asked("GET", "cache-control", "no-cache").await?.text(), "version 1");
    assert!(site.fetches("/hot") == 2, "no-cache asks the origin");
    Ok(())
}

#[tokio::test]
async fn a_purge_reaches_memory_within_the_bound() -> Result<()> {
    let site = Site::with(|_| page(1).header("cache-tag", "t"), |spec| spec)?;
    for isolate in 0..4 {
        for _ in 0..4 {
            site.get(isolate, "/hot").await?;
        }
    }
    site.origin.rescript(|_| page(2).header("cache-tag", "t"));
    site.purge("{\"tags\":[\"t\"]}").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for answer in site.crowd(8, "/hot").await? {
        assert_eq!(answer.text(), "version 2", "{}", answer.headers_text());
    }
    Ok(())
}

#[tokio::test]
async fn a_strict_site_sees_a_purge_at_once() -> Result<()> {
    let mut site = Site::strict(|_| page(1))?;
    settle(&mut site, "/hot").await?;
    site.origin.rescript(|_| page(2));
    site.purge("{\"everything\":true}").await?;
    assert_eq!(site.get(0, "/hot").await?.text(), "version 2");
    Ok(())
}

#[tokio::test]
async fn a_stale_copy_in_memory_is_refreshed_behind_the_reply() -> Result<()> {
    let site = Site::with(|_| stale_page(1), quiet)?;
    for _ in 0..3 {
        site.get(0, "/old").await?;
    }
    site.origin.rescript(|_| page(2));
    let stale = site.get(0, "/old").await?;
    assert!(stale.is_stale() && stale.text() == "version 1", "{}", stale.headers_text());
    eventually("the refresh is in memory", PATIENCE, async || {
        site.get(0, "/old")
            .await
            .is_ok_and(|answer| answer.is_hit() && answer.text() == "version 2")
    })
    .await
}

#[tokio::test]
async fn variants_are_told_apart_in_memory() -> Result<()> {
    let script = |seen: &xtask::origin::Seen| {
        Reply::ok(seen.header("accept-language").to_owned())
            .header("cache-control", "max-age=600")
            .header("vary", "accept-language")
    };
    let site = Site::with(script, quiet)?;
    for _ in 0..6 {
        for language in ["en", "de"] {
            let asked = site.request("GET", 0, "/words").header("accept-language", language);
            assert_eq!(answer(asked).await?.text(), language);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_flood_of_urls_leaves_memory_bounded() -> Result<()> {
    let site = Site::with(
        |_| Reply::ok(vec![b'x'; 8 << 10]).header("cache-control", "max-age=600"),
        quiet,
    )?;
    let urls: usize =
        std::env::var("BREADBOX_FLOOD").ok().and_then(|n| n.parse().ok()).unwrap_or(500);
    for n in (0..urls).step_by(25) {
        let many = (n..n + 25).map(|n| format!("/flood/{n}"));
        let paths: Vec<String> = many.collect();
        let asked = paths.iter().map(|path| async { site.get(0, path).await });
        futures_util::future::try_join_all(asked).await?;
    }
    let report = answer(site.request("GET", 0, ADMIN_PATH)).await?.json()?;
    let held = report.pointer("/data/memory/entries").and_then(serde_json::Value::as_u64);
    assert!(held.is_some_and(|held| held < 25), "one-hit objects are not taken in: {report}");
    Ok(())
}

fn words(seen: &xtask::origin::Seen) -> Reply {
    Reply::ok(format!("{} 1", seen.header("accept-language")))
        .header("cache-control", "max-age=600")
        .header("vary", "accept-language")
}

/// RFC 9111 §4.4: the isolate that made the change knows at once, the others with the ledger.
#[tokio::test]
async fn a_change_reaches_every_memory() -> Result<()> {
    let site = Site::with(words, |spec| spec)?;
    let asked = |isolate, language| {
        answer(site.request("GET", isolate, "/words").header("accept-language", language))
    };
    for _ in 0..4 {
        for (isolate, language) in [(0, "en"), (0, "de"), (2, "en"), (2, "de")] {
            assert_eq!(asked(isolate, language).await?.text(), format!("{language} 1"));
        }
    }
    site.origin.rescript(|seen| words(seen).body(format!("{} 2", seen.header("accept-language"))));
    assert_eq!(answer(site.request("POST", 0, "/words").body("x")).await?.status, 200);
    for language in ["en", "de"] {
        assert_eq!(asked(0, language).await?.text(), format!("{language} 2"));
        eventually("another isolate has learnt of the change", PATIENCE, async || {
            asked(2, language).await.is_ok_and(|answer| answer.text().ends_with('2'))
        })
        .await?;
    }
    Ok(())
}

/// The same where the data centre's cache holds the ledger.
#[tokio::test]
async fn a_change_reaches_every_memory_without_redis() -> Result<()> {
    let without =
        |spec: Spec| Spec { shared: SharedTier::Off, platform: PlatformTier::Common, ..spec };
    let site = Site::with(|_| page(1), without)?;
    for _ in 0..4 {
        for isolate in [0, 2] {
            assert_eq!(site.get(isolate, "/hot").await?.text(), "version 1");
        }
    }
    site.origin.rescript(|_| page(2));
    assert_eq!(answer(site.request("DELETE", 0, "/hot")).await?.status, 200);
    assert_eq!(site.get(0, "/hot").await?.text(), "version 2");
    eventually("another isolate has learnt of the change", PATIENCE, async || {
        site.get(2, "/hot").await.is_ok_and(|answer| answer.text() == "version 2")
    })
    .await
}

#[tokio::test]
async fn the_short_way_refuses_and_tells_what_the_long_way_does() -> Result<()> {
    let mut site = Site::with(|_| page(1).header("cache-tag", "t"), quiet)?;
    settle(&mut site, "/hot").await?;
    let asked =
        |name: &str, value: &str| answer(site.request("GET", 0, "/hot").header(name, value));
    assert_eq!(asked("x-large", &"x".repeat(130 * 1024)).await?.status, 431);
    assert_eq!(asked("breadbox-debug", "nobody's").await?.header("x-cache-source"), "");
    let told = asked("breadbox-debug", ADMIN).await?;
    assert_eq!(told.header("x-cache-source"), "memory", "{}", told.headers_text());
    let report = answer(site.request("GET", 0, ADMIN_PATH)).await?.json()?;
    let memory = report.pointer("/data/counts/sources/memory").and_then(|n| n.as_u64());
    assert!(memory.is_some_and(|memory| memory >= 2), "{report:#}");
    Ok(())
}

/// What a client can't take is not sent to it, though another's was prepared.
#[tokio::test]
async fn the_short_way_knows_codings() -> Result<()> {
    let script = |_: &xtask::origin::Seen| page(1).header("content-encoding", "br");
    let site = Site::with(script, quiet)?;
    let asked = |coding| answer(site.request("GET", 0, "/coded").header("accept-encoding", coding));
    for _ in 0..5 {
        assert_eq!(asked("br").await?.status, 200);
    }
    assert!(asked("br").await?.is_hit());
    let other = asked("gzip").await?;
    assert!(other.says("detail=coding"), "{}", other.headers_text());
    Ok(())
}

/// What a rule makes keys of besides the URL is not passed over on the short way.
#[tokio::test]
async fn cookies_that_count_are_told_apart_in_memory() -> Result<()> {
    let script = |seen: &xtask::origin::Seen| page(1).body(seen.header("cookie").to_owned());
    let rules = "[[rule]]\nmatch = \"/**\"\ncookies = { key = [\"currency\"] }\n";
    let keyed = |spec| Spec { rules: rules.to_owned(), ..quiet(spec) };
    let site = Site::with(script, keyed)?;
    let asked = |cookie| answer(site.request("GET", 0, "/price").header("cookie", cookie));
    for _ in 0..5 {
        for cookie in ["currency=eur", "currency=usd"] {
            assert_eq!(asked(cookie).await?.text(), cookie);
        }
    }
    assert!(asked("currency=eur").await?.is_hit());
    Ok(())
}
