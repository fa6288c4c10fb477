//! The shortest schedule that still breaches a law.

use super::plan::{Event, Script};
use super::play::{Course, play};
use super::world::Record;

/// A schedule that breaches a law and from which nothing can be left out.
pub struct Shortest {
    /// What is left of its events.
    pub events: Vec<Event>,
    /// What came of it, with its record.
    pub course: Course,
}

/// Leaves out of a schedule what it can do without, first in large parts and then one by one, and
/// spares the rest from lost and slow commands where that changes nothing.
pub fn shrink(events: Vec<Event>, script: Script, law: &str) -> Shortest {
    let mut tries = 0;
    let mut breaches = |events: &[Event]| {
        tries += 1;
        let (course, _) = play(events, script, &[], Record::None, None);
        tries <= TRIES && course.breaches.iter().any(|breach| breach.starts_with(law))
    };
    let mut left = events;
    let mut part = left.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let before = left.len();
        while at < left.len() {
            let end = (at + part).min(left.len());
            let rest = [&left[..at], &left[end..]].concat();
            if breaches(&rest) {
                left = rest;
            } else {
                at = end;
            }
        }
        if part == 1 && left.len() == before {
            break;
        }
        part = part.div_ceil(2).max(1);
    }
    for at in 0..left.len() {
        let mut calmer = left.clone();
        calmer[at].stream.calm = true;
        if breaches(&calmer) {
            left = calmer;
        }
    }
    let (course, _) = play(&left, script, &[], Record::Kept, None);
    Shortest { events: left, course }
}

impl Shortest {
    /// Its events, and what happened up to the breach.
    pub fn tell(&self) -> String {
        let events = self.events.iter().map(|event| {
            let calm = if event.stream.calm { "" } else { " (with lost or slow commands)" };
            format!("  at {} ms: {:?}{calm}\n", event.at, event.what)
        });
        let events: String = events.collect();
        let at = self.course.trace.iter().position(|line| line.contains("BREACH"));
        let end = at.map_or(self.course.trace.len(), |at| at + 1);
        let led = self.course.trace[end.saturating_sub(TRACE)..end].join("\n  ");
        format!("the shortest schedule that does so:\n{events}and its course:\n  {led}")
    }
}

/// So many replays are enough.
const TRIES: u32 = 4_000;

/// Lines of the record that a failure shows.
const TRACE: usize = 80;
