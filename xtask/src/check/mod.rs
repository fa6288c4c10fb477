//! `cargo dev -- --check`: a smoke scenario against what was just started.

mod failures;
mod load;
mod pages;
mod table;
mod visit;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::Client;
use serde_json::{Value, json};

use crate::dev::{OriginSite, Stack};
use crate::harness::client;
use table::Table;
use visit::Visit;

/// Runs the scenario and prints its table; the answer is whether every step went as expected.
pub async fn run(stack: &mut Stack) -> Result<bool> {
    let browser = Browser {
        client: client(),
        edges: stack.edges.clone(),
        token: stack.token.clone(),
        origin: stack.origin.url(),
        site: match stack.origin {
            OriginSite::Sample(_) => Site::Sample,
            OriginSite::Own(_) => Site::Own,
        },
        shared: stack.gateway.is_some(),
    };
    let mut table = Table::default();
    pages::run(&browser, &mut table).await;
    load::run(&browser, &mut table).await;
    failures::run(&browser, stack, &mut table).await;
    println!("{table}");
    Ok(table.all_as_expected())
}

/// Whose site is behind the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    Sample,
    Own,
}

/// Who walks through the scenario.
#[derive(Debug)]
struct Browser {
    client: Client,
    edges: Vec<String>,
    token: String,
    origin: String,
    site: Site,
    /// Whether there is a Redis.
    shared: bool,
}

impl Browser {
    /// Loads a page through the first isolate.
    async fn load(&self, path: &str) -> Result<Visit> {
        self.load_at(0, path).await
    }

    /// Loads a page through an isolate.
    async fn load_at(&self, isolate: usize, path: &str) -> Result<Visit> {
        let edge = self.edges.get(isolate % self.edges.len()).context("there is no edge")?;
        Visit::load(&self.client, &format!("{edge}{path}")).await
    }

    /// The full URL of a page at the first isolate.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.edges.first().map_or("", String::as_str))
    }

    /// Loads a page until it is as wanted; the error says what it was at last.
    async fn load_until(
        &self,
        path: &str,
        wanted: impl Fn(&Visit) -> bool,
    ) -> Result<(Visit, Duration)> {
        let began = Instant::now();
        loop {
            let visit = self.load(path).await?;
            if wanted(&visit) {
                return Ok((visit, began.elapsed()));
            }
            if began.elapsed() > PATIENCE {
                bail!("after {} s still {visit}", PATIENCE.as_secs());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Purges a page softly: it counts as stale from then on.
    async fn purge_softly(&self, path: &str) -> Result<()> {
        let request = self.client.post(self.url("/api/v1/cache/purge")).bearer_auth(&self.token);
        let answer =
            request.json(&json!({ "urls": [self.url(path)], "soft": true })).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("the purge was answered {status}: {text}");
        }
        Ok(())
    }

    /// How many requests the sample has answered.
    async fn requests(&self) -> Result<u64> {
        let stats = self.client.get(format!("{}/_stats", self.origin)).send().await?;
        let stats: Value = stats.json().await?;
        stats.get("requests").and_then(Value::as_u64).context("/_stats has no number `requests`")
    }

    /// The edge's own account of itself.
    async fn health(&self) -> Result<Value> {
        let answer = self.client.get(self.url("/api/v1/cache")).send().await?;
        answer.json().await.context("the health is not JSON")
    }
}

fn connected(health: &Value) -> bool {
    health.pointer("/data/redis/health/connected") == Some(&Value::Bool(true))
}

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);
