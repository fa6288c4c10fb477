//! A whole edge for an integration test: real workerd, real Redis, real gateway, scripted origin.
//!
//! ```no_run
//! use xtask::harness::{Edge, Spec};
//! use xtask::origin::{Origin, Reply};
//!
//! # async fn test() -> anyhow::Result<()> {
//! let origin = Origin::start(|_| Reply::ok("hi").header("cache-control", "max-age=60"))?;
//! let edge = Edge::start(Spec { isolates: 4, ..Spec::of(&origin.url()).as_site("site.test") })?;
//! let answer = xtask::harness::client().get(edge.url(0).to_owned() + "/").send().await?;
//! assert_eq!(answer.text().await?, "hi");
//! # Ok(())
//! # }
//! ```
//!
//! The first use in a process installs what is missing and builds the Worker and the gateway,
//! by the same code as `cargo dev`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

pub use crate::build::rules_as_json;
pub use crate::servers::{
    Asked, Colo, Gateway, Redis, Tokens, Value, Weather, Wire, Workerd, free_port,
};
pub use {flate2, reqwest};

use crate::faults::{Proxy, Speech};
use crate::servers::{WorkerdSpec, free_ports};
use crate::tools::{self, Profile, RedisServer};
use crate::{build, places, progress};

/// Whether the edge has a shared tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedTier {
    /// A Redis of its own, behind a gateway of its own.
    Redis,
    /// None: `REDIS_REST_URL` is empty.
    Off,
}

/// Whether the isolates have a platform cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformTier {
    /// One for each isolate: each is a colo of its own.
    PerIsolate,
    /// One for all isolates: they are in one colo.
    Common,
    /// None: every call of the Cache API throws.
    Off,
}

/// Whether trouble can be made on the lines between the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Troubles {
    /// The parts are connected directly.
    None,
    /// A [`Proxy`] is on each line: [`Edge::lines`].
    OnEveryLine,
}

/// The lines on which trouble can be made.
#[derive(Debug)]
pub struct Lines {
    /// Between the Worker and the origin.
    pub origin: Proxy,
    /// Between the gateway and Redis.
    pub redis: Proxy,
    /// Between the Worker and the gateway.
    pub store: Proxy,
}

/// What an edge consists of.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Isolates in each process.
    pub isolates: usize,
    /// workerd processes.
    pub processes: usize,
    /// The shared tier.
    pub shared: SharedTier,
    /// The platform tier.
    pub platform: PlatformTier,
    /// The base URL of the origin.
    pub origin: String,
    /// The text of a breadbox.toml; empty for the rules that are built in.
    pub rules: String,
    /// More variables, and others for those that the harness sets.
    pub variables: Vec<(String, String)>,
    /// The authority under which all isolates see their requests, as `site.test`: then they share
    /// entries. Without it each port is a site of its own, unless the test sends one `Host`.
    pub authority: Option<String>,
    /// Whether trouble can be made; that needs a shared tier.
    pub troubles: Troubles,
    /// The URL of what data points of the Workers Analytics Engine are sent to.
    pub analytics: Option<String>,
}

impl Spec {
    /// One isolate with Redis and a platform cache, in front of `origin`.
    pub fn of(origin: &str) -> Self {
        Self {
            isolates: 1,
            processes: 1,
            shared: SharedTier::Redis,
            platform: PlatformTier::PerIsolate,
            origin: origin.to_owned(),
            rules: String::new(),
            variables: Vec::new(),
            authority: None,
            troubles: Troubles::None,
            analytics: None,
        }
    }

    /// The same with one authority for all isolates.
    pub fn as_site(self, authority: &str) -> Self {
        Self { authority: Some(authority.to_owned()), ..self }
    }
}

