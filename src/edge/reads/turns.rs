//! Whose turn it is to ask Redis: while a command is on its way, the reads that come wait for it,
//! though not for long, and the next command makes them all.

use std::cell::RefCell;
use std::time::Duration;

use js_sys::Promise;
use wasm_bindgen::JsValue;
use worker::Context;

use super::super::js;
use super::Pending;
use crate::cache::Time;
use crate::cache::key::Key;

/// The commands on their way, and the reads that wait for their turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// By the number of their first read, with the time when they are given up.
    on_their_way: RefCell<Vec<(u64, Time)>>,
    waiting: RefCell<Vec<Pending>>,
}

/// Who makes a read.
pub(super) enum Turn {
    /// This request: its own first, and those of the same shard that have waited.
    Own(Vec<Pending>),
    /// Another request, which has taken it along, and what that has told if it has told already.
    Another(Option<JsValue>),
}

impl Turns {
    /// Waits for the turn of a read that `bytes` is the outcome of.
    pub async fn turn(
        &self,
        mut read: Pending,
        bytes: &Promise,
        shard: impl Fn(&Key) -> usize,
        context: &Context,
    ) -> Turn {
        if self.is_idle() {
            return Turn::Own(vec![read]);
        }
        // Its client may go away, and yet others will tell it something, or count on it.
        js::pin(context, bytes);
        let number = read.number;
        let (called, call) = js::shared_promise();
        read.call = Some(call);
        self.waiting.borrow_mut().push(read);
        match js::told(&called, LINGER).await {
            Some(Ok(told)) if told != JsValue::TRUE => Turn::Another(Some(told)),
            _ => self.gather(number, shard).map_or(Turn::Another(None), Turn::Own),
        }
    }

    /// Whether no command is on its way; those of requests that were killed are not.
    fn is_idle(&self) -> bool {
        let mut on_their_way = self.on_their_way.borrow_mut();
        if !on_their_way.is_empty() {
            let now = js::now();
            on_their_way.retain(|(_, until)| now < *until);
        }
        on_their_way.is_empty()
    }

    /// Takes note of a command that is sent.
    pub fn take_off(&self, number: u64, until: Time) {
        self.on_their_way.borrow_mut().push((number, until));
    }

    /// Takes note of its answer, and calls who has waited longest.
    pub fn land(&self, number: u64) {
        self.on_their_way.borrow_mut().retain(|(other, _)| *other != number);
        if let Some(call) = self.waiting.borrow().first().and_then(|read| read.call.as_ref()) {
            let _ = call.call1(&JsValue::UNDEFINED, &JsValue::TRUE);
        }
    }

    /// Takes a read that waits, with others of its shard; none if another took it.
    fn gather(&self, number: u64, shard: impl Fn(&Key) -> usize) -> Option<Vec<Pending>> {
        let mut waiting = self.waiting.borrow_mut();
        let place = waiting.iter().position(|waiting| waiting.number == number)?;
        let first = waiting.remove(place);
        let own = shard(&first.key);
        let mut reads = vec![first];
        while reads.len() < TOGETHER
            && let Some(place) = waiting.iter().position(|other| shard(&other.key) == own)
        {
            reads.push(waiting.remove(place));
        }
        Some(reads)
    }
}

/// No read waits longer for the commands that are on their way.
const LINGER: Duration = Duration::from_millis(1);
/// So many reads are made by one command at most.
const TOGETHER: usize = 16;
