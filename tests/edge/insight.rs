//! What an operator sees of the edge: totals, metrics, what is hot, and why a URL is not cached.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use breadbox::replay::replay;
use serde_json::Value;
use xtask::harness::{READER, SharedTier, Spec, eventually};
use xtask::origin::{Reply, Seen};

use crate::site::{Answer, PATIENCE, Site, answer, one, page, set, stale_page};

/// `BREADBOX_REQUESTS=100000` makes it as many as issue 7 asks for, over eight isolates.
#[tokio::test]
async fn totals_are_what_was_asked() -> Result<()> {
    let wanted: usize =
        std::env::var("BREADBOX_REQUESTS").ok().map_or(Ok(1_200), |text| text.parse())?;
    let site = Site::with(mixed, |spec| Spec { isolates: 4, processes: 2, ..spec })?;
    let mut seen = Generator::default();
    let mut asked = 0;
    while asked < wanted {
        let crowd = (asked..wanted.min(asked + 64)).map(|n| {
            let site = &site;
            async move { site.get(n, &format!("/{}/{}", KINDS[n % KINDS.len()], n % 7)).await }
        });
        for answer in futures_util::future::join_all(crowd).await {
            seen.count(&answer?);
            asked += 1;
        }
    }
    let mut counts = Value::Null;
    let counted = eventually("all requests are counted", PATIENCE, async || {
        counts = health(&site).await.unwrap_or_default()["counts"].take();
        sum(&counts["requests"]) == wanted as u64
    });
    counted.await.with_context(|| format!("{counts}"))?;
    assert_eq!(hits(&counts), seen.hits, "{counts}");
    assert_eq!(sum(&counts["bytes"]), seen.bytes, "{counts}");
    assert_eq!(number(&counts["statuses"]["2xx"]), seen.found, "{counts}");
    assert_eq!(number(&counts["statuses"]["4xx"]), wanted as u64 - seen.found, "{counts}");
    assert_eq!(sum(&counts["sources"]), wanted as u64, "{counts}");
    assert_eq!(sum(&counts["rules"]), wanted as u64, "{counts}");
    let fetches = sum(&counts["origin_fetches"]);
    assert_eq!(fetches, site.origin.requests().len() as u64, "{counts}");
    Ok(())
}

/// What a killed isolate had not sent is missing, and nothing else.
#[tokio::test]
async fn a_killed_isolate_loses_less_than_a_flush() -> Result<()> {
    let mut site = Site::start(|_| page(1))?;
    for n in 0..40 {
        site.get(n, "/page").await?;
    }
    eventually("all requests are counted", PATIENCE, async || {
        health(&site).await.is_ok_and(|data| sum(&data["counts"]["requests"]) == 40)
    })
    .await?;
    for _ in 0..10 {
        site.get(3, "/page").await?;
    }
    site.edge.workers.truncate(1);
    for _ in 0..5 {
        site.get(0, "/page").await?;
    }
    let mut counted = 0;
    eventually("what the others were asked is counted", PATIENCE, async || {
        counted = health(&site).await.map_or(0, |data| sum(&data["counts"]["requests"]));
        counted >= 45
    })
    .await?;
    assert!((45..=55).contains(&counted), "{counted} of 55 were counted");
    Ok(())
}

#[tokio::test]
async fn metrics_are_in_the_text_form() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    site.warm(0, "/page").await?;
    let told = site.get(0, "/api/v1/cache/metrics").await?;
    assert_eq!(told.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let mut samples = BTreeMap::new();
    for line in told.text().lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').context("a sample")?;
        let value: f64 = value.parse()?;
        assert!(samples.insert(name.to_owned(), value).is_none(), "{name} is there twice");
    }
    assert_eq!(samples["breadbox_requests_total{verdict=\"miss\"}"], 1.0);
    assert_eq!(samples["breadbox_redis_up"], 1.0);
    assert_eq!(samples["breadbox_wait_seconds_count{tier=\"origin\"}"], 1.0);
    Ok(())
}

