//! The load generator: requests over kept connections, and what came of them.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::servers::local;

/// What to send, and for how long.
#[derive(Clone)]
pub struct Load {
    /// The server's port on 127.0.0.1.
    pub port: u16,
    /// How many connections ask at once, each for its next answer when it has the last.
    pub connections: usize,
    /// For how long.
    pub span: Duration,
    /// And at the most how many requests.
    pub count: Option<u64>,
    /// At the most how many requests a second; none is as many as can be.
    pub rate: Option<u32>,
    /// The message of the n-th request.
    pub message: Rc<Message>,
    /// What kind of answer this is; `None` for one that is wrong.
    pub sort: Rc<Sort>,
}

/// Makes the n-th request.
pub type Message = dyn Fn(u64) -> Vec<u8>;
/// Tells kinds of answers apart.
pub type Sort = dyn Fn(&Answer<'_>) -> Option<usize>;

/// The head of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The head as text, as it came.
    pub head: &'a str,
    /// The body's length in bytes.
    pub length: usize,
}

/// What a load showed.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// From the first request to the last answer.
    pub took: Duration,
    /// Latencies in nanoseconds of each kind of answer, in no order.
    pub latencies: Vec<Vec<u64>>,
    /// Bytes of bodies of each kind of answer.
    pub bytes: Vec<u64>,
    /// Wrong answers, and one of them.
    pub wrong: u64,
    /// The head of a wrong answer.
    pub example: Option<String>,
}

impl Sample {
    /// How many answers were right.
    pub fn requests(&self) -> u64 {
        self.latencies.iter().map(|kind| kind.len() as u64).sum()
    }

    /// Right answers a second.
    pub fn rate(&self) -> f64 {
        self.requests() as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// A quantile of one kind's latencies in microseconds; NaN if there is none.
    pub fn latency(&mut self, kind: usize, quantile: f64) -> f64 {
        let Some(list) = self.latencies.get_mut(kind).filter(|list| !list.is_empty()) else {
            return f64::NAN;
        };
        list.sort_unstable();
        let index = (list.len() as f64 * quantile) as usize;
        list[index.min(list.len() - 1)] as f64 / 1e3
    }

    fn note(&mut self, kind: Option<usize>, took: Duration, head: &str, length: usize) {
        let Some(kind) = kind else {
            self.wrong += 1;
            self.example.get_or_insert_with(|| head.to_owned());
            return;
        };
        self.make_room(kind + 1);
        self.latencies[kind].push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        self.bytes[kind] += length as u64;
    }

    fn make_room(&mut self, kinds: usize) {
        if self.latencies.len() < kinds {
            self.latencies.resize(kinds, Vec::new());
            self.bytes.resize(kinds, 0);
        }
    }

    fn merge(&mut self, other: Self) {
        self.make_room(other.latencies.len());
        for (kind, list) in other.latencies.into_iter().enumerate() {
            self.latencies[kind].extend(list);
            self.bytes[kind] += other.bytes[kind];
        }
        self.wrong += other.wrong;
        self.example = self.example.take().or(other.example);
    }
}

/// Runs a load on this thread.
pub fn run(load: &Load) -> Result<Sample> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    let began = Instant::now();
    let mut sample = Sample::default();
    let counter = Rc::new(std::cell::Cell::new(0));
    let parts = tasks.block_on(&runtime, async {
        let running: Vec<_> = (0..load.connections)
            .map(|_| {
                let (load, counter) = (load.clone(), Rc::clone(&counter));
                tokio::task::spawn_local(async move { connection(&load, &counter, began).await })
            })
            .collect();
        let mut parts = Vec::new();
        for task in running {
            parts.push(task.await.context("a connection's task failed")??);
        }
        anyhow::Ok(parts)
    })?;
    parts.into_iter().for_each(|part| sample.merge(part));
    sample.took = began.elapsed();
    Ok(sample)
}

async fn connection(load: &Load, counter: &std::cell::Cell<u64>, began: Instant) -> Result<Sample> {
    let address: SocketAddr = local(load.port);
    let mut stream = TcpStream::connect(address).await.context("the server refuses connections")?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(1 << 16);
    let mut sample = Sample::default();
    while began.elapsed() < load.span {
        let number = counter.get();
        if load.count.is_some_and(|count| number >= count) {
            break;
        }
        counter.set(number + 1);
        if let Some(rate) = load.rate {
            let at = began + Duration::from_secs_f64(number as f64 / f64::from(rate));
            tokio::time::sleep_until(at.into()).await;
        }
        let message = (load.message)(number);
        let head_only = message.starts_with(b"HEAD ");
        let sent = Instant::now();
        stream.write_all(&message).await?;
        let (head, body) = read(&mut stream, &mut buffer, head_only).await?;
        let took = sent.elapsed();
        let text = std::str::from_utf8(&buffer[..head]).unwrap_or_default();
        let status = text.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0);
        let kind = (load.sort)(&Answer { status, head: text, length: body });
        sample.note(kind, took, text, body);
        if text.contains("onnection: close") {
            stream = TcpStream::connect(address).await?;
        }
    }
    Ok(sample)
}

/// Reads one answer; the lengths of its head and of its body.
async fn read(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    head_only: bool,
) -> Result<(usize, usize)> {
    buffer.clear();
    let head = loop {
        more(stream, buffer).await?;
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let frame = Frame::of(&buffer[..head], head_only);
    loop {
        let body = &buffer[head..];
        match frame {
            Frame::Length(length) if body.len() >= length => return Ok((head, length)),
            Frame::Chunks if body.ends_with(b"\r\n0\r\n\r\n") || body == b"0\r\n\r\n" => {
                return Ok((head, chunked(body)));
            }
            Frame::Length(_) | Frame::Chunks => more(stream, buffer).await?,
        }
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    if stream.read_buf(buffer).await? == 0 {
        bail!("the server closed the connection: {}", String::from_utf8_lossy(buffer));
    }
    Ok(())
}

/// How the end of a body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug)]
enum Frame {
    Chunks,
    Length(usize),
}

impl Frame {
    fn of(head: &[u8], head_only: bool) -> Self {
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        let status = text.get(9..12).unwrap_or_default();
        if head_only || matches!(status, "204" | "304") {
            return Self::Length(0);
        }
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        match length.and_then(|length| length.trim().parse().ok()) {
            Some(length) => Self::Length(length),
            None => Self::Chunks,
        }
    }
}

/// The length of the content within chunks.
fn chunked(mut body: &[u8]) -> usize {
    let mut length = 0;
    while let Some(line) = body.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&body[..line]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()).unwrap_or(0);
        length += size;
        body = body.get(line + 2 + size + 2..).unwrap_or_default();
    }
    length
}
