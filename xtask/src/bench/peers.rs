//! What Breadbox is measured against: JavaScript Workers on the same workerd, nginx, Varnish.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::places::{make, on_path, read, root, write};
use crate::process::Program;
use crate::progress::step;
use crate::servers::{Daemon, Ready, free_port, local};
use crate::tools::{Npm, debian};

/// A server that answers the same requests.
#[derive(Debug)]
pub struct Peer {
    /// Its process.
    pub daemon: Daemon,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

/// A JavaScript Worker: its module's text, its variables, and the port of its platform cache.
#[derive(Clone, Debug)]
pub struct Script<'a> {
    /// The name in logs.
    pub name: &'a str,
    /// The module.
    pub module: &'a Path,
    /// Text bindings.
    pub variables: &'a [(&'a str, &'a str)],
    /// The port of its platform cache.
    pub colo: Option<u16>,
}

impl Script<'_> {
    /// Starts it in a workerd of its own.
    pub fn start(&self, workerd: &Path, date: &str, logs: &Path) -> Result<Peer> {
        let port = free_port()?;
        let home = logs.join(self.name);
        make(&home)?;
        write(&home.join("index.js"), read(self.module)?)?;
        let bindings: String = self
            .variables
            .iter()
            .map(|(name, value)| format!("(name = {name:?}, text = {value:?}), "))
            .collect();
        let (colo, outbound) = match self.colo {
            None => (String::new(), ""),
            Some(port) => (
                format!(
                    "(name = \"colo\", external = \
                     (address = \"127.0.0.1:{port}\", http = (style = proxy)))"
                ),
                "cacheApiOutbound = \"colo\",",
            ),
        };
        let settings = include_str!("peers/config.capnp")
            .replace("$PORT", &port.to_string())
            .replace("$DATE", date)
            .replace("$COLO", &colo)
            .replace("$OUTBOUND", outbound)
            .replace("$BINDINGS", &bindings);
        write(&home.join("config.capnp"), settings)?;
        let program = Program::new(self.name, workerd)
            .args(["serve", "--experimental", "--control-fd", "1", "config.capnp"])
            .directory(home);
        let ready = Ready::Line("\"event\":\"listen\"");
        Ok(Peer { daemon: Daemon::start(program, ready, PATIENCE, logs)?, port })
    }
}

/// Where the peers' modules are; the one with the published client is bundled first.
pub fn modules(npm: &Npm, logs: &Path) -> Result<[PathBuf; 4]> {
    let home = root().join("xtask/src/bench/peers");
    let lock = read(&home.join("package-lock.json"))?;
    let installed = home.join("node_modules/.installed");
    if read(&installed).ok().as_ref() != Some(&lock) {
        let program = on_path("npm").context("no npm on PATH; install Node.js")?;
        step("npm installs @upstash/redis for the comparison", || {
            let install =
                Program::new("npm-peers", program).args(["ci", "--no-audit", "--no-fund"]);
            install.directory(&home).run(logs)
        })?;
        write(&installed, lock)?;
    }
    let bundled = logs.join("upstash.js");
    let bundle = Program::new("esbuild", &npm.esbuild)
        .args(["upstash.js", "--bundle", "--format=esm", "--minify", "--conditions=workerd,worker"])
        .arg(format!("--outfile={}", bundled.display()))
        .directory(&home);
    bundle.run(logs)?;
    Ok([home.join("hello.js"), home.join("map.js"), home.join("fetch.js"), bundled])
}

/// nginx with `proxy_cache` in front of an origin: one process, in memory as far as the kernel
/// keeps its files there.
pub fn nginx(origin: &str, logs: &Path) -> Result<Peer> {
    let program = debian("nginx-light", "nginx")?;
    let port = free_port()?;
    let home = logs.join("nginx");
    make(&home)?;
    let settings = include_str!("peers/nginx.conf")
        .replace("$HOME", &home.display().to_string())
        .replace("$ORIGIN", origin.trim_start_matches("http://"))
        .replace("$PORT", &port.to_string());
    let file = home.join("nginx.conf");
    write(&file, settings)?;
    let program = Program::new("nginx", program).arg("-c").arg(&file).arg("-p").arg(&home);
    let daemon = Daemon::start(program, Ready::Accepts(local(port)), PATIENCE, logs)?;
    Ok(Peer { daemon, port })
}

/// Varnish in front of an origin, with 256 MB of memory.
pub fn varnish(origin: &str, logs: &Path) -> Result<Peer> {
    let program = debian("varnish", "varnishd")?;
    let port = free_port()?;
    let home = logs.join("varnish");
    make(&home)?;
    let (host, backend) =
        origin.trim_start_matches("http://").split_once(':').context("an origin with a port")?;
    let file = home.join("default.vcl");
    write(
        &file,
        format!("vcl 4.1;\nbackend default {{ .host = \"{host}\"; .port = \"{backend}\"; }}\n"),
    )?;
    let program = Program::new("varnish", program)
        .args(["-F", "-j", "none", "-s", "malloc,256m"])
        .arg("-n")
        .arg(home.join("work"))
        .arg("-a")
        .arg(format!("127.0.0.1:{port}"))
        .arg("-f")
        .arg(&file);
    let daemon = Daemon::start(program, Ready::Accepts(local(port)), PATIENCE, logs)?;
    Ok(Peer { daemon, port })
}

const PATIENCE: Duration = Duration::from_secs(30);
