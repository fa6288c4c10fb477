//! The edges in front of this origin, and the purges that they are owed.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::database::lock;
use crate::purge::{Merged, Purge};

/// All edges in front of this origin. Clones share them.
#[derive(Clone)]
pub struct Edges(Arc<Vec<Arc<Edge>>>);

impl Edges {
    /// Edges at these base URLs; `token` may purge. Must be called within a runtime: each edge has
    /// a task that repeats what failed. Errors name the setting.
    pub fn new(bases: &[Url], token: Option<&str>) -> Result<Self, String> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|error| format!("HTTP client: {error}"))?;
        let edges: Vec<_> = bases
            .iter()
            .map(|base| Edge::new(base, token, &client).map(Arc::new))
            .collect::<Result<_, _>>()?;
        for edge in &edges {
            tokio::spawn(repeat(edge.clone()));
        }
        Ok(Self(Arc::new(edges)))
    }

    /// Purges every edge. What can't be purged now is repeated in the background; the answer says
    /// how it went, and is never an error.
    pub async fn purge(&self, purge: Purge) -> Delivery {
        if self.0.is_empty() {
            return Delivery::NoEdge;
        }
        if purge.is_empty() {
            return Delivery::Nothing;
        }
        let deliveries: Vec<_> = self
            .0
            .iter()
            .map(|edge| {
                let (edge, purge) = (edge.clone(), purge.clone());
                tokio::spawn(async move { edge.purge(purge).await })
            })
            .collect();
        let mut worst = Delivery::Sent;
        for delivery in deliveries {
            if !matches!(delivery.await, Ok(Delivery::Sent)) {
                worst = Delivery::Waiting;
            }
        }
        worst
    }

    /// What `GET /_stats` says of the purges.
    pub fn tally(&self) -> Vec<EdgeTally> {
        self.0.iter().map(|edge| edge.tally()).collect()
    }
}

/// How a purge went, on all edges together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Every edge has acknowledged it.
    Sent,
    /// Some edge has not; it is repeated until that edge acknowledges it.
    Waiting,
    /// There was nothing to purge.
    Nothing,
    /// No edge is configured.
    NoEdge,
}

/// One edge's purges in figures.
#[derive(Clone, Debug, Serialize)]
pub struct EdgeTally {
    /// The edge's base URL.
    pub edge: String,
    /// Purge requests that it acknowledged.
    pub sent: u64,
    /// Purge requests that failed.
    pub failed: u64,
    /// Tags that it is owed, those of a request under way included; 1 for everything.
    pub waiting: u64,
    /// Times that too many waiting tags became a purge of everything.
    pub collapsed: u64,
    /// Why it is owed anything; nothing once it has caught up.
    pub last_error: Option<String>,
}

struct Edge {
    base: String,
    purges: Url,
    token: Option<String>,
    client: Client,
    backlog: Mutex<Backlog>,
    wake: Notify,
    sent: AtomicU64,
    failed: AtomicU64,
    collapsed: AtomicU64,
}

#[derive(Default)]
struct Backlog {
    waiting: Purge,
    // What the repeating task has taken out and is sending.
    under_way: u64,
    error: Option<String>,
}

impl Edge {
    fn new(base: &Url, token: Option<&str>, client: &Client) -> Result<Self, String> {
        let purges = base.join(PURGE_PATH).map_err(|error| format!("--edge {base}: {error}"))?;
        Ok(Self {
            base: base.as_str().trim_end_matches('/').to_owned(),
            purges,
            token: token.map(str::to_owned),
            client: client.clone(),
            backlog: Mutex::default(),
            wake: Notify::new(),
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            collapsed: AtomicU64::new(0),
        })
    }

    /// One attempt now, unless the edge already owes answers: then writers should not wait for it.
    async fn purge(&self, purge: Purge) -> Delivery {
        if self.is_behind() {
            self.owe(purge, None);
            return Delivery::Waiting;
        }
        match self.send(purge).await {
            Ok(()) => Delivery::Sent,
            Err((rest, error)) => {
                tracing::warn!(edge = self.base, tags = rest.tags(), error, "purge failed");
                self.owe(rest, Some(error));
                self.wake.notify_one();
                Delivery::Waiting
            }
        }
    }

