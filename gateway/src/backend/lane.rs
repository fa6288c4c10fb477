//! Which of several connections a command takes.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::slot::Slot;

/// A connection's place, and whether what was sent on it comes back.
pub(super) struct Lane<C> {
    pub(super) slot: Slot<C>,
    moved: Cell<Instant>,
    /// Since when an answer has been owed and none has come.
    owing: Cell<Option<Instant>>,
    waiting: Cell<u32>,
}

/// A command on its lane, until it is answered or given up.
pub(super) struct Underway<'a, C> {
    lane: &'a Lane<C>,
}

impl<C: Clone> Lane<C> {
    pub(super) fn new() -> Self {
        let moved = Cell::new(Instant::now());
        Self { slot: Slot::new(), moved, owing: Cell::new(None), waiting: Cell::new(0) }
    }

    /// Whether a command sent now would soon have its turn: nothing waits, or answers arrive.
    /// Commands share a lane that flows, because many in one packet cost little more than one; a
    /// large reply or a slow command does not hold up those that come after it.
    pub(super) fn flows(&self) -> bool {
        self.waiting.get() == 0 || self.moved.get().elapsed() < STALL
    }

    /// Whether so much time has passed without an answer that the connection may be dead: a server
    /// that is gone without a word, or a box on the way that has forgotten it. What a client has
    /// given up meanwhile was not answered either.
    pub(super) fn is_silent(&self) -> bool {
        self.owing.get().is_some_and(|since| since.elapsed() >= SILENCE)
    }

    /// Notes that the connection has been replaced.
    pub(super) fn renewed(&self) {
        self.moved.set(Instant::now());
        self.owing.set(None);
    }

    /// Notes a command for as long as the answer is held.
    pub(super) fn enter(&self) -> Underway<'_, C> {
        if self.waiting.get() == 0 {
            self.moved.set(Instant::now());
        }
        self.waiting.set(self.waiting.get().saturating_add(1));
        self.owing.set(self.owing.get().or_else(|| Some(Instant::now())));
        Underway { lane: self }
    }
}

impl<C> Underway<'_, C> {
    /// Notes that the command has come to its end, and was not given up.
    pub(super) fn ended(&self) {
        let others = self.lane.waiting.get() > 1;
        self.lane.moved.set(Instant::now());
        self.lane.owing.set(others.then(Instant::now));
    }
}

impl<C> Drop for Underway<'_, C> {
    fn drop(&mut self) {
        self.lane.waiting.set(self.lane.waiting.get().saturating_sub(1));
    }
}

/// How long nothing may come back before commands take another lane.
const STALL: Duration = Duration::from_millis(2);

/// How long nothing may come back before another connection is tried.
const SILENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_flows_until_nothing_comes_back() {
        let lane = Lane::<()>::new();
        lane.moved.set(Instant::now() - STALL);
        assert!(lane.flows());
        let (first, second) = (lane.enter(), lane.enter());
        lane.moved.set(Instant::now() - STALL);
        assert!(!lane.flows());
        drop(first);
        lane.moved.set(Instant::now() + STALL);
        assert!(lane.flows());
        lane.moved.set(Instant::now() - STALL);
        assert!(!lane.flows());
        drop(second);
        lane.moved.set(Instant::now() - STALL);
        assert!(lane.flows());
    }

    #[test]
    fn a_lane_whose_commands_are_given_up_is_silent_all_the_same() {
        let lane = Lane::<()>::new();
        drop(lane.enter());
        assert!(!lane.is_silent());
        lane.owing.set(Some(Instant::now() - SILENCE));
        drop(lane.enter());
        assert!(lane.is_silent());
        lane.renewed();
        let (first, second) = (lane.enter(), lane.enter());
        lane.owing.set(Some(Instant::now() - SILENCE));
        first.ended();
        assert!(!lane.is_silent(), "an answer has come, another is owed since then");
        assert!(lane.owing.get().is_some());
        drop(first);
        second.ended();
        assert_eq!(lane.owing.get(), None);
    }
}
