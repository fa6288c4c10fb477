//! The example Worker `examples/players`, which uses the library: built, and run with a Redis.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context, Result, anyhow};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use xtask::harness::{eventually, parts, tokens};
use xtask::origin::{Origin, Reply, Seen};
use xtask::places::{make, test_run};
use xtask::servers::{Daemon, Gateway, Redis};
use xtask::{build, tools};

use crate::site::{Answer, PATIENCE, answer};
use crate::worker::serve;

#[tokio::test]
async fn a_query_is_run_once_and_again_after_a_change() -> Result<()> {
    let players = Players::start()?;
    for _ in 0..20 {
        let top = players.get("/top/1").await?;
        assert_eq!(top.json()?, json!([{"name": "Ada", "score": 9}]));
    }
    assert_eq!(players.queries(), 1, "one query for twenty requests");
    assert_eq!(players.get("/top/1").await?.header("x-cache"), "hit from Redis");
    let other = players.get("/top/2").await?;
    assert_eq!((other.json()?[1]["name"].as_str(), players.queries()), (Some("Bob"), 2));
    let scored = players.post("/score", json!({"name": "Cy", "score": 20})).await?;
    assert_eq!(scored.status, 200, "{}", scored.text());
    eventually("the new table is shown", PATIENCE, async || {
        players.get("/top/1").await.is_ok_and(|top| top.text().contains("Cy"))
    })
    .await?;
    let figures = players.get("/figures").await?.text();
    assert!(figures.contains("fetches: 3"), "{figures}");
    Ok(())
}

#[tokio::test]
async fn without_redis_every_query_reaches_the_database() -> Result<()> {
    let mut players = Players::start()?;
    players.redis.take();
    for _ in 0..3 {
        assert_eq!(players.get("/top/1").await?.status, 200);
    }
    let wrong = players.get("/top/many").await?;
    assert_eq!((wrong.status, wrong.text().contains("n is a number")), (400, true));
    Ok(())
}

/// The Worker, its Redis behind a gateway, and its database.
struct Players {
    url: String,
    database: Origin,
    redis: Option<Redis>,
    _worker: Daemon,
    _gateway: Gateway,
}

impl Players {
    fn start() -> Result<Self> {
        let (parts, logs) = (parts()?, test_run()?);
        let built = built()?;
        let home = logs.join("players");
        make(&home)?;
        for module in ["index.js", "index_bg.wasm"] {
            fs::copy(built.join(module), home.join(module)).context(module)?;
        }
        let redis = Redis::start(&parts.redis, &logs)?;
        let gateway = Gateway::start(&parts.gateway, &redis.url(), tokens(), &logs)?;
        let database = Origin::start(table())?;
        let settings = |port, date: &str| settings(port, &database.url(), &gateway, date);
        let (url, worker) = serve("players", &home, &logs, settings)?;
        Ok(Self { url, database, redis: Some(redis), _worker: worker, _gateway: gateway })
    }

    async fn get(&self, path: &str) -> Result<Answer> {
        answer(self.request(path, Client::get)).await
    }

    async fn post(&self, path: &str, body: Value) -> Result<Answer> {
        answer(self.request(path, Client::post).body(body.to_string())).await
    }

    fn request(&self, path: &str, method: fn(&Client, String) -> RequestBuilder) -> RequestBuilder {
        method(&Client::new(), format!("{}{path}", self.url))
    }

    fn queries(&self) -> usize {
        let asked = self.database.requests_for("/players");
        asked.iter().filter(|seen| seen.method == "GET").count()
    }
}

/// The example is built once.
fn built() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || build::example(&tools::builder(&tools::npm()?)?, "players");
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.as_deref().map_err(|error| anyhow!("the example can't be built: {error}"))
}

/// A table that can be asked for and added to.
fn table() -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    let rows = json!([{"name": "Bob", "score": 5}, {"name": "Ada", "score": 9}]);
    let rows = Arc::new(Mutex::new(rows));
    move |seen| {
        let mut rows = rows.lock().expect("no test panics here");
        if let ("POST", Some(rows)) = (seen.method.as_str(), rows.as_array_mut()) {
            rows.push(serde_json::from_slice(&seen.body).unwrap_or_default());
            return Reply::status(201);
        }
        Reply::status(200).header("content-type", "application/json").body(rows.to_string())
    }
}

fn settings(port: u16, database: &str, gateway: &Gateway, date: &str) -> String {
    let (redis, token) = (gateway.url(), &gateway.tokens().standard);
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "players", worker = .players),
    (name = "internet", network = (allow = ["private", "local"])),
  ],
  sockets = [ (name = "http", address = "127.0.0.1:{port}", http = (), service = "players") ],
);
const players :Workerd.Worker = (
  modules = [
    (name = "index.js", esModule = embed "index.js"),
    (name = "index_bg.wasm", wasm = embed "index_bg.wasm"),
  ],
  compatibilityDate = "{date}",
  bindings = [
    (name = "DATABASE_URL", text = "{database}"),
    (name = "REDIS_REST_URL", text = "{redis}"),
    (name = "REDIS_REST_TOKEN", text = "{token}"),
  ],
);
"#
    )
}
