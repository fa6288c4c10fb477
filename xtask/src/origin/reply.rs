//! What the scripted origin answers, and the ways in which an answer goes wrong.

use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::time::{Sleep, sleep};

use crate::listener::{Answer, whole};

/// What the origin answers.
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    delay: Duration,
    drip: Option<(usize, Duration)>,
    ending: Ending,
}

/// How an answer comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Whole,
    /// The connection closes after this many bytes of the body.
    Truncated(usize),
    /// The body stops after this many bytes and the connection stays open.
    Stalled(usize),
    /// The connection closes without an answer.
    Closed,
    /// No answer ever comes.
    Silent,
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.into(),
            delay: Duration::ZERO,
            drip: None,
            ending: Ending::Whole,
        }
    }

    /// A status without a body; one outside 100 to 999 panics, as a mistake of the test.
    #[track_caller]
    pub fn status(status: u16) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else { panic!("{status} is not a status") };
        Self { status, ..Self::ok("") }
    }

    /// Closes the connection without an answer.
    pub fn close() -> Self {
        Self { ending: Ending::Closed, ..Self::ok("") }
    }

    /// Never answers.
    pub fn hang() -> Self {
        Self { ending: Ending::Silent, ..Self::ok("") }
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Appends a field line; one that is not valid panics, as a mistake of the test.
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let (Ok(parsed), Ok(value)) = (parsed, HeaderValue::from_bytes(value.as_ref())) else {
            panic!("`{name}` with that value is not a valid field line")
        };
        self.headers.append(parsed, value);
        self
    }

    /// Waits before the head is sent.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sends the body in chunks without saying how long it is, with `pause` before each.
    pub fn drip(mut self, chunk: usize, pause: Duration) -> Self {
        self.drip = Some((chunk.max(1), pause));
        self
    }

    /// Closes the connection after `bytes` of the body.
    pub fn truncate(mut self, bytes: usize) -> Self {
        self.ending = Ending::Truncated(bytes);
        self
    }

    /// Stops sending after `bytes` of the body and keeps the connection open.
    pub fn stall(mut self, bytes: usize) -> Self {
        self.ending = Ending::Stalled(bytes);
        self
    }

    pub(super) async fn answer(self) -> Answer {
        sleep(self.delay).await;
        let body = match (self.ending, self.drip) {
            (Ending::Silent, _) => pending().await,
            (Ending::Closed, _) => return Err(io::ErrorKind::ConnectionAborted.into()),
            (Ending::Whole, None) => whole(self.body),
            (ending, drip) => Flow::new(self.body, drip, ending).boxed_unsync(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        Ok(response)
    }
}

/// A body that comes in pieces and may not come to its end.
struct Flow {
    rest: Bytes,
    length: Option<u64>,
    chunk: usize,
    pause: Duration,
    wait: Pin<Box<Sleep>>,
    left: usize,
    ending: Ending,
}

impl Flow {
    fn new(body: Bytes, drip: Option<(usize, Duration)>, ending: Ending) -> Self {
        let (chunk, pause) = drip.unwrap_or((usize::MAX, Duration::ZERO));
        let left = match ending {
            Ending::Truncated(bytes) | Ending::Stalled(bytes) => bytes.min(body.len()),
            _ => body.len(),
        };
        let length = if drip.is_some() { None } else { u64::try_from(body.len()).ok() };
        Self { rest: body, length, chunk, pause, wait: Box::pin(sleep(pause)), left, ending }
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.wait.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        if self.left > 0 {
            let chunk = self.chunk.min(self.left);
            self.left -= chunk;
            self.wait = Box::pin(sleep(self.pause.max(FLUSH)));
            return Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(chunk)))));
        }
        match self.ending {
            Ending::Truncated(_) => Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into()))),
            Ending::Stalled(_) => Poll::Pending,
            _ => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Time for what was sent to leave before the connection is cut.
const FLUSH: Duration = Duration::from_millis(5);
