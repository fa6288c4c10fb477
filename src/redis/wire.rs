//! What carries requests to Redis' REST endpoint.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::rest::Failure;
use crate::cache::exchange::Fault;

/// What carries requests to an endpoint: HTTP, or a simulation of it in virtual time.
pub trait Wire {
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
    client: reqwest::Client,
}

impl Wire for Http {
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
                return Err(Failure::new(Fault::TooLarge, "the reply is too large"));
            }
            Ok((status, response.bytes().await.map_err(transport)?))
        };
        within(timeout, answer).await
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
#[cfg(target_arch = "wasm32")]
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

fn timed_out() -> Failure {
    Failure::new(Fault::Timeout, "no reply in time")
}

/// What went wrong on the way, without the URL, which holds keys.
fn transport(error: reqwest::Error) -> Failure {
    let text = format!("{:?}", error.without_url());
    Failure::new(Fault::Unreachable, text.chars().take(DETAIL_MAX).collect::<String>())
}

/// No reply that is wanted is larger: an isolate has 128 MB for everything.
const REPLY_MAX: u64 = 32 * 1024 * 1024;

/// A log line needs no more of an error than this many characters.
const DETAIL_MAX: usize = 200;
