//! The Worker: events in, responses out. It performs what the machine asks and decides nothing.

mod colo;
mod driver;
mod explain;
mod flights;
mod health;
mod hints;
mod insight;
mod js;
mod log;
mod near;
mod operator;
mod origin;
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

/// A request has come in.
#[event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> worker::Result<web_sys::Response> {
    let edge = match Edge::of(&env) {
        Ok(edge) => edge,
        Err(error) => return Ok(reply::failure(500, "configuration", &error.to_string(), None)),
    };
    let context = Rc::new(context);
    Ok(serve(edge, request, &env, context).await)
}

async fn serve(
    edge: Rc<Edge>,
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
    match Edge::of(&env) {
        Ok(edge) => {
            edge.try_purging().await;
            edge.reclaim().await;
            edge.flush().await;
        }
        Err(error) => log::line("CacheManager", "configuration", &[("error", &error.to_string())]),
    }
}

/// What a JavaScript exception says, shortened for the log.
fn words(error: &JsValue) -> String {
    let text = js_sys::Object::from(error.clone()).to_string();
    String::from(text).chars().take(200).collect()
}
