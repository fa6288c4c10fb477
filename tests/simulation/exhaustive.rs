//! Small schedules, each struck by every mishap after every step.

use super::plan::{Asked, Event, Mishap, Purging, Script, What, Wish};
use super::play::play;
use super::site::{Mood, RESOURCES, Resource};
use super::stage::{Bug, Weather};
use super::wire::Nonsense;
use super::world::{Record, Stream};

#[test]
fn small_schedules_survive_every_mishap_after_every_step() {
    let (mut runs, mut steps) = (0, 0);
    for scene in scenes() {
        let calm = run(&scene, &[]);
        steps += calm;
        for (first, mishap) in (1..).zip(MISHAPS) {
            for step in (first..calm).step_by(stride()) {
                steps += run(&scene, &[(step, mishap)]);
                runs += 1;
            }
        }
    }
    assert!(runs > 2_000, "only {runs} runs");
    crate::say(&format!("{runs} small schedules kept the laws in {steps} steps"));
}

/// Two mishaps, after every two steps: for the night (`PAIRS=1`).
#[test]
fn small_schedules_survive_pairs_of_mishaps() {
    let every = if std::env::var_os("PAIRS").is_some() { 1 } else { PAIRS_APART };
    let mut runs = 0_u64;
    for scene in scenes() {
        let calm = run(&scene, &[]);
        for (first, second) in MISHAPS.iter().flat_map(|a| MISHAPS.iter().map(move |b| (*a, *b))) {
            for one in 1..calm {
                for two in one..calm {
                    runs += 1;
                    if runs.is_multiple_of(every) {
                        run(&scene, &[(one, first), (two, second)]);
                    }
                }
            }
        }
    }
    crate::say(&format!("{} pairs of {runs}", runs / every));
}

/// Plays a scene; its events up to the last steps are what mishaps strike.
fn run(scene: &[Event], struck: &[(u64, Mishap)]) -> u64 {
    let (course, _) = play(scene, SCRIPT, struck, Record::None, None);
    if let Some(breach) = course.breaches.first() {
        let (course, _) = play(scene, SCRIPT, struck, Record::Kept, None);
        let events: String = scene.iter().map(|e| format!("  {} {:?}\n", e.at, e.what)).collect();
        panic!("{breach}\n{events}struck by {struck:?}\n{}", course.trace.join("\n"));
    }
    course.steps
}

/// A page is asked for by two isolates at once, or one after the other; it is stale or absent, and
/// is purged meanwhile or before. At the end both ask again.
fn scenes() -> Vec<Vec<Event>> {
    let mut scenes = Vec::new();
    for resource in [RESOURCES[0], RESOURCES[2]] {
        for second in [0, 30, 3000] {
            for purge in [15, 60] {
                let mut events = vec![
                    ask(0, 0, resource),
                    ask(second, 1, resource),
                    at(purge, What::Publish(resource.path, Some(PURGE))),
                ];
                events.extend([ask(20_000, 0, resource), ask(20_010, 1, resource)]);
                events.sort_by_key(|event| event.at);
                scenes.push(events);
            }
        }
    }
    scenes
}

fn ask(time: i64, isolate: usize, resource: Resource) -> Event {
    let asked = Asked { isolate, resource, who: 0, wish: Wish::Plain, patience: None };
    at(time, What::Ask(asked))
}

fn at(at: i64, what: What) -> Event {
    Event { at, what, stream: Stream { state: at.unsigned_abs(), calm: true } }
}

fn stride() -> usize {
    let whole = std::env::var_os("PAIRS").is_some();
    if whole { 1 } else { STRIDE }
}

const PURGE: Purging = Purging { isolate: 1, selector: 4, soft: false };

const SCRIPT: Script =
    Script { bug: Bug::None, weather: Weather::FAIR, bound: 1000, seconds: 0, mood: Mood::Well };

/// Everything that may go wrong, with spans that cover a command, a lease and a patience.
const MISHAPS: [Mishap; 16] = [
    Mishap::Lose(false),
    Mishap::Lose(true),
    Mishap::Kill(0),
    Mishap::Kill(1),
    Mishap::Evict(0),
    Mishap::Evict(1),
    Mishap::EvictLedger,
    Mishap::ScriptFlush,
    Mishap::Restart(false, 40),
    Mishap::Restart(true, 2000),
    Mishap::Hang(400),
    Mishap::Nonsense(Nonsense::Cut, 300),
    Mishap::Nonsense(Nonsense::Html, 300),
    Mishap::Lag(200, 5000),
    Mishap::Mood(Mood::Failing, 300),
    Mishap::Mood(Mood::Away, 5000),
];

/// An ordinary run strikes after one step of so many, a nightly one after each.
const STRIDE: usize = 12;

/// An ordinary run takes one pair of so many.
const PAIRS_APART: u64 = 40_000;
