//! A small HTTP/1.1 server inside this process, on a thread of its own.
//!
//! It works from tests with and without a runtime, and stopping it cuts every connection.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::servers::local;

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
    running: Option<(oneshot::Sender<Infallible>, JoinHandle<()>)>,
}

impl Listener {
    /// Listens on 127.0.0.1.
    pub(crate) fn start(port: u16, respond: Respond) -> Result<Self> {
        let mut listener = Self { port, respond, running: None };
        listener.start_again()?;
        Ok(listener)
    }

    /// Listens again after a stop, on the same port; nothing if it runs.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        let port = self.port;
        socket.bind(local(port)).with_context(|| format!("cannot listen on port {port}"))?;
        let socket = socket.listen(BACKLOG)?;
        drop(entered);
        let (stop, stopped) = oneshot::channel();
        let respond = Arc::clone(&self.respond);
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(socket, respond) => {}
                    _ = stopped => {}
                }
            });
        });
        self.running = Some((stop, thread));
        Ok(())
    }

    /// Stops listening and cuts every connection.
    pub(crate) fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            let _ = thread.join();
        }
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A body that is known as a whole.
pub(crate) fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

async fn accept(socket: TcpListener, respond: Respond) {
    while let Ok((stream, _)) = socket.accept().await {
        let respond = Arc::clone(&respond);
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(request));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = served.with_upgrades().await;
        });
    }
}

const BACKLOG: u32 = 1024;
