//! The Worker under `wrangler dev`, offline.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result};

use super::workerd::write_private;
use super::{Daemon, Ready};
use crate::places;
use crate::process::Program;

/// What `wrangler dev` is started with; the Worker is the one that `wrangler.toml` describes.
#[derive(Clone, Debug)]
pub struct WranglerSpec {
    /// A Node that wrangler accepts.
    pub node: PathBuf,
    /// `node_modules/wrangler/bin/wrangler.js`.
    pub script: PathBuf,
    /// The port of the edge.
    pub port: u16,
    /// The Worker's variables and secrets.
    pub variables: Vec<(String, String)>,
}

/// A running `wrangler dev`; its Cache API is empty when it starts.
#[derive(Debug)]
pub struct Wrangler {
    /// Its process.
    pub daemon: Daemon,
    url: String,
}

impl Wrangler {
    /// Starts it; the variables go through a file that only the owner can read.
    pub fn start(spec: &WranglerSpec, logs: &Path) -> Result<Self> {
        let home = logs.join("wrangler");
        if home.exists() {
            let removed = fs::remove_dir_all(&home);
            removed.with_context(|| format!("cannot empty {}", home.display()))?;
        }
        places::make(&home)?;
        let variables = home.join("variables.env");
        write_private(&variables, &dotenv(&spec.variables))?;
        let program = Program::new("wrangler", &spec.node)
            .arg(&spec.script)
            .args(["dev", "--ip", "127.0.0.1", "--port", &spec.port.to_string()])
            .args(["--inspector-port", "0", "--show-interactive-dev-session=false"])
            .arg("--env-file")
            .arg(&variables)
            .arg("--persist-to")
            .arg(home.join("state"))
            .env("PATH", path_with(&spec.node)?)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("WRANGLER_LOG_PATH", home.join("logs"))
            .env("WRANGLER_REGISTRY_PATH", home.join("registry"));
        let program = OFFLINE.iter().fold(program, |it, (name, value)| it.env(name, value));
        let daemon = Daemon::start(program, Ready::Line("Ready on http"), PATIENCE, logs)?;
        Ok(Self { daemon, url: format!("http://127.0.0.1:{}", spec.port) })
    }

    /// The edge's URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Variables in the form that wrangler's `--env-file` reads. Within single quotes nothing is
/// special but the quote itself, which JSON can spell otherwise, and the dollar of a reference.
fn dotenv(variables: &[(String, String)]) -> String {
    let line = |(name, value): &(String, String)| {
        let value = value.replace('\'', "\\u0027").replace('$', "\\$").replace('\n', " ");
        format!("{name}='{value}'\n")
    };
    variables.iter().map(line).collect()
}

fn path_with(node: &Path) -> Result<OsString> {
    let bins = node.parent().context("the path of node has no directory")?;
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = [bins.to_owned()].into_iter().chain(env::split_paths(&path));
    env::join_paths(directories).context("a directory of PATH holds a colon")
}

const OFFLINE: &[(&str, &str)] = &[
    ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
    ("WRANGLER_SEND_METRICS", "false"),
    ("WRANGLER_SEND_ERROR_REPORTS", "false"),
    ("WRANGLER_HIDE_BANNER", "true"),
    ("CI", "1"),
    ("NO_COLOR", "1"),
];
const PATIENCE: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use super::dotenv;

    #[test]
    fn json_survives_the_quotes() {
        let variables = [("CONFIG".to_owned(), r#"{"a":"it's $5"}"#.to_owned())];
        assert_eq!(dotenv(&variables), "CONFIG='{\"a\":\"it\\u0027s \\$5\"}'\n");
    }
}
