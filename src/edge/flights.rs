//! Coalescing within the isolate: at most one fetch for a key is under way here.
//!
//! Requests share a JavaScript promise of plain data and each waits in its own context; a Rust
//! waker that another request completes would run this request's code in the other's context.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use worker::{Context, Delay};

use super::js;
use crate::cache::Time;
use crate::cache::exchange::{Backoff, Held, Holds};
use crate::cache::key::Id;

/// The fetches under way in this isolate.
#[derive(Debug, Default)]
pub(super) struct Flights {
    under_way: RefCell<HashMap<Id, Flight>>,
    /// Keys whose origin failed a moment ago.
    held: RefCell<Holds>,
    taken: Cell<u64>,
}

#[derive(Debug)]
struct Flight {
    number: u64,
    landing: Promise,
    land: Function,
    /// A request that is killed never lands its flight; nobody waits beyond this time.
    until: Time,
}

/// One's own flight; it lands when dropped.
#[derive(Debug)]
pub(super) struct Own {
    flights: Rc<Flights>,
    id: Id,
    number: u64,
}

impl Flights {
    /// Leaves a key alone for a while.
    pub fn hold(&self, id: Id, hold: Backoff, now: Time) {
        self.held.borrow_mut().hold(id, hold, now);
    }

    /// Takes off, unless a flight for the key is under way or has just failed.
    pub fn take_off(
        self: &Rc<Self>,
        id: Id,
        ttl: Duration,
        now: Time,
        context: &Context,
    ) -> Result<Own, Held> {
        if let Some(by) = self.held.borrow_mut().by(id, now) {
            return Err(by);
        }
        let mut under_way = self.under_way.borrow_mut();
        if under_way.get(&id).is_some_and(|flight| now < flight.until) {
            return Err(Held::Here);
        }
        let (landing, land) = js::shared_promise();
        let number = self.taken.get().wrapping_add(1);
        self.taken.set(number);
        // Pins this request: its work goes on, and its promise lives, if its client goes away.
        js::pin(context, &landing);
        under_way.insert(id, Flight { number, landing, land, until: now.after(ttl) });
        Ok(Own { flights: Rc::clone(self), id, number })
    }

    /// Waits until the flight for the key, if there is one, has landed, but not for ever.
    pub async fn wait(&self, id: Id, at_most: Duration, context: &Context) {
        let found = self.under_way.borrow().get(&id).map(|f| (f.number, f.landing.clone()));
        let Some((number, landing)) = found else { return Delay::from(at_most).await };
        let landed = js::resolved(landing, at_most, |work| context.wait_until(work)).await;
        if matches!(landed, Some(Err(_))) {
            // Its request has ended without landing it: it never will.
            let mut under_way = self.under_way.borrow_mut();
            if under_way.get(&id).is_some_and(|flight| flight.number == number) {
                under_way.remove(&id);
            }
        }
    }
}

impl Drop for Own {
    /// The engine may drop it long after its request was ended by the platform, in the course of
    /// another one, which must not touch the promise any more; nobody waits for it by then.
    fn drop(&mut self) {
        let Ok(mut under_way) = self.flights.under_way.try_borrow_mut() else { return };
        if under_way.get(&self.id).is_some_and(|flight| flight.number == self.number)
            && let Some(flight) = under_way.remove(&self.id)
            && js::now() < flight.until
        {
            let _ = flight.land.call1(&JsValue::UNDEFINED, &JsValue::TRUE);
        }
    }
}
