//! The site: its state, its routes, and what every answer has in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use crate::database::{Database, Session};
use crate::edge::{Delivery, EdgeTally, Edges};
use crate::fault::Fault;
use crate::latency::{Jitter, Latency};
use crate::representation::{Conditions, Keeping, Representation};
use crate::writes::{Change, Effect};
use crate::{api, assets, pages, sitemap};

/// What handlers share. Clones share it.
#[derive(Clone)]
pub struct Site {
    /// The catalogue's database.
    pub database: Database,
    /// The edges to purge after a change.
    pub edges: Edges,
    shared: Arc<Shared>,
}

struct Shared {
    jitter: Jitter,
    requests: AtomicU64,
    writes: AtomicU64,
}

impl Site {
    /// A site over a database, behind these edges.
    pub fn new(database: Database, edges: Edges, latency: Latency) -> Self {
        let shared = Shared {
            jitter: Jitter::new(latency),
            requests: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        };
        Self { database, edges, shared: Arc::new(shared) }
    }

    /// The site as a service.
    pub fn router(self) -> Router {
        Router::new()
            .merge(pages::routes())
            .nest("/api", api::routes())
            .route("/static/{name}", get(assets::file))
            .route("/sitemap.xml", get(sitemap::sitemap))
            .route("/_stats", get(stats))
            .fallback(unknown)
            .method_not_allowed_fallback(refused)
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .layer(middleware::from_fn_with_state(self.clone(), attend))
            .with_state(self)
    }

    /// Makes a change and, once it is committed, purges what it touched. Runs to its end even if
    /// the client goes away, because a change without its purge would stay hidden.
    pub async fn change(
        &self,
        work: impl FnOnce(&Session<'_>) -> Result<Change, Fault> + Send + 'static,
    ) -> Result<(Change, Delivery), Fault> {
        let site = self.clone();
        let whole = tokio::spawn(async move {
            let change = site.database.write(work).await?;
            if change.effect == Effect::Changed {
                site.shared.writes.fetch_add(1, Ordering::Relaxed);
            }
            let delivery = site.edges.purge(change.purge.clone()).await;
            Ok((change, delivery))
        });
        whole.await.map_err(Fault::internal)?
    }

    fn stats(&self) -> Stats {
        Stats {
            requests: self.shared.requests.load(Ordering::Relaxed),
            queries: self.database.queries(),
            writes: self.shared.writes.load(Ordering::Relaxed),
            purges: self.edges.tally(),
        }
    }
}

/// What the origin has done since it started.
#[derive(Clone, Debug, Serialize)]
struct Stats {
    // Requests of every kind, `GET /_stats` itself left out.
    requests: u64,
    queries: u64,
    writes: u64,
    purges: Vec<EdgeTally>,
}

async fn stats(State(site): State<Site>) -> Representation {
    Representation::json(&site.stats(), Keeping::Never)
}

async fn unknown(request: Request) -> Fault {
    Fault::not_found(format!("there is nothing at {:?}", request.uri().path()))
}

async fn refused(method: Method) -> Fault {
    let message = format!("{method} is not allowed here; the Allow field says what is");
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// What every answer has in common: it is counted, takes its time, has a form for its errors,
/// obeys the request's conditions, and tells browsers to load nothing from elsewhere.
async fn attend(State(site): State<Site>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let form = if path.starts_with("/api/") { Form::Json } else { Form::Page };
    if path != "/_stats" {
        site.shared.requests.fetch_add(1, Ordering::Relaxed);
        if !path.starts_with("/static/") {
            tokio::time::sleep(site.shared.jitter.draw()).await;
        }
    }
    let conditions = match *request.method() {
        Method::GET | Method::HEAD => Some(Conditions::of(request.headers())),
        _ => None,
    };
    let mut response = next.run(request).await;
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        response = show(&fault, form, response.headers());
    }
    for (name, value) in COMMON_FIELDS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    match conditions {
        Some(conditions) => conditions.evaluate(response),
        None => response,
    }
}

/// In which form errors are shown.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Page,
}

fn show(fault: &Fault, form: Form, fields: &HeaderMap) -> Response {
    let keeping = if fault.tags.is_empty() { Keeping::Never } else { Keeping::ABSENCE };
    let representation = match form {
        Form::Json => api::fault(fault, keeping),
        Form::Page => pages::fault(fault, keeping),
    };
    let mut response =
        representation.status(fault.status).tagged(fault.tags.clone()).into_response();
    // What the router said about the error, such as Allow, stays.
    for (name, value) in fields {
        if !response.headers().contains_key(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

const COMMON_FIELDS: [(HeaderName, &str); 3] = [
    (
        HeaderName::from_static("content-security-policy"),
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "same-origin"),
];

/// Bytes of a request's body: a guide of 4000 characters in any script, and the rest.
const BODY_MAX: usize = 64 * 1024;
