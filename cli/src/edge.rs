//! The operator's API of an edge.

use std::io::{copy, sink};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use ureq::http::{Response, header::AUTHORIZATION};
use ureq::{Agent, RequestBuilder};

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
        let request = self.agent.get(format!("{}{PREFIX}{path}", self.base));
        self.data(self.authorized(request).query_pairs(query.iter().copied()).call())
    }

    /// Sends an order; the answer's data.
    pub fn order(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.agent.post(format!("{}{PREFIX}{path}", self.base));
        let request = self.authorized(request).content_type("application/json");
        self.data(request.send(body.to_string()))
    }

    /// Has a part of the API deleted; the answer's data.
    pub fn delete(&self, path: &str) -> Result<Value> {
        let request = self.agent.delete(format!("{}{PREFIX}{path}", self.base));
        self.data(self.authorized(request).call())
    }

    /// The authority of its address.
    pub fn host(&self) -> &str {
        self.base.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(rest))
    }

    /// Asks for a page as a client does, and reads it to its end.
    pub fn visit(&self, path: &str, fields: &[String]) -> Result<Visit> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for field in fields {
            let (name, value) = field.split_once(':').with_context(|| {
                format!("--header: found {field}; allowed: a field such as 'Accept-Language: de'")
            })?;
            request = request.header(name.trim(), value.trim());
        }
        let mut response = request.call()?;
        let status = response.status().as_u16();
        let told = response.headers().get("cache-status").and_then(|told| told.to_str().ok());
        let verdict = verdict(told.unwrap_or_default());
        copy(&mut response.body_mut().as_reader(), &mut sink()).context("the page broke off")?;
        Ok(Visit { status, verdict })
    }

    /// The text of a page.
    pub fn page(&self, path: &str) -> Result<String> {
        let mut response = self.agent.get(format!("{}{path}", self.base)).call()?;
        if response.status() != 200 {
            bail!("the edge answered {}", response.status());
        }
        Ok(response.body_mut().read_to_string()?)
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    fn data(&self, answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<Value> {
        data(answer.with_context(|| format!("{} can't be reached", self.base))?)
    }
}

/// What a page's answer says.
#[derive(Debug)]
pub struct Visit {
    /// Its status.
    pub status: u16,
    /// What the cache did.
    pub verdict: String,
}

/// What the cache did: `hit`, or why it went on and whether it stored what came.
fn verdict(told: &str) -> String {
    let own = told.rsplit("Breadbox").next().unwrap_or_default();
    let mut words = own.split(';').map(str::trim).filter(|word| !word.is_empty());
    match words.next() {
        Some("hit") => "hit".to_owned(),
        Some(first) if first.starts_with("fwd=") => match words.any(|word| word == "stored") {
            true => "stored".to_owned(),
            false => "not stored".to_owned(),
        },
        _ => "not cached".to_owned(),
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
