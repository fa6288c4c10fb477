//! What an isolate has counted, and its way to Redis: nothing is counted twice, and nothing lost
//! but what a killed isolate had not sent.
//!
//! A flush is one `BITFIELD` and at most one command more: in turn the counts at the beginning of
//! a minute and of an hour, how long things shall live, and otherwise the isolate's sheet.

use std::cell::{Cell as Slot, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use super::tally::{Mark, Part, Span, Totals};
use super::{Failure, Shared, Wire};
use crate::cache::Time;
use crate::cache::exchange::Fault;
use crate::cache::tally::sheet::Sheet;
use crate::cache::tally::{Cell, Tally};
use crate::cache::tuning::Check;

/// An isolate's counts and sheet.
#[derive(Debug)]
pub struct Counts {
    /// What was counted since the last flush.
    tally: RefCell<Tally>,
    /// What is hot, and what happened last.
    sheet: RefCell<Sheet>,
    /// The flush whose reply is not here yet.
    sent: RefCell<Option<Sent>>,
    mark: Slot<Option<Mark>>,
    minute: Slot<i64>,
    hour: Slot<i64>,
    due: RefCell<VecDeque<Due>>,
}

/// A flush on its way, or one whose reply was lost.
#[derive(Clone, Debug)]
struct Sent {
    at: Time,
    counts: Tally,
    mark: Mark,
}

/// A command that waits for a flush to go with.
#[derive(Clone, Debug)]
enum Due {
    Keep(Time, Box<Tally>),
    Prolong(Part),
}

impl Counts {
    /// Nothing counted.
    pub fn new(now: Time) -> Self {
        Self {
            tally: RefCell::default(),
            sheet: RefCell::new(Sheet::new(now)),
            sent: RefCell::default(),
            mark: Slot::default(),
            minute: Slot::default(),
            hour: Slot::default(),
            due: RefCell::default(),
        }
    }

    /// Counts something.
    pub fn add(&self, cell: Cell, amount: u64) {
        self.tally.borrow_mut().add(cell, amount);
    }

    /// Counts what an exchange has told of how often content changes.
    pub fn watch(&self, rule: Option<usize>, check: &Check) {
        self.tally.borrow_mut().watch(rule, check);
    }

    /// The sheet, to write on it.
    pub fn write(&self, change: impl FnOnce(&mut Sheet)) {
        change(&mut self.sheet.borrow_mut());
    }

    /// What has not reached Redis, as far as that is known.
    pub fn unsent(&self) -> Tally {
        let mut tally = self.tally.borrow().clone();
        if let Some(sent) = &*self.sent.borrow() {
            tally.merge(&sent.counts);
        }
        tally
    }

    /// The isolate's sheet as text.
    pub fn sheet(&self, now: Time) -> String {
        self.sheet.borrow().to_text(now)
    }

    /// Publishes the isolate's sheet out of its turn, for somebody who looks.
    pub async fn publish<W: Wire>(&self, shared: &Shared<W>) -> Result<(), Failure> {
        let Some(mark) = self.mark.get() else { return Ok(()) };
        let sheet = self.sheet((shared.clock)());
        shared.publish(mark, &sheet).await
    }

    /// Sends what was counted. Nothing is sent while another flush is under way. `random` makes
    /// marks.
    pub async fn flush<W: Wire>(
        &self,
        shared: &Shared<W>,
        random: fn() -> u64,
    ) -> Result<(), Failure> {
        let now = (shared.clock)();
        if self.settle(shared, now).await? == Way::Taken {
            return Ok(());
        }
        let (commands, openings) = shared.rest().spent();
        let idle = self.tally.borrow().is_idle();
        self.add(Cell::Commands, commands);
        self.add(Cell::Openings, openings);
        if idle {
            return Ok(());
        }
        let counts = self.tally.take();
        let last = self.mark.get().unwrap_or_else(|| Mark::somewhere(random()));
        let next = last.next(random());
        *self.sent.borrow_mut() = Some(Sent { at: now, counts: counts.clone(), mark: next });
        let begins = Span::Minute.bucket(now) > self.minute.get();
        let wanted = if begins { Totals::Wanted } else { Totals::Unwanted };
        match shared.count(&counts, next, wanted).await {
            Ok((before, totals)) => {
                *self.sent.borrow_mut() = None;
                // Another isolate leaves its marks at this place: a lost reply could deceive.
                let ours = last.value == 0 || before == last.value;
                self.mark.set(Some(if ours { next } else { Mark::somewhere(random()) }));
                self.add_to_history(shared, now, next, totals).await
            }
            Err(failure) => {
                if failure.fault == Fault::Open {
                    *self.sent.borrow_mut() = None;
                    self.tally.borrow_mut().merge(&counts);
                }
                Err(failure)
            }
        }
    }

    /// Finds out what became of a flush whose reply was lost.
    async fn settle<W: Wire>(&self, shared: &Shared<W>, now: Time) -> Result<Way, Failure> {
        let Some(sent) = self.sent.borrow().clone() else { return Ok(Way::Free) };
        if now.since(sent.at) < SETTLED {
            return Ok(Way::Taken);
        }
        let found = shared.mark(sent.mark).await?;
        let mut held = self.sent.borrow_mut();
        if held.as_ref().is_none_or(|held| held.mark != sent.mark) {
            return Ok(Way::Taken);
        }
        *held = None;
        if found == sent.mark.value {
            self.mark.set(Some(sent.mark));
        } else {
            self.tally.borrow_mut().merge(&sent.counts);
        }
        Ok(Way::Free)
    }

    /// The one command that goes with a flush.
    async fn add_to_history<W: Wire>(
        &self,
        shared: &Shared<W>,
        now: Time,
        mark: Mark,
        totals: Option<Tally>,
    ) -> Result<(), Failure> {
        if let Some(totals) = totals {
            shared.keep(Span::Minute, now, &totals).await?;
            self.minute.set(Span::Minute.bucket(now));
            if Span::Hour.bucket(now) > self.hour.get() {
                self.hour.set(Span::Hour.bucket(now));
                *self.due.borrow_mut() = VecDeque::from([
                    Due::Keep(now, Box::new(totals)),
                    Due::Prolong(Part::Counts),
                    Due::Prolong(Part::Sheets),
                ]);
            }
            return Ok(());
        }
        let due = self.due.borrow_mut().pop_front();
        match due {
            Some(Due::Keep(at, totals)) => shared.keep(Span::Hour, at, &totals).await,
            Some(Due::Prolong(part)) => shared.prolong(part).await,
            None => {
                self.sheet.borrow_mut().turn(now);
                let sheet = self.sheet(now);
                shared.publish(mark, &sheet).await
            }
        }
    }
}

/// Whether a flush may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Free,
    Taken,
}

/// After so long a command has arrived or never will.
const SETTLED: Duration = Duration::from_secs(5);
