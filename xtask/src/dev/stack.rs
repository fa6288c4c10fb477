//! Everything that `cargo dev` starts, in the order in which one needs the other.

use std::fs::File;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Options, Runtime};
use crate::build::{self, rules_as_json};
use crate::places::{read, root};
use crate::progress::step;
use crate::servers::{
    Colo, Daemon, Gateway, Redis, Sample, Tokens, Workerd, WorkerdSpec, Wrangler, WranglerSpec,
    free_ports, local,
};
use crate::tools::{self, Npm, Profile, RedisServer};

/// The site behind the edge.
#[derive(Debug)]
pub enum OriginSite {
    /// The sample application, which the check may edit and stop.
    Sample(Box<Sample>),
    /// The developer's own.
    Own(String),
}

impl OriginSite {
    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        match self {
            Self::Sample(sample) => sample.url(),
            Self::Own(url) => url.trim_end_matches('/').to_owned(),
        }
    }
}

/// The running servers; dropping it ends them, the edge first.
#[derive(Debug)]
pub struct Stack {
    /// The base URL of each isolate.
    pub edges: Vec<String>,
    /// A token that may administer the edge.
    pub token: String,
    /// Why there is no Redis; empty if there is one.
    pub without_redis: String,
    edge: Edge,
    /// The platform caches of workerd's isolates.
    pub colos: Vec<Colo>,
    /// The site behind the edge.
    pub origin: OriginSite,
    /// The gateway, where there is a Redis.
    pub gateway: Option<Gateway>,
    /// The Redis, if it is one of ours.
    pub redis: Option<Redis>,
    redis_url: String,
}

#[derive(Debug)]
enum Edge {
    Wrangler(Wrangler),
    Workerd(Workerd),
}

impl Stack {
    /// The name under which [`Stack::ended`] lists the edge.
    pub const EDGE: &str = "the edge";

    /// Installs and builds what is missing and starts the servers, with their logs in `logs`.
    pub fn start(options: &Options, logs: &Path) -> Result<Self> {
        let ports = ports(options)?;
        let edges: Vec<String> =
            ports.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        let npm = tools::npm()?;
        let builder = tools::builder(&npm)?;
        let worker = build::worker(&builder)?;
        let mut wanted = vec![("breadbox-gateway", "breadbox-gateway")];
        if options.origin.is_none() {
            wanted.push(("builds", "builds"));
        }
        let mut binaries = tools::binaries(&wanted, Profile::Dev)?.into_iter();
        let gateway = binaries.next().context("cargo built no gateway")?;
        let (redis, redis_url, without_redis) = redis(options, logs)?;
        let gateway = match redis_url.is_empty() {
            true => None,
            false => Some(step("the gateway starts", || {
                let tokens = Tokens { standard: secret()?, read_only: secret()? };
                Gateway::start(&gateway, &redis_url, tokens, logs)
            })?),
        };
        let (token, purger) = (secret()?, secret()?);
        let origin = match &options.origin {
            Some(url) => OriginSite::Own(url.clone()),
            None => {
                let binary = binaries.next().context("cargo built no sample origin")?;
                let start = || Sample::start(&binary, &edges, &purger, logs);
                OriginSite::Sample(Box::new(step("the sample origin starts", start)?))
            }
        };
        let tokens = format!("dev=admin:{token},origin=purge:{purger}");
        let mut variables = variables(&origin, gateway.as_ref(), &tokens)?;
        if options.check {
            // The scenario starts with an empty cache, also on a Redis that others use.
            variables.push(("NAMESPACE".to_owned(), format!("check-{}", secret()?)));
        }
        let mut colos = Vec::new();
        let edge = match options.chosen_runtime()? {
            Runtime::Wrangler => wrangler(&npm, ports, variables, logs)?,
            Runtime::Workerd => {
                colos = ports.iter().map(|_| Colo::start()).collect::<Result<_>>()?;
                workerd(&npm, worker, &colos, (ports, variables), logs)?
            }
        };
        Ok(Self { edges, token, without_redis, edge, colos, origin, gateway, redis, redis_url })
    }

    /// The line that tells a program where everything is.
    pub fn ready_line(&self) -> String {
        let gateway = self.gateway.as_ref();
        format!(
            "ready edge={} origin={} redis-rest={} redis-rest-token={} redis={} token={}",
            self.edges.join(","),
            self.origin.url(),
            gateway.map(Gateway::url).unwrap_or_default(),
            gateway.map_or("", |gateway| gateway.tokens().standard.as_str()),
            self.redis_url,
            self.token
        )
    }

    /// The URLs of Redis and of the gateway in front of it.
    pub fn shared(&self) -> Option<(&str, String)> {
        Some((self.redis_url.as_str(), self.gateway.as_ref()?.url()))
    }

