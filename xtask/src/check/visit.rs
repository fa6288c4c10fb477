//! One request to the edge, and what its `Cache-Status` says (RFC 9211).

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use reqwest::{Client, Method, RequestBuilder};

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) etag: Option<String>,
    pub(super) took: Duration,
    cache: String,
}

impl Visit {
    /// Loads a page.
    pub(super) async fn load(client: &Client, url: &str) -> Result<Self> {
        Self::of(client.request(Method::GET, url)).await
    }

    /// Sends a request.
    pub(super) async fn of(request: RequestBuilder) -> Result<Self> {
        let began = Instant::now();
        let response = request.send().await.context("no answer")?;
        let text = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let (status, etag) = (response.status().as_u16(), text("etag"));
        let cache = text("cache-status").unwrap_or_default();
        let body = response.text().await.context("the answer broke off")?;
        Ok(Self { status, body, etag, took: began.elapsed(), cache })
    }

    /// Whether the edge answered from its cache.
    pub(super) fn is_hit(&self) -> bool {
        self.has("hit")
    }

    /// Whether the edge asked the origin.
    pub(super) fn is_forwarded(&self) -> bool {
        self.parameters().any(|parameter| parameter.starts_with("fwd="))
    }

    /// Whether the answer is one that another request fetched.
    pub(super) fn is_collapsed(&self) -> bool {
        self.parameters().any(|parameter| parameter.contains("collapsed"))
    }

    /// Whether the answer was past its lifetime, or purged softly.
    pub(super) fn is_stale(&self) -> bool {
        let stale = |parameter: &str| {
            ["detail=stale", "detail=soft-purged", "detail=rescue"].contains(&parameter)
                || parameter.strip_prefix("ttl=").is_some_and(|ttl| ttl.starts_with('-'))
        };
        self.is_hit() && self.parameters().any(stale)
    }

    fn has(&self, name: &str) -> bool {
        self.parameters().any(|parameter| parameter == name)
    }

    fn parameters(&self) -> impl Iterator<Item = &str> {
        let ours =
            self.cache.split(',').map(str::trim).find(|member| member.starts_with("Breadbox"));
        ours.unwrap_or_default().split(';').skip(1).map(str::trim)
    }
}

impl fmt::Display for Visit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<&str> =
            self.parameters().filter(|parameter| !parameter.starts_with("key=")).collect();
        let cache = match parameters.is_empty() {
            true => "no Cache-Status".to_owned(),
            false => parameters.join("; "),
        };
        write!(formatter, "{} {cache} ({} ms)", self.status, self.took.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(cache: &str) -> Visit {
        let (body, cache) = (String::new(), cache.to_owned());
        Visit { status: 200, body, etag: None, took: Duration::ZERO, cache }
    }

    #[test]
    fn cache_status_is_read_as_ours() {
        assert!(visit("Breadbox; hit; ttl=30").is_hit());
        assert!(!visit("Other; hit, Breadbox; fwd=uri-miss").is_hit());
        assert!(visit("Other; hit, Breadbox; fwd=uri-miss; collapsed").is_collapsed());
        assert!(visit("Breadbox; hit; ttl=-3").is_stale());
        assert!(!visit("Breadbox; hit; ttl=3; detail=hit").is_stale());
    }
}
