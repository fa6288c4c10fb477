//! Reads of the shared tier that are under way: requests for one key at one moment share one.
//!
//! What they share is a JavaScript promise of plain bytes; see [`super::flights`] for why.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use worker::Context;

use super::js;
use super::memory::AsOf;
use crate::cache::Time;
use crate::cache::exchange::Fault;
use crate::cache::key::{Id, Key};
use crate::redis::{Failure, Shared};

/// The reads under way in this isolate.
#[derive(Debug, Default)]
pub(super) struct Reads {
    under_way: RefCell<HashMap<Id, UnderWay>>,
    begun: Cell<u64>,
}

#[derive(Debug)]
struct UnderWay {
    number: u64,
    /// The primary key's id.
    primary: Id,
    bytes: Promise,
    /// A request that is killed never finishes its read; nobody joins it after this time.
    until: Time,
    as_of: AsOf,
}

/// What a read has brought.
pub(super) struct Read {
    pub bytes: Option<Uint8Array>,
    /// The moment before it was sent.
    pub as_of: AsOf,
    pub source: Source,
}

/// Who has read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// This request itself.
    Own,
    /// Another request of this isolate.
    Shared,
}

impl Reads {
    /// Reads a key now, or joins the read of it that is under way.
    pub async fn read(
        &self,
        shared: &Shared,
        key: &Key,
        as_of: AsOf,
        context: &Context,
    ) -> Result<Read, Failure> {
        let (id, patience) = (key.id(), shared.patience());
        if let Some((bytes, as_of)) = self.joinable(id)
            && let Some(bytes) = joined(bytes, patience, context).await?
        {
            return Ok(Read { bytes, as_of, source: Source::Shared });
        }
        let (number, finish) = self.begin(key, patience, as_of);
        let result = shared.read(key).await;
        self.end(id, number);
        let value = match &result {
            Ok(Some(bytes)) => bytes.clone().into(),
            Ok(None) => JsValue::NULL,
            Err(_) => JsValue::FALSE,
        };
        let _ = finish.call1(&JsValue::UNDEFINED, &value);
        result.map(|bytes| Read { bytes, as_of, source: Source::Own })
    }

    fn joinable(&self, id: Id) -> Option<(Promise, AsOf)> {
        let under_way = self.under_way.borrow();
        let read = under_way.get(&id).filter(|read| js::now() < read.until)?;
        Some((read.bytes.clone(), read.as_of))
    }

    /// Lets nobody join the reads of a primary key and its variants that are under way: they may
    /// bring what has been forgotten meanwhile.
    pub fn part(&self, primary: &Key) {
        self.under_way.borrow_mut().retain(|_, read| read.primary != primary.id());
    }

    fn begin(&self, key: &Key, patience: Duration, as_of: AsOf) -> (u64, Function) {
        let (bytes, finish) = js::shared_promise();
        let number = self.begun.get().wrapping_add(1);
        self.begun.set(number);
        let until = js::now().after(patience);
        let primary = key.primary().map_or(key.id(), |primary| primary.id());
        let read = UnderWay { number, primary, bytes, until, as_of };
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
async fn joined(
    bytes: Promise,
    patience: Duration,
    context: &Context,
) -> Result<Option<Option<Uint8Array>>, Failure> {
    match js::resolved(bytes, patience, |work| context.wait_until(work)).await {
        Some(Ok(value)) if value.is_null() => Ok(Some(None)),
        Some(Ok(value)) => match value.dyn_into::<Uint8Array>() {
            Ok(bytes) => Ok(Some(Some(bytes))),
            Err(_) => Err(Failure { fault: Fault::Open, detail: "the shared read failed".into() }),
        },
        Some(Err(_)) | None => Ok(None),
    }
}
