//! `packages/client`: in a Worker with a service binding, in Node, and as its types say.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use reqwest::Client;
use serde_json::Value;
use xtask::harness::{ADMIN, eventually};
use xtask::places::{make, root};
use xtask::process::Program;
use xtask::servers::Daemon;
use xtask::tools;

use crate::site::{PATIENCE, Site, one, page, set};
use crate::worker::serve;

#[tokio::test]
async fn another_worker_uses_the_cache_by_a_service_binding() -> Result<()> {
    let script = |_: &xtask::origin::Seen| page(1).header("cache-tag", "all");
    let site = Site::with(script, |spec| set(one(spec), "SITE", "site.test"))?;
    let caller = Caller::start(&site)?;
    eventually("a hit", PATIENCE, async || {
        caller.get("/page").await.is_ok_and(|told| told["verdict"] == "hit")
    })
    .await?;
    assert_eq!(caller.get("/explained").await?["verdict"], "hit");
    let purged = caller.post(r#"{"tags":["all"]}"#).await?;
    assert_eq!(purged["visible"], true, "{purged}");
    let told = caller.get("/page").await?;
    assert_ne!(told["verdict"], "hit", "{told}");
    Ok(())
}

#[test]
fn a_server_uses_it_by_its_address() -> Result<()> {
    let script = |_: &xtask::origin::Seen| page(60).header("cache-tag", "all");
    let site = Site::with(script, one)?;
    let node = tools::npm()?.node;
    let program = Program::new("client-outside", node).arg(scripts().join("outside.mjs"));
    let said = program.args([site.edge.url(0), ADMIN]).run(site.edge.logs())?;
    assert_eq!(said.matches("ok ").count(), 7, "{said}");
    Ok(())
}

#[test]
fn its_types_are_what_it_takes() -> Result<()> {
    let npm = tools::npm()?;
    let compiler = root().join("node_modules/typescript/bin/tsc");
    let strict = ["--noEmit", "--strict", "--target", "esnext", "--module", "nodenext"];
    let program = Program::new("client-types", npm.node).arg(compiler).args(strict);
    program.arg(scripts().join("use.ts")).run(&xtask::places::test_run()?)?;
    Ok(())
}

/// A Worker of somebody else's, bound to the site's edge.
struct Caller {
    url: String,
    _daemon: Daemon,
}

impl Caller {
    fn start(site: &Site) -> Result<Self> {
        let home = site.edge.logs().join("caller");
        make(&home)?;
        for (from, to) in [
            (scripts().join("caller.js"), "caller.js"),
            (root().join("packages/client/index.js"), "index.js"),
        ] {
            fs::copy(&from, home.join(to)).with_context(|| from.display().to_string())?;
        }
        let edge = site.edge.url(0).trim_start_matches("http://").to_owned();
        let settings = |port, date: &str| settings(&edge, port, date);
        let (url, daemon) = serve("caller", &home, site.edge.logs(), settings)?;
        Ok(Self { url, _daemon: daemon })
    }

    async fn get(&self, path: &str) -> Result<Value> {
        told(&Client::new().get(format!("{}{path}", self.url)).send().await?.text().await?)
    }

    async fn post(&self, body: &'static str) -> Result<Value> {
        told(&Client::new().post(&self.url).body(body).send().await?.text().await?)
    }
}

fn told(text: &str) -> Result<Value> {
    serde_json::from_str(text).with_context(|| text.to_owned())
}

fn settings(edge: &str, port: u16, date: &str) -> String {
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "caller", worker = .caller),
    (name = "edge", external = (address = "{edge}", http = ())),
  ],
  sockets = [ (name = "http", address = "127.0.0.1:{port}", http = (), service = "caller") ],
);
const caller :Workerd.Worker = (
  modules = [
    (name = "caller.js", esModule = embed "caller.js"),
    (name = "index.js", esModule = embed "index.js"),
  ],
  compatibilityDate = "{date}",
  bindings = [
    (name = "BREADBOX", service = "edge"),
    (name = "TOKEN", text = "{ADMIN}"),
  ],
);
"#
    )
}

fn scripts() -> PathBuf {
    Path::new(root()).join("tests/edge/javascript")
}
