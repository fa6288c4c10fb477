//! Reads of the shared tier that are under way: requests for one key at one moment share one.
//!
//! What they share is a JavaScript promise of plain bytes; see [`super::flights`] for why.

mod turns;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use worker::Context;

use self::turns::{Turn, Turns};
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
    turns: Turns,
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

/// A read that a command is to make.
#[derive(Debug)]
struct Pending {
    key: Key,
    number: u64,
    finish: Function,
    /// Tells who waits for its turn that this has come, or what another one has read for it.
    call: Option<Function>,
}

/// What a read has brought.
pub(super) struct Read {
    pub bytes: Option<Uint8Array>,
    /// A moment before it was sent.
    pub as_of: AsOf,
    /// How many milliseconds the store took, where this request asked it.
    pub took: Option<u64>,
}

/// What a key's value is, or why it is not known.
type Value = Result<Option<Uint8Array>, Failure>;

impl Reads {
    /// Reads a key, alone or with what others look for, or joins the read of it that is under way.
    pub async fn read(
        &self,
        shared: &Shared,
        key: &Key,
        as_of: AsOf,
        context: &Context,
    ) -> Result<Read, Failure> {
        let patience = shared.patience();
        if let Some((bytes, as_of)) = self.joinable(key.id())
            && let Some(value) = joined(bytes, patience, context).await
        {
            return Ok(Read { bytes: value?, as_of, took: None });
        }
        let (bytes, read) = self.begin(key, patience, as_of);
        let shard = |key: &Key| shared.keys().shard(key.id());
        let reads = match self.turns.turn(read, &bytes, shard, context).await {
            Turn::Own(reads) => reads,
            Turn::Another(told) => {
                let told = match told {
                    Some(told) => meant(told),
                    None => joined(bytes, patience, context).await,
                };
                match told {
                    Some(value) => return Ok(Read { bytes: value?, as_of, took: None }),
                    None => vec![self.begin(key, patience, as_of).1],
                }
            }
        };
        let asked = js::now();
        let bytes = self.send(shared, reads).await?;
        Ok(Read { bytes, as_of, took: Some(js::since(asked)) })
    }

    /// Has one command make reads, and tells all who wait for them; the answer is the first one's.
    async fn send(&self, shared: &Shared, mut reads: Vec<Pending>) -> Value {
        while let Some(first) = reads.first() {
            self.turns.take_off(first.number, js::now().after(shared.patience()));
            let keys: Vec<&Key> = reads.iter().map(|read| &read.key).collect();
            let values = shared.read_all(&keys).await;
            self.turns.land(first.number);
            match values {
                // Each by itself may be small enough.
                Err(failure) if failure.fault == Fault::TooLarge && reads.len() > 1 => {
                    reads.drain(1..).for_each(|read| self.end(&read, &ALONE));
                }
                values => return self.tell(&reads, values),
            }
        }
        Ok(None)
    }

    /// Tells who waits for reads what they have brought; the answer is the first one's.
    fn tell(&self, reads: &[Pending], values: Result<Vec<Value>, Failure>) -> Value {
        let mut values = values.map(Vec::into_iter);
        let mut own = None;
        for read in reads {
            let value = match &mut values {
                Ok(values) => values.next().unwrap_or(Ok(None)),
                Err(failure) => Err(failure.clone()),
            };
            // One that is kept is not to keep the bytes of all others.
            let value = value.map(|bytes| match reads.len() {
                1 => bytes,
                _ => bytes.map(|bytes| bytes.slice(0, bytes.length())),
            });
            let told = match &value {
                Ok(Some(bytes)) => bytes.clone().into(),
                Ok(None) => JsValue::NULL,
                Err(_) => JsValue::FALSE,
            };
            self.end(read, &told);
            own.get_or_insert(value);
        }
        own.unwrap_or(Ok(None))
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

    fn begin(&self, key: &Key, patience: Duration, as_of: AsOf) -> (Promise, Pending) {
        let (bytes, finish) = js::shared_promise();
        let number = self.begun.get().wrapping_add(1);
        self.begun.set(number);
        let until = js::now().after(patience);
        let primary = key.primary().map_or(key.id(), |primary| primary.id());
        let read = UnderWay { number, primary, bytes: bytes.clone(), until, as_of };
        self.under_way.borrow_mut().insert(key.id(), read);
        (bytes, Pending { key: key.clone(), number, finish, call: None })
    }

    fn end(&self, read: &Pending, told: &JsValue) {
        let mut under_way = self.under_way.borrow_mut();
        let id = read.key.id();
        if under_way.get(&id).is_some_and(|other| other.number == read.number) {
            under_way.remove(&id);
        }
        for tell in read.call.iter().chain([&read.finish]) {
            let _ = tell.call1(&JsValue::UNDEFINED, told);
        }
    }
}

/// What another request's read brought; `None` if it brings nothing.
async fn joined(bytes: Promise, patience: Duration, context: &Context) -> Option<Value> {
    let told = js::resolved(bytes, patience, |work| context.wait_until(work)).await?;
    meant(told.ok()?)
}

/// What requests tell each other of a value; `None` if everybody is to read for himself.
fn meant(told: JsValue) -> Option<Value> {
    match told.dyn_into::<Uint8Array>() {
        Ok(bytes) => Some(Ok(Some(bytes))),
        Err(told) if told.is_null() => Some(Ok(None)),
        Err(told) if told == ALONE => None,
        Err(_) => Some(Err(Failure::new(Fault::Open, "the shared read failed"))),
    }
}

/// Told in place of a value: each is to read for himself.
const ALONE: JsValue = JsValue::TRUE;
