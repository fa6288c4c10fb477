//! The operator's API under `/api/v1/cache`.

use std::rc::Rc;

use bytes::Bytes;
use http::{Method, header};
use serde_json::json;
use web_sys::{Request, Response};
use worker::{Context, Env};

use super::state::Edge;
use super::{health, js, log, origin, reply};
use crate::cache::ledger::{Record, Stamp};
use crate::cache::purge::{self, Complaint};
use crate::cache::tally::Cell;
use crate::cache::{RequestHead, Tier, millis};
use crate::config::{Scope, Token};
use crate::redis::Failure;

/// What the operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Asset(String),
    Health,
    NotAllowed(&'static str),
    Purge,
    Unknown,
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
        "/purge" if head.method == Method::POST => Route::Purge,
        "/purge" => Route::NotAllowed("POST"),
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
    context: &Context,
) -> Response {
    match route {
        Route::Asset(file) => asset(&file, env).await,
        Route::Health => reply::json(200, &health::report(edge).await),
        Route::NotAllowed(allowed) => {
            let message = format!("only {allowed} is possible here");
            let response = reply::failure(405, "method-not-allowed", &message, None);
            let _ = response.headers().set("allow", allowed);
            response
        }
        Route::Purge => match authorised(edge, head, Scope::Purge) {
            Ok(token) => {
                let response = purged(edge, token, request).await;
                edge.plan_flush(context);
                response
            }
            Err(refusal) => refusal,
        },
        Route::Unknown => {
            let message = format!("there is nothing here; the API begins at {PREFIX}");
            reply::failure(404, "not-found", &message, None)
        }
    }
}

fn authorised<'a>(
    edge: &'a Edge,
    head: &RequestHead,
    needed: Scope,
) -> Result<&'a Token, Response> {
    if edge.config.tokens.is_empty() {
        let message = "no token is configured (BREADBOX_TOKENS), so this is closed";
        return Err(reply::failure(403, "closed", message, None));
    }
    let field = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret = field.and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    match secret.and_then(|secret| edge.config.tokens.find(secret)) {
        Some(token) if token.scope >= needed => Ok(token),
        Some(_) => {
            let message = "the token's scope does not cover this";
            Err(reply::failure(403, "forbidden", message, None))
        }
        None => {
            let message = "send Authorization: Bearer with a valid token";
            let response = reply::failure(401, "unauthorized", message, None);
            let _ = response.headers().set("www-authenticate", "Bearer realm=\"breadbox\"");
            Err(response)
        }
    }
}

async fn purged(edge: &Edge, token: &Token, request: &Request) -> Response {
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let fold = |url: &str| {
        let mut url = url.to_owned();
        edge.fold(&mut url);
        url
    };
    let records = match purge::parse(&body, fold) {
        Ok(records) => records,
        Err(Complaint { code, field, message }) => {
            let status = if code == "too-many-selectors" { 413 } else { 400 };
            return reply::failure(status, code, &message, field.as_deref());
        }
    };
    match record(edge, &records).await {
        Ok(stamps) => {
            edge.count(Cell::Purges, 1);
            let receipt = receipt(edge, &records, &stamps);
            let line = receipt.to_string();
            log::line("CacheManager", "purge", &[("token", &token.name), ("receipt", &line)]);
            reply::json(200, &json!({ "success": true, "data": receipt }))
        }
        Err((tier, failure)) => {
            edge.fault(tier, "purge", &failure);
            let message = format!(
                "the purge did not reach the ledger ({}); it may be repeated",
                failure.fault.as_str()
            );
            let response = reply::failure(503, "ledger-unreachable", &message, None);
            let _ = response.headers().set("retry-after", "1");
            response
        }
    }
}

async fn record(edge: &Edge, records: &[Record]) -> Result<Vec<Stamp>, (Tier, Failure)> {
    match &edge.shared {
        Some(shared) => match shared.purge(records, js::random()).await {
            Ok(receipt) => Ok(receipt.stamps),
            Err(failure) => Err((Tier::Shared, failure)),
        },
        None => match edge.colo.purge(records).await {
            Ok(stamp) => Ok(vec![stamp]),
            Err(failure) => Err((Tier::Platform, failure)),
        },
    }
}

/// What the caller may rely on.
fn receipt(edge: &Edge, records: &[Record], stamps: &[Stamp]) -> serde_json::Value {
    let first = stamps.first().copied().unwrap_or_default();
    let bound = edge.config.visibility;
    let members: Vec<String> = records.iter().map(Record::member).collect();
    json!({
        "sequence": first.sequence.0,
        "epoch": first.epoch.to_string(),
        "recorded": members.len(),
        "records": members,
        "scope": if edge.shared.is_some() { "everywhere" } else { "data-centre" },
        "visible_in_ms": millis(bound),
        "visible_at": js::now().after(bound).0,
    })
}

async fn body(request: &Request) -> Result<Bytes, Response> {
    let too_large = || {
        let message = format!("the body is larger than {BODY_MAX} bytes");
        reply::failure(413, "body-too-large", &message, None)
    };
    let unread = || reply::failure(400, "unreadable-body", "the body could not be read", None);
    let Ok(stream) = Response::new_with_opt_readable_stream(request.body().as_ref()) else {
        return Err(unread());
    };
    match origin::collect(&stream, BODY_MAX).await {
        Ok(bytes) => Ok(bytes),
        Err(crate::cache::exchange::Fault::TooLarge) => Err(too_large()),
        Err(_) => Err(unread()),
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

/// The largest purge request in bytes.
const BODY_MAX: u64 = 1024 * 1024;
