//! Successful answers and what caches may do with them.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headers::{ETag, HeaderMapExt, IfModifiedSince, IfNoneMatch, LastModified};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::assets;
use crate::moment::Moment;

/// A complete answer to a GET.
pub struct Representation {
    body: Vec<u8>,
    kind: &'static str,
    keeping: Keeping,
    tags: Vec<String>,
    links: Vec<String>,
    modified: Option<Moment>,
    status: StatusCode,
}

impl Representation {
    /// An HTML page.
    pub fn page(markup: maud::Markup, keeping: Keeping) -> Self {
        let body = markup.into_string().into_bytes();
        Self::new(body, "text/html; charset=utf-8", keeping)
            .linked(&assets::url("style.css"), "preload; as=style")
            .linked(&assets::url("app.js"), "preload; as=script")
    }

    /// A JSON document.
    pub fn json(value: &impl Serialize, keeping: Keeping) -> Self {
        // Only a map with keys that are not text can't be written, and no answer has one.
        let mut body = serde_json::to_vec(value).unwrap_or_default();
        body.push(b'\n');
        Self::new(body, "application/json", keeping)
    }

    /// Any other body.
    pub fn new(body: Vec<u8>, kind: &'static str, keeping: Keeping) -> Self {
        let status = StatusCode::OK;
        let (tags, links) = (Vec::new(), Vec::new());
        Self { body, kind, keeping, tags, links, modified: None, status }
    }

    /// The same with these tags for shared caches.
    #[must_use]
    pub fn tagged(mut self, tags: impl IntoIterator<Item = String>) -> Self {
        self.tags.extend(tags);
        self
    }

    /// The same with a link that says what is likely to be asked for next (RFC 8288 §3).
    #[must_use]
    pub fn linked(mut self, target: &str, relation: &str) -> Self {
        self.links.push(format!("<{target}>; rel={relation}"));
        self
    }

    /// The same with the time at which its content last changed.
    #[must_use]
    pub fn modified(mut self, at: Moment) -> Self {
        self.modified = Some(at);
        self
    }

    /// The same with another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl IntoResponse for Representation {
    fn into_response(self) -> Response {
        let etag = strong_etag(&self.body);
        let mut response = (self.status, self.body).into_response();
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        self.keeping.put(fields);
        if !self.tags.is_empty()
            && let Ok(tags) = HeaderValue::from_str(&self.tags.join(","))
        {
            fields.insert(CACHE_TAG, tags);
        }
        if let (false, Ok(links)) =
            (self.links.is_empty(), HeaderValue::from_str(&self.links.join(", ")))
        {
            fields.insert(header::LINK, links);
        }
        if self.status == StatusCode::OK {
            if let Some(etag) = etag {
                fields.typed_insert(etag);
            }
            if let Some(at) = self.modified {
                fields.typed_insert(LastModified::from(at.system()));
            }
        }
        response
    }
}

/// What caches may do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// Shared caches keep it, fresh and then stale while they refresh it; browsers ask each time,
    /// because no purge reaches them.
    Shared {
        /// How long it is fresh.
        fresh: Duration,
        /// How long after that it may be served stale.
        stale: Duration,
    },
    /// Everybody keeps it for good: its URL changes with its content.
    Immutable,
    /// Everybody keeps it for a few minutes.
    Briefly,
    /// Only the reader's own browser keeps it, and asks each time.
    Private,
    /// Nobody keeps it.
    Never,
}

impl Keeping {
    /// Listings, builds and users.
    pub const BUILDS: Self =
        Self::Shared { fresh: Duration::from_secs(300), stale: Duration::from_secs(600) };

    /// Class data.
    pub const CLASSES: Self =
        Self::Shared { fresh: Duration::from_secs(600), stale: Duration::from_secs(1200) };

    /// The absence of something.
    pub const ABSENCE: Self =
        Self::Shared { fresh: Duration::from_secs(30), stale: Duration::ZERO };

    /// Writes `Cache-Control`, and `CDN-Cache-Control` (RFC 9213) where shared caches may do more
    /// than browsers.
    pub fn put(self, fields: &mut axum::http::HeaderMap) {
        let control = match self {
            Self::Shared { .. } => "public, max-age=0",
            Self::Immutable => "public, max-age=31536000, immutable",
            Self::Briefly => "public, max-age=300",
            Self::Private => "private, no-cache",
            Self::Never => "no-store",
        };
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
        if let Self::Shared { fresh, stale } = self {
            let mut targeted = format!("max-age={}", fresh.as_secs());
            if !stale.is_zero() {
                let stale = stale.as_secs();
                targeted += &format!(", stale-while-revalidate={stale}, stale-if-error=86400");
            }
            if let Ok(value) = HeaderValue::from_str(&targeted) {
                fields.insert(CDN_CACHE_CONTROL, value);
            }
        }
    }
}

/// A request's conditions on what it already has.
pub struct Conditions {
    match_any: Option<IfNoneMatch>,
    since: Option<IfModifiedSince>,
}

impl Conditions {
    /// The conditions of a GET or HEAD request; a field that can't be read is no condition.
    pub fn of(fields: &axum::http::HeaderMap) -> Self {
        Self { match_any: fields.typed_get(), since: fields.typed_get() }
    }

    /// The response, or 304 without content if the client has it already (RFC 9110 §13.2.2).
    pub fn evaluate(&self, response: Response) -> Response {
        if response.status() != StatusCode::OK || !self.hold(&response) {
            return response;
        }
        let (mut head, _) = response.into_parts();
        head.status = StatusCode::NOT_MODIFIED;
        for field in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
            head.headers.remove(field);
        }
        Response::from_parts(head, axum::body::Body::empty())
    }

    fn hold(&self, response: &Response) -> bool {
        let etag: Option<ETag> = response.headers().typed_get();
        let modified: Option<LastModified> = response.headers().typed_get();
        match (&self.match_any, etag, &self.since, modified) {
            (Some(condition), Some(etag), _, _) => !condition.precondition_passes(&etag),
            (None, _, Some(since), Some(modified)) => !since.is_modified(modified.into()),
            _ => false,
        }
    }
}

/// A strong entity-tag of the very bytes (RFC 9110 §8.8.3).
fn strong_etag(body: &[u8]) -> Option<ETag> {
    let digest = Sha256::digest(body);
    let text: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{text}\"").parse().ok()
}

const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
