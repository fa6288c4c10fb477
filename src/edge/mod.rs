//! The Worker: events in, responses out. It performs what the machine asks and decides nothing.

mod colo;
mod driver;
mod explain;
mod flights;
mod health;
mod hints;
mod insight;
mod js;
mod live;
mod log;
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

use std::rc::Rc;

use wasm_bindgen::JsValue;
use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

use driver::Driver;
use request::Refusal;
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

/// The cron trigger has fired: the purge path is tried, what was purged is reclaimed, and what is
/// counted goes to the store.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    match Edge::all(&env) {
        Ok(edges) => {
            let share = RECLAIM_COMMANDS.checked_div(edges.len() as u64).unwrap_or(1).max(1);
            for edge in edges {
                edge.try_purging().await;
                edge.reclaim(share).await;
                edge.flush().await;
            }
        }
        Err(error) => log::line("CacheManager", "configuration", &[("error", &error.to_string())]),
    }
}

/// What a JavaScript exception says, shortened for the log.
fn words(error: &JsValue) -> String {
    let text = js_sys::Object::from(error.clone()).to_string();
    String::from(text).chars().take(200).collect()
}

/// Of the 50 subrequests that an event has on the free plan, what canary and flush of one site
/// leave.
const RECLAIM_COMMANDS: u64 = 32;
