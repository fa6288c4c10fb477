//! From settings to a server that runs.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::database::Database;
use crate::edge::Edges;
use crate::latency::Latency;
use crate::site::Site;

/// The sample origin of Breadbox: a catalogue of game character builds.
///
/// Prints `ready origin=http://…` when it listens. Ends on SIGTERM or Ctrl-C, after the requests
/// under way. Logs go to standard error.
#[derive(Clone, Debug, Parser)]
#[command(name = "builds", version)]
pub struct Settings {
    /// Address to listen on; port 0 chooses a free one
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// Base URL of an edge to purge after each change, such as http://127.0.0.1:8787; may repeat
    #[arg(long = "edge", value_name = "URL", value_parser = edge_url)]
    pub edges: Vec<Url>,

    /// Bearer token that may purge the edges
    #[arg(long, env = "EDGE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,

    /// SQLite database, made and seeded if it is not there [default: a temporary file]
    #[arg(long, value_name = "PATH")]
    pub database: Option<PathBuf>,

    /// Milliseconds that each answer takes, within these bounds
    #[arg(long, value_name = "MS..MS", default_value = "30..80")]
    pub latency: Latency,
}

/// A server that runs until it is stopped.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Settings {
    /// Opens the database, listens and serves. Errors name the setting.
    pub async fn start(self) -> Result<Running, String> {
        let path = self.database.clone();
        let database = tokio::task::spawn_blocking(move || Database::open(path.as_deref()))
            .await
            .map_err(|error| format!("database: {error}"))??;
        let edges = Edges::new(&self.edges, self.token.as_deref())?;
        let site = Site::new(database, edges, self.latency);
        let listener = TcpListener::bind(self.listen)
            .await
            .map_err(|error| format!("--listen {}: {error}", self.listen))?;
        let address = listener.local_addr().map_err(|error| format!("--listen: {error}"))?;
        let (stop, stopped) = oneshot::channel();
        let ended = async move {
            // A dropped sender stops the server too.
            let _ = stopped.await;
        };
        let server = axum::serve(listener, site.router()).with_graceful_shutdown(ended);
        let serving = tokio::spawn(server.into_future());
        Ok(Running { address, stop, serving })
    }
}

impl Running {
    /// The origin's base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until `ending`, then waits a little for the requests under way.
    pub async fn until(mut self, ending: impl Future<Output = ()>) -> Result<(), String> {
        tokio::select! {
            outcome = &mut self.serving => {
                return Err(format!("the server ended by itself: {outcome:?}"));
            }
            () = ending => {}
        }
        self.stop().await;
        Ok(())
    }

    /// Stops accepting, and waits a little for the requests under way.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if tokio::time::timeout(PATIENCE, self.serving).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
    }
}

/// An edge's base URL. Only `http`: an edge that terminates TLS elsewhere needs a proxy for the
/// sample, which ships without a TLS library.
fn edge_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{text:?} is not a URL: {error}"))?;
    if url.scheme() != "http" || url.path() != "/" || url.query().is_some() {
        return Err(format!("{text:?} is not a base URL such as http://127.0.0.1:8787"));
    }
    Ok(url)
}

const PATIENCE: Duration = Duration::from_secs(5);
