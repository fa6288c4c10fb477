//! The way to the origin.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::{Object, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, ReadableStreamDefaultReader, Response};
use worker::Delay;

use super::{js, request};
use crate::cache::RequestHead;
use crate::cache::exchange::{Fault, Fetch};
use crate::cache::field::Coding;

/// Asks the origin.
pub(super) async fn fetch(
    base: &str,
    fetch: Fetch,
    head: &RequestHead,
    original: &web_sys::Request,
    content: Option<&Bytes>,
) -> Result<Response, Fault> {
    let init = Object::new();
    js::set(&init, "method", fetch.method.as_str());
    let mut headers = fetch.headers;
    announce(&mut headers, &head.url);
    js::set(&init, "headers", request::to_js(&headers));
    js::set(&init, "redirect", "manual");
    // Bodies stay in the coding that the origin chose; nothing on the way may answer for it.
    js::set(&init, "encodeResponseBody", "manual");
    let zone = Object::new();
    js::set(&zone, "cacheTtl", -1);
    js::set(&init, "cf", zone);
    if let Some(content) = content {
        js::set(&init, "body", js::bytes(content));
    } else if fetch.passes
        && let Some(body) = original.body()
    {
        js::set(&init, "body", body);
    }
    let target = format!("{base}{}", path_and_query(&head.url));
    let promise = js::fetch(&target, &init).map_err(|_| Fault::Malformed)?;
    let response = match fetch.deadline {
        None => JsFuture::from(promise).await,
        Some(deadline) => within(deadline, JsFuture::from(promise)).await?,
    };
    response.map_err(|_| Fault::Unreachable)?.dyn_into().map_err(|_| Fault::Malformed)
}

/// Reads a body to its clean end, piece by piece: `arrayBuffer` would keep the client's half of
/// the stream waiting for the last byte.
pub(super) async fn collect(response: &Response, max: u64) -> Result<Uint8Array, Fault> {
    match response.body() {
        Some(stream) => read(&stream, max).await,
        None => Ok(js::bytes(&[])),
    }
}

/// A body with gzip's coding.
pub(super) async fn compressed(body: &Uint8Array) -> Result<Uint8Array, Fault> {
    let stream = js::stream(body).ok_or(Fault::Malformed)?;
    let coded = js::piped(&stream, "CompressionStream", Coding::Gzip);
    read(&coded.map_err(|_| Fault::Malformed)?, u64::from(body.length())).await
}

/// Reads a request's content, and leaves it to be forwarded all the same.
pub(super) async fn content(request: &web_sys::Request, max: u64) -> Result<Bytes, Fault> {
    let copy = request.clone().map_err(|_| Fault::Malformed)?;
    match copy.body() {
        Some(stream) => Ok(read(&stream, max).await?.to_vec().into()),
        None => Ok(Bytes::new()),
    }
}

async fn read(stream: &ReadableStream, max: u64) -> Result<Uint8Array, Fault> {
    let reader: ReadableStreamDefaultReader =
        stream.get_reader().dyn_into().map_err(|_| Fault::Malformed)?;
    let mut pieces = Vec::new();
    let mut length = 0u64;
    loop {
        let part = JsFuture::from(reader.read()).await.map_err(|_| Fault::Truncated)?;
        if js::property(&part, "done").is_truthy() {
            return Ok(js::concat(&pieces));
        }
        let piece: Uint8Array =
            js::property(&part, "value").dyn_into().map_err(|_| Fault::Malformed)?;
        length = length.saturating_add(u64::from(piece.length()));
        if length > max {
            let _ = reader.cancel();
            return Err(Fault::TooLarge);
        }
        pieces.push(piece);
    }
}

/// The declared length of a body.
pub(super) fn length(response: &Response) -> Option<u64> {
    response.headers().get("content-length").ok()??.parse().ok()
}

/// The origin is told under which name it was asked; what clients say of that was stripped.
fn announce(headers: &mut HeaderMap, url: &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    for (name, value) in [("x-forwarded-host", host), ("x-forwarded-proto", scheme)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// What of a URL goes to the origin.
pub(super) fn path_and_query(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/")
}

async fn within(deadline: Duration, future: JsFuture) -> Result<Result<JsValue, JsValue>, Fault> {
    match select(future, Delay::from(deadline)).await {
        Either::Left((result, _)) => Ok(result),
        Either::Right(_) => Err(Fault::Timeout),
    }
}
