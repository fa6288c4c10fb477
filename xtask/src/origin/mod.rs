//! An origin server whose answers a test scripts.
//!
//! ```
//! use xtask::origin::{Origin, Reply};
//!
//! # fn main() -> anyhow::Result<()> {
//! let origin = Origin::start(|request| match request.path.as_str() {
//!     "/page" => Reply::ok("hello").header("cache-control", "max-age=60"),
//!     _ => Reply::status(404),
//! })?;
//! assert_eq!(origin.requests_for("/page").len(), 0);
//! # Ok(())
//! # }
//! ```

mod reply;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::HeaderMap;

pub use reply::Reply;

use crate::listener::{Answer, Listener};
use crate::servers::free_port;

/// A request as the origin saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method's token.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query without the question mark; empty if there is none.
    pub query: String,
    /// The fields, names in lower case.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Seen {
    /// A field's value, or "" where it is absent or not text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A running origin; dropping it stops it.
pub struct Origin {
    listener: Listener,
    state: Arc<State>,
}

impl Origin {
    /// Starts one on a free port; `script` answers each request.
    pub fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Result<Self> {
        let seen = Mutex::default();
        let state = Arc::new(State { seen, script: Mutex::new(Arc::new(script)) });
        let shared = Arc::clone(&state);
        let respond = Arc::new(move |request| {
            let shared = Arc::clone(&shared);
            Box::pin(async move { shared.answer(request).await }) as _
        });
        Ok(Self { listener: Listener::start(free_port()?, respond)?, state })
    }

    /// Replaces the script from the next request on.
    pub fn rescript(&self, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        *lock(&self.state.script) = Arc::new(script);
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listener.port())
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// The requests for a path, whatever their query.
    pub fn requests_for(&self, path: &str) -> Vec<Seen> {
        let seen = lock(&self.state.seen);
        seen.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        lock(&self.state.seen).clear();
    }

    /// Cuts every connection and refuses new ones.
    pub fn stop(&mut self) {
        self.listener.stop();
    }

    /// Listens again on the same port after a stop.
    pub fn start_again(&mut self) -> Result<()> {
        self.listener.start_again()
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Origin").field("url", &self.url()).finish_non_exhaustive()
    }
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

struct State {
    seen: Mutex<Vec<Seen>>,
    script: Mutex<Script>,
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, LARGEST).collect().await.map_err(io::Error::other)?;
        let seen = Seen {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body: body.to_bytes(),
        };
        lock(&self.seen).push(seen.clone());
        let script = Arc::clone(&lock(&self.script));
        script(&seen).answer().await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const LARGEST: usize = 256 << 20;
