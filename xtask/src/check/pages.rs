//! The steps in which everything works.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use super::table::{Outcome, Table};
use super::visit::Visit;
use super::{Browser, Site, connected};

/// Loads, revalidates, edits and purges pages.
pub(super) async fn run(browser: &Browser, table: &mut Table) {
    loads(browser, table).await;
    revalidations(browser, table).await;
    let passes = async || passes(browser).await;
    table.step("uncacheable requests", "each asks the origin", passes).await;
    let edit = async || edit(browser).await;
    table.step("edit a page through the edge", "the PUT passes, the new title shows", edit).await;
    let stampede = async || stampede(browser).await;
    table.step("50 requests for one cold page", "1 asks the origin, all 200", stampede).await;
    let health = async || health(browser).await;
    table.step("health", "success, Redis as started", health).await;
}

async fn loads(browser: &Browser, table: &mut Table) {
    let first = async || {
        let visit = browser.load(PAGE).await?;
        Ok(Outcome::of(visit.status < 500 && visit.is_forwarded(), visit))
    };
    table.step(format!("first load of {PAGE}"), "answers, asks the origin", first).await;
    let second = async || {
        let (visit, _) = browser.load_until(PAGE, Visit::is_hit).await?;
        Ok(Outcome::of(visit.status < 500, visit))
    };
    table.step("second load", "hit", second).await;
    for isolate in 1..browser.edges.len() {
        let other = async || {
            if !browser.shared {
                return Ok(Outcome::NotApplicable("isolates share only Redis"));
            }
            let visit = browser.load_at(isolate, PAGE).await?;
            Ok(Outcome::of(visit.status < 500 && visit.is_hit(), visit))
        };
        table.step(format!("the same at isolate {}", isolate + 1), "hit", other).await;
    }
}

async fn revalidations(browser: &Browser, table: &mut Table) {
    let head = async || {
        let visit = Visit::of(browser.client.head(browser.url(PAGE))).await?;
        Ok(Outcome::of(visit.status < 500 && visit.is_hit() && visit.body.is_empty(), visit))
    };
    table.step("HEAD", "hit without a body", head).await;
    let conditional = async || {
        let Some(etag) = browser.load(PAGE).await?.etag else {
            return Ok(Outcome::NotApplicable("the page has no ETag"));
        };
        let request = browser.client.get(browser.url(PAGE)).header("if-none-match", etag);
        let visit = Visit::of(request).await?;
        Ok(Outcome::of(visit.status == 304 && visit.is_hit(), visit))
    };
    table.step("If-None-Match with the page's ETag", "304, hit", conditional).await;
    let stale = async || {
        browser.purge_softly(PAGE).await?;
        // A site that allows no stale answers gets its page fetched instead.
        let allowed =
            |visit: &Visit| visit.is_stale() || browser.site == Site::Own && visit.is_forwarded();
        let (stale, _) = browser.load_until(PAGE, allowed).await?;
        let fresh = |visit: &Visit| visit.is_hit() && !visit.is_stale();
        let (_, refreshed) = browser.load_until(PAGE, fresh).await?;
        let seen = format!("{stale}, refreshed {} ms later", refreshed.as_millis());
        Ok(Outcome::of(stale.status < 500, seen))
    };
    table.step("load after a soft purge", "stale at once, then fresh", stale).await;
}

async fn passes(browser: &Browser) -> Result<Outcome> {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let request = match browser.site {
            Site::Sample => browser.client.get(browser.url("/_stats")),
            Site::Own => browser.client.request(Method::OPTIONS, browser.url(PAGE)),
        };
        seen.push(Visit::of(request).await?);
    }
    let all = seen.iter().all(|visit| visit.status < 500 && visit.is_forwarded());
    let last = seen.last().context("nothing was seen")?;
    Ok(Outcome::of(all, format!("2 × {last}")))
}

