//! What an isolate has of the world: its clock, chance, and promises for requests to share.

use std::pin::Pin;
use std::time::Duration;

use futures_util::future::select;
use js_sys::{Function, Promise, PromiseWithResolvers};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::Delay;

use crate::cache::Time;

/// The time now; it stands still between waits.
pub(crate) fn now() -> Time {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds fit by far")]
    Time(js_sys::Date::now() as i64)
}

/// 64 random bits.
pub(crate) fn random() -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "32 bits wanted")]
    let half = || (js_sys::Math::random() * 4_294_967_296.0) as u64;
    (half() << 32) | half()
}

/// A promise that requests may share, and what resolves it.
///
/// Each continuation of a promise runs in the request that asked for it because the promise bears
/// the mark of the request that made it. What `new Promise` makes bears none once V8 has optimised
/// the code around it, and then whoever resolves it runs everybody's code in its own request.
pub(crate) fn shared_promise() -> (Promise, Function) {
    let made: PromiseWithResolvers = Promise::with_resolvers();
    (made.promise(), made.resolve().unchecked_into())
}

/// Waits for a promise that another request of this isolate is to resolve with anything but
/// `undefined`, but not for ever: `None` if it takes longer. An error means that the other request
/// has ended without resolving it.
///
/// The runtime resolves it in each request that waits, and complains of one that has ended. So who
/// gives up stays for it: `stay` keeps this request until the work is done that it is given.
pub(crate) async fn resolved(
    promise: Promise,
    at_most: Duration,
    stay: impl FnOnce(Pin<Box<dyn Future<Output = ()>>>),
) -> Option<Result<JsValue, JsValue>> {
    let told = told(&promise, at_most).await;
    if told.is_none() {
        let promise = JsFuture::from(promise);
        stay(Box::pin(async { drop(select(promise, Delay::from(STAY)).await) }));
    }
    told
}

/// What a promise is settled with; `None` if that takes longer.
pub(crate) async fn told(promise: &Promise, at_most: Duration) -> Option<Result<JsValue, JsValue>> {
    let settled = JsFuture::from(within(promise, at_most.as_secs_f64() * 1e3)).await;
    (!settled.as_ref().is_ok_and(JsValue::is_undefined)).then_some(settled)
}

#[wasm_bindgen(module = "/src/isolate.js")]
extern "C" {
    fn within(promise: &Promise, span: f64) -> Promise;
}

/// Longer than a request works on what others wait for; one that is killed may never end it.
const STAY: Duration = Duration::from_secs(10);
