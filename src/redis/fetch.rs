//! Posting commands on the shortest way that the platform has: its `fetch`, for reads with
//! everything but the command prepared, and an answer whose bytes stay in JavaScript.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use js_sys::{Array, JsString, Object, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Headers;

use super::Failure;
use super::wire::{Blob, DETAIL_MAX, REPLY_MAX, timed_out, too_large};
use crate::cache::exchange::Fault;

/// The way to one endpoint, prepared.
#[derive(Clone, Debug)]
pub(super) struct Way {
    url: JsString,
    headers: Headers,
}

impl Way {
    /// A failure says that a field, the token most likely, holds what no field may.
    pub fn new(url: &str, headers: &HeaderMap) -> Result<Self, Failure> {
        let list = Headers::new().map_err(transport)?;
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            list.append(name.as_str(), &value).map_err(transport)?;
        }
        Ok(Self { url: url.into(), headers: list })
    }

    /// Posts a command; the status and the bytes of its answer.
    pub async fn read(
        &self,
        command: &str,
        timeout: Duration,
    ) -> Result<(u16, Uint8Array), Failure> {
        let patience = timeout.as_secs_f64() * 1e3;
        answered(read(&self.url, &self.headers, command, patience, REPLY_MAX as f64).await)
    }

    /// The same with a body of bytes.
    pub async fn post(&self, body: &[u8], timeout: Duration) -> Result<(u16, Uint8Array), Failure> {
        let (body, patience) = (Uint8Array::from(body), timeout.as_secs_f64() * 1e3);
        answered(post(&self.url, &self.headers, &body, patience, REPLY_MAX as f64).await)
    }
}

/// What an answer in JavaScript's terms means.
fn answered(answer: Result<JsValue, JsValue>) -> Result<(u16, Uint8Array), Failure> {
    let Ok(answer) = answer.map_err(transport)?.dyn_into::<Array>() else {
        return Err(timed_out());
    };
    let Ok(bytes) = answer.get(1).dyn_into::<Uint8Array>() else { return Err(too_large()) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a status")]
    let status = answer.get(0).as_f64().unwrap_or(0.0) as u16;
    Ok((status, bytes))
}

#[wasm_bindgen(module = "/src/redis/fetch.js")]
extern "C" {
    /// Status and bytes; only a status if they are too many; undefined if the time passed before
    /// they were all there.
    #[wasm_bindgen(catch)]
    async fn read(
        url: &JsString,
        headers: &Headers,
        body: &str,
        patience: f64,
        most: f64,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_name = read)]
    async fn post(
        url: &JsString,
        headers: &Headers,
        body: &Uint8Array,
        patience: f64,
        most: f64,
    ) -> Result<JsValue, JsValue>;
}

fn transport(error: JsValue) -> Failure {
    let text = String::from(Object::from(error).to_string());
    Failure::new(Fault::Unreachable, text.chars().take(DETAIL_MAX).collect::<String>())
}

impl Blob for Uint8Array {
    fn of(bytes: Bytes) -> Self {
        Self::from(&*bytes)
    }

    fn len(&self) -> usize {
        self.length() as usize
    }

    fn copy(&self, range: Range<usize>) -> Bytes {
        self.part(range).to_vec().into()
    }

    fn part(&self, range: Range<usize>) -> Self {
        let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.subarray(index(range.start), index(range.end))
    }
}
