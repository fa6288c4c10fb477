//! The clients that Upstash publishes, unchanged and with their defaults.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xtask::places::{on_path, read, root, tool_cache, write};
use xtask::process::Program;
use xtask::progress::step;

use crate::place::{Place, READER, TOKEN, logs, redis};

#[test]
fn the_javascript_clients_work() {
    let node = javascript().expect("the npm packages; they need npm and the registry");
    let server = redis();
    let place = Place::over(&server.url());
    let program = Program::new("clients-js", node).arg(clients().join("clients.js"));
    let said = run(program, &place).expect("all checks pass");
    assert_eq!(said.matches("ok ").count(), 11, "{said}");
}

#[test]
fn the_python_client_works() {
    let python = python().expect("the PyPI package; it needs python3 with venv and the registry");
    let server = redis();
    let place = Place::over(&server.url());
    let program = Program::new("clients-py", python).arg(clients().join("clients.py"));
    let said = run(program, &place).expect("all checks pass");
    assert_eq!(said.matches("ok ").count(), 8, "{said}");
}

fn run(program: Program, place: &Place) -> Result<String> {
    let url = format!("http://{}", place.address());
    program.args([&url, TOKEN, READER]).run(&logs())
}

/// Installs the npm packages of the lock file where that is still to do; answers `node`.
fn javascript() -> Result<PathBuf> {
    let node = on_path("node").context("no node on PATH; install Node.js")?;
    let npm = on_path("npm").context("no npm on PATH; install Node.js")?;
    let lock = read(&clients().join("package-lock.json"))?;
    let installed = clients().join("node_modules/.installed");
    if read(&installed).ok().as_ref() != Some(&lock) {
        step("npm installs @upstash/redis and @upstash/ratelimit", || {
            let npm = Program::new("npm-clients", npm).args(["ci", "--no-audit", "--no-fund"]);
            npm.directory(clients()).run(&logs())
        })?;
        write(&installed, lock)?;
    }
    Ok(node)
}

/// Makes a virtual environment with the PyPI package where there is none; answers its `python`.
fn python() -> Result<PathBuf> {
    let requirements = read(&clients().join("requirements.txt"))?;
    let Some((_, version)) = requirements.trim().split_once("==") else {
        bail!("requirements.txt pins no version: {requirements}");
    };
    let cache = tool_cache("upstash-redis", version)?;
    let python = cache.join("bin/python");
    let installed = cache.join("installed");
    if read(&installed).ok().as_ref() != Some(&requirements) {
        let system = on_path("python3").context("no python3 on PATH; install it")?;
        step(&format!("pip installs upstash-redis {version}"), || {
            Program::new("venv", system).args(["-m", "venv", "--clear"]).arg(&cache).run(&logs())?;
            let pip = Program::new("pip-clients", &python).args(["-m", "pip", "install", "-r"]);
            pip.arg(clients().join("requirements.txt")).arg("--no-input").run(&logs())
        })?;
        write(&installed, requirements)?;
    }
    Ok(python)
}

fn clients() -> PathBuf {
    Path::new(root()).join("tests/gateway-clients")
}
