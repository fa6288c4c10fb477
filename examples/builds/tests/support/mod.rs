//! What the tests stand on: an origin in this process, a scripted edge, and a bounded wait.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use builds::{Latency, Running, Settings};
use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};

/// The token that the scripted edge is called with.
pub const TOKEN: &str = "purge-token-of-the-tests";

/// An origin with its own seeded database, and a client that follows no redirects.
pub struct Origin {
    running: Running,
    client: Client,
}

impl Origin {
    /// An origin behind these edges.
    pub async fn start(edges: &[&Edge]) -> Self {
        let bases: Vec<String> = edges.iter().map(|edge| edge.url()).collect();
        Self::behind(&bases).await
    }

    /// An origin behind edges at these base URLs.
    pub async fn behind(edges: &[String]) -> Self {
        let settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            edges: edges.iter().map(|base| base.parse().unwrap()).collect(),
            token: Some(TOKEN.to_owned()),
            database: None,
            latency: Latency::NONE,
        };
        let client =
            Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Self { running: settings.start().await.unwrap(), client }
    }

    /// A request to a path.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.running.url());
        self.client.request(method.parse().unwrap(), url)
    }

    /// The answer to a GET.
    pub async fn get(&self, path: &str) -> Response {
        self.request("GET", path).send().await.unwrap()
    }

    /// The JSON that a GET answers with 200.
    pub async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    /// The answer to a JSON document.
    pub async fn send(&self, method: &str, path: &str, document: &Value) -> Response {
        self.request(method, path).json(document).send().await.unwrap()
    }

    /// The answer to a form, sent by the reader whose cookie names `user`.
    pub async fn submit(&self, path: &str, user: i64, form: &str) -> Response {
        self.request("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", format!("user={user}"))
            .body(form.to_owned())
            .send()
            .await
            .unwrap()
    }

    /// Waits until the only edge's figures in `/_stats` satisfy a condition.
    pub async fn until_edge(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let edge = self.json("/_stats").await["purges"][0].clone();
            if condition(&edge) {
                return edge;
            }
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}; last: {edge}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// An edge that notes the purges it receives and answers as its script says.
pub struct Edge {
    address: SocketAddr,
    script: Script,
}

impl Edge {
    /// An edge that answers these statuses one after the other, and then 200.
    pub async fn start(statuses: &[u16]) -> Self {
        let script = Script::default();
        script.0.lock().unwrap().statuses = statuses.iter().copied().collect();
        let app =
            Router::new().route("/api/v1/cache/purge", post(receive)).with_state(script.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, script }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends what is left of the script, so that the next purge is acknowledged.
    pub fn recover(&self) {
        self.script.0.lock().unwrap().statuses.clear();
    }

    /// The bodies of the purges that it acknowledged.
    pub fn acknowledged(&self) -> Vec<Value> {
        self.script.0.lock().unwrap().acknowledged.clone()
    }

    /// The bearer tokens that it was called with.
    pub fn authorizations(&self) -> Vec<String> {
        self.script.0.lock().unwrap().authorizations.clone()
    }
}

#[derive(Clone, Default)]
struct Script(Arc<Mutex<Scene>>);

#[derive(Default)]
struct Scene {
    statuses: VecDeque<u16>,
    acknowledged: Vec<Value>,
    authorizations: Vec<String>,
}

async fn receive(
    State(script): State<Script>,
    fields: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let mut scene = script.0.lock().unwrap();
    let authorization = fields.get("authorization").map(|value| value.to_str().unwrap());
    scene.authorizations.push(authorization.unwrap_or("").to_owned());
    match scene.statuses.pop_front() {
        Some(status) => {
            let error = json!({ "success": false, "error": { "code": "scripted" } });
            (StatusCode::from_u16(status).unwrap(), error.to_string())
        }
        None => {
            scene.acknowledged.push(serde_json::from_str(&body).unwrap());
            let sequence = scene.acknowledged.len();
            let receipt = json!({ "success": true, "data": { "sequence": sequence } });
            (StatusCode::OK, receipt.to_string())
        }
    }
}

/// A build that is acceptable, by user 7.
pub fn draft() -> Value {
    json!({
        "author": 7,
        "title": "Paper Lantern",
        "class": "cleric",
        "difficulty": 2,
        "summary": "Keeps a small light on for everybody.",
        "guide": "Stand still.\n\nThen stand somewhere else.",
        "skills": ["Mending Light", "Halo"],
        "attributes": { "might": 5, "agility": 5, "focus": 20, "vigor": 15, "luck": 10 },
    })
}

/// A header field as text, empty if it is absent.
pub fn field<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

const PATIENCE: Duration = Duration::from_secs(20);
