//! Published clients of other caches, with nothing changed but host and token.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xtask::harness::ADMIN;
use xtask::places::{on_path, read, root, tool_cache, write};
use xtask::process::Program;
use xtask::progress::step;

use crate::site::{Site, one, page, set};

#[test]
fn cloudflares_fastlys_and_varnishs_clients_work() -> Result<()> {
    let python = python()?;
    let script = |seen: &xtask::origin::Seen| {
        let tag = seen.path.rsplit('/').next().unwrap_or_default().to_owned();
        page(1)
            .header("cache-tag", tag)
            .header("cache-control", "max-age=600, stale-while-revalidate=600")
    };
    let tokens = format!("a=admin:{ADMIN},shop=purge[tag:shop:]:{SHOP}");
    let site = Site::with(script, |spec| {
        set(set(one(spec), "VISIBILITY", "0s"), "BREADBOX_TOKENS", &tokens)
    })?;
    let program = Program::new("purge-clients", python).arg(clients().join("clients.py"));
    let said = program.args([site.edge.url(0), ADMIN, SHOP]).run(site.edge.logs())?;
    assert_eq!(said.matches("ok ").count(), 6, "{said}");
    Ok(())
}

/// Makes a virtual environment with the PyPI packages where there is none; answers its `python`.
fn python() -> Result<PathBuf> {
    let requirements = read(&clients().join("requirements.txt"))?;
    let cache = tool_cache("purge-clients", "1")?;
    let (python, logs) = (cache.join("bin/python"), cache.join("logs"));
    let installed = cache.join("installed");
    if read(&installed).ok().as_ref() != Some(&requirements) {
        let system = on_path("python3").context("no python3 on PATH; install it")?;
        step("pip installs the clients of other caches", || {
            Program::new("venv", system).args(["-m", "venv", "--clear"]).arg(&cache).run(&logs)?;
            let pip = Program::new("pip-purge-clients", &python).args(["-m", "pip", "install"]);
            pip.args(["--no-input", "-r"]).arg(clients().join("requirements.txt")).run(&logs)
        })?;
        write(&installed, requirements)?;
    }
    Ok(python)
}

fn clients() -> PathBuf {
    Path::new(root()).join("tests/purge-clients")
}

/// The token that may only purge tags that begin with `shop:`.
const SHOP: &str = "shop-secret-of-the-tests";
