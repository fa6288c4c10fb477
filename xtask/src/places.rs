//! Where things are on this machine.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::progress::line;

/// The repository's root.
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Cargo's target directory: `CARGO_TARGET_DIR`, else `target` in the repository.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => root().join(directory),
        None => root().join("target"),
    }
}

/// Logs and generated settings of `cargo dev`.
pub fn dev() -> PathBuf {
    target().join("dev")
}

/// A new directory for the logs and settings of one test's servers.
pub fn test_run() -> Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let program = env::current_exe().ok();
    let name = program.as_deref().and_then(Path::file_stem).unwrap_or_default().to_string_lossy();
    let run = NEXT.fetch_add(1, Ordering::Relaxed);
    let directory = target().join("edge").join(format!("{name}-{}-{run}", std::process::id()));
    make(&directory)?;
    Ok(directory)
}

/// Tools that are installed once per machine:
/// `${XDG_CACHE_HOME:-$HOME/.cache}/breadbox/<tool>-<version>`.
pub fn tool_cache(tool: &str, version: &str) -> Result<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(directory) => PathBuf::from(directory),
        None => {
            let home = env::var_os("HOME").context(
                "neither XDG_CACHE_HOME nor HOME is set; set one of them to a writable directory",
            )?;
            PathBuf::from(home).join(".cache")
        }
    };
    Ok(cache.join("breadbox").join(format!("{tool}-{version}")))
}

/// Where processes of this user claim ports, whichever checkout they are of.
pub fn port_claims() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    env::temp_dir().join(format!("breadbox-ports-{user}"))
}

/// The first file called `name` on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// Keeps other processes of this checkout from setting up at the same time, as long as it lives.
///
/// One process may hold one at a time.
#[derive(Debug)]
pub struct Alone {
    _file: File,
}

impl Alone {
    /// Waits for the others.
    pub fn claim() -> Result<Self> {
        make(&dev())?;
        let file = File::create(dev().join("setup.lock")).context("cannot create a lock")?;
        if file.try_lock().is_err() {
            line("  ...  waiting for another process to set up");
            file.lock().context("cannot lock target/dev/setup.lock")?;
        }
        Ok(Self { _file: file })
    }
}

/// Creates `directory` and its parents; the error names it.
pub fn make(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create the directory {}", directory.display()))
}

/// Writes a file; the error names it.
pub fn write(file: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))
}

/// Reads a text file; the error names it.
pub fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}
