//! What carries requests to Redis' REST endpoint.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

#[cfg(target_arch = "wasm32")]
use super::fetch;
use super::rest::Failure;
use crate::cache::exchange::Fault;

/// Bytes where they came in: in this program's memory, or in JavaScript's.
pub trait Blob: Clone {
    /// Bytes of this program.
    fn of(bytes: Bytes) -> Self;
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Some of them, in this program's memory; those beyond the end are left out.
    fn copy(&self, range: Range<usize>) -> Bytes;
    /// Some of them where they are; those beyond the end are left out.
    fn part(&self, range: Range<usize>) -> Self;
}

impl Blob for Bytes {
    fn of(bytes: Bytes) -> Self {
        bytes
    }

    fn len(&self) -> usize {
        Self::len(self)
    }

    fn copy(&self, range: Range<usize>) -> Bytes {
        self.part(range)
    }

    fn part(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        self.slice(range.start.min(end)..end)
    }
}

/// What carries requests to an endpoint: HTTP, or a simulation of it in virtual time.
pub trait Wire {
    /// How it leaves the bytes of a large answer.
    type Blob: Blob;

    /// Posts a text whose answer may be large: as [`Wire::post`], but the answer stays where it
    /// is. URL and headers are the same at each call of one wire.
    fn read(
        &self,
        url: &str,
        headers: &HeaderMap,
        body: String,
        timeout: Duration,
    ) -> impl Future<Output = Result<(u16, Self::Blob), Failure>> {
        let answer = self.post(url.to_owned(), headers.clone(), body.into_bytes(), timeout);
        async { answer.await.map(|(status, bytes)| (status, Self::Blob::of(bytes))) }
    }

    /// Posts a body; the answer's status and bytes, or a failure when `timeout` has passed.
    fn post(
        &self,
        url: String,
        headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> impl Future<Output = Result<(u16, Bytes), Failure>>;
}

/// HTTP as the platform speaks it.
#[derive(Clone, Debug, Default)]
pub struct Http {
    #[cfg(not(target_arch = "wasm32"))]
    client: reqwest::Client,
    #[cfg(target_arch = "wasm32")]
    way: std::cell::OnceCell<fetch::Way>,
}

impl Wire for Http {
    #[cfg(not(target_arch = "wasm32"))]
    type Blob = Bytes;
    #[cfg(target_arch = "wasm32")]
    type Blob = js_sys::Uint8Array;

    #[cfg(target_arch = "wasm32")]
    async fn read(
        &self,
        url: &str,
        headers: &HeaderMap,
        body: String,
        timeout: Duration,
    ) -> Result<(u16, Self::Blob), Failure> {
        let way = match self.way.get() {
            Some(way) => way,
            None => {
                let way = fetch::Way::new(url, headers)?;
                self.way.get_or_init(|| way)
            }
        };
        way.read(&body, timeout).await
    }

    #[cfg(target_arch = "wasm32")]
    async fn post(
        &self,
        url: String,
        headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<(u16, Bytes), Failure> {
        let (status, bytes) = fetch::Way::new(&url, &headers)?.post(&body, timeout).await?;
        Ok((status, bytes.copy(0..bytes.len())))
    }

    #[cfg(not(target_arch = "wasm32"))]
    async fn post(
        &self,
        url: String,
        headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<(u16, Bytes), Failure> {
        let request = self.client.post(url).headers(headers).body(body);
        let answer = async {
            let response = request.send().await.map_err(transport)?;
            let status = response.status().as_u16();
            if response.content_length().is_some_and(|length| length > REPLY_MAX) {
                return Err(too_large());
            }
            Ok((status, response.bytes().await.map_err(transport)?))
        };
        within(timeout, answer).await
    }
}

/// HTTP whose answers all come into this program's memory.
#[derive(Clone, Debug, Default)]
pub struct Copied(Http);

impl Wire for Copied {
    type Blob = Bytes;

    async fn post(
        &self,
        url: String,
        headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<(u16, Bytes), Failure> {
        self.0.post(url, headers, body, timeout).await
    }
}

/// Gives up when the time has passed; dropping the request ends it.
#[cfg(not(target_arch = "wasm32"))]
pub async fn within<T>(
    timeout: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(timeout, answer).await.unwrap_or_else(|_| Err(timed_out()))
}

/// Gives up when the time has passed; dropping the request ends it.
///
/// A timer that rings late says that this isolate is busy and not the store: the answer may have
/// been here for long, waiting its turn. It is given as much time again.
#[cfg(all(target_arch = "wasm32", feature = "worker"))]
pub async fn within<T>(
    timeout: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    use futures_util::future::{Either, select};
    let patience = async {
        let planned = js_sys::Date::now() + timeout.as_secs_f64() * 1e3;
        worker::Delay::from(timeout).await;
        let late = (js_sys::Date::now() - planned).clamp(0.0, timeout.as_secs_f64() * 1e3);
        worker::Delay::from(Duration::from_secs_f64(late / 1e3)).await;
    };
    let (answer, patience) = (std::pin::pin!(answer), std::pin::pin!(patience));
    match select(answer, patience).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(timed_out()),
    }
}

pub(super) fn timed_out() -> Failure {
    Failure::new(Fault::Timeout, "no reply in time")
}

pub(super) fn too_large() -> Failure {
    Failure::new(Fault::TooLarge, "the reply is too large")
}

/// What went wrong on the way, without the URL, which holds keys.
#[cfg(not(target_arch = "wasm32"))]
fn transport(error: reqwest::Error) -> Failure {
    let text = format!("{:?}", error.without_url());
    Failure::new(Fault::Unreachable, text.chars().take(DETAIL_MAX).collect::<String>())
}

/// No reply that is wanted is larger: an isolate has 128 MB for everything.
pub(super) const REPLY_MAX: u64 = 32 * 1024 * 1024;

/// A log line needs no more of an error than this many characters.
pub(super) const DETAIL_MAX: usize = 200;
