//! The same load twice: at the sample itself, and through the edge, which warms its cache first.
//!
//! What counts is counted, by the sample and in `Cache-Status`, not timed; so the goals hold on any
//! machine or on none.

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use futures_util::stream::iter;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::table::{Outcome, Table};
use super::visit::Visit;
use super::{Browser, Site};
use crate::benefit::Chance;

/// Runs the load both ways.
pub(super) async fn run(browser: &Browser, table: &mut Table) {
    let before = figures(browser).await.unwrap_or_default();
    let warm = async || warm(browser).await;
    table.step("the edge warms the sitemap", "all stored or found", warm).await;
    let linked = async || linked(browser).await;
    table.step("what a page says of what comes next", "Link fields", linked).await;
    let after = figures(browser).await.unwrap_or(before);
    let warmed =
        Cost { requests: after.0 - before.0, queries: after.1 - before.1, ..Cost::default() };
    let both = async || both(browser, warmed).await;
    let step = format!("{REQUESTS} requests, without and with the cache");
    let goal = format!("hit rate > {HIT_RATE} %, database load down > {SAVED} %");
    table.step(step, goal, both).await;
}

/// What a load has cost.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    answered: usize,
    hits: usize,
    reads: usize,
    requests: u64,
    queries: u64,
}

async fn warm(browser: &Browser) -> Result<Outcome> {
    if browser.site == Site::Own || !browser.shared {
        return Ok(Outcome::NotApplicable("jobs lie in Redis, and the sitemap is the sample's"));
    }
    let order = json!({ "sitemaps": ["/sitemap.xml"], "rate": 100, "replace": true });
    let mut job = ask(browser, "/warm", &order).await?;
    for _ in 0..TURNS {
        if job["state"] == "done" {
            break;
        }
        job = ask(browser, "/warm/next", &Value::Null).await?;
    }
    let count = |name: &str| job[name].as_u64().unwrap_or(0);
    let [pages, stored, found] = ["pages", "stored", "found"].map(count);
    let good = job["state"] == "done" && pages > 30 && stored + found == pages;
    Ok(Outcome::of(good, format!("{pages} pages: {stored} stored, {found} found")))
}

async fn ask(browser: &Browser, path: &str, body: &Value) -> Result<Value> {
    let url = browser.url(&format!("/api/v1/cache{path}"));
    let request = browser.client.post(url).bearer_auth(&browser.token).json(body);
    let told: Value = request.send().await?.json().await?;
    match told.pointer("/data/job") {
        Some(job) => Ok(job.clone()),
        None => bail!("{path} was answered {told}"),
    }
}

async fn linked(browser: &Browser) -> Result<Outcome> {
    if browser.site == Site::Own {
        return Ok(Outcome::NotApplicable("only the sample is known"));
    }
    let response = browser.client.get(browser.url("/builds")).send().await?;
    let link = response.headers().get("link").and_then(|link| link.to_str().ok());
    let link = link.unwrap_or_default().to_owned();
    let good = link.contains("rel=next") && link.contains("rel=preload");
    Ok(Outcome::of(good, format!("{} links", link.split(", ").count())))
}

async fn both(browser: &Browser, warmed: Cost) -> Result<Outcome> {
    if browser.site == Site::Own {
        return Ok(Outcome::NotApplicable("only the sample counts its queries"));
    }
    let paths = paths(browser).await?;
    let (mut edge, mut origin) = (Vec::new(), Vec::new());
    let mut chance = Chance::seeded();
    for number in 0..REQUESTS {
        let wish = Wish::drawn(number, &paths, &mut chance);
        edge.push((number, wish.clone()));
        origin.push((number, wish));
    }
    let without = load(browser, origin, |_| browser.origin.clone()).await?;
    let to = |number: usize| browser.edges[number % browser.edges.len()].clone();
    let mut with = load(browser, edge, to).await?;
    // What was fetched to warm the cache is a part of what it costs.
    with.requests += warmed.requests;
    with.queries += warmed.queries;
    let rate = percent(with.hits, with.reads);
    let kept = |with: u64, without: u64| 100.0 - percent64(with, without);
    let saved = kept(with.queries, without.queries);
    let seen = format!(
        "hit rate {rate:.1} %; database queries {} without, {} with: down {saved:.1} %; \
         requests at the origin {} without, {} with",
        without.queries, with.queries, without.requests, with.requests
    );
    let whole = without.answered == REQUESTS && with.answered == REQUESTS;
    Ok(Outcome::of(whole && rate > HIT_RATE && saved > SAVED, seen))
}

