//! A proxy that makes trouble, switched at run time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::message::{self, Kind};
use super::trouble::Trouble;
use crate::servers::{free_port, is_closed, local};
use crate::serving::{Listening, Serving};

/// What a line carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// Anything, as RESP.
    Bytes,
    /// HTTP/1.1; one request is forwarded as a whole, and so is its answer.
    Http,
}

/// A line between two parts; dropping it cuts what it carries.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    trouble: watch::Sender<Trouble>,
    load: Arc<Load>,
    _serving: Serving,
}

impl Proxy {
    /// Listens on a free port of this machine and carries everything to `upstream`.
    pub fn start(upstream: u16, speech: Speech) -> Result<Self> {
        let port = free_port()?;
        let (trouble, troubles) = watch::channel(Trouble::Fair);
        let load = Arc::new(Load::default());
        let line = Line { upstream: local(upstream), speech, troubles, load: Arc::clone(&load) };
        let serving = Serving::start(port, move |socket| line.serve(port, socket))?;
        Ok(Self { port, trouble, load, _serving: serving })
    }

    /// How the line behaves from now on; requests on their way keep what they began with, unless
    /// connections are cut.
    pub fn set(&self, trouble: Trouble) {
        let before = self.trouble.send_replace(trouble);
        if (before == Trouble::Refused) == (trouble == Trouble::Refused) {
            return;
        }
        // Whoever asks after this is to find a port that is closed, or one that is open.
        let deadline = std::time::Instant::now() + PATIENCE;
        let closed = trouble == Trouble::Refused;
        while is_closed(self.port) != closed && std::time::Instant::now() < deadline {
            thread::sleep(AGAIN);
        }
    }

    /// How the line behaves.
    pub fn trouble(&self) -> Trouble {
        *self.trouble.borrow()
    }

    /// How many HTTP requests it has read.
    pub fn requests(&self) -> usize {
        self.load.requests.load(Ordering::Relaxed)
    }