#[tokio::test]
async fn what_is_hot_and_what_happened_is_shown_to_readers() -> Result<()> {
    let site = Site::strict(|_| page(1).header("cache-tag", "pages,news"))?;
    assert_eq!(site.get(0, STATS).await?.status, 401, "without a token");
    for _ in 0..20 {
        site.get(0, "/hot").await?;
    }
    site.get(0, "/cold").await?;
    site.purge(r#"{"tags":["nothing"]}"#).await?;
    let mut told = Value::Null;
    eventually("the sheet is published", PATIENCE, async || {
        // Something has to be counted for a flush to go.
        let _ = site.get(0, "/cold").await;
        told = stats(&site).await.unwrap_or_default();
        told["top"]["urls"]["byRequests"][0]["requests"].as_u64() >= Some(20)
            && told["purges"][0]["records"].is_string()
    })
    .await
    .with_context(|| told.to_string())?;
    assert_eq!(told["top"]["urls"]["byRequests"][0]["label"], "http://site.test/hot", "{told}");
    let tags = &told["top"]["tags"]["byRequests"];
    assert!(tags[0]["requests"].as_u64() >= Some(19), "{tags}");
    assert!(told["requests"][0]["verdict"].is_string(), "{told}");
    let minutes = told["minutes"].as_array().context("minutes")?;
    assert!(!minutes.is_empty(), "{told}");
    let cells: usize = families(&told)?.iter().map(|(_, cells)| cells).sum();
    assert_eq!(minutes[0].as_array().map(Vec::len), Some(cells + 1), "time and cells");
    Ok(())
}

/// Five causes, each found out by the explanation alone and by the replay of its record.
#[tokio::test]
async fn why_a_url_is_not_cached_is_told_and_can_be_replayed() -> Result<()> {
    let rules = "[[rule]]\nmatch = \"/bypassed\"\ncache = \"bypass\"\n";
    let site = Site::with(causes, |spec| {
        let spec = set(one(spec), "VISIBILITY", "0s");
        Spec { rules: rules.to_owned(), ..spec }
    })?;
    site.warm(0, "/fresh").await?;
    site.warm(0, "/purged").await?;
    site.purge(r#"{"urls":["http://site.test/purged"]}"#).await?;
    for (path, verdict, reason) in [
        ("/fresh", "hit", None),
        ("/bypassed", "bypass", Some("rule")),
        ("/no-store", "miss", Some("no-store")),
        ("/cookie", "miss", Some("set-cookie")),
        ("/private", "miss", Some("private")),
        ("/lifeless", "miss", Some("no-lifetime")),
        ("/purged", "miss", Some("purged")),
    ] {
        let told = explained(&site, path).await?;
        assert_eq!(told["verdict"], verdict, "{path}: {told}");
        assert_eq!(told["reason"].as_str(), reason, "{path}: {told}");
        assert!(told["why"].as_str().is_some_and(|why| why.ends_with('.')), "{told}");
        let replay = replay(&told["record"]).map_err(anyhow::Error::msg)?;
        assert!(replay.agrees(), "{path}: {replay:?}");
        assert!(replay.repeated.len() >= 2, "{path}: {replay:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_mark_says_why_nothing_can_be_stored() -> Result<()> {
    let site = Site::strict(causes)?;
    site.get(0, "/cookie").await?;
    let mut told = Value::Null;
    eventually("the mark is found", PATIENCE, async || {
        told = explained(&site, "/cookie").await.unwrap_or_default();
        told["tiers"][1]["entry"]["marked"] == "set-cookie"
    })
    .await
    .with_context(|| told.to_string())?;
    assert!(told["why"].as_str().is_some_and(|why| why.contains("sets a cookie")), "{told}");
    Ok(())
}

#[tokio::test]
async fn without_redis_an_isolate_tells_what_it_knows() -> Result<()> {
    let off = |spec| set(Spec { shared: SharedTier::Off, ..one(spec) }, "NEAR", "off");
    let site = Site::with(|_| page(1), off)?;
    site.warm(0, "/page").await?;
    let told = stats(&site).await?;
    assert_eq!(told["counted"], "isolate", "{told}");
    assert_eq!(told["top"]["urls"]["byRequests"][0]["label"], "http://site.test/page", "{told}");
    assert_eq!(told["minutes"], Value::Array(Vec::new()), "{told}");
    let told = explained(&site, "/page").await?;
    assert_eq!((&told["verdict"], &told["tiers"][0]["tier"]), (&"hit".into(), &"platform".into()));
    Ok(())
}

#[tokio::test]
async fn a_debug_token_is_told_more_and_goes_no_further() -> Result<()> {
    let plain = |spec| set(one(spec), "NEAR", "off");
    let site = Site::with(|_| page(1).header("cache-tag", "pages"), plain)?;
    site.warm(0, "/page").await?;
    let asked = |path: &str, token: &str| {
        answer(site.request("GET", 0, path).header("breadbox-debug", token))
    };
    let told = asked("/page", READER).await?;
    assert_eq!(told.header("x-cache-key"), "GET http://site.test/page");
    assert_eq!(told.header("x-cache-tags"), "pages");
    assert_eq!(told.header("x-cache-source"), "shared");
    assert!(told.header("server-timing").contains("lookup;dur="), "{}", told.headers_text());
    let plain = asked("/page", "wrong").await?;
    assert_eq!(plain.header("x-cache-key"), "", "{}", plain.headers_text());
    asked("/other", READER).await?;
    for asked in site.origin.requests_for("/other") {
        assert_eq!(asked.header("breadbox-debug"), "", "a secret went to the origin");
    }
    Ok(())
}

/// What a load generator counts for itself.
#[derive(Default)]
struct Generator {
    hits: u64,
    found: u64,
    bytes: u64,
}

impl Generator {
    fn count(&mut self, answer: &Answer) {
        self.hits += u64::from(answer.says("hit"));
        self.found += u64::from(answer.status == 200);
        self.bytes += answer.body.len() as u64;
    }
}

fn mixed(asked: &Seen) -> Reply {
    match asked.path.split('/').nth(1) {
        Some("missing") => Reply::status(404).body("no such page"),
        Some("stale") => stale_page(1),
        Some("unstored") => page(1).header("cache-control", "no-store"),
        _ => page(1),
    }
}

fn causes(asked: &Seen) -> Reply {
    match asked.path.as_str() {
        "/no-store" => Reply::ok("x").header("cache-control", "no-store"),
        "/private" => Reply::ok("x").header("cache-control", "private, max-age=60"),
        "/cookie" => page(1).header("set-cookie", "session=secret"),
        "/lifeless" => Reply::ok("x"),
        _ => page(1),
    }
}

pub async fn health(site: &Site) -> Result<Value> {
    Ok(site.get(0, "/api/v1/cache").await?.json()?["data"].take())
}

async fn stats(site: &Site) -> Result<Value> {
    Ok(answer(site.request("GET", 0, STATS).bearer_auth(READER)).await?.json()?["data"].take())
}

async fn explained(site: &Site, path: &str) -> Result<Value> {
    let query = format!("/api/v1/cache/entries?url=http://site.test{path}");
    let told = answer(site.request("GET", 0, &query).bearer_auth(READER)).await?;
    assert_eq!(told.status, 200, "{}", told.text());
    assert!(!told.text().contains("secret"), "cookies stay where they are: {}", told.text());
    Ok(told.json()?["data"].take())
}

fn families(told: &Value) -> Result<Vec<(String, usize)>> {
    let families = told["families"].as_array().context("families")?;
    let family = |family: &Value| {
        Some((family["name"].as_str()?.to_owned(), family["values"].as_array()?.len()))
    };
    families.iter().map(family).collect::<Option<_>>().context("a family")
}

fn hits(counts: &Value) -> u64 {
    ["hit", "stale"].iter().map(|name| number(&counts["requests"][*name])).sum()
}

pub fn sum(counts: &Value) -> u64 {
    counts.as_object().into_iter().flatten().map(|(_, count)| number(count)).sum()
}

fn number(count: &Value) -> u64 {
    count.as_u64().unwrap_or(0)
}

const KINDS: [&str; 4] = ["page", "stale", "unstored", "missing"];
const STATS: &str = "/api/v1/cache/stats?minutes=60";
