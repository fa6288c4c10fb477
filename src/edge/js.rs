//! The few crossings into JavaScript that no crate wraps.

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ReadableStream, Response};
use worker::Context;

use crate::cache::field::Coding;
use crate::cache::{Time, millis};
pub(super) use crate::isolate::{now, random, resolved, shared_promise, told};

/// Keeps a request, also one whose client goes away, until a promise is settled.
pub(super) fn pin(context: &Context, promise: &Promise) {
    let pinned = context.as_ref().wait_until(promise);
    debug_assert!(pinned.is_ok(), "a request could not be kept");
}

/// The milliseconds since something was asked.
pub(super) fn since(asked: Time) -> u64 {
    millis(now().since(asked)).unsigned_abs()
}

/// The platform's `fetch`, with an options object that may hold what web-sys does not know.
pub(super) fn fetch(url: &str, init: &JsValue) -> Result<Promise, JsValue> {
    let global = js_sys::global();
    let fetch: Function = Reflect::get(&global, &"fetch".into())?.dyn_into()?;
    fetch.call2(&global, &url.into(), init)?.dyn_into()
}

/// What comes of a stream by way of the platform's `CompressionStream` or `DecompressionStream`.
pub(super) fn piped(
    stream: &ReadableStream,
    class: &str,
    coding: Coding,
) -> Result<ReadableStream, JsValue> {
    let class: Function = Reflect::get(&js_sys::global(), &class.into())?.dyn_into()?;
    let way = Reflect::construct(&class, &Array::of1(&coding.as_str().into()))?;
    let pipe: Function = Reflect::get(stream, &"pipeThrough".into())?.dyn_into()?;
    pipe.call1(stream, &way)?.dyn_into()
}

/// Bytes as a stream.
pub(super) fn stream(bytes: &Uint8Array) -> Option<ReadableStream> {
    Response::new_with_opt_js_u8_array(Some(bytes)).ok()?.body()
}

/// Sets a property; objects of our own making take any.
pub(super) fn set(object: &JsValue, name: &str, value: impl Into<JsValue>) {
    let set = Reflect::set(object, &name.into(), &value.into());
    debug_assert!(set.is_ok(), "{name} could not be set");
}

/// Reads a property; what is missing is undefined.
pub(super) fn property(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Bytes as JavaScript holds them.
pub(super) fn bytes(bytes: &[u8]) -> Uint8Array {
    Uint8Array::from(bytes)
}

/// One piece of several.
pub(super) fn concat(pieces: &[Uint8Array]) -> Uint8Array {
    if let [only] = pieces {
        return only.clone();
    }
    let length = pieces.iter().fold(0u32, |sum, piece| sum.saturating_add(piece.length()));
    let whole = Uint8Array::new_with_length(length);
    let mut at = 0u32;
    for piece in pieces {
        whole.set(piece, at);
        at = at.saturating_add(piece.length());
    }
    whole
}

#[wasm_bindgen(module = "/src/edge/glue.js")]
extern "C" {
    /// Fields as alternating lines of names and values.
    pub(super) fn fields(headers: &web_sys::Headers) -> String;
    /// Fields from alternating lines of names and values.
    pub(super) fn headers(text: &str) -> web_sys::Headers;
    /// A response with fields from alternating lines of names and values.
    #[wasm_bindgen(catch)]
    pub(super) fn response(body: &JsValue, status: u16, text: &str) -> Result<Response, JsValue>;
    /// What stands for an event's context where what is left for later is waited for.
    pub(super) type Attendant;
    pub(super) fn attendant() -> Attendant;
    /// Resolves when nothing is left.
    #[wasm_bindgen(method)]
    pub(super) fn settled(this: &Attendant) -> Promise;
}
