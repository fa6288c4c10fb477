//! Warming by the Worker: jobs in Redis, a slice at each invocation.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::harness::{ADMIN, PURGER, READER, SharedTier, Spec, Troubles, client, eventually};
use xtask::origin::{Reply, Seen};

use crate::budgets::{SUBREQUESTS, subrequests};
use crate::site::{Answer, HOST, PATIENCE, Site, answer, asked_exactly, one, page, set};

/// What is named is fetched once each, two invocations after the other, and clients find it.
#[tokio::test]
async fn a_list_is_warmed_over_several_invocations() -> Result<()> {
    let site = site(|seen| match seen.path.as_str() {
        "/private" => page(1).header("cache-control", "private"),
        "/broken" => Reply::status(500),
        _ => page(1),
    })?;
    site.warm(0, "/0").await?;
    let body = r#"{"urls":["/0","/1","/2","/3","/4","http://site.test/5","/5","/private",
        "/broken"],"rate":100}"#;
    let begun = order(&site, ADMIN, "POST", "", body).await?.json()?;
    assert_eq!(begun["data"]["job"]["known"], 8, "{begun}");
    let job = finish(&site).await?;
    for (name, count) in [("stored", 5), ("found", 1), ("passed", 1), ("failed", 1), ("done", 8)] {
        assert_eq!(job[name], count, "{name}: {job}");
    }
    for number in 0..6 {
        let path = format!("/{number}");
        let answer = site.get(0, &path).await?;
        assert!(answer.is_hit(), "{path}: {}", answer.headers_text());
        asked_exactly(&site, &path, 1);
    }
    Ok(())
}

