//! The servers that are measured, and what is behind them.

use std::path::Path;

use anyhow::{Context, Result};

use super::peers::{self, Peer, Script};
use crate::build;
use crate::origin::{Origin, Reply, Seen};
use crate::places::{make, root, target};
use crate::servers::{
    Colo, Gateway, Redis, Tokens, Workerd, WorkerdSpec, compatibility_date, free_ports,
};
use crate::tools::{self, Profile, RedisServer};

/// Everything that runs for a comparison.
pub struct Field {
    /// The origin of all of them.
    pub origin: Origin,
    /// The gateway of those with a shared tier.
    pub gateway: Gateway,
    contestants: Vec<Contestant>,
    _redis: Redis,
    _colos: Vec<Colo>,
}

/// A server that is measured.
pub struct Contestant {
    /// Its name in tables.
    pub name: &'static str,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its process group.
    pub group: u32,
    _server: Server,
}

#[expect(dead_code, reason = "a server runs as long as its value lives")]
enum Server {
    Edge(Workerd),
    Peer(Peer),
}

impl Field {
    /// Installs, builds and starts everything.
    pub fn start(native: bool) -> Result<Self> {
        let (npm, builder, redis) = tools::all()?;
        let worker = build::worker(&builder)?;
        let logs = target().join("bench");
        let _ = std::fs::remove_dir_all(logs.join("nginx"));
        make(&logs)?;
        let modules = peers::modules(&npm, &logs)?;
        let origin = Origin::start(answer)?;
        let (redis, gateway) = store(redis, &logs)?;
        let mut colos = Vec::new();
        let mut contestants = Vec::new();
        for (name, variables) in EDGES {
            let colo = Colo::start()?;
            let edge = edge(name, variables, (&npm.workerd, &worker), (&origin, &gateway, &colo))?;
            contestants.push(edge);
            colos.push(colo);
        }
        let colo = Colo::start()?;
        let date = compatibility_date()?;
        let (origin_url, gateway_url) = (origin.url(), gateway.url());
        let variables = [
            ("ORIGIN", origin_url.as_str()),
            ("REDIS_REST_URL", gateway_url.as_str()),
            ("REDIS_REST_TOKEN", TOKEN),
        ];
        for (name, module) in [JS_HELLO, JS_MAP, JS_FETCH, JS_UPSTASH].into_iter().zip(&modules) {
            let name_of_log = name.replace([' ', '@', '/'], "-");
            let script = Script {
                name: &name_of_log,
                module,
                variables: &variables,
                colo: Some(colo.port()),
            };
            contestants.push(Contestant::peer(name, script.start(&npm.workerd, &date, &logs)?)?);
        }
        colos.push(colo);
        if native {
            contestants.push(Contestant::peer(NGINX, peers::nginx(&origin.url(), &logs)?)?);
            contestants.push(Contestant::peer(VARNISH, peers::varnish(&origin.url(), &logs)?)?);
        }
        Ok(Self { origin, gateway, contestants, _redis: redis, _colos: colos })
    }

    /// The contestant of a name; none if it does not take part this time.
    pub fn contestant(&self, name: &str) -> Option<&Contestant> {
        self.contestants.iter().find(|contestant| contestant.name == name)
    }
}

impl Contestant {
    fn new(name: &'static str, port: u16, group: Option<u32>, server: Server) -> Result<Self> {
        let group = group.with_context(|| format!("{name} does not run"))?;
        Ok(Self { name, port, group, _server: server })
    }

    fn peer(name: &'static str, peer: Peer) -> Result<Self> {
        let (port, group) = (peer.port, peer.daemon.id());
        Self::new(name, port, group, Server::Peer(peer))
    }
}

