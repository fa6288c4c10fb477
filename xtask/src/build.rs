//! `cargo xtask build`: the Worker as a JavaScript module and its wasm.

mod blank;
mod module;
mod snip;

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use breadbox::config::{Rules, toml_to_json};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::places::{Alone, dev, make, read, root, write};
use crate::process::Program;
use crate::progress::{line, step};
use crate::tools::Builder;

/// Builds the Worker with worker-build, unless nothing it is made of has changed, and answers
/// the directory that holds `entry.js`, `index.js` and `index_bg.wasm`.
pub fn worker(builder: &Builder) -> Result<PathBuf> {
    let rules = root().join("breadbox.toml");
    if rules.exists() {
        rules_as_json(&read(&rules)?)?;
    }
    let (_alone, directory) = (Alone::claim()?, root().join("build"));
    unless_built("worker", &directory, &["src", "worker"], || {
        step("worker-build compiles the Worker to wasm", || {
            compile(builder, "worker", "../build")
        })?;
        step("wasm-opt makes it small", || shrink(&builder.wasm_opt, "worker", &directory))?;
        let entry = read(&root().join("src/edge/entry.js"))?;
        write(&directory.join("entry.js"), entry)?;
        weigh(&directory)
    })?;
    Ok(directory)
}

/// Builds the Worker of an example, unless nothing it is made of has changed, and answers the
/// directory that holds its modules.
pub fn example(builder: &Builder, name: &str) -> Result<PathBuf> {
    let home = Path::new("examples").join(name);
    if !root().join(&home).join("wrangler.toml").exists() {
        bail!("--example: found {name}; allowed: a folder in examples/ that is a Worker");
    }
    let (_alone, directory) = (Alone::claim()?, root().join(&home).join("build"));
    let package = home.to_string_lossy();
    let [own, manifest] = ["src", "Cargo.toml"].map(|part| format!("{package}/{part}"));
    unless_built(name, &directory, &["src", &own, &manifest], || {
        let what = format!("worker-build compiles the example {name} to wasm");
        step(&what, || compile(builder, &package, "build"))?;
        step("wasm-opt makes it small", || shrink(&builder.wasm_opt, name, &directory))
    })?;
    Ok(directory)
}

/// Builds what lies in a directory, if that is not what its sources, folders and files, make.
fn unless_built(
    name: &str,
    directory: &Path,
    sources: &[&str],
    build: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let stamp = dev().join(format!("{name}.stamp"));
    if read(&stamp).is_ok_and(|built| fingerprint(directory, sources).is_ok_and(|it| it == built)) {
        return Ok(());
    }
    make(&dev())?;
    build()?;
    write(&stamp, fingerprint(directory, sources)?)
}

fn compile(builder: &Builder, package: &str, out: &str) -> Result<String> {
    let mut program = Program::new("worker-build", &builder.worker_build);
    program = program.args(["--release", "--no-opt", "--out-dir", out, package]).directory(root());
    for (name, value) in SETTINGS.iter().filter(|(name, _)| env::var_os(name).is_none()) {
        program = program.env(name, value);
    }
    program
        .env("WASM_BINDGEN_BIN", &builder.wasm_bindgen)
        .env("ESBUILD_BIN", &builder.esbuild)
        .run(&dev())
}

/// Makes a module small. What it is made of, with the names of its functions, stays beside the
/// logs: it tells whose number a trap's stack names.
fn shrink(wasm_opt: &Path, name: &str, directory: &Path) -> Result<()> {
    let module = directory.join(WASM);
    let bytes = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let [snipped, named] =
        ["snipped", "named"].map(|form| dev().join(format!("{name}.{form}.wasm")));
    write(&snipped, blank::blank(&snip::snip(&bytes)?)?)?;
    let run = |from: &Path, to: &Path, passes: &[&str]| {
        Program::new("wasm-opt", wasm_opt)
            .arg(from)
            .arg("-o")
            .arg(to)
            .args(passes.iter().chain(FEATURES).copied())
            .run(&dev())
    };
    run(&snipped, &named, SMALL)?;
    run(&named, &module, &["--strip-debug"])?;
    Ok(())
}