/// What nobody has asked for counts for nobody: the hit rate is that of clients.
#[tokio::test]
async fn warming_is_not_counted_as_requests() -> Result<()> {
    let site = site(|_| page(1))?;
    order(&site, ADMIN, "POST", "", r#"{"urls":["/1","/2"],"rate":100}"#).await?;
    finish(&site).await?;
    let report = site.get(0, "/api/v1/cache").await?.json()?;
    assert_eq!(report.pointer("/data/redis/misses"), Some(&0.into()), "{report}");
    assert_eq!(report.pointer("/data/origin/fetches"), Some(&2.into()), "{report}");
    let metrics = site.get(0, "/api/v1/cache/metrics").await?.text();
    assert!(metrics.contains("breadbox_warmed_total{outcome=\"stored\"} 2"), "{metrics}");
    Ok(())
}

/// The origin is never asked sooner after the last time than the rate allows, whoever goes on.
#[tokio::test]
async fn requests_keep_to_their_rate() -> Result<()> {
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    let site = site(move |_| {
        noted.lock().expect("times").push(Instant::now());
        page(1)
    })?;
    let urls: Vec<String> = (0..9).map(|n| format!("\"/{n}\"")).collect();
    let body = format!(r#"{{"urls":[{}],"rate":20}}"#, urls.join(","));
    order(&site, PURGER, "POST", "", &body).await?;
    finish(&site).await?;
    let times = times.lock().expect("times");
    assert_eq!(times.len(), 9);
    let least = Duration::from_millis(50 * 8 - 20);
    let took = times.last().context("nine")?.duration_since(*times.first().context("nine")?);
    assert!(took >= least, "nine requests in {took:?}");
    Ok(())
}

#[tokio::test]
async fn sitemaps_are_read_and_lead_to_this_site_alone() -> Result<()> {
    let site = site(|seen| match seen.path.as_str() {
        "/sitemap.xml" => page(1).body(
            "<sitemapindex><loc>/one.xml</loc><loc>/sitemap.xml</loc>\
             <loc>http://other.test/two.xml</loc></sitemapindex>",
        ),
        "/one.xml" => page(1).body(
            "<urlset><url><loc>https://site.test/a?b=1&amp;c</loc></url>\
             <url><loc>http://other.test/</loc></url><url><loc>/d</loc></url></urlset>",
        ),
        _ => page(1),
    })?;
    order(&site, ADMIN, "POST", "", r#"{"sitemaps":["/sitemap.xml"],"rate":100}"#).await?;
    let job = finish(&site).await?;
    for (name, count) in [("stored", 2), ("foreign", 2), ("failed", 0), ("known", 4)] {
        assert_eq!(job[name], count, "{name}: {job}");
    }
    assert!(site.get(0, "/a?b=1&c").await?.is_hit());
    assert!(site.get(0, "/d").await?.is_hit());
    Ok(())
}

/// A purged response tells where it was: what carries a tag is fetched again, and nothing else.
#[tokio::test]
async fn what_carried_a_purged_tag_is_warmed() -> Result<()> {
    let site = site(|seen| page(1).header("cache-tag", seen.path.trim_start_matches('/')))?;
    for path in ["/news?1", "/news?2", "/shop"] {
        site.warm(0, path).await?;
    }
    site.purge(r#"{"tags":["news"]}"#).await?;
    order(&site, ADMIN, "POST", "", r#"{"tags":["news"],"rate":100}"#).await?;
    let job = finish(&site).await?;
    assert_eq!((&job["stored"], &job["pages"]), (&2.into(), &2.into()), "{job}");
    for path in ["/news?1", "/news?2", "/shop"] {
        assert!(site.get(0, path).await?.is_hit(), "{path}");
    }
    asked_exactly(&site, "/news", 4);
    asked_exactly(&site, "/shop", 1);
    Ok(())
}

/// After a purge of everything what was asked for most is fetched before anybody asks.
#[tokio::test]
async fn what_is_hot_is_warmed_after_a_purge_of_everything() -> Result<()> {
    let change = |spec| set(set(set(one(spec), "VISIBILITY", "0s"), "WARM_TOP", "2"), RATE, "100");
    let site = Site::with(|_| page(1), change)?;
    for (path, times) in [("/hot", 5), ("/warm", 3), ("/cold", 1)] {
        for _ in 0..times {
            site.get(0, path).await?;
        }
    }
    site.purge(r#"{"everything":true}"#).await?;
    let job = finish(&site).await?;
    assert_eq!((&job["by"], &job["stored"]), (&"@purge".into(), &2.into()), "{job}");
    for (path, cached) in [("/hot", true), ("/warm", true), ("/cold", false)] {
        assert_eq!(site.get(0, path).await?.is_hit(), cached, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn one_job_at_a_time_and_it_can_be_ended() -> Result<()> {
    let site = site(|_| page(1))?;
    let urls: Vec<String> = (0..50).map(|n| format!("\"/{n}\"")).collect();
    let long = format!(r#"{{"urls":[{}],"rate":1}}"#, urls.join(","));
    assert_eq!(order(&site, ADMIN, "POST", "", &long).await?.status, 200);
    let second = order(&site, ADMIN, "POST", "", r#"{"urls":["/x"]}"#).await?;
    assert_eq!((second.status, code(&second)?), (409, "under-way".into()));
    let third = order(&site, ADMIN, "POST", "", r#"{"urls":["/x"],"replace":true}"#).await?;
    assert_eq!(third.json()?["data"]["job"]["known"], 1, "{}", third.text());
    finish(&site).await?;
    assert_eq!(order(&site, ADMIN, "POST", "", &long).await?.status, 200);
    let ended = order(&site, ADMIN, "DELETE", "", "").await?.json()?;
    assert_eq!(ended["data"]["job"], Value::Null, "{ended}");
    let told = order(&site, READER, "GET", "", "").await?.json()?;
    assert_eq!(told["data"]["job"], Value::Null, "{told}");
    Ok(())
}

#[tokio::test]
async fn warming_takes_a_token_that_may_purge_everything_and_redis() -> Result<()> {
    let site = site(|_| page(1))?;
    let body = r#"{"urls":["/"]}"#;
    for (token, status) in [("", 401), ("nobodys-secret-at-all", 401), (READER, 403)] {
        for (method, path) in [("POST", ""), ("POST", "/next"), ("DELETE", "")] {
            let refused = order(&site, token, method, path, body).await?;
            assert_eq!(refused.status, status, "{token} {method} {path}: {}", refused.text());
        }
    }
    assert_eq!(order(&site, READER, "GET", "", "").await?.status, 200);
    let site = Site::with(|_| page(1), |spec| Spec { shared: SharedTier::Off, ..one(spec) })?;
    let refused = order(&site, ADMIN, "POST", "", body).await?;
    assert_eq!((refused.status, code(&refused)?), (409, "not-configured".into()));
    Ok(())
}

/// Also where Redis knows none of the scripts, and all that is to be warmed is new.
#[tokio::test]
async fn each_invocation_stays_within_the_free_plans_subrequests() -> Result<()> {
    let change = |spec| Spec { troubles: Troubles::OnEveryLine, ..one(spec) };
    let mut site = Site::with(|_| page(1), change)?;
    let urls: Vec<String> = (0..12).map(|n| format!("\"/{n}\"")).collect();
    let body = format!(r#"{{"urls":[{}],"rate":100}}"#, urls.join(","));
    site.wire()?.ask(&[b"SCRIPT", b"FLUSH"])?;
    let before = subrequests(&site)?;
    order(&site, ADMIN, "POST", "", &body).await?;
    // The looks at the progress are invocations of their own, with a subrequest each.
    let mut looks = 0;
    eventually("the first slice is done", PATIENCE, async || {
        looks += 1;
        progress(&site).await.is_ok_and(|job| job["done"] == 4 && job["state"] == "waiting")
    })
    .await?;
    let spent = subrequests(&site)? - before;
    assert!(spent <= SUBREQUESTS + looks, "{spent} subrequests, {looks} of them for looks");
    site.wire()?.ask(&[b"SCRIPT", b"FLUSH"])?;
    let before = subrequests(&site)?;
    cron(&site).await?;
    let spent = subrequests(&site)? - before;
    assert!(spent <= SUBREQUESTS, "{spent} subrequests of the cron's event");
    assert!(site.fetches("/7") == 1 && site.fetches("/8") == 0, "a slice is four");
    Ok(())
}

fn site(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Result<Site> {
    Site::strict(script)
}

/// Something about jobs, asked with a token.
pub async fn order(
    site: &Site,
    token: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<Answer> {
    let request = site.request(method, 0, &format!("/api/v1/cache/warm{path}"));
    let request = request.header("host", HOST).body(body.to_owned());
    answer(if token.is_empty() { request } else { request.bearer_auth(token) }).await
}

fn code(answer: &Answer) -> Result<Value> {
    Ok(answer.json()?["error"]["code"].clone())
}

async fn progress(site: &Site) -> Result<Value> {
    Ok(order(site, READER, "GET", "", "").await?.json()?["data"]["job"].clone())
}

/// Has the cron trigger fire.
pub async fn cron(site: &Site) -> Result<()> {
    let crons = site.edge.workers.first().context("a worker")?.crons();
    let cron = format!("{}/?cron=*", crons.first().context("a cron")?);
    client().get(&cron).timeout(Duration::from_secs(30)).send().await?;
    Ok(())
}

/// Goes on with the job until it is done: in turn by a request and by the cron.
pub async fn finish(site: &Site) -> Result<Value> {
    let (mut job, mut turn) = (Value::Null, 0);
    eventually("the job is done", PATIENCE, async || {
        turn += 1;
        let went_on = match turn % 2 {
            0 => cron(site).await,
            _ => order(site, ADMIN, "POST", "/next", "").await.map(drop),
        };
        job = progress(site).await.unwrap_or_default();
        went_on.is_ok() && job["state"] == "done"
    })
    .await
    .with_context(|| job.to_string())?;
    Ok(job)
}

const RATE: &str = "WARM_RATE";