    /// What to ask so that the Worker's scheduled event fires: no clock does that here.
    pub fn crons(&self) -> Vec<String> {
        match &self.edge {
            Edge::Workerd(workerd) => workerd.crons().to_vec(),
            Edge::Wrangler(_) => {
                self.edges.iter().map(|edge| format!("{edge}/cdn-cgi/handler/scheduled")).collect()
            }
        }
    }

    /// The names of the servers that have ended.
    pub fn ended(&mut self) -> Vec<&'static str> {
        let edge = match &mut self.edge {
            Edge::Wrangler(wrangler) => &mut wrangler.daemon,
            Edge::Workerd(workerd) => &mut workerd.daemon,
        };
        let mut daemons: Vec<(&'static str, &mut Daemon)> = vec![(Self::EDGE, edge)];
        daemons.extend(self.gateway.as_mut().map(|it| ("the gateway", &mut it.daemon)));
        daemons.extend(self.redis.as_mut().map(|it| ("Redis", &mut it.daemon)));
        if let OriginSite::Sample(sample) = &mut self.origin {
            daemons.push(("the sample origin", &mut sample.daemon));
        }
        let ended = daemons.into_iter().filter_map(|(name, daemon)| {
            let running = daemon.is_running();
            (!running).then_some(name)
        });
        ended.collect()
    }
}

type Variables = Vec<(String, String)>;

fn ports(options: &Options) -> Result<Vec<u16>> {
    if options.port == 0 {
        return free_ports(usize::from(options.isolates));
    }
    let last = options.port.checked_add(options.isolates - 1);
    let last = last.with_context(|| format!("--port {} leaves too few ports", options.port))?;
    let ports: Vec<u16> = (options.port..=last).collect();
    for port in &ports {
        if let Err(error) = TcpListener::bind(local(*port)) {
            bail!("cannot listen on port {port} ({error}); choose another with --port");
        }
    }
    Ok(ports)
}

fn redis(options: &Options, logs: &Path) -> Result<(Option<Redis>, String, String)> {
    if options.no_redis {
        return Ok((None, String::new(), "--no-redis; the platform cache alone".to_owned()));
    }
    if let Some(url) = &options.redis {
        return Ok((None, url.clone(), String::new()));
    }
    match tools::redis_server()? {
        RedisServer::Program(server) => {
            let redis = step("Redis starts", || Redis::start(&server, logs))?;
            let url = redis.url();
            Ok((Some(redis), url, String::new()))
        }
        RedisServer::Missing(why) => {
            let why = format!("none could be installed, the platform cache alone is used ({why})");
            Ok((None, String::new(), why))
        }
    }
}

fn wrangler(npm: &Npm, ports: Vec<u16>, variables: Variables, logs: &Path) -> Result<Edge> {
    let port = ports.into_iter().next().context("there is no port for the edge")?;
    let (node, script) = (npm.node.clone(), npm.wrangler.clone());
    let spec = WranglerSpec { node, script, port, variables };
    Ok(Edge::Wrangler(step("wrangler dev starts", || Wrangler::start(&spec, logs))?))
}

fn workerd(
    npm: &Npm,
    worker: PathBuf,
    colos: &[Colo],
    (ports, variables): (Vec<u16>, Variables),
    logs: &Path,
) -> Result<Edge> {
    let authority = match ports.as_slice() {
        [first, _, ..] => Some(format!("127.0.0.1:{first}")),
        _ => None,
    };
    let spec = WorkerdSpec {
        authority,
        program: npm.workerd.clone(),
        worker,
        www: root().join("www"),
        ports,
        colos: colos.iter().map(Colo::port).collect(),
        variables,
        analytics: None,
        name: "workerd".to_owned(),
    };
    Ok(Edge::Workerd(step("workerd starts", || Workerd::start(&spec, logs))?))
}

fn variables(origin: &OriginSite, gateway: Option<&Gateway>, tokens: &str) -> Result<Variables> {
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut all = vec![
        text("ORIGIN", &origin.url()),
        text("REDIS_REST_URL", &gateway.map(Gateway::url).unwrap_or_default()),
        text("REDIS_REST_TOKEN", gateway.map_or("", |it| it.tokens().standard.as_str())),
        text("BREADBOX_TOKENS", tokens),
        // Nobody counts subrequests here.
        text("SUBREQUESTS", "500"),
    ];
    let rules = match origin {
        OriginSite::Sample(_) => root().join("examples/builds/breadbox.toml"),
        OriginSite::Own(_) => root().join("breadbox.toml"),
    };
    if rules.exists() {
        let json = rules_as_json(&read(&rules)?);
        all.push(text("BREADBOX_CONFIG", &json.with_context(|| rules.display().to_string())?));
    }
    Ok(all)
}

/// 128 random bits, in hexadecimal.
fn secret() -> Result<String> {
    let mut bytes = [0; 16];
    let mut source = File::open("/dev/urandom").context("cannot open /dev/urandom")?;
    source.read_exact(&mut bytes).context("cannot read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
