//! Servers inside this process, each on a thread of its own.
//!
//! They work from tests with and without a runtime, and stopping one cuts every connection.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use rustix::net::{Shutdown, shutdown};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot::{self, Receiver};

use crate::servers::local;

/// A running server; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Serving {
    running: Option<(oneshot::Sender<Infallible>, JoinHandle<()>)>,
}

impl Serving {
    /// Listens on a port of 127.0.0.1, and gives the socket to `serve`.
    pub(crate) fn start<F>(
        port: u16,
        serve: impl FnOnce(Listening) -> F + Send + 'static,
    ) -> Result<Self>
    where
        F: Future<Output = ()>,
    {
        let (stop, stopped) = oneshot::channel();
        let (tell, begun) = mpsc::channel();
        let thread = thread::spawn(move || {
            if let Err(error) = run(port, serve, stopped, &tell) {
                let _ = tell.send(Err(error));
            }
        });
        begun.recv().context("a server's thread has ended")??;
        Ok(Self { running: Some((stop, thread)) })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

/// A socket that listens; once it is dropped, connections are refused.
#[derive(Debug)]
pub(crate) struct Listening(TcpListener);

impl Listening {
    /// Listens on a port of 127.0.0.1, within a runtime.
    pub(crate) fn on(port: u16) -> Result<Self> {
        let listen = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(local(port))?;
            socket.listen(BACKLOG)
        };
        listen().map(Self).with_context(|| format!("cannot listen on port {port}"))
    }

    /// Takes the next connection.
    pub(crate) async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.0.accept().await?;
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// A process that is being started holds this one's sockets until its program runs; closed only
/// here, this one would go on listening there, and nobody could listen on its port again.
impl Drop for Listening {
    fn drop(&mut self) {
        let _ = shutdown(&self.0, Shutdown::Both);
    }
}

fn run<F>(
    port: u16,
    serve: impl FnOnce(Listening) -> F,
    stopped: Receiver<Infallible>,
    tell: &Sender<Result<()>>,
) -> Result<()>
where
    F: Future<Output = ()>,
{
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listening = Listening::on(port)?;
        let _ = tell.send(Ok(()));
        tokio::select! {
            () = serve(listening) => {}
            _ = stopped => {}
        }
        Ok(())
    })
}

const BACKLOG: u32 = 1024;