    /// Sends the purge in requests of bounded size; what was not acknowledged comes back.
    async fn send(&self, mut purge: Purge) -> Result<(), (Purge, String)> {
        if purge.everything {
            let order = Order { everything: true, tags: Vec::new(), soft: false };
            return self.order(&order).await.map_err(|error| (purge, error));
        }
        for soft in [false, true] {
            let tags = if soft { &mut purge.soft } else { &mut purge.hard };
            while !tags.is_empty() {
                let some: Vec<String> = tags.iter().take(ORDER_TAGS).cloned().collect();
                let order = Order { everything: false, tags: some, soft };
                if let Err(error) = self.order(&order).await {
                    return Err((purge, error));
                }
                tags.retain(|tag| !order.tags.contains(tag));
            }
        }
        Ok(())
    }

    async fn order(&self, order: &Order) -> Result<(), String> {
        let answer = self.exchange(order).await;
        let counter = if answer.is_ok() { &self.sent } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }

    async fn exchange(&self, order: &Order) -> Result<(), String> {
        let mut request = self.client.post(self.purges.clone()).json(order);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        // Only what kind of failure it was: an error's text may hold the URL's credentials.
        let response = request.send().await.map_err(|error| cause(&error))?;
        let status = response.status();
        let receipt = response.json::<Receipt>().await;
        match receipt {
            Ok(Receipt { success: true }) if status.is_success() => Ok(()),
            _ => Err(format!("the edge answered {status} to the purge")),
        }
    }

    fn is_behind(&self) -> bool {
        let backlog = lock(&self.backlog);
        backlog.under_way > 0 || !backlog.waiting.is_empty()
    }

    fn owe(&self, purge: Purge, error: Option<String>) {
        self.add(&mut lock(&self.backlog), purge, error);
    }

    fn add(&self, backlog: &mut Backlog, purge: Purge, error: Option<String>) {
        backlog.error = error.or(backlog.error.take());
        if backlog.waiting.merge(purge, BACKLOG_TAGS) == Merged::Collapsed {
            self.collapsed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(edge = self.base, "too many tags wait; everything will be purged");
        }
    }

    /// Takes what is owed; nothing if there is nothing.
    fn take(&self) -> Option<Purge> {
        let mut backlog = lock(&self.backlog);
        let purge = std::mem::take(&mut backlog.waiting);
        backlog.under_way = size(&purge);
        if purge.is_empty() {
            backlog.error = None;
            return None;
        }
        Some(purge)
    }

    /// Notes how a repeated purge went; what failed is owed again in the same step.
    fn landed(&self, outcome: Result<(), (Purge, String)>) {
        let mut backlog = lock(&self.backlog);
        backlog.under_way = 0;
        if let Err((rest, error)) = outcome {
            self.add(&mut backlog, rest, Some(error));
        }
    }

    fn tally(&self) -> EdgeTally {
        let backlog = lock(&self.backlog);
        EdgeTally {
            edge: self.base.clone(),
            sent: self.sent.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            waiting: size(&backlog.waiting) + backlog.under_way,
            collapsed: self.collapsed.load(Ordering::Relaxed),
            last_error: backlog.error.clone(),
        }
    }
}

/// Repeats an edge's failed purges, each time later, until nothing is owed.
async fn repeat(edge: Arc<Edge>) {
    loop {
        edge.wake.notified().await;
        let mut delay = DELAY_FIRST;
        tokio::time::sleep(delay).await;
        while let Some(purge) = edge.take() {
            let tags = purge.tags();
            let outcome = edge.send(purge).await;
            let failed = outcome.as_ref().err().map(|(_, error)| error.clone());
            edge.landed(outcome);
            match failed {
                None => {
                    tracing::info!(edge = edge.base, tags, "purge repeated with success");
                    delay = DELAY_FIRST;
                }
                Some(error) => {
                    delay = (delay * 2).min(DELAY_LONGEST);
                    let wait_ms = delay.as_millis();
                    tracing::warn!(edge = edge.base, tags, error, wait_ms, "purge failed again");
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }
}

fn size(purge: &Purge) -> u64 {
    let tags = if purge.everything { 1 } else { purge.tags() };
    u64::try_from(tags).unwrap_or(u64::MAX)
}

fn cause(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "could not be connected to"
    } else {
        "broke off the exchange"
    };
    format!("the edge {kind}")
}

/// The body of a purge request.
#[derive(Serialize)]
struct Order {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    everything: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    soft: bool,
}

/// What is read of the edge's answer.
#[derive(Deserialize)]
struct Receipt {
    success: bool,
}

const PURGE_PATH: &str = "/api/v1/cache/purge";

const TIMEOUT: Duration = Duration::from_secs(2);

/// Tags in one purge request.
const ORDER_TAGS: usize = 100;

/// Tags that may wait for one edge.
const BACKLOG_TAGS: usize = 1000;

const DELAY_FIRST: Duration = Duration::from_millis(200);

const DELAY_LONGEST: Duration = Duration::from_secs(30);
