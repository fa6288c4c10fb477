//! The platform cache of one colo, as workerd's `cacheApiOutbound` expects it.
//!
//! A `match` arrives as `GET` with `Cache-Control: only-if-cached` and is answered with
//! `CF-Cache-Status: HIT` or `MISS`; a `put` as `PUT` of a serialized response; a `delete` as
//! `PURGE`. The store's name is in `CF-Cache-Namespace`.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};

use super::free_port;
use super::store::{Key, Refused, Store};
use crate::listener::{Answer, Body, Listener, whole};

/// How a colo's cache behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    /// It answers.
    #[default]
    Fair,
    /// It answers, this much later.
    Slow(Duration),
    /// It answers 500 to everything.
    Failing,
    /// It never answers.
    Silent,
}

/// What a colo's cache was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `match` calls.
    pub matches: u64,
    /// Those that found something.
    pub hits: u64,
    /// `put` calls.
    pub puts: u64,
    /// `delete` calls.
    pub deletes: u64,
}

/// A running colo; its cache is empty when it starts.
pub struct Colo {
    listener: Listener,
    state: Arc<Mutex<State>>,
}

impl Colo {
    /// Starts one on a free port.
    pub fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let respond = Arc::new(move |request| {
            let shared = Arc::clone(&shared);
            Box::pin(async move { answer(&shared, request).await }) as _
        });
        Ok(Self { listener: Listener::start(free_port()?, respond)?, state })
    }

    /// Changes how it behaves from the next request on.
    pub fn set_weather(&self, weather: Weather) {
        lock(&self.state).weather = weather;
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Asked {
        lock(&self.state).asked
    }

    /// The most calls that were under way at a time since this was last asked.
    pub fn at_once(&self) -> usize {
        std::mem::take(&mut lock(&self.state).at_once)
    }

    /// How many responses it holds.
    pub fn len(&self) -> usize {
        lock(&self.state).store.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Evicts everything.
    pub fn clear(&self) {
        lock(&self.state).store.clear();
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.listener.port()
    }
}

impl fmt::Debug for Colo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Colo").field("port", &self.port()).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    store: Store,
    asked: Asked,
    at_once: usize,
    under_way: usize,
    weather: Weather,
}

async fn answer(state: &Mutex<State>, request: Request<Incoming>) -> Answer {
    let weather = {
        let mut state = lock(state);
        state.under_way += 1;
        state.at_once = state.at_once.max(state.under_way);
        state.weather
    };
    let answer = answer_in(weather, state, request).await;
    lock(state).under_way -= 1;
    answer
}

async fn answer_in(weather: Weather, state: &Mutex<State>, request: Request<Incoming>) -> Answer {
    match weather {
        Weather::Fair => {}
        Weather::Slow(delay) => tokio::time::sleep(delay).await,
        Weather::Failing => return Ok(status(StatusCode::INTERNAL_SERVER_ERROR)),
        Weather::Silent => std::future::pending::<()>().await,
    }
    let namespace = request.headers().get("cf-cache-namespace");
    let namespace = namespace.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let key = (namespace, request.uri().to_string());
    Ok(match *request.method() {
        Method::GET => matching(&mut lock(state), &key),
        Method::PUT => match Limited::new(request.into_body(), LARGEST_PUT).collect().await {
            Ok(body) => put(&mut lock(state), key, &body.to_bytes()),
            Err(_) => status(StatusCode::PAYLOAD_TOO_LARGE),
        },
        _ if request.method().as_str() == "PURGE" => delete(&mut lock(state), &key),
        _ => status(StatusCode::METHOD_NOT_ALLOWED),
    })
}

fn matching(state: &mut State, key: &Key) -> Response<Body> {
    state.asked.matches += 1;
    let Some(stored) = state.store.matching(key) else {
        return with_status(status(StatusCode::GATEWAY_TIMEOUT), "MISS");
    };
    state.asked.hits += 1;
    let mut response = Response::new(whole(stored.body));
    *response.status_mut() = stored.status;
    *response.headers_mut() = stored.headers;
    with_status(response, "HIT")
}

fn put(state: &mut State, key: Key, message: &Bytes) -> Response<Body> {
    state.asked.puts += 1;
    status(match state.store.put(key, message) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(Refused::Unreadable) => StatusCode::BAD_REQUEST,
        Err(Refused::Forbidden | Refused::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
    })
}

fn delete(state: &mut State, key: &Key) -> Response<Body> {
    state.asked.deletes += 1;
    status(if state.store.delete(key) { StatusCode::OK } else { StatusCode::NOT_FOUND })
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(whole(""));
    *response.status_mut() = code;
    response
}

fn with_status(mut response: Response<Body>, verdict: &'static str) -> Response<Body> {
    let value = hyper::header::HeaderValue::from_static(verdict);
    response.headers_mut().insert("cf-cache-status", value);
    response
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

const LARGEST_PUT: usize = 64 << 20;