async fn edit(browser: &Browser) -> Result<Outcome> {
    if browser.site == Site::Own {
        return Ok(Outcome::NotApplicable("only the sample may be edited"));
    }
    let listing: Value = serde_json::from_str(&browser.load(LISTING).await?.body)?;
    let id = listing.pointer("/builds/0/id").and_then(Value::as_i64);
    let edited = format!("{LISTING}/{}", id.context("the listing has no `builds` with an id")?);
    let before = browser.load(&edited).await?;
    let build: Value = serde_json::from_str(&before.body).context("the build is not JSON")?;
    let title = format!("Checked by {}", browser.token.get(..8).unwrap_or_default());
    let draft = draft_of(&build, &title)?;
    let put = Visit::of(browser.client.put(browser.url(&edited)).json(&draft)).await?;
    if !(put.status == 200 && put.is_forwarded()) {
        return Ok(Outcome::Otherwise(format!("{put}: {}", put.body)));
    }
    let shows = |visit: &Visit| visit.body.contains(&title);
    let (_, page) = browser.load_until(&edited, shows).await.context(edited)?;
    let (_, list) = browser.load_until(LISTING, shows).await.context(LISTING)?;
    let (page, list) = (page.as_millis(), list.as_millis());
    Ok(Outcome::AsExpected(format!("{put}; new in the page after {page} ms, the list {list} ms")))
}

/// A build as its author would send it back under another title.
fn draft_of(build: &Value, title: &str) -> Result<Value> {
    let find = |names: &[&str]| {
        let found = names.iter().find_map(|name| build.pointer(name).cloned());
        found.with_context(|| format!("the build has none of {names:?}"))
    };
    Ok(json!({
        "author": find(&["/author/id", "/author"])?,
        "title": title,
        "class": find(&["/class/id", "/class"])?,
        "difficulty": find(&["/difficulty"])?,
        "summary": find(&["/summary"])?,
        "guide": find(&["/guide"])?,
        "skills": find(&["/skills"])?,
        "attributes": find(&["/attributes"])?,
    }))
}

async fn stampede(browser: &Browser) -> Result<Outcome> {
    let page = match browser.site {
        Site::Sample => COLD.to_owned(),
        Site::Own => format!("{PAGE}?breadbox-check={}", browser.token),
    };
    let before = match browser.site {
        Site::Sample => browser.requests().await?,
        Site::Own => 0,
    };
    let loads = (0..CROWD).map(|n| {
        let edge = browser.edges.get(n % browser.edges.len()).cloned().unwrap_or_default();
        let (client, url) = (browser.client.clone(), format!("{edge}{page}"));
        tokio::spawn(async move { Visit::load(&client, &url).await })
    });
    let loads: Vec<_> = loads.collect();
    let mut visits = Vec::new();
    for load in loads {
        visits.push(load.await.context("a request panicked")??);
    }
    let answered = visits.iter().filter(|visit| visit.status < 500).count();
    let fetches = match browser.site {
        Site::Sample => browser.requests().await? - before,
        Site::Own => {
            let asked = |visit: &&Visit| visit.is_forwarded() && !visit.is_collapsed();
            u64::try_from(visits.iter().filter(asked).count())?
        }
    };
    // Without Redis the isolates know nothing of each other.
    let most = if browser.shared { 1 } else { u64::try_from(browser.edges.len())? };
    let seen = format!("{fetches} asked the origin, {answered} of {CROWD} answered");
    Ok(Outcome::of(answered == CROWD && (1..=most).contains(&fetches), seen))
}

async fn health(browser: &Browser) -> Result<Outcome> {
    let health = browser.health().await?;
    let success = health.get("success") == Some(&Value::Bool(true));
    let redis = connected(&health);
    let rate = health.pointer("/data/performance/hitRateAchieved").unwrap_or(&Value::Null);
    let seen = format!("success {success}, Redis connected {redis}, hit rate achieved {rate}");
    Ok(Outcome::of(success && redis == browser.shared, seen))
}

const PAGE: &str = "/";
const LISTING: &str = "/api/builds";
const COLD: &str = "/classes";
const CROWD: usize = 50;