/// A Redis, and a gateway in front of it as it is deployed.
pub fn store(redis: RedisServer, logs: &Path) -> Result<(Redis, Gateway)> {
    let RedisServer::Program(redis) = redis else {
        anyhow::bail!("the comparison needs a redis-server")
    };
    let gateway = tools::binaries(&[("breadbox-gateway", "breadbox-gateway")], Profile::Release)?;
    let gateway = gateway.into_iter().next().context("cargo built no gateway")?;
    make(logs)?;
    let redis = Redis::start(&redis, logs)?;
    let tokens = Tokens { standard: TOKEN.to_owned(), read_only: String::new() };
    let gateway = Gateway::start(&gateway, &redis.url(), tokens, logs)?;
    Ok((redis, gateway))
}

/// Breadbox with these variables.
fn edge(
    name: &'static str,
    variables: &[(&str, &str)],
    (workerd, worker): (&Path, &Path),
    (origin, gateway, colo): (&Origin, &Gateway, &Colo),
) -> Result<Contestant> {
    let log = name.replace(' ', "-");
    let mut all = vec![
        ("ORIGIN".to_owned(), origin.url()),
        ("BREADBOX_TOKENS".to_owned(), format!("bench=admin:{TOKEN}")),
        ("SITE".to_owned(), "bench.test".to_owned()),
        ("NAMESPACE".to_owned(), log.clone()),
        ("REDIS_REST_URL".to_owned(), gateway.url()),
        ("REDIS_REST_TOKEN".to_owned(), TOKEN.to_owned()),
        ("BREADBOX_CONFIG".to_owned(), RULES.to_owned()),
    ];
    all.retain(|(name, _)| !variables.iter().any(|(other, _)| other == name));
    all.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    let spec = WorkerdSpec {
        program: workerd.to_owned(),
        worker: worker.to_owned(),
        www: root().join("www"),
        ports: free_ports(1)?,
        colos: vec![colo.port()],
        variables: all,
        authority: None,
        analytics: None,
        name: log,
    };
    let server = Workerd::start(&spec, &target().join("bench"))?;
    let (port, group) = (spec.ports[0], server.daemon.id());
    Contestant::new(name, port, group, Server::Edge(server))
}

/// `/<kind>/<anything>/<size>`: a body of that many bytes with the fields that pages have.
fn answer(seen: &Seen) -> Reply {
    let size: usize = seen.path.rsplit('/').next().and_then(|size| size.parse().ok()).unwrap_or(0);
    let control = match seen.path.split('/').nth(1) {
        Some("brief") => "public, max-age=1, stale-while-revalidate=3600",
        _ => "public, max-age=3600",
    };
    Reply::ok(vec![b'x'; size])
        .header("content-type", "text/html; charset=utf-8")
        .header("cache-control", control)
        .header("etag", "\"5f2b7c\"")
        .header("last-modified", "Fri, 15 Jan 2027 07:59:30 GMT")
        .header("cache-tag", "bench")
}

/// The token of everything here.
pub const TOKEN: &str = "bench-token-of-the-comparison";

/// Breadbox as it comes, its memory first.
pub const MEMORY: &str = "breadbox memory";
/// Breadbox that asks Redis each time.
pub const REDIS: &str = "breadbox redis";
/// Breadbox without Redis, on the platform's cache.
pub const PLATFORM: &str = "breadbox platform";
/// The least a JavaScript Worker does.
pub const JS_HELLO: &str = "js hello";
/// A JavaScript Worker with a `Map`.
pub const JS_MAP: &str = "js map";
/// A JavaScript Worker that fetches from the gateway.
pub const JS_FETCH: &str = "js fetch";
/// A JavaScript Worker with the published Redis client.
pub const JS_UPSTASH: &str = "js @upstash/redis";
/// nginx.
pub const NGINX: &str = "nginx";
/// Varnish.
pub const VARNISH: &str = "varnish";

/// Real sites have objects of several megabytes.
const RULES: &str = r#"{"rule":[{"match":"/**","max_body":"16MB"}]}"#;

const EDGES: [(&str, &[(&str, &str)]); 3] = [
    (MEMORY, &[]),
    (REDIS, &[("NEAR", "off")]),
    (PLATFORM, &[("NEAR", "off"), ("REDIS_REST_URL", "")]),
];
