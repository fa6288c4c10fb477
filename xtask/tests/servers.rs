//! The servers start, keep their ports over a restart, and end with their values.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::harness::{client, eventually};
use xtask::origin::{Origin, Reply};
use xtask::places;
use xtask::process::Program;
use xtask::servers::{Asked, Colo, Redis, Weather, Workerd, WorkerdSpec, free_ports};
use xtask::tools::{self, RedisServer};

/// A Worker in JavaScript that stands in for the real one.
const STAND_IN: &str = r#"
let count = 0;
export default {
  async fetch(request, env) {
    const cache = await caches.open("stand-in");
    const key = new Request("https://cache.internal/key");
    const { pathname } = new URL(request.url);
    if (pathname === "/count") return new Response(String(++count));
    if (pathname === "/put") {
      const headers = { "cache-control": "max-age=60", etag: '"1"' };
      await cache.put(key, new Response("stored", { headers }));
      return new Response("put");
    }
    if (pathname === "/stream") {
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      writer.write(new TextEncoder().encode("streamed"));
      writer.close();
      await cache.put(key, new Response(readable, { headers: { "cache-control": "max-age=60" } }));
      return new Response("put");
    }
    if (pathname === "/delete") return new Response(String(await cache.delete(key)));
    if (pathname === "/match") {
      const found = await cache.match(key);
      return new Response(found ? await found.text() : "nothing");
    }
    if (pathname === "/text") return new Response(env.TEXT);
    if (pathname.startsWith("/assets")) return env.ASSETS.fetch("http://a" + pathname.slice(7));
    return fetch(env.ORIGIN + pathname);
  },
  async scheduled(event) { count = event.cron.length; },
};
"#;

struct Stage {
    workerd: Workerd,
    colos: Vec<Colo>,
    origin: Origin,
    logs: PathBuf,
}

fn stage() -> Result<Stage> {
    let logs = places::test_run()?;
    let worker = logs.join("stand-in");
    let www = logs.join("www");
    places::make(&worker)?;
    places::make(&www)?;
    places::write(&worker.join("entry.js"), STAND_IN)?;
    places::write(&worker.join("index.js"), "")?;
    places::write(&worker.join("index_bg.wasm"), b"\0asm\x01\0\0\0")?;
    places::write(&www.join("index.html"), "<h1>index</h1>")?;
    places::write(&www.join("app.js"), "let a")?;
    let origin = Origin::start(|request| Reply::ok(request.path.clone()))?;
    let colos = vec![Colo::start()?, Colo::start()?];
    let spec = WorkerdSpec {
        program: tools::npm()?.workerd,
        worker,
        www,
        ports: free_ports(2)?,
        colos: colos.iter().map(Colo::port).collect(),
        variables: vec![
            ("ORIGIN".to_owned(), origin.url()),
            ("TEXT".to_owned(), "{\"a\":\"b\\\"c\"}\n'é".to_owned()),
        ],
        authority: None,
        analytics: None,
        name: "workerd".to_owned(),
    };
    Ok(Stage { workerd: Workerd::start(&spec, &logs)?, colos, origin, logs })
}

impl Stage {
    async fn text(&self, isolate: usize, path: &str) -> Result<String> {
        let url = self.workerd.urls().get(isolate).context("no such isolate")?;
        Ok(client().get(format!("{url}{path}")).send().await?.text().await?)
    }
}

#[tokio::test]
async fn isolates_share_nothing_but_the_process() -> Result<()> {
    let mut stage = stage()?;
    assert_eq!(stage.text(0, "/count").await?, "1");
    assert_eq!(stage.text(0, "/count").await?, "2");
    assert_eq!(stage.text(1, "/count").await?, "1");
    assert_eq!(stage.text(0, "/text").await?, "{\"a\":\"b\\\"c\"}\n'é");
    assert_eq!(stage.text(0, "/from/origin").await?, "/from/origin");
    assert_eq!(stage.origin.requests_for("/from/origin").len(), 1);
    stage.workerd.daemon.kill();
    assert!(stage.text(0, "/count").await.is_err());
    stage.workerd.daemon.start_again()?;
    assert_eq!(stage.text(0, "/count").await?, "1");
    assert!(fs::exists(&stage.logs)?);
    Ok(())
}

