//! `cargo dev` as a person or a program uses it: the ready line, the check, the end.

use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;
use xtask::harness::client;
use xtask::origin::{Origin, Reply};
use xtask::places;
use xtask::process::{Process, Program};

const PATIENCE: Duration = Duration::from_secs(600);

fn dev(flags: &[&str]) -> Result<Program> {
    let binary = Path::new(env!("CARGO_BIN_EXE_xtask"));
    Ok(Program::new("dev", binary).args(["dev", "--", "--port", "0"]).args(flags.iter().copied()))
}

fn check(flags: &[&str]) -> Result<String> {
    dev(&["--check"])?.args(flags.iter().copied()).run(&places::test_run()?)
}

/// The value of `name=` in the ready line.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let named = |word: &'a str| word.strip_prefix(name)?.strip_prefix('=');
    line.split(' ').find_map(named).unwrap_or_default()
}

fn ready(process: &mut Process) -> Result<String> {
    process.wait_for(PATIENCE, |line| line.starts_with("ready ").then(|| line.to_owned()))
}

fn listens(url: &str) -> bool {
    let address = url.rsplit("//").next().unwrap_or_default().trim_end_matches('/');
    TcpStream::connect(address).is_ok()
}

#[test]
fn check_passes_under_wrangler() -> Result<()> {
    let table = check(&["--runtime", "wrangler"])?;
    assert!(table.contains("ok   first load of /") && !table.contains("FAIL"), "{table}");
    Ok(())
}

#[test]
fn check_passes_under_workerd_with_four_isolates() -> Result<()> {
    let table = check(&["--isolates", "4"])?;
    assert!(table.contains("ok   the same at isolate 4"), "{table}");
    Ok(())
}

#[test]
fn check_passes_without_redis() -> Result<()> {
    let table = check(&["--runtime", "workerd", "--no-redis"])?;
    assert!(table.contains("n/a  loads while Redis is down"), "{table}");
    Ok(())
}

#[test]
fn check_passes_in_front_of_another_site() -> Result<()> {
    let site = Origin::start(|_| Reply::ok("my own").header("cache-control", "max-age=60"))?;
    let table = check(&["--runtime", "workerd", "--origin", &site.url()])?;
    assert!(table.contains("n/a  edit a page through the edge"), "{table}");
    Ok(())
}

#[test]
fn a_check_that_fails_says_so_with_its_status() -> Result<()> {
    let broken = Origin::start(|_| Reply::status(503))?;
    let error = check(&["--runtime", "workerd", "--origin", &broken.url()]).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("exit status: 1") && error.contains("FAIL first load"), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_ready_line_is_true_and_sigterm_ends_everything() -> Result<()> {
    let mut process = dev(&["--runtime", "workerd"])?.spawn(&places::test_run()?)?;
    let line = ready(&mut process)?;
    let (edge, origin) = (field(&line, "edge"), field(&line, "origin"));
    let (gateway, redis) = (field(&line, "redis-rest"), field(&line, "redis"));
    assert_eq!(client().get(edge).send().await?.status(), 200, "{line}");
    assert_eq!(client().get(origin).send().await?.status(), 200, "{line}");
    let ping = client().post(gateway).bearer_auth(field(&line, "redis-rest-token"));
    let pong = ping.body(r#"["PING"]"#).send().await?.text().await?;
    assert!(pong.contains("PONG"), "{pong}");
    assert!(listens(redis), "{line}");
    let purge = client().post(format!("{edge}/api/v1/cache/purge"));
    let purge = purge.bearer_auth(field(&line, "token")).body(r#"{"tags":["a"]}"#);
    assert!(purge.send().await?.status().is_success(), "{line}");
    process.signal(Signal::TERM);
    let began = Instant::now();
    process.finish().context("SIGTERM is not an orderly end")?;
    assert!(began.elapsed() < Duration::from_secs(30));
    for url in [edge, origin, gateway, redis] {
        assert!(!listens(url), "{url} still listens");
    }
    Ok(())
}

#[test]
fn wrong_flags_are_named() -> Result<()> {
    let error = dev(&["--isolates", "3", "--runtime", "wrangler"])?.run(&places::test_run()?);
    let error = format!("{:#}", error.unwrap_err());
    assert!(error.contains("--isolates 3 needs --runtime workerd"), "{error}");
    Ok(())
}
