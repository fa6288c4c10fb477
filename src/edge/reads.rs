//! Reads of the shared tier that are under way: requests for one key at one moment share one.
//!
//! What they share is a JavaScript promise of plain bytes; see [`super::flights`] for why.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::Delay;

use super::js;
use crate::cache::Time;
use crate::cache::exchange::Fault;
use crate::cache::key::{Id, Key};
use crate::redis::{Failure, Shared};

/// The reads under way in this isolate.
#[derive(Debug, Default)]
pub(super) struct Reads {
    under_way: RefCell<HashMap<Id, Read>>,
    begun: Cell<u64>,
}

#[derive(Debug)]
struct Read {
    number: u64,
    /// The primary key's id.
    primary: Id,
    bytes: Promise,
    /// A request that is killed never finishes its read; nobody joins it after this time.
    until: Time,
}

/// Where the bytes came from.
pub(super) enum Source {
    /// This request has read them itself.
    Own(Option<Bytes>),
    /// Another request of this isolate has.
    Shared(Option<Bytes>),
}

impl Reads {
    /// Reads a key, or joins the read of it that is under way.
    pub async fn read(
        &self,
        shared: &Shared,
        key: &Key,
        patience: Duration,
    ) -> Result<Source, Failure> {
        let id = key.id();
        if let Some(bytes) = self.joinable(id)
            && let Some(bytes) = joined(bytes, patience).await?
        {
            return Ok(Source::Shared(bytes));
        }
        let (number, finish) = self.begin(key, patience);
        let result = shared.read(key).await;
        self.end(id, number);
        let value = match &result {
            Ok(Some(bytes)) => js::bytes(bytes).into(),
            Ok(None) => JsValue::NULL,
            Err(_) => JsValue::UNDEFINED,
        };
        let _ = finish.call1(&JsValue::UNDEFINED, &value);
        result.map(Source::Own)
    }

    fn joinable(&self, id: Id) -> Option<Promise> {
        let under_way = self.under_way.borrow();
        let read = under_way.get(&id).filter(|read| js::now() < read.until)?;
        Some(read.bytes.clone())
    }

    /// Lets nobody join the reads of a primary key and its variants that are under way: they may
    /// bring what has been forgotten meanwhile.
    pub fn part(&self, primary: &Key) {
        self.under_way.borrow_mut().retain(|_, read| read.primary != primary.id());
    }

    fn begin(&self, key: &Key, patience: Duration) -> (u64, Function) {
        let (bytes, finish) = js::shared_promise();
        let number = self.begun.get().wrapping_add(1);
        self.begun.set(number);
        let until = js::now().after(patience);
        let primary = key.primary().map_or(key.id(), |primary| primary.id());
        let read = Read { number, primary, bytes, until };
        self.under_way.borrow_mut().insert(key.id(), read);
        (number, finish)
    }

    fn end(&self, id: Id, number: u64) {
        let mut under_way = self.under_way.borrow_mut();
        if under_way.get(&id).is_some_and(|read| read.number == number) {
            under_way.remove(&id);
        }
    }
}

/// What another request's read brought; `None` if it will bring nothing.
async fn joined(bytes: Promise, patience: Duration) -> Result<Option<Option<Bytes>>, Failure> {
    match select(JsFuture::from(bytes), Delay::from(patience)).await {
        Either::Left((Ok(value), _)) if value.is_null() => Ok(Some(None)),
        Either::Left((Ok(value), _)) => match value.dyn_into::<Uint8Array>() {
            Ok(bytes) => Ok(Some(Some(bytes.to_vec().into()))),
            Err(_) => Err(Failure { fault: Fault::Open, detail: "the shared read failed".into() }),
        },
        Either::Left((Err(_), _)) | Either::Right(_) => Ok(None),
    }
}
