//! The operator's API under `/api/v1/cache`.

use std::rc::Rc;

use http::Method;
use serde_json::{Value, json};
use web_sys::{Request, Response};
use worker::{Context, Env};

use super::insight::{self, Insight};
use super::state::Edge;
use super::{health, overriding, purge, reply, warm};
use crate::cache::RequestHead;
use crate::cache::purge::{Complaint, Dialect};
use crate::config::Token;

/// What the operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Asset(String),
    Health,
    Insight(Insight),
    NotAllowed(&'static str),
    Override,
    Purge,
    Schema,
    Unknown,
    Warm(warm::Step),
}

/// The route of a request under the API's prefix; `None` for everything else.
pub(super) fn route(head: &RequestHead) -> Option<Route> {
    let rest = head.url.split_once("://").map_or(head.url.as_str(), |(_, rest)| rest);
    let path = rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/");
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let rest = path.strip_prefix(PREFIX)?;
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    Some(match rest {
        "" | "/" if reads => Route::Health,
        "" | "/" => Route::NotAllowed("GET"),
        "/entries" if reads => Route::Insight(Insight::Entry),
        "/metrics" if reads => Route::Insight(Insight::Metrics),
        "/stats" if reads => Route::Insight(Insight::Stats),
        "/entries" | "/metrics" | "/stats" => Route::NotAllowed("GET"),
        "/override" if reads || [Method::POST, Method::DELETE].contains(&head.method) => {
            Route::Override
        }
        "/override" => Route::NotAllowed("GET, POST, DELETE"),
        "/purge" if head.method == Method::POST => Route::Purge,
        "/purge" => Route::NotAllowed("POST"),
        "/purge/schema" if reads => Route::Schema,
        "/purge/schema" => Route::NotAllowed("GET"),
        "/warm" if reads => Route::Warm(warm::Step::Told),
        "/warm" if head.method == Method::POST => Route::Warm(warm::Step::Begin),
        "/warm" if head.method == Method::DELETE => Route::Warm(warm::Step::End),
        "/warm" => Route::NotAllowed("GET, POST, DELETE"),
        "/warm/next" if head.method == Method::POST => Route::Warm(warm::Step::Next),
        "/warm/next" => Route::NotAllowed("POST"),
        _ => match rest.strip_prefix("/ui") {
            Some(file) if reads && (file.is_empty() || file.starts_with('/')) => {
                Route::Asset(file.to_owned())
            }
            _ if rest.starts_with('/') => Route::Unknown,
            _ => return None,
        },
    })
}

pub(super) async fn answer(
    edge: &Rc<Edge>,
    route: Route,
    head: &RequestHead,
    request: &Request,
    env: &Env,
    context: &Rc<Context>,
) -> Response {
    match route {
        Route::Asset(file) => asset(&file, env).await,
        Route::Health => reply::json(200, &health::report(edge, context).await),
        Route::Insight(sought) => insight::answer(edge, sought, head, request, context).await,
        Route::NotAllowed(allowed) => {
            let message = format!("only {allowed} is possible here");
            let response = reply::failure(405, "method-not-allowed", &message, None);
            let _ = response.headers().set("allow", allowed);
            response
        }
        Route::Override => overriding::answer(edge, head, request, context).await,
        Route::Purge => purge::answer(edge, Dialect::Native, head, request, context).await,
        Route::Schema => reply::text(200, "application/schema+json", purge::SCHEMA),
        Route::Warm(step) => warm::answer(edge, step, head, request, context).await,
        Route::Unknown => {
            let message = format!("there is nothing here; the API begins at {PREFIX}");
            reply::failure(404, "not-found", &message, None)
        }
    }
}

/// Answers what takes a token with what is done for it, and has the counts of that flushed.
pub(super) async fn ordered(
    edge: &Rc<Edge>,
    head: &RequestHead,
    context: &Context,
    perform: impl AsyncFnOnce(&Token) -> Result<Value, Complaint>,
) -> Response {
    let token = match insight::permitted(edge, head) {
        Ok(token) => token,
        Err(refusal) => return refusal,
    };
    let result = perform(token).await;
    edge.plan_flush(context);
    match result {
        Ok(data) => reply::json(200, &json!({ "success": true, "data": data })),
        Err(Complaint { status, code, field, message, .. }) => {
            reply::failure(status, code, &message, field.as_deref())
        }
    }
}

/// The dashboard's files. Relative links need the slash after `ui`.
async fn asset(file: &str, env: &Env) -> Response {
    if file.is_empty() {
        let response = reply::text(308, "text/plain", "");
        let _ = response.headers().set("location", &format!("{PREFIX}/ui/"));
        return response;
    }
    let missing = || reply::failure(404, "not-found", "there is no such file", None);
    let Ok(assets) = env.assets("ASSETS") else { return missing() };
    let file = if file == "/" { "/index.html" } else { file };
    let url = format!("https://assets.internal{file}");
    match assets.fetch(url, None).await {
        Ok(found) if found.status_code() == 200 => health::page(found.into(), file),
        _ => missing(),
    }
}

const PREFIX: &str = "/api/v1/cache";
