//! Several responses for one URL, and what becomes of all of them when it changes.

use std::time::Duration;

use anyhow::Result;
use xtask::harness::{SharedTier, eventually};
use xtask::origin::{Reply, Seen};

use crate::site::{Answer, PATIENCE, Site, answer, asked_exactly, one, page, set};

#[tokio::test]
async fn a_variant_is_one_command_on_a_warm_isolate() -> Result<()> {
    let mut site =
        Site::with(languages(1), |spec| set(set(one(spec), "VISIBILITY", "1h"), "NEAR", "off"))?;
    let mut wire = site.wire()?;
    for language in ["de", "en", "fr", "de", "en", "fr"] {
        warm(&site, "/page", language).await?;
    }
    eventually("what follows the fills is done", PATIENCE, async || {
        wire.keys("*:l:*").is_ok_and(|leases| leases.is_empty())
    })
    .await?;
    let before = wire.calls()?;
    for language in ["en", "fr", "de"].iter().cycle().take(30) {
        let answered = ask(&site, "/page", language).await?;
        assert!(answered.is_hit(), "{}", answered.headers_text());
    }
    let after = wire.calls()?;
    let more =
        |name: &str| after.get(name).copied().unwrap_or(0) - before.get(name).copied().unwrap_or(0);
    assert_eq!((more("get"), more("mget"), more("evalsha")), (10, 20, 0), "{after:?}");
    Ok(())
}

#[tokio::test]
async fn a_change_reaches_every_variant_everywhere() -> Result<()> {
    let site = Site::with(languages(1), |spec| set(spec, "VISIBILITY", "1h"))?;
    changes_reach_variants(&site).await
}

#[tokio::test]
async fn a_change_reaches_every_variant_without_redis() -> Result<()> {
    let site = Site::with(languages(1), |mut spec| {
        spec.shared = SharedTier::Off;
        one(spec)
    })?;
    changes_reach_variants(&site).await
}

async fn changes_reach_variants(site: &Site) -> Result<()> {
    for language in ["de", "en", "fr"] {
        warm(site, "/page", language).await?;
    }
    site.origin.rescript(languages(2));
    let posted = answer(site.request("POST", 0, "/other")).await?;
    assert_eq!((posted.status, ask(site, "/page", "en").await?.text()), (201, "1 en".to_owned()));
    let posted = answer(site.request("POST", 0, "/page")).await?;
    assert_eq!(posted.status, 201, "{}", posted.headers_text());
    for isolate in 0..site.edge.urls().len() {
        for language in ["de", "en", "fr"] {
            let request = site.request("GET", isolate, "/page").header("accept-language", language);
            let answered = answer(request).await?;
            assert_eq!(answered.text(), format!("2 {language}"), "{}", answered.headers_text());
        }
    }
    Ok(())
}

/// A fill that began before the change is not stored after it, be it of a variant.
#[tokio::test]
async fn a_change_bars_the_fill_of_a_variant_on_its_way() -> Result<()> {
    for shared in [true, false] {
        let site = Site::with(languages(1), |mut spec| {
            if !shared {
                spec.shared = SharedTier::Off;
            }
            set(one(spec), "VISIBILITY", "1h")
        })?;
        warm(&site, "/page", "de").await?;
        site.origin.rescript(|seen| match seen.header("accept-language") {
            "en" => languages(1)(seen).after(SLOW),
            _ => languages(1)(seen),
        });
        let filling = ask(&site, "/page", "en");
        let changing = async {
            eventually("the origin is asked for it", PATIENCE, async || {
                let asked = site.origin.requests_for("/page");
                asked.iter().any(|seen| seen.header("accept-language") == "en")
            })
            .await?;
            answer(site.request("POST", 0, "/page")).await
        };
        let (filled, posted) = tokio::join!(filling, changing);
        assert_eq!((filled?.text(), posted?.status), ("1 en".to_owned(), 201));
        site.origin.rescript(languages(2));
        for _ in 0..3 {
            let answered = ask(&site, "/page", "en").await?;
            assert_eq!(answered.text(), "2 en", "shared: {shared}: {}", answered.headers_text());
        }
    }
    Ok(())
}

/// Rules fold queries, and so they do in what a response names.
#[tokio::test]
async fn a_change_reaches_what_rules_have_folded() -> Result<()> {
    let rules = "[[rule]]\nmatch = \"/list\"\nquery = { ignore = [\"utm_*\"] }\n";
    let site = Site::with(
        |seen| match seen.method.as_str() {
            "POST" => Reply::status(303).header("location", "/list?utm_source=form"),
            _ => page(1),
        },
        |spec| {
            let mut spec = set(one(spec), "VISIBILITY", "1h");
            spec.rules = rules.to_owned();
            spec
        },
    )?;
    site.warm(0, "/list").await?;
    assert_eq!(answer(site.request("POST", 0, "/add")).await?.status, 303);
    assert!(!site.get(0, "/list").await?.says("hit"));
    asked_exactly(&site, "/list", 2);
    Ok(())
}

/// Whoever varies a field at will neither fills the store nor drives out what is newest.
#[tokio::test]
async fn the_newest_variants_stay() -> Result<()> {
    let mut site = Site::with(languages(1), |spec| set(one(spec), "VISIBILITY", "1h"))?;
    let mut wire = site.wire()?;
    // Whoever comes before the first is stored may take its place, which is no displacement.
    warm(&site, "/page", "de").await?;
    for number in 0..50 {
        let language = format!("x-{number}");
        warm(&site, "/page", &language).await?;
    }
    eventually("the oldest are gone", PATIENCE, async || {
        wire.keys("*:e:*").is_ok_and(|entries| entries.len() == 1 + 32)
    })
    .await?;
    let fetches = site.fetches("/page");
    for number in 40..50 {
        assert!(ask(&site, "/page", &format!("x-{number}")).await?.is_hit());
    }
    asked_exactly(&site, "/page", fetches);
    // The last is counted when the reply to its removal is back.
    eventually("each of them is counted", PATIENCE, async || {
        let health = site.get(0, "/api/v1/cache").await.and_then(|answered| answered.json());
        health.is_ok_and(|health| health["data"]["variants"]["displaced"] == 18)
    })
    .await
}

fn languages(version: u64) -> impl Fn(&Seen) -> Reply + Send + Sync + Clone + 'static {
    move |seen| match seen.method.as_str() {
        "POST" => Reply::status(201),
        _ => page(1)
            .body(format!("{version} {}", seen.header("accept-language")))
            .header("vary", "accept-language"),
    }
}

async fn ask(site: &Site, path: &str, language: &str) -> Result<Answer> {
    answer(site.request("GET", 0, path).header("accept-language", language)).await
}

/// Asks for a variant until it is a hit.
async fn warm(site: &Site, path: &str, language: &str) -> Result<()> {
    eventually(&format!("{language} is a hit"), PATIENCE, async || {
        ask(site, path, language).await.is_ok_and(|answered| answered.is_hit())
    })
    .await
}

/// How long the origin takes for a variant that is overtaken by a change.
const SLOW: Duration = Duration::from_secs(2);