    /// The most HTTP requests that were read and not answered at a time since this was asked.
    pub fn at_once(&self) -> usize {
        self.load.at_once.swap(0, Ordering::Relaxed)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

#[derive(Clone)]
struct Line {
    upstream: SocketAddr,
    speech: Speech,
    troubles: watch::Receiver<Trouble>,
    load: Arc<Load>,
}

/// The HTTP requests of a line: how many there were, are, and were at the same time.
#[derive(Debug, Default)]
struct Load {
    requests: AtomicUsize,
    under_way: AtomicUsize,
    at_once: AtomicUsize,
}

/// A request that has been read and not answered.
struct UnderWay<'a>(&'a Load);

impl<'a> UnderWay<'a> {
    fn new(load: &'a Load) -> Self {
        load.requests.fetch_add(1, Ordering::Relaxed);
        let now = load.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        load.at_once.fetch_max(now, Ordering::Relaxed);
        Self(load)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Line {
    async fn serve(mut self, port: u16, first: Listening) {
        let mut socket = Some(first);
        loop {
            let Ok(_) = self.troubles.wait_for(|it| *it != Trouble::Refused).await else { return };
            let Some(open) = socket.take().or_else(|| Listening::on(port).ok()) else { return };
            self.accept(&open).await;
        }
    }

    /// Takes connections until they are to be refused.
    async fn accept(&self, socket: &Listening) {
        let mut troubles = self.troubles.clone();
        loop {
            tokio::select! {
                _ = troubles.wait_for(|it| *it == Trouble::Refused) => return,
                taken = socket.accept() => if let Ok(client) = taken {
                    tokio::spawn(self.clone().carry(client));
                }
            }
        }
    }

    async fn carry(self, mut client: TcpStream) {
        let mut cut = self.troubles.clone();
        let cut = cut.wait_for(|it| matches!(it, Trouble::Refused | Trouble::Reset));
        let carried = async {
            match self.speech {
                Speech::Bytes => self.bytes(&mut client).await,
                Speech::Http => self.http(&mut client).await,
            }
        };
        let reset = tokio::select! {
            cut = cut => cut.is_ok_and(|it| *it == Trouble::Reset),
            _ = carried => false,
        };
        if reset {
            let _ = client.set_zero_linger();
        }
    }

    async fn http(&self, client: &mut TcpStream) -> io::Result<()> {
        let mut server = None;
        let mut inbox = Vec::new();
        loop {
            let request = tokio::select! {
                request = message::read(client, &mut inbox, Kind::Request) => request?,
                () = ended(server.as_ref()) => return Ok(()),
            };
            let Some(request) = request else { return Ok(()) };
            let _under_way = UnderWay::new(&self.load);
            let trouble = *self.troubles.borrow();
            if let Some(answer) = trouble.answer() {
                client.write_all(&answer).await?;
                continue;
            }
            if let Trouble::Slow(by) = trouble {
                sleep(by).await;
            }
            if trouble == Trouble::Silent {
                return swallow(client).await;
            }
            let server = match &mut server {
                Some(server) => server,
                none => none.insert(connect(self.upstream).await?),
            };
            server.write_all(&request).await?;
            let answer = answer(server, &request).await?;
            if let Trouble::Late(by) = trouble {
                sleep(by).await;
            }
            match trouble {
                Trouble::Miscoded => client.write_all(&miscoded(answer)).await?,
                Trouble::Truncated => {
                    let end = answer.len().saturating_sub(CUT);
                    client.write_all(&answer[..end]).await?;
                    return client.shutdown().await;
                }
                _ => client.write_all(&answer).await?,
            }
        }
    }

    async fn bytes(&self, client: &mut TcpStream) -> io::Result<()> {
        let mut server = connect(self.upstream).await?;
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let asking = self.pump(from_client, to_server, Direction::Up);
        let answering = self.pump(from_server, to_client, Direction::Down);
        tokio::select! {
            ended = asking => ended,
            ended = answering => ended,
        }
    }

    /// Carries bytes one way, each when its time has come.
    async fn pump(
        &self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        direction: Direction,
    ) -> io::Result<()> {
        let (line, mut due) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
        let reading = async {
            let mut swallowed = false;
            loop {
                let mut chunk = Vec::with_capacity(CHUNK);
                if from.read_buf(&mut chunk).await? == 0 {
                    return Ok(());
                }
                let mut when = Instant::now();
                let trouble = *self.troubles.borrow();
                swallowed |= trouble == Trouble::Silent;
                // What comes after bytes that are missing would be taken for them.
                if swallowed {
                    continue;
                }
                match (trouble, direction) {
                    (Trouble::Slow(by), Direction::Up) => when += by,
                    (Trouble::Truncated, Direction::Down) => {
                        chunk.truncate(chunk.len() / 2);
                        let _ = line.send((when, chunk));
                        sleep(AGAIN).await;
                        return Ok(());
                    }
                    _ => {}
                }
                let _ = line.send((when, chunk));
            }
        };
        let writing = async {
            while let Some((when, chunk)) = due.recv().await {
                sleep_until(when).await;
                to.write_all(&chunk).await?;
            }
            io::Result::Ok(())
        };
        tokio::select! {
            ended = reading => ended,
            ended = writing => ended,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Down,
    Up,
}

async fn connect(upstream: SocketAddr) -> io::Result<TcpStream> {
    let server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    Ok(server)
}

/// Comes back when an idle server has closed its end; never without a server.
async fn ended(server: Option<&TcpStream>) {
    match server {
        None => std::future::pending().await,
        Some(server) => {
            let _ = server.peek(&mut [0]).await;
        }
    }
}

/// Reads what the client sends until it goes away.
async fn swallow(client: &mut TcpStream) -> io::Result<()> {
    let mut chunk = [0; 1024];
    while client.read(&mut chunk).await? > 0 {}
    Ok(())
}

async fn answer(server: &mut TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    let kind = if request.starts_with(b"HEAD ") { Kind::ResponseToHead } else { Kind::Response };
    let read = message::read(server, &mut Vec::new(), kind).await?;
    read.ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
}

/// The answer with a coding that its body does not have.
fn miscoded(answer: Vec<u8>) -> Vec<u8> {
    let after = answer.windows(2).position(|two| two == b"\r\n").map_or(0, |at| at + 2);
    let (status, rest) = answer.split_at(after);
    [status, b"content-encoding: gzip\r\n", rest].concat()
}

const AGAIN: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(2);
const CHUNK: usize = 64 * 1024;
/// So many bytes of an answer are lost.
const CUT: usize = 3;