/// A running edge; dropping it ends everything it consists of.
#[derive(Debug)]
pub struct Edge {
    /// The workerd processes.
    pub workers: Vec<Workerd>,
    /// The gateway, where there is a shared tier.
    pub gateway: Option<Gateway>,
    /// The Redis, where there is a shared tier.
    pub redis: Option<Redis>,
    /// The platform caches.
    pub colos: Vec<Colo>,
    /// The lines between the parts, where trouble can be made.
    pub lines: Option<Lines>,
    urls: Vec<String>,
    logs: PathBuf,
}

impl Edge {
    /// Starts it; it is ready to be asked when this returns.
    pub fn start(spec: Spec) -> Result<Self> {
        let parts = parts()?;
        let logs = places::test_run()?;
        let (redis, gateway, lines) = match (spec.shared, spec.troubles) {
            (SharedTier::Off, _) => (None, None, None),
            (SharedTier::Redis, Troubles::None) => {
                let redis = Redis::start(&parts.redis, &logs)?;
                let gateway = Gateway::start(&parts.gateway, &redis.url(), tokens(), &logs)?;
                (Some(redis), Some(gateway), None)
            }
            (SharedTier::Redis, Troubles::OnEveryLine) => {
                let redis = Redis::start(&parts.redis, &logs)?;
                let line = Proxy::start(redis.port(), Speech::Bytes)?;
                let url = format!("redis://127.0.0.1:{}", line.port());
                let gateway = Gateway::start(&parts.gateway, &url, tokens(), &logs)?;
                let store = Proxy::start(gateway.port(), Speech::Http)?;
                let origin = Proxy::start(port_of(&spec.origin)?, Speech::Http)?;
                (Some(redis), Some(gateway), Some(Lines { origin, redis: line, store }))
            }
        };
        let colos = match spec.platform {
            PlatformTier::PerIsolate => spec.isolates * spec.processes,
            PlatformTier::Common => 1,
            PlatformTier::Off => 0,
        };
        let colos: Vec<Colo> = (0..colos).map(|_| Colo::start()).collect::<Result<_>>()?;
        let variables = variables(&spec, gateway.as_ref(), lines.as_ref())?;
        let mut workers = Vec::new();
        for process in 0..spec.processes {
            let isolate = |n: usize| process * spec.isolates + n;
            let colo = |n| match spec.platform {
                PlatformTier::PerIsolate => colos.get(isolate(n)),
                PlatformTier::Common | PlatformTier::Off => colos.first(),
            };
            let settings = WorkerdSpec {
                program: parts.workerd.clone(),
                worker: parts.worker.clone(),
                www: places::root().join("www"),
                ports: free_ports(spec.isolates)?,
                colos: (0..spec.isolates).filter_map(colo).map(Colo::port).collect(),
                variables: variables.clone(),
                authority: spec.authority.clone(),
                analytics: spec.analytics.as_deref().map(port_of).transpose()?,
                name: format!("workerd-{process}"),
            };
            workers.push(Workerd::start(&settings, &logs)?);
        }
        let urls = workers.iter().flat_map(|worker| worker.urls().to_owned()).collect();
        Ok(Self { workers, gateway, redis, colos, lines, urls, logs })
    }

    /// One URL per isolate, process by process.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// The URL of an isolate, counted from 0 and around.
    pub fn url(&self, isolate: usize) -> &str {
        self.urls.get(isolate % self.urls.len().max(1)).map_or("", String::as_str)
    }

    /// The running Redis; the error says that the edge was started without.
    pub fn redis(&mut self) -> Result<&mut Redis> {
        self.redis.as_mut().context("this edge was started with SharedTier::Off")
    }

    /// The running gateway; the error says that the edge was started without.
    pub fn gateway(&mut self) -> Result<&mut Gateway> {
        self.gateway.as_mut().context("this edge was started with SharedTier::Off")
    }

    /// The lines between its parts; the error says that the edge was started without.
    pub fn lines(&self) -> Result<&Lines> {
        self.lines.as_ref().context("this edge was started with Troubles::None")
    }

