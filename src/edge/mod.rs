//! The Worker: events in, responses out. It performs what the machine asks and decides nothing.

mod colo;
mod cron;
mod driver;
mod explain;
mod flights;
mod health;
mod hints;
mod insight;
mod js;
mod known;
mod live;
mod log;
mod memory;
mod near;
mod operator;
mod origin;
mod overriding;
mod platform;
mod purge;
mod reads;
mod reply;
mod request;
mod served;
mod state;
mod visit;
mod warm;

use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

use crate::cache::exchange::Again;
use crate::cache::policy::RECEIPT;
use driver::Driver;
use request::{FIELDS_MAX, Refusal};
use served::DEBUG;
use state::Edge;

use crate::cache::key;

/// A request has come in.
#[event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> worker::Result<web_sys::Response> {
    let edges = match Edge::all(&env) {
        Ok(edges) => edges,
        Err(error) => return Ok(reply::failure(500, "configuration", &error.to_string(), None)),
    };
    let context = Rc::new(context);
    Ok(serve(edges, request, &env, context).await)
}

async fn serve(
    edges: Vec<Rc<Edge>>,
    request: web_sys::Request,
    env: &Env,
    context: Rc<Context>,
) -> web_sys::Response {
    let head = match request::head(&request) {
        Ok(head) => head,
        Err(Refusal { status, code, message }) => {
            return reply::failure(status, code, &message, None);
        }
    };
    let host = key::authority(&head.url);
    let Some(edge) = edges.into_iter().find(|edge| edge.config.is_at(host)) else {
        let message = format!("no site of this deployment is at {host}, and there is no ORIGIN");
        return reply::failure(421, "unknown-host", &message, None);
    };
    if let Some(dialect) = purge::dialect(&edge, &head) {
        return purge::answer(&edge, dialect, &head, &request, &context).await;
    }
    if let Some(route) = operator::route(&head) {
        return operator::answer(&edge, route, &head, &request, env, &context).await;
    }
    Driver::new(edge, request, head, context).run().await
}

/// Whether there is any reply that [`hit`] might make again.
#[wasm_bindgen]
#[must_use]
pub fn ready() -> bool {
    Edge::running().iter().any(|edge| edge.memory.is_ready())
}

/// Answers a GET request at once, if it is a plain hit; undefined sends it the long way.
///
/// `told` holds those of its fields that [`fields`] names, as lines of names and values.
#[wasm_bindgen]
#[must_use]
pub fn hit(url: &str, told: &str, headers: &web_sys::Headers) -> Option<web_sys::Response> {
    Edge::running().iter().find_map(|edge| edge.hit(url, told, headers))
}

/// The names of the fields with which a request goes the long way, the first also as a cookie's;
/// those of the fields on which a plain hit depends; and how large all may be. Each on a line.
#[wasm_bindgen]
#[must_use]
pub fn fields() -> String {
    let names = Again::FIELDS.map(|name| name.to_string()).join(" ");
    format!("{RECEIPT} {DEBUG}\n{names}\n{FIELDS_MAX}")
}

/// The cron trigger has fired.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    match Edge::all(&env) {
        Ok(edges) => cron::tick(&edges).await,
        Err(error) => log::line("CacheManager", "configuration", &[("error", &error.to_string())]),
    }
}

/// What a JavaScript exception says, shortened for the log.
fn words(error: &JsValue) -> String {
    let text = js_sys::Object::from(error.clone()).to_string();
    String::from(text).chars().take(200).collect()
}
