//! The operator's API of an edge.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Response, header::AUTHORIZATION};

/// An edge, and the token that opens it.
#[derive(Debug)]
pub struct Edge {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Edge {
    /// The edge at an address; nothing is sent yet.
    pub fn new(base: &str, token: Option<&str>) -> Result<Self> {
        if !base.starts_with("http://") && !base.starts_with("https://") {
            bail!("--edge: found {base}; allowed: a URL such as https://www.example.com");
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE));
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.build().into(), base, token: token.map(str::to_owned) })
    }

    /// A URL of the edge's site by its path; any other as it is.
    pub fn complete(&self, url: &str) -> String {
        match url.starts_with('/') {
            true => format!("{}{url}", self.base),
            false => url.to_owned(),
        }
    }

    /// Asks for a part of the API; the answer's data.
    pub fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let mut request = self.agent.get(format!("{}{PREFIX}{path}", self.base));
        request = request.query_pairs(query.iter().copied());
        if let Some(bearer) = self.bearer() {
            request = request.header(AUTHORIZATION, bearer);
        }
        data(request.call().with_context(|| format!("{} can't be reached", self.base))?)
    }

    /// Sends an order; the answer's data.
    pub fn order(&self, path: &str, body: &Value) -> Result<Value> {
        let mut request = self.agent.post(format!("{}{PREFIX}{path}", self.base));
        request = request.content_type("application/json");
        if let Some(bearer) = self.bearer() {
            request = request.header(AUTHORIZATION, bearer);
        }
        let sent = request.send(body.to_string());
        data(sent.with_context(|| format!("{} can't be reached", self.base))?)
    }

    /// Has a part of the API deleted; the answer's data.
    pub fn delete(&self, path: &str) -> Result<Value> {
        let mut request = self.agent.delete(format!("{}{PREFIX}{path}", self.base));
        if let Some(bearer) = self.bearer() {
            request = request.header(AUTHORIZATION, bearer);
        }
        data(request.call().with_context(|| format!("{} can't be reached", self.base))?)
    }

    fn bearer(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }
}

fn data(mut response: Response<ureq::Body>) -> Result<Value> {
    let status = response.status();
    let text = response.body_mut().read_to_string().context("the answer broke off")?;
    let told: Value = serde_json::from_str(&text)
        .map_err(|_| anyhow!("the edge answered {status}, and not as Breadbox does"))?;
    match (told["success"] == true, &told["error"]["message"]) {
        (true, _) => Ok(told["data"].clone()),
        (false, Value::String(message)) => bail!("{status}: {message}"),
        (false, _) => bail!("the edge answered {status}"),
    }
}

const PREFIX: &str = "/api/v1/cache";

/// So long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
