//! A small HTTP/1.1 server inside this process.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::serving::{Listening, Serving};

/// A body that may fail while it is sent, which cuts the connection.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
/// An answer; an error cuts the connection without one.
pub(crate) type Answer = io::Result<Response<Body>>;
/// Answers a request in its own time.
pub(crate) type Respond =
    Arc<dyn Fn(Request<Incoming>) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// A listening server; dropping it stops it.
pub(crate) struct Listener {
    port: u16,
    respond: Respond,
    serving: Option<Serving>,
}

impl Listener {
    /// Listens on 127.0.0.1.
    pub(crate) fn start(port: u16, respond: Respond) -> Result<Self> {
        let mut listener = Self { port, respond, serving: None };
        listener.start_again()?;
        Ok(listener)
    }

    /// Listens again after a stop, on the same port; nothing if it runs.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        if self.serving.is_none() {
            let respond = Arc::clone(&self.respond);
            self.serving = Some(Serving::start(self.port, |socket| accept(socket, respond))?);
        }
        Ok(())
    }

    /// Stops listening and cuts every connection.
    pub(crate) fn stop(&mut self) {
        self.serving = None;
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// A body that is known as a whole.
pub(crate) fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

async fn accept(socket: Listening, respond: Respond) {
    while let Ok(stream) = socket.accept().await {
        let respond = Arc::clone(&respond);
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(request));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = served.with_upgrades().await;
        });
    }
}
