//! Bodies: reading a request's within limits, and writing an answer's in one go or as a stream.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

/// How much of requests the gateway holds at once.
pub struct Intake {
    limit: usize,
    patience: Duration,
    memory: Arc<Semaphore>,
    kibibytes: u32,
}

impl Intake {
    /// Takes bodies of at most `limit` bytes each, `memory` bytes together, `patience` long.
    pub fn new(limit: usize, memory: usize, patience: Duration) -> Self {
        let kibibytes = u32::try_from(memory.max(limit) / 1024 + 1).unwrap_or(u32::MAX);
        let memory = Arc::new(Semaphore::new(kibibytes as usize));
        Self { limit, patience, memory, kibibytes }
    }

    /// Reads a body whole. One that is too large is read to its end and thrown away, so that the
    /// client gets to see the answer.
    pub async fn read(&self, mut body: Incoming) -> Result<Received, IntakeError> {
        if body.is_end_stream() {
            return Ok(Received::default());
        }
        let expected = body.size_hint().upper().map_or(self.limit, saturated);
        if expected > self.limit {
            let _ = timeout(self.patience, drain(&mut body, expected)).await;
            return Err(self.too_large(expected));
        }
        let read = async {
            let permit = self.reserve(expected).await;
            let mut chunks = Vec::new();
            let mut length = 0;
            while let Some(chunk) = next_chunk(&mut body).await? {
                length += chunk.len();
                if length <= self.limit {
                    chunks.push(chunk);
                } else {
                    chunks.clear();
                }
                if length > self.limit.saturating_mul(DRAIN_FACTOR) {
                    break;
                }
            }
            match length <= self.limit {
                true => Ok(Received { chunks, _permit: permit }),
                false => Err(self.too_large(length)),
            }
        };
        timeout(self.patience, read).await.unwrap_or(Err(IntakeError::TooSlow))
    }

    /// Reads what is left of a body that nobody wants.
    pub async fn discard(&self, mut body: Incoming) {
        if !body.is_end_stream() {
            let _ = timeout(self.patience, drain(&mut body, self.limit)).await;
        }
    }

    async fn reserve(&self, length: usize) -> Option<OwnedSemaphorePermit> {
        if length < UNCOUNTED {
            return None;
        }
        let kibibytes = u32::try_from(length / 1024 + 1).unwrap_or(u32::MAX).min(self.kibibytes);
        self.memory.clone().acquire_many_owned(kibibytes).await.ok()
    }

    fn too_large(&self, actual: usize) -> IntakeError {
        IntakeError::TooLarge { limit: self.limit, actual }
    }
}

/// A request's body, in the pieces it came in.
#[derive(Default)]
pub struct Received {
    chunks: Vec<Bytes>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Received {
    /// The pieces, in order.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// The body in one piece.
    pub fn whole(&self) -> Bytes {
        match self.chunks.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }
}

/// Why a body was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// The client went away.
    #[error("ERR the request's body ended early")]
    Broken,
    /// The body exceeds the limit.
    #[error("ERR max request size exceeded. Limit: {limit} bytes, Actual: {actual} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
        /// Bytes announced or seen.
        actual: usize,
    },
    /// The body didn't arrive in time.
    #[error("ERR the request's body took too long")]
    TooSlow,
}

/// An answer's body.
pub enum Body {
    /// Pieces that are known beforehand.
    Pieces(VecDeque<Bytes>),
    /// One piece that is known beforehand.
    Whole(Bytes),
    /// Pieces that come as they happen.
    Stream(mpsc::Receiver<Bytes>),
}

impl Body {
    /// What is left of a body that is known beforehand.
    #[cfg(test)]
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Pieces(pieces) => Vec::from(pieces).concat(),
            Self::Whole(bytes) => bytes.into(),
            Self::Stream(_) => Vec::new(),
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Whole(bytes.into())
    }
}

impl From<Vec<Bytes>> for Body {
    fn from(pieces: Vec<Bytes>) -> Self {
        Self::Pieces(pieces.into())
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match self.get_mut() {
            Self::Pieces(pieces) => Poll::Ready(pieces.pop_front()),
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(std::mem::take(bytes))),
            Self::Stream(receiver) => receiver.poll_recv(cx),
        };
        piece.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Pieces(pieces) => pieces.is_empty(),
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Pieces(pieces) => SizeHint::with_exact(pieces.iter().map(length).sum()),
            Self::Whole(bytes) => SizeHint::with_exact(length(bytes)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

async fn next_chunk(body: &mut Incoming) -> Result<Option<Bytes>, IntakeError> {
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        match frame.transpose().map_err(|_| IntakeError::Broken)? {
            None => return Ok(None),
            Some(frame) => {
                if let Ok(chunk) = frame.into_data() {
                    return Ok(Some(chunk));
                }
            }
        }
    }
}

async fn drain(body: &mut Incoming, expected: usize) {
    let mut left = expected.saturating_mul(DRAIN_FACTOR).min(DRAIN_LIMIT);
    while let Ok(Some(chunk)) = next_chunk(body).await {
        match left.checked_sub(chunk.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

fn length(bytes: &Bytes) -> u64 {
    bytes.len() as u64
}

fn saturated(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// How many times the allowed size is read and thrown away before the connection is given up.
const DRAIN_FACTOR: usize = 8;
/// The most that is read and thrown away, in bytes.
const DRAIN_LIMIT: usize = 1 << 30;
/// Bodies below this size don't count against the memory for bodies, in bytes.
const UNCOUNTED: usize = 64 * 1024;
