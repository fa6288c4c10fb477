//! Cargo's part: the wasm target, worker-build, wasm-bindgen, and this workspace's binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Npm;
use crate::places::{Alone, dev, on_path, read, root, target, tool_cache};
use crate::process::Program;
use crate::progress::step;

/// The programs that turn the crate into a Worker.
#[derive(Clone, Debug)]
pub struct Builder {
    /// `worker-build`.
    pub worker_build: PathBuf,
    /// `wasm-bindgen` in the version of `Cargo.lock`.
    pub wasm_bindgen: PathBuf,
    /// `esbuild`.
    pub esbuild: PathBuf,
    /// `wasm-opt`.
    pub wasm_opt: PathBuf,
}

/// How this workspace's own binaries are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build; what `cargo dev` and `cargo test` run.
    Dev,
    /// Optimized; what benchmarks run.
    Release,
}

/// Installs the wasm target, worker-build and wasm-bindgen where they are missing.
pub fn builder(npm: &Npm) -> Result<Builder> {
    let _alone = Alone::claim()?;
    wasm_target()?;
    let bindgen = locked_version("wasm-bindgen")?;
    Ok(Builder {
        worker_build: installed("worker-build", WORKER_BUILD)?,
        wasm_bindgen: installed_as("wasm-bindgen-cli", "wasm-bindgen", &bindgen)?,
        esbuild: npm.esbuild.clone(),
        wasm_opt: npm.wasm_opt.clone(),
    })
}

/// Installs cargo-fuzz where it is missing.
pub fn fuzzer() -> Result<PathBuf> {
    let _alone = Alone::claim()?;
    installed("cargo-fuzz", CARGO_FUZZ)
}

/// Installs cargo-mutants where it is missing.
pub fn mutator() -> Result<PathBuf> {
    let _alone = Alone::claim()?;
    installed("cargo-mutants", CARGO_MUTANTS)
}

/// Builds binaries of this workspace; `wanted` is pairs of package and binary.
pub fn binaries(wanted: &[(&str, &str)], profile: Profile) -> Result<Vec<PathBuf>> {
    let names: Vec<&str> = wanted.iter().map(|(_, binary)| *binary).collect();
    let mut cargo = Program::new("cargo-build", cargo());
    cargo = cargo.args(["build", "--message-format=json-render-diagnostics"]);
    for (package, binary) in wanted {
        cargo = cargo.args(["--package", package, "--bin", binary]);
    }
    if profile == Profile::Release {
        cargo = cargo.arg("--release");
    }
    let output = step(&format!("cargo builds {}", names.join(" and ")), || cargo.run(&dev()))?;
    let artifacts: Vec<Value> =
        output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let executable = |name: &str| {
        artifacts.iter().find_map(|artifact| {
            let found = artifact.pointer("/target/name")? == name;
            artifact.get("executable")?.as_str().filter(|_| found).map(PathBuf::from)
        })
    };
    let missing = |name: &str| format!("cargo built no binary `{name}`; see its log");
    names.iter().map(|name| executable(name).with_context(|| missing(name))).collect()
}

fn wasm_target() -> Result<()> {
    let libraries = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", WASM])
        .output()
        .context("rustc is not on PATH; install Rust from https://rustup.rs")?;
    let directory = PathBuf::from(String::from_utf8_lossy(&libraries.stdout).trim());
    if libraries.status.success() && directory.is_dir() {
        return Ok(());
    }
    let rustup = on_path("rustup").with_context(|| {
        format!("Rust has no target {WASM} and there is no rustup to add it; install the target")
    })?;
    step(&format!("rustup adds the target {WASM}"), || {
        Program::new("rustup", rustup).args(["target", "add", WASM]).run(&dev())?;
        Ok(())
    })
}

fn installed(package: &str, version: &str) -> Result<PathBuf> {
    installed_as(package, package, version)
}

/// Installs a crate's binary into the tool cache. Its own lock file is tried first; then, for
/// registries that lack one of the locked versions (of TLS, mostly), fewer and other dependencies.
fn installed_as(package: &str, binary: &str, version: &str) -> Result<PathBuf> {
    let cache = tool_cache(binary, version)?;
    let program = cache.join("bin").join(binary);
    if program.is_file() {
        return Ok(program);
    }
    let install = |options: &[&str]| {
        Program::new("cargo-install", cargo())
            .args(["install", package, "--version", version, "--root"])
            .arg(&cache)
            .args(options.iter().copied())
            .env("CARGO_TARGET_DIR", target().join("tools"))
            .run(&dev())
    };
    step(&format!("cargo installs {package} {version} (once per machine)"), || {
        let attempts: [&[&str]; 3] =
            [&["--locked"], &["--locked", "--no-default-features"], &["--no-default-features"]];
        for options in &attempts {
            match install(options) {
                Ok(_) => return Ok(()),
                Err(error) if Some(options) == attempts.last() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    })?;
    if !program.is_file() {
        bail!("`cargo install {package}` left no {}; delete its directory", program.display());
    }
    Ok(program)
}

/// The version of a package in `Cargo.lock`.
fn locked_version(package: &str) -> Result<String> {
    let lock: toml::Table = read(&root().join("Cargo.lock"))?.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let named =
        |entry: &&toml::Value| entry.get("name").and_then(|it| it.as_str()) == Some(package);
    let found = packages.and_then(|packages| packages.iter().find(named));
    let version = found.and_then(|entry| entry.get("version")?.as_str());
    Ok(version.with_context(|| format!("Cargo.lock does not name {package}"))?.to_owned())
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| Path::new("cargo").to_owned(), PathBuf::from)
}

const WASM: &str = "wasm32-unknown-unknown";
const CARGO_FUZZ: &str = "0.13.2";
const CARGO_MUTANTS: &str = "27.1.0";
const WORKER_BUILD: &str = "0.8.7";
