//! A site under test: isolates with one authority in front of a scripted origin.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::future::join_all;
use xtask::harness::reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use xtask::harness::{self, ADMIN, Edge, Spec, Wire, eventually};
use xtask::origin::{Origin, Reply, Seen};

/// An edge and the origin behind it.
pub struct Site {
    pub edge: Edge,
    pub origin: Origin,
    client: Client,
}

/// A response, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub took: Duration,
}

impl Site {
    /// Four isolates in two processes, each a data centre of its own, and one Redis.
    pub fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::with(script, |spec| spec)
    }

    /// The same with another specification.
    pub fn with(
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
        change: impl FnOnce(Spec) -> Spec,
    ) -> Result<Self> {
        let origin = Origin::start(script)?;
        let spec = Spec { isolates: 2, processes: 2, ..Spec::of(&origin.url()).as_site(HOST) };
        // A machine that is busy with tests is not to be taken for a Redis that fails.
        let spec = set(spec, REDIS_TIMEOUT, "10s");
        Ok(Self { edge: Edge::start(change(spec))?, origin, client: harness::client() })
    }

    /// One isolate, and purges that are visible at once.
    pub fn strict(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::with(script, |spec| set(one(spec), "VISIBILITY", "0s"))
    }

    pub fn request(&self, method: &str, isolate: usize, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        self.client.request(method, format!("{}{path}", self.edge.url(isolate)))
    }

    pub async fn get(&self, isolate: usize, path: &str) -> Result<Answer> {
        answer(self.request("GET", isolate, path)).await
    }

    /// So many requests for one path at once, in turn over all isolates.
    pub async fn crowd(&self, size: usize, path: &str) -> Result<Vec<Answer>> {
        join_all((0..size).map(|n| self.get(n, path))).await.into_iter().collect()
    }

    /// Asks one isolate until it answers from its cache.
    pub async fn warm(&self, isolate: usize, path: &str) -> Result<Answer> {
        let mut last = None;
        let what = format!("{path} is a hit");
        let cached = eventually(&what, PATIENCE, async || {
            last = self.get(isolate, path).await.ok();
            last.as_ref().is_some_and(Answer::is_hit)
        });
        let cached = cached.await;
        let last = last.context("no answer at all")?;
        cached.with_context(|| last.headers_text()).map(|()| last)
    }

    /// Asks for a purge with the administrator's token, and expects it to be acknowledged.
    pub async fn purge(&self, body: &str) -> Result<Answer> {
        let asked = self.try_purge(body).await?;
        assert!(asked.status == 200, "purge of {body}: {} {}", asked.status, asked.text());
        Ok(asked)
    }

    pub async fn try_purge(&self, body: &str) -> Result<Answer> {
        let request = self.request("POST", 0, PURGE).bearer_auth(ADMIN).body(body.to_owned());
        answer(request).await
    }

    /// How often the origin was asked for a path.
    pub fn fetches(&self, path: &str) -> usize {
        self.origin.requests_for(path).len()
    }

    /// A connection to the site's Redis.
    pub fn wire(&mut self) -> Result<Wire> {
        Wire::open(self.edge.redis()?.port())
    }
}

/// Code that reaches into another request's context throws where nobody sees it but the runtime.
impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let logs = std::fs::read_dir(self.edge.logs()).into_iter().flatten().flatten();
        for log in logs.filter(|file| file.file_name().to_string_lossy().starts_with("workerd")) {
            let text = std::fs::read_to_string(log.path()).unwrap_or_default();
            let bad = text.lines().find(|line| BAD.iter().any(|word| line.contains(word)));
            assert!(bad.is_none(), "{}: {}", log.path().display(), bad.unwrap_or_default());
        }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// What Breadbox says of itself.
    pub fn cache_status(&self) -> &str {
        self.header("cache-status")
    }

    /// Fresh and from the cache.
    pub fn is_hit(&self) -> bool {
        self.says("hit") && self.says("detail=hit")
    }

    /// From the cache, while a refresh runs.
    pub fn is_stale(&self) -> bool {
        self.says("hit") && !self.says("detail=hit")
    }

    /// Whether `Cache-Status` has this parameter.
    pub fn says(&self, parameter: &str) -> bool {
        let mut parts = self.cache_status().split(';').map(str::trim);
        parts.next() == Some("Breadbox") && parts.any(|part| part == parameter)
    }

    pub fn headers_text(&self) -> String {
        format!("{} {:?}", self.status, self.headers)
    }
}

/// Sends a request and reads the whole response.
pub async fn answer(request: RequestBuilder) -> Result<Answer> {
    let asked = Instant::now();
    let response = request.send().await.context("no response")?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.context("the body broke off")?;
    Ok(Answer { status, headers, body, took: asked.elapsed() })
}

/// One isolate instead of four.
pub fn one(spec: Spec) -> Spec {
    Spec { isolates: 1, processes: 1, ..spec }
}

/// The same with a variable of this value.
pub fn set(mut spec: Spec, name: &str, value: &str) -> Spec {
    spec.variables.retain(|(other, _)| other != name);
    spec.variables.push((name.to_owned(), value.to_owned()));
    spec
}

/// A fresh page that says which version it is.
pub fn page(version: usize) -> Reply {
    Reply::ok(format!("version {version}")).header("cache-control", "max-age=600")
}

/// The same, already stale when it arrives, but good while it is refreshed and if that fails.
pub fn stale_page(version: usize) -> Reply {
    let lifetimes = "max-age=60, stale-while-revalidate=600, stale-if-error=600";
    Reply::ok(format!("version {version}")).header("cache-control", lifetimes).header("age", "90")
}

/// The origin must have been asked exactly so often.
#[track_caller]
pub fn asked_exactly(site: &Site, path: &str, times: usize) {
    let fetches = site.fetches(path);
    assert!(fetches == times, "the origin was asked {fetches} times for {path}, not {times}");
}

/// Holds an origin's answers back until it is opened or dropped.
#[derive(Default)]
pub struct Door(Arc<Latch>);

#[derive(Default)]
pub struct Latch {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    /// What a script waits at.
    pub fn latch(&self) -> Arc<Latch> {
        Arc::clone(&self.0)
    }

    pub fn open(&self) {
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.opened.notify_all();
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.open();
    }
}

impl Latch {
    /// Blocks the whole origin until the door is open.
    pub fn wait(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.opened.wait_while(open, |open| !*open));
    }
}

/// The variable for how long the edge waits for Redis.
pub const REDIS_TIMEOUT: &str = "REDIS_TIMEOUT";
/// The authority of every site.
pub const HOST: &str = "site.test";
/// What the runtime says of a Worker that is broken.
const BAD: [&str; 4] =
    ["Uncaught exception", "different request", "unreachable executed", "code had hung"];
/// Where the health report is.
pub const ADMIN_PATH: &str = "/api/v1/cache";
pub const PURGE: &str = "/api/v1/cache/purge";
/// Far more than anything that is waited for takes.
pub const PATIENCE: Duration = Duration::from_secs(20);