    /// Where the logs of its processes are; kept if the test fails.
    pub fn logs(&self) -> &Path {
        &self.logs
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.workers.clear();
        self.gateway = None;
        self.redis = None;
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.logs);
        }
    }
}

/// The token that may do everything at a harness' edge: `Authorization: Bearer …`.
pub const ADMIN: &str = "admin-secret-of-the-tests";
/// The token that may only purge.
pub const PURGER: &str = "purge-secret-of-the-tests";
/// The token that may only read.
pub const READER: &str = "read-secret-of-the-tests";

/// How long a purge may go unseen, where a test sets nothing else.
pub const VISIBILITY: Duration = Duration::from_secs(1);

/// An HTTP client that follows no redirect and gives up after 30 seconds.
pub fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.timeout(Duration::from_secs(30)).no_proxy().build().unwrap_or_default()
}

/// Asks `condition` again and again until it holds; the error names `what` after `patience`.
pub async fn eventually(
    what: &str,
    patience: Duration,
    mut condition: impl AsyncFnMut() -> bool,
) -> Result<()> {
    let deadline = Instant::now() + patience;
    while !condition().await {
        if Instant::now() > deadline {
            bail!("not within {patience:?}: {what}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// What is installed and built once per process.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The Workers runtime.
    pub workerd: PathBuf,
    /// The directory of the built Worker.
    pub worker: PathBuf,
    /// The binary `breadbox-gateway`.
    pub gateway: PathBuf,
    /// A `redis-server` or `valkey-server`.
    pub redis: PathBuf,
}

/// Sets up once per process, and remembers the outcome.
pub fn parts() -> Result<&'static Parts> {
    static PARTS: OnceLock<Result<Parts, String>> = OnceLock::new();
    let parts = PARTS.get_or_init(|| {
        progress::line("setting up the edge for the tests");
        prepare().map_err(|error| format!("{error:#}"))
    });
    parts.as_ref().map_err(|error| anyhow!("the tests cannot be set up: {error}"))
}

fn prepare() -> Result<Parts> {
    let (npm, builder, redis) = tools::all()?;
    let redis = match redis {
        RedisServer::Program(server) => server,
        RedisServer::Missing(why) => {
            bail!("the tests need a redis-server or valkey-server on PATH: {why}")
        }
    };
    let worker = build::worker(&builder)?;
    let built = tools::binaries(&[("breadbox-gateway", "breadbox-gateway")], Profile::Dev)?;
    let gateway = built.into_iter().next().context("cargo built no gateway")?;
    Ok(Parts { workerd: npm.workerd, worker, gateway, redis })
}

/// The tokens of every gateway that a test starts.
pub fn tokens() -> Tokens {
    Tokens { standard: "gateway-secret".to_owned(), read_only: "gateway-reader".to_owned() }
}

fn port_of(url: &str) -> Result<u16> {
    let port = url.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.with_context(|| format!("the URL {url} does not end with a port"))
}

fn variables(
    spec: &Spec,
    gateway: Option<&Gateway>,
    lines: Option<&Lines>,
) -> Result<Vec<(String, String)>> {
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let store = lines.map(|lines| lines.store.url()).or_else(|| gateway.map(Gateway::url));
    let origin = lines.map_or_else(|| spec.origin.clone(), |lines| lines.origin.url());
    let mut all = vec![
        text("ORIGIN", &origin),
        text("REDIS_REST_URL", &store.unwrap_or_default()),
        text("REDIS_REST_TOKEN", gateway.map_or("", |it| it.tokens().standard.as_str())),
        text("BREADBOX_TOKENS", &format!("a=admin:{ADMIN},p=purge:{PURGER},r=read:{READER}")),
    ];
    if !spec.rules.is_empty() {
        all.push(("BREADBOX_CONFIG".to_owned(), rules_as_json(&spec.rules)?));
    }
    all.retain(|(name, _)| !spec.variables.iter().any(|(other, _)| other == name));
    all.extend(spec.variables.iter().cloned());
    Ok(all)
}
