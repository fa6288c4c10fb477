//! Threads, connections and their orderly end.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::address::Address;
use crate::backend::{Backend, Limits, SharedCatalog};
use crate::service::{Service, Shared};
use crate::settings::{Settings, SettingsError};

/// A running gateway. Dropping it stops it.
pub struct Gateway {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// Starts listening. Redis need not be there yet.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        settings.check()?;
        // Another provider may be installed already when the gateway runs inside a program.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let addresses = settings.listen()?;
        let listener = TcpListener::bind(addresses.as_slice())
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|error| StartError::Listen { listen: settings.listen.clone(), error })?;
        let address = listener.local_addr().map_err(StartError::Thread)?;
        let (stop, stopping) = watch::channel(false);
        let shared = Arc::new(Shared::new(settings, stopping.clone()));
        let catalog = Arc::new(SharedCatalog::default());
        let mut gateway = Self { address, stop, threads: Vec::new() };
        let mut inboxes = Vec::new();
        let mut listener = Some(listener);
        let count = settings.threads();
        for index in (0..count).rev() {
            let (inbox, arrivals) = mpsc::unbounded_channel();
            inboxes.push(inbox);
            let worker = Worker {
                address: settings.address()?,
                arrivals,
                catalog: catalog.clone(),
                door: match index {
                    0 => listener.take().map(|listener| (listener, inboxes.clone())),
                    _ => None,
                },
                limits: Limits {
                    connect_timeout: settings.connect_timeout,
                    connections: settings.connections.div_ceil(count),
                    response_timeout: settings.response_timeout,
                },
                patience: settings.shutdown_timeout,
                shared: shared.clone(),
                stopping: stopping.clone(),
            };
            gateway.threads.push(worker.spawn(index)?);
        }
        tracing::info!(listen = %address, redis = %settings.address()?, threads = count, "started");
        Ok(gateway)
    }

    /// The address that the gateway listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops taking requests, answers those in flight, and returns when all threads have ended.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker thread has panicked");
            }
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("LISTEN (--listen) is {listen}: {error}")]
    Listen {
        /// The setting.
        listen: String,
        /// What the system says.
        error: io::Error,
    },
    /// The address of Redis cannot be used.
    #[error("REDIS_URL (--redis-url) is not usable: {0}")]
    Redis(#[from] redis::RedisError),
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The system gives no thread or socket.
    #[error("cannot start a worker thread: {0}")]
    Thread(io::Error),
}

/// What one thread needs. A connection stays on its thread, and so does everything it asks Redis:
/// no request wakes another processor.
struct Worker {
    address: Address,
    arrivals: mpsc::UnboundedReceiver<TcpStream>,
    catalog: Arc<SharedCatalog>,
    /// The listener and all workers' inboxes, for the one worker that lets clients in.
    door: Option<(TcpListener, Vec<mpsc::UnboundedSender<TcpStream>>)>,
    limits: Limits,
    patience: Duration,
    shared: Arc<Shared>,
    stopping: watch::Receiver<bool>,
}

impl Worker {
    fn spawn(self, index: usize) -> Result<JoinHandle<()>, StartError> {
        // Made here for its errors; the one in use must be made on the thread that uses it.
        Backend::new(&self.address, self.limits, self.catalog.clone())?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let run = move || {
            let local = LocalSet::new();
            local.block_on(&runtime, self.run());
        };
        let thread = std::thread::Builder::new().name(format!("gateway-{index}"));
        thread.spawn(run).map_err(StartError::Thread)
    }

    async fn run(mut self) {
        let backend = match Backend::new(&self.address, self.limits, self.catalog.clone()) {
            Ok(backend) => backend,
            Err(error) => return tracing::error!(%error, "a worker cannot start"),
        };
        let service = Rc::new(Service::new(backend, self.shared.clone()));
        if let Some((listener, inboxes)) = self.door.take() {
            spawn_local(admit_clients(listener, inboxes, self.stopping.clone()));
            spawn_local(keep_informed(service.clone()));
        }
        let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
        loop {
            let stream = tokio::select! {
                stream = self.arrivals.recv() => stream,
                _ = self.stopping.wait_for(|stopping| *stopping) => break,
            };
            let Some(stream) = stream else { break };
            spawn_local(serve(stream, service.clone(), self.stopping.clone(), open.clone()));
        }
        drop(open);
        if timeout(self.patience, all_closed.recv()).await.is_err() {
            tracing::warn!("requests were still in flight when the time to stop was over");
        }
    }
}

/// Accepts connections and deals them out to the workers in turn.
async fn admit_clients(
    listener: TcpListener,
    inboxes: Vec<mpsc::UnboundedSender<TcpStream>>,
    mut stopping: watch::Receiver<bool>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot listen"),
    };
    for inbox in inboxes.iter().cycle() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match accepted.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => {
                // A worker whose inbox is closed is stopping.
                let _ = inbox.send(stream);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Keeps what is known about the server's commands fresh, from the first moment it is there.
async fn keep_informed(service: Rc<Service>) {
    loop {
        let known = service.learn().await;
        sleep(if known { CATALOG_CHECK } else { CATALOG_RETRY }).await;
    }
}

async fn serve(
    stream: TcpStream,
    service: Rc<Service>,
    mut stopping: watch::Receiver<bool>,
    _open: mpsc::Sender<Infallible>,
) {
    let _counted = service.connection();
    // Without it an answer in two packets waits for the client's delayed acknowledgement.
    let stream = stream.set_nodelay(true).and_then(|()| tokio::net::TcpStream::from_std(stream));
    let Ok(stream) = stream else { return };
    let answer = service_fn(|request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopping.wait_for(|stopping| *stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const CATALOG_CHECK: Duration = Duration::from_secs(60);
const CATALOG_RETRY: Duration = Duration::from_secs(1);
/// How long a connection may stay silent before a request's head is complete.
const IDLE: Duration = Duration::from_secs(120);