/// The paths of the sitemap.
async fn paths(browser: &Browser) -> Result<Vec<String>> {
    let text = browser.client.get(format!("{}/sitemap.xml", browser.origin)).send().await?;
    let text = text.text().await?.replace("&amp;", "&");
    let locations = text.split("<loc>").skip(1).filter_map(|part| part.split("</loc>").next());
    let paths = locations.filter_map(|url| Some(url.strip_prefix(&browser.origin)?.to_owned()));
    let paths: Vec<String> = paths.collect();
    if paths.is_empty() { bail!("the sitemap lists nothing") } else { Ok(paths) }
}

/// Something that a reader does.
#[derive(Clone, Debug)]
enum Wish {
    Like { build: usize, user: usize },
    Page(String),
    Search(&'static str),
}

impl Wish {
    /// Mostly pages, the first ones of the sitemap most often; some searches, and some likes.
    fn drawn(number: usize, paths: &[String], chance: &mut Chance) -> Self {
        if number % 150 == 149 {
            return Self::Like { build: 1 + number, user: 1 + number % 200 };
        }
        if number % 20 == 9 {
            return Self::Search(WORDS[chance.below(WORDS.len())]);
        }
        Self::Page(paths[chance.rank(paths.len()) - 1].clone())
    }

    fn request(&self, browser: &Browser, base: &str) -> RequestBuilder {
        let send =
            |method: Method, path: &str| browser.client.request(method, format!("{base}{path}"));
        match self {
            Self::Like { build, user } => send(Method::POST, &format!("/api/builds/{build}/likes"))
                .json(&json!({ "user": user })),
            Self::Page(path) => send(Method::GET, path),
            Self::Search(text) => send(Method::POST, "/api/search").json(&json!({ "text": text })),
        }
    }
}

async fn load(
    browser: &Browser,
    wishes: Vec<(usize, Wish)>,
    to: impl Fn(usize) -> String,
) -> Result<Cost> {
    let before = figures(browser).await?;
    let visits = iter(wishes).map(|(number, wish)| {
        let request = wish.request(browser, &to(number));
        async move { (wish, Visit::of(request).await) }
    });
    let mut cost = Cost::default();
    let mut visits = visits.buffered(AT_ONCE);
    while let Some((wish, visit)) = visits.next().await {
        let visit = visit?;
        cost.answered += usize::from(visit.status < 400);
        if !matches!(wish, Wish::Like { .. }) {
            cost.reads += 1;
            cost.hits += usize::from(visit.is_hit());
        }
    }
    let after = figures(browser).await?;
    Ok(Cost { requests: after.0 - before.0, queries: after.1 - before.1, ..cost })
}

/// The requests that the sample has answered, and the queries that its database has.
async fn figures(browser: &Browser) -> Result<(u64, u64)> {
    let stats = browser.client.get(format!("{}/_stats", browser.origin)).send().await?;
    let stats: Value = stats.json().await?;
    let number = |name: &str| stats[name].as_u64().with_context(|| format!("no number {name}"));
    Ok((number("requests")?, number("queries")?))
}

fn percent(part: usize, whole: usize) -> f64 {
    percent64(part as u64, whole as u64)
}

fn percent64(part: u64, whole: u64) -> f64 {
    let [part, whole] =
        [part, whole.max(1)].map(|n| f64::from(u32::try_from(n).unwrap_or(u32::MAX)));
    part * 100.0 / whole
}

/// What is searched for.
const WORDS: [&str; 6] = ["fire", "guard", "the", "storm", "quick", "orchard"];

const REQUESTS: usize = 1_500;
const AT_ONCE: usize = 8;
const TURNS: usize = 100;

/// The goals, in percent.
const HIT_RATE: f64 = 90.0;
const SAVED: f64 = 80.0;