/// Turns the text of a breadbox.toml into the JSON form that the variable `BREADBOX_CONFIG` takes;
/// the error names the rule and the setting that is wrong.
pub fn rules_as_json(text: &str) -> Result<String> {
    Rules::from_toml(text)?;
    Ok(toml_to_json(text)?.to_string())
}

/// Says what the Worker weighs; an error if it is more than Cloudflare should have to start.
fn weigh(directory: &Path) -> Result<()> {
    let wasm = directory.join(WASM);
    let bytes = fs::read(&wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bytes)?;
    let (raw, gzip) = (bytes.len(), packed.finish()?.len());
    let (raw_kb, gzip_kb, goal_kb) = (raw / 1000, gzip / 1000, GOAL / 1000);
    line(&format!("       wasm: {raw_kb} KB, {gzip_kb} KB after gzip (goal {goal_kb} KB)"));
    // A quick build of those who work on it is not what is deployed.
    let deployed = SETTINGS.iter().all(|(name, _)| env::var_os(name).is_none());
    if deployed && gzip > LIMIT {
        bail!(
            "the Worker is {gzip} bytes after gzip, over its limit of {LIMIT}; make it smaller, \
             or raise LIMIT in xtask/src/build.rs and say why in docs/decisions.md"
        );
    }
    Ok(())
}

/// A digest of what a Worker is made of and how, and of what was made.
fn fingerprint(directory: &Path, sources: &[&str]) -> Result<String> {
    let mut inputs: Vec<PathBuf> = MODULES.iter().map(|name| directory.join(name)).collect();
    inputs.extend(INPUTS.iter().map(|name| root().join(name)));
    for source in sources {
        collect(&root().join(source), &mut inputs)?;
    }
    inputs.sort();
    let mut hasher = DefaultHasher::new();
    for input in &inputs {
        input.hash(&mut hasher);
        fs::read(input).ok().hash(&mut hasher);
    }
    let mut settings: Vec<(OsString, OsString)> = env::vars_os()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            SET.iter().any(|start| name.starts_with(start))
        })
        .collect();
    settings.sort();
    settings.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(place: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if place.is_file() {
        files.push(place.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(place).with_context(|| format!("cannot list {}", place.display()))? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

/// What the Worker consists of; the first is the way in.
pub const MODULES: [&str; 3] = ["entry.js", "index.js", WASM];

const WASM: &str = "index_bg.wasm";
const INPUTS: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "breadbox.toml",
    "package-lock.json",
    "docs/purge.schema.json",
    "xtask/src/build.rs",
    "xtask/src/build/blank.rs",
    "xtask/src/build/module.rs",
    "xtask/src/build/snip.rs",
];
/// How the names of variables begin by which the compiler is told to build something else.
const SET: &[&str] = &[
    "BREADBOX_TOML",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_PROFILE_RELEASE_",
    "CARGO_TARGET_WASM32_",
    "RUSTFLAGS",
];
/// The Worker is worth a slower build than the gateway: it is small and starts often. What is set
/// already stays, for those who work on it.
const SETTINGS: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z"),
    ("CARGO_PROFILE_RELEASE_STRIP", "debuginfo"),
    // Copies of sixteen bytes at once: 2 % less of the module.
    ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-C target-feature=+simd128"),
];
/// What wasm-opt does. Of what `-Oz` leaves gzip makes two kilobytes more, and a Redis hit takes a
/// tenth more of the processor's time. Functions in the order of their names stand beside those
/// that are like them, which gzip likes. The first kilobyte of memory is the far end of the stack.
const SMALL: &[&str] =
    &["-O2", "--low-memory-unused", "--reorder-functions-by-name", "--debuginfo"];
/// What the module may use: what rustc and wasm-bindgen do by default, and SIMD.
const FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-exception-handling",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
];
/// What the Worker should weigh after gzip, in bytes: design section 10.
const GOAL: usize = 300_000;
/// What it must not weigh.
const LIMIT: usize = 395_000;