#[tokio::test]
async fn each_colo_has_its_own_cache() -> Result<()> {
    let stage = stage()?;
    assert_eq!(stage.text(0, "/match").await?, "nothing");
    assert_eq!(stage.text(0, "/put").await?, "put");
    assert_eq!(stage.text(0, "/match").await?, "stored");
    assert_eq!(stage.text(1, "/match").await?, "nothing");
    assert_eq!(stage.text(1, "/stream").await?, "put");
    assert_eq!(stage.text(1, "/match").await?, "streamed");
    let colo = stage.colos.first().context("no colo")?;
    assert_eq!(colo.asked(), Asked { matches: 2, hits: 1, puts: 1, deletes: 0 });
    colo.set_weather(Weather::Failing);
    assert_eq!(stage.text(0, "/match").await?, "nothing");
    colo.set_weather(Weather::Fair);
    assert_eq!(stage.text(0, "/match").await?, "stored");
    assert_eq!(stage.text(0, "/delete").await?, "true");
    assert_eq!(stage.text(0, "/match").await?, "nothing");
    assert!(colo.is_empty());
    Ok(())
}

#[tokio::test]
async fn assets_and_the_clock_of_cron_are_served() -> Result<()> {
    let stage = stage()?;
    let url = stage.workerd.urls().first().context("no isolate")?;
    let page = client().get(format!("{url}/assets/")).send().await?;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.text().await?, "<h1>index</h1>");
    let script = client().get(format!("{url}/assets/app.js")).send().await?;
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
    let missing = client().get(format!("{url}/assets/none.css")).send().await?;
    assert_eq!(missing.status(), 404);
    let cron = stage.workerd.crons().first().context("no cron")?;
    let fired = client().get(format!("{cron}/?cron=*+*+*+*+*")).send().await?.text().await?;
    assert!(fired.contains("\"ok\""), "{fired}");
    assert_eq!(stage.text(0, "/count").await?, "10");
    Ok(())
}

#[tokio::test]
async fn redis_comes_back_on_its_port_and_ends_with_its_value() -> Result<()> {
    let RedisServer::Program(server) = tools::redis_server()? else {
        anyhow::bail!("install redis-server")
    };
    let logs = places::test_run()?;
    let mut redis = Redis::start(&server, &logs)?;
    let port = redis.port();
    let accepts = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(accepts());
    redis.daemon.stop();
    assert!(!accepts());
    redis.daemon.start_again()?;
    assert!(accepts());
    drop(redis);
    assert!(!accepts());
    Ok(())
}

#[tokio::test]
async fn a_process_takes_its_children_with_it() -> Result<()> {
    let logs = places::test_run()?;
    let script = "sleep 1000 & echo child $!; wait";
    let program = Program::new("family", "/bin/sh").args(["-c", script]);
    let mut process = program.spawn(&logs)?;
    let child = process
        .wait_for(Duration::from_secs(10), |line| line.strip_prefix("child ").map(str::to_owned))?;
    assert!(runs(&child));
    drop(process);
    // It has been sent the signal, and is nobody's that could wait for its end.
    eventually("the child ends, too", Duration::from_secs(20), async || !runs(&child)).await
}

#[test]
fn a_failure_shows_the_end_of_the_log() -> Result<()> {
    let script = "echo what went wrong >&2; exit 3";
    let program = Program::new("failing", "/bin/sh").args(["-c", script]);
    let error = format!("{:#}", program.run(&places::test_run()?).unwrap_err());
    assert!(error.contains("what went wrong") && error.contains("exit status: 3"), "{error}");
    Ok(())
}

/// This test runs itself as a process that starts a server and is then killed.
#[tokio::test]
async fn a_killed_parent_leaves_nothing_behind() -> Result<()> {
    if let Some(file) = std::env::var_os("SERVERS_TEST_CHILD") {
        let program = Program::new("orphan", "/bin/sh").args(["-c", "echo $$; sleep 1000"]);
        let mut process = program.spawn(&places::test_run()?)?;
        let id = process.wait_for(Duration::from_secs(10), |line| Some(line.to_owned()))?;
        places::write(Path::new(&file), id)?;
        return std::future::pending().await;
    }
    let file = places::test_run()?.join("id");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", "a_killed_parent_leaves_nothing_behind"]);
    command.env("SERVERS_TEST_CHILD", &file).process_group(0);
    let mut parent = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let patience = Duration::from_secs(20);
    let written = async || fs::read_to_string(&file).is_ok_and(|id| !id.is_empty());
    eventually("the child starts its server", patience, written).await?;
    let orphan = fs::read_to_string(&file)?;
    assert!(runs(&orphan));
    parent.kill()?;
    parent.wait()?;
    eventually("the guard ends the server", patience, async || !runs(&orphan)).await
}

fn runs(id: &str) -> bool {
    // A zombie that waits for its parent has ended.
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
