//! Requests that nobody has sent: the cache asks itself, and nobody else, for a page of its sites.

use std::rc::Rc;

use http::{HeaderMap, HeaderValue, Method, header};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response};
use worker::Context;

use super::driver::Driver;
use super::state::Edge;
use super::{js, operator, request};
use crate::cache::RequestHead;
use crate::cache::key::{self, normalised};
use crate::cache::policy::Status;
use crate::cache::purge::Limit;
use crate::cache::tally::{Ahead, Cell};

/// What came of a request.
pub(super) struct Visit {
    pub response: Response,
    pub status: Status,
    left: js::Attendant,
}

impl Visit {
    /// Waits for all that the request has left for later, such as storing. What is left of the body
    /// goes nowhere.
    pub async fn end(self) {
        if let Some(body) = self.response.body() {
            // It is either read already or not wanted.
            let _ = JsFuture::from(body.cancel()).await;
        }
        let _ = JsFuture::from(self.left.settled()).await;
    }
}

impl Edge {
    /// Asks for what a client is likely to ask for next, one after the other, as far as the
    /// isolate's rate allows.
    pub fn fetch_ahead(self: &Rc<Self>, urls: Vec<String>, like: &RequestHead, context: &Context) {
        let mut spent = self.ahead.get();
        let allowed = |_: &String| {
            let now = js::now();
            let free = spent.wait(AHEAD, now).is_none();
            if free {
                spent.spend(AHEAD, 1, now);
            }
            free
        };
        let known = urls.len();
        let urls: Vec<String> = urls.into_iter().filter(allowed).collect();
        self.ahead.set(spent);
        self.count(Cell::Prefetches(Ahead::Dropped), known.saturating_sub(urls.len()) as u64);
        self.count(Cell::Prefetches(Ahead::Asked), urls.len() as u64);
        if urls.is_empty() {
            return;
        }
        let mut fields = HeaderMap::new();
        for name in [header::ACCEPT_ENCODING, header::ACCEPT_LANGUAGE] {
            if let Some(value) = like.headers.get(&name) {
                fields.insert(name, value.clone());
            }
        }
        fields.insert(header::USER_AGENT, HeaderValue::from_static("breadbox-prefetch"));
        let edge = Rc::clone(self);
        context.wait_until(async move {
            for url in urls {
                if let Some(visit) = edge.visit(&url, fields.clone()).await {
                    visit.end().await;
                }
            }
        });
    }

    /// Asks for a page as a client with these fields would. Whatever the URL says, no connection is
    /// made but to the site's origin; `None` for what is no page of the site.
    pub async fn visit(self: &Rc<Self>, url: &str, headers: HeaderMap) -> Option<Visit> {
        let url = normalised(url).filter(|url| self.config.is_at(key::authority(url)))?;
        let head = RequestHead { method: Method::GET, url, headers };
        if operator::route(&head).is_some() {
            return None;
        }
        let init = RequestInit::new();
        init.set_headers(&request::to_js(&head.headers));
        let request = Request::new_with_str_and_init(&head.url, &init).ok()?;
        let left = js::attendant();
        let context = Rc::new(Context::new(left.clone().unchecked_into()));
        let driver = Driver::unasked(Rc::clone(self), request, head, context);
        let (response, status) = driver.reply().await;
        Some(Visit { response, status, left })
    }
}

/// So many links a second an isolate follows, and so many at once.
const AHEAD: Limit = Limit { rate: 5, burst: 20 };
