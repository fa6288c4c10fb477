//! The npm packages of the repository's lock file: wrangler, workerd, Node, esbuild, wasm-opt.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::places::{Alone, dev, on_path, read, root};
use crate::process::Program;
use crate::progress::step;

/// The programs in `node_modules`.
#[derive(Clone, Debug)]
pub struct Npm {
    /// A Node that wrangler accepts; the system's may be older.
    pub node: PathBuf,
    /// wrangler's script, for that Node.
    pub wrangler: PathBuf,
    /// The Workers runtime.
    pub workerd: PathBuf,
    /// The bundler that worker-build runs.
    pub esbuild: PathBuf,
    /// The optimizer that worker-build runs.
    pub wasm_opt: PathBuf,
}

/// Runs `npm ci` unless `node_modules` is what the lock file says.
pub fn npm() -> Result<Npm> {
    let npm = Npm::located();
    let _alone = Alone::claim()?;
    if installed(&npm) {
        return Ok(npm);
    }
    let program = on_path("npm").context(
        "npm is not on PATH; install Node.js (any version that still runs npm), then try again",
    )?;
    step("npm installs wrangler, workerd, Node, esbuild and wasm-opt", || {
        let install = Program::new("npm", &program).args(["ci", "--no-audit", "--no-fund"]);
        install.run(&dev()).context("`npm ci` failed in the repository's root; see its log")?;
        if !installed(&npm) {
            bail!("`npm ci` left node_modules incomplete; delete it and try again");
        }
        Ok(())
    })?;
    Ok(npm)
}

impl Npm {
    fn located() -> Self {
        let modules = root().join("node_modules");
        Self {
            node: modules.join("node/bin/node"),
            wrangler: modules.join("wrangler/bin/wrangler.js"),
            workerd: modules.join("workerd/bin/workerd"),
            esbuild: modules.join(".bin/esbuild"),
            wasm_opt: modules.join(".bin/wasm-opt"),
        }
    }

    fn programs(&self) -> [&Path; 5] {
        [&self.node, &self.wrangler, &self.workerd, &self.esbuild, &self.wasm_opt]
    }
}

/// npm keeps a copy of the lock file of what it installed: every package there must have the
/// version of ours, and only optional ones (for other systems) may be absent.
fn installed(npm: &Npm) -> bool {
    let wanted = packages(&root().join("package-lock.json"));
    let present = packages(&root().join("node_modules/.package-lock.json"));
    let (Ok(wanted), Ok(present)) = (wanted, present) else { return false };
    let same = wanted.iter().filter(|(path, _)| !path.is_empty()).all(|(path, package)| {
        match present.get(path) {
            Some(found) => found.get("version") == package.get("version"),
            None => package.get("optional") == Some(&Value::Bool(true)),
        }
    });
    same && npm.programs().iter().all(|program| program.is_file())
}

fn packages(lock: &Path) -> Result<Map<String, Value>> {
    let lock: Value = serde_json::from_str(&read(lock)?)?;
    Ok(lock.get("packages").and_then(Value::as_object).cloned().unwrap_or_default())
}
