//! From a purge's acknowledgement to the last isolate that serves what is new.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use super::figures::Figures;
use crate::harness::{ADMIN, Edge, Spec, client};
use crate::origin::{Origin, Reply};
use crate::progress::line;

/// Purges pages of all isolates again and again while all of them are asked without a pause.
pub(super) async fn measure(purges: usize) -> Result<bool> {
    let versions: Versions = Arc::default();
    let current = Arc::clone(&versions);
    let origin = Origin::start(move |seen| page(&current, &seen.path))?;
    let spec = Spec { processes: 4, isolates: 2, ..Spec::of(&origin.url()).as_site("bench.test") };
    let mut spec = spec;
    spec.variables.push(("VISIBILITY".to_owned(), format!("{}ms", BOUND.as_millis())));
    // A machine that is busy with this is not to be taken for a Redis that fails.
    spec.variables.push(("REDIS_TIMEOUT".to_owned(), "5s".to_owned()));
    let edge = Edge::start(spec)?;
    let urls: Arc<[String]> = edge.urls().into();
    let results: Arc<Mutex<Seen>> = Arc::default();
    let rounds = purges.div_ceil(TAGS);
    let began = Instant::now();
    let mut tags = JoinSet::new();
    for tag in 0..TAGS {
        let (urls, versions) = (Arc::clone(&urls), Arc::clone(&versions));
        let results = Arc::clone(&results);
        tags.spawn(async move {
            for round in 0..rounds {
                let seen = purge(&urls, &versions, tag, round).await?;
                results.lock().unwrap_or_else(PoisonError::into_inner).add(&seen);
            }
            anyhow::Ok(())
        });
    }
    while let Some(tag) = tags.join_next().await {
        tag??;
    }
    let took = began.elapsed();
    let results = results.lock().unwrap_or_else(PoisonError::into_inner);
    line(&format!(
        "{} purges, 8 isolates in 4 processes, {} requests in {took:.1?} ({:.0} a second), \
         bound {BOUND:?}",
        results.last_old.count(),
        results.requests,
        results.requests as f64 / took.as_secs_f64(),
    ));
    line(&format!(
        "  last request that was answered with old content, sent: {}",
        results.last_old.line()
    ));
    line(&format!(
        "  first new content from the last of 8 isolates, sent:   {}",
        results.all_new.line()
    ));
    line(&format!("  beyond the bound: {} purges", results.beyond));
    Ok(results.beyond == 0)
}

/// What was seen of all purges.
#[derive(Default)]
struct Seen {
    last_old: Figures,
    all_new: Figures,
    requests: u64,
    beyond: u64,
}

/// What one isolate showed after an acknowledgement.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// When the last request was sent that got old content.
    old: Duration,
    /// When the first one was sent that got new content.
    new: Duration,
    requests: u64,
}

impl Seen {
    fn add(&mut self, shown: &[Shown]) {
        let latest = |of: fn(&Shown) -> Duration| shown.iter().map(of).max().unwrap_or_default();
        let (old, new) = (latest(|shown| shown.old), latest(|shown| shown.new));
        self.last_old.add(old);
        self.all_new.add(new);
        self.beyond += u64::from(old > BOUND);
        self.requests += shown.iter().map(|shown| shown.requests).sum::<u64>();
    }
}

/// Publishes, purges and asks every isolate until it shows what is new. Each isolate has a page of
/// its own, so that none learns of the purge from what another has stored since.
async fn purge(
    urls: &Arc<[String]>,
    versions: &Versions,
    tag: usize,
    round: usize,
) -> Result<Vec<Shown>> {
    let client = client();
    let isolates = urls.len();
    for isolate in 0..isolates {
        // Twice: the first request may be the one that stores it.
        for _ in 0..2 {
            get(&client, urls, tag, isolate).await?;
        }
    }
    let version = {
        let mut versions = versions.lock().unwrap_or_else(PoisonError::into_inner);
        let version = versions.entry(tag).or_default();
        *version += 1;
        *version
    };
    let url = format!("{}/api/v1/cache/purge", urls[(round + tag) % isolates]);
    let body = format!("{{\"tags\":[\"t{tag}\"]}}");
    let asked = client.post(url).bearer_auth(ADMIN).body(body).send().await?;
    let acknowledged = Instant::now();
    ensure!(asked.status() == 200, "the purge was refused: {}", asked.text().await?);
    let mut looking = JoinSet::new();
    for isolate in 0..isolates {
        let (client, urls) = (client.clone(), Arc::clone(urls));
        looking.spawn(async move {
            let mut shown = Shown { old: Duration::ZERO, new: Duration::ZERO, requests: 0 };
            loop {
                let sent = acknowledged.elapsed();
                shown.requests += 1;
                if get(&client, &urls, tag, isolate).await? >= version {
                    return anyhow::Ok(Shown { new: sent, ..shown });
                }
                shown.old = sent;
                ensure!(sent < 20 * BOUND, "isolate {isolate} never shows what is new");
            }
        });
    }
    let mut all = Vec::new();
    while let Some(shown) = looking.join_next().await {
        all.push(shown??);
    }
    Ok(all)
}

async fn get(client: &reqwest::Client, urls: &[String], tag: usize, isolate: usize) -> Result<u64> {
    let url = format!("{}/{tag}/{isolate}", urls[isolate]);
    let text = client.get(url).send().await?.text().await?;
    text.parse().with_context(|| format!("not a version: {text}"))
}

/// A page says its tag's version; the path is `/tag/isolate`.
fn page(versions: &Versions, path: &str) -> Reply {
    let tag: usize = path.split('/').nth(1).and_then(|tag| tag.parse().ok()).unwrap_or(0);
    let versions = versions.lock().unwrap_or_else(PoisonError::into_inner);
    let version = versions.get(&tag).copied().unwrap_or(0);
    let reply = Reply::ok(version.to_string()).header("cache-control", "max-age=3600");
    reply.header("cache-tag", format!("t{tag}"))
}

type Versions = Arc<Mutex<HashMap<usize, u64>>>;

const BOUND: Duration = Duration::from_secs(1);

/// Purges under way at any time.
const TAGS: usize = 8;
