//! `cargo xtask build`: the Worker as a JavaScript module and its wasm.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::places::{dev, make, read, root, target, write};
use crate::process::Program;
use crate::progress::{line, step};
use crate::tools::Builder;

/// The built Worker.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The directory that holds `index.js` and `index_bg.wasm`.
    pub directory: PathBuf,
    /// The size of the wasm, in bytes.
    pub raw: u64,
    /// The size of the wasm after gzip, in bytes: what Cloudflare limits.
    pub gzip: u64,
}

/// Builds the Worker with worker-build, unless nothing it is made of has changed.
pub fn worker(builder: &Builder) -> Result<Worker> {
    let rules = root().join("breadbox.toml");
    if rules.exists() {
        check_rules(&read(&rules)?).context("breadbox.toml")?;
    }
    let directory = root().join("build");
    let stamp = target().join("dev").join("worker.stamp");
    let before = fingerprint(&directory)?;
    if read(&stamp).is_ok_and(|built| built == before) {
        return measured(directory);
    }
    make(&dev())?;
    step("worker-build compiles the Worker to wasm", || {
        Program::new("worker-build", &builder.worker_build)
            .args(["--release", ".", "--package", "breadbox"])
            .env("WASM_BINDGEN_BIN", &builder.wasm_bindgen)
            .env("WASM_OPT_BIN", &builder.wasm_opt)
            .env("ESBUILD_BIN", &builder.esbuild)
            .run(&dev())
    })?;
    let worker = measured(directory)?;
    line(&format!(
        "  the Worker: {} KB of wasm, {} KB after gzip (at most {} KB)",
        worker.raw / 1000,
        worker.gzip / 1000,
        BUDGET / 1000
    ));
    if worker.gzip > BUDGET {
        bail!(
            "the Worker is {} bytes after gzip, over its budget of {BUDGET}; make it smaller, or \
             raise BUDGET in xtask/src/build.rs and say why in docs/decisions.md",
            worker.gzip
        );
    }
    write(&stamp, fingerprint(&worker.directory)?)?;
    Ok(worker)
}

/// Turns the text of a breadbox.toml into the JSON form that the variable `BREADBOX_CONFIG` takes.
pub fn rules_as_json(text: &str) -> Result<String> {
    check_rules(text)?;
    let rules: serde_json::Value = toml::from_str(text).context("not valid TOML")?;
    Ok(rules.to_string())
}

/// The one place where a breadbox.toml is judged.
fn check_rules(text: &str) -> Result<()> {
    let _: toml::Table = text.parse().context("not valid TOML")?;
    Ok(())
}

fn measured(directory: PathBuf) -> Result<Worker> {
    let wasm = directory.join("index_bg.wasm");
    let bytes = fs::read(&wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bytes)?;
    let gzip = u64::try_from(packed.finish()?.len())?;
    Ok(Worker { directory, raw: u64::try_from(bytes.len())?, gzip })
}

/// A digest of what the Worker is made of, and of what was made.
fn fingerprint(directory: &Path) -> Result<String> {
    let mut inputs = vec![directory.join("index.js"), directory.join("index_bg.wasm")];
    inputs.extend(INPUTS.iter().map(|name| root().join(name)));
    collect(&root().join("src"), &mut inputs)?;
    inputs.sort();
    let mut hasher = DefaultHasher::new();
    for input in &inputs {
        input.hash(&mut hasher);
        fs::read(input).ok().hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(directory);
    for entry in entries.with_context(|| format!("cannot list {}", directory.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

const INPUTS: &[&str] =
    &["Cargo.toml", "Cargo.lock", "breadbox.toml", "package-lock.json", "xtask/src/build.rs"];
/// Design section 10.
const BUDGET: u64 = 300_000;
