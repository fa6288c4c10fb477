//! The laws of the cache, checked on what can be enumerated and on random schedules with faults.
//!
//! `SEED=n cargo test --test simulation` replays one schedule with its trace; `STEPS=n` makes more
//! steps than an ordinary run, beginning with the schedule `FROM=n`. What fails is shrunk to the
//! shortest schedule that fails alike. `cargo xtask nightly` runs it at length.

mod coding;
mod enumeration;
mod exhaustive;
mod isolate;
mod laws;
mod mishap;
mod model;
mod plan;
mod play;
mod real;
mod shrink;
mod site;
mod stage;
mod wire;
mod world;

use std::env;
use std::time::Instant;

use plan::{Script, plan};
use play::{Course, play};
use real::Real;
use site::Mood;
use stage::{Bug, Weather};
use world::Record;

#[test]
fn the_laws_hold_on_random_schedules() {
    if let Some(seed) = number("SEED") {
        return drop(hold(seed, script(seed)));
    }
    let (wanted, first) = (number("STEPS").unwrap_or(STEPS), number("FROM").unwrap_or(1));
    let (begun, mut told) = (Instant::now(), Instant::now());
    let (mut seed, mut steps, mut replies) = (first, 0, 0);
    let (mut blind, mut late) = (0, 0);
    while steps < wanted {
        let course = hold(seed, script(seed));
        (blind, late) = (blind + course.blind, late + course.late_rescues);
        (steps, seed) = (steps + course.steps, seed + 1);
        replies += course.verdicts.values().sum::<u64>();
        if told.elapsed().as_secs() >= TOLD_APART {
            say(&format!("{steps} of {wanted} steps after {:?}", begun.elapsed()));
            told = Instant::now();
        }
    }
    let took = begun.elapsed();
    let schedules = seed - first;
    say(&format!(
        "{schedules} schedules kept the laws: {steps} steps, {replies} replies, {took:?}"
    ));
    say(&format!("{blind} replies by isolates cut off from the ledger, {late} rescues overtaken"));
}

#[test]
fn redis_does_what_its_model_does_under_the_same_schedules() {
    let mut real = Some(Real::start());
    for seed in 1..=number("REAL_SEEDS").unwrap_or(REAL_SEEDS) {
        if let Some(real) = &mut real {
            real.clear();
        }
        let course;
        let script = Script { seconds: 10, ..script(seed) };
        (course, real) = play(&plan(seed, &script), script, &[], Record::Kept, real);
        judge(seed, script, &course);
    }
}

#[test]
fn a_mirror_renewed_by_use_is_found_out() {
    found_out(Bug::MirrorRenewedByUse, Mood::Well, "L1");
}

#[test]
fn a_sequence_read_at_store_time_is_found_out() {
    found_out(Bug::SequenceReadAtStore, Mood::Slow, "L1");
}

#[test]
fn a_purge_during_a_post_wins() {
    found_out(Bug::PostStampedLate, Mood::Slow, "L1");
}

#[test]
fn every_other_law_can_be_seen_broken() {
    found_out(Bug::Silence, Mood::Well, "L2");
    found_out(Bug::LeaseForAll, Mood::Slow, "L3");
    found_out(Bug::VaryDropped, Mood::Well, "L4");
    found_out(Bug::PrivacyForgotten, Mood::Well, "L4");
    found_out(Bug::AgeForgotten, Mood::Well, "L5");
    found_out(Bug::MemoryKept, Mood::Well, "L5");
    found_out(Bug::VariantsKept, Mood::Well, "L5");
    found_out(Bug::TruncationOverlooked, Mood::Truncating, "L5");
    found_out(Bug::CodingKept, Mood::Well, "L5");
    found_out(Bug::CodingUntold, Mood::Well, "L5");
    found_out(Bug::DigestOfLittle, Mood::Well, "L5");
    found_out(Bug::Impatience, Mood::Slow, "L6");
}

#[test]
fn a_fault_that_clients_are_told_of_is_found_out() {
    let weather = Weather { lost: 20, ..Weather::FAIR };
    found_out_in(weather, Bug::StoreFaultsTold, Mood::Well, "L2");
}

/// Some of a few schedules must breach this law, and none of them may breach any without the bug.
fn found_out(bug: Bug, mood: Mood, law: &str) {
    found_out_in(Weather::FAIR, bug, mood, law);
}

fn found_out_in(weather: Weather, bug: Bug, mood: Mood, law: &str) {
    for seed in 1..=20 {
        let script = Script { bug, weather, bound: 1000, seconds: 30, mood };
        let events = plan(seed, &script);
        let (course, _) = play(&events, script, &[], Record::None, None);
        hold(seed, Script { bug: Bug::None, ..script });
        if course.breaches.iter().any(|breach| breach.starts_with(law)) {
            let shortest = shrink::shrink(events, script, law);
            let count = shortest.events.len();
            assert!(count <= SHORT, "{count} events are not short: {}", shortest.tell());
            return say(&format!("{bug:?} breaches {law} in {count} events"));
        }
    }
    panic!("{bug:?} was planted and no breach of {law} was found");
}

/// A schedule's weather is drawn from its seed, too.
fn script(seed: u64) -> Script {
    let weather = match seed % 5 {
        0 => Weather::FAIR,
        1 => Weather { lost: 50, slow: 40, ..Weather::FAIR },
        2 => Weather { mishap: 3, skew: 2000, gone: 20, ..Weather::FAIR },
        3 => Weather { lost: 20, slow: 15, mishap: 2, skew: 5000, gone: 10 },
        _ => Weather { lost: 90, slow: 60, mishap: 1, skew: 500, gone: 15 },
    };
    let bound = if seed.is_multiple_of(7) { 0 } else { 1000 };
    Script { bug: Bug::None, weather, bound, seconds: 30, mood: Mood::Well }
}

#[test]
fn a_seed_is_a_schedule() {
    let events = || plan(3, &script(3));
    let run = || play(&events(), script(3), &[], Record::Kept, None).0.trace;
    let (one, other) = (run(), run());
    assert!(one.len() > 1000, "only {} lines", one.len());
    let differ = one.iter().zip(&other).find(|(one, other)| one != other);
    assert_eq!(differ, None);
}

/// Plays a schedule that must keep the laws; one that doesn't is played again with its record.
fn hold(seed: u64, script: Script) -> Course {
    let events = plan(seed, &script);
    let (mut course, _) = play(&events, script, &[], Record::None, None);
    if env::var_os("SEED").is_some() {
        (course, _) = play(&events, script, &[], Record::Kept, None);
        course.trace.iter().for_each(|line| say(line));
        say(&format!("{:?}, {} blind", course.verdicts, course.blind));
    }
    judge(seed, script, &course);
    course
}

/// Fails with the seed and the shortest schedule that breaches the same law.
fn judge(seed: u64, script: Script, course: &Course) {
    let Some(first) = course.breaches.first() else { return };
    let law = first.split(':').next().unwrap_or_default();
    let shortest = shrink::shrink(plan(seed, &script), script, law);
    panic!(
        "{first}\n({} breaches)\n{}\nreplay: SEED={seed} cargo test --test simulation the_laws",
        course.breaches.len(),
        shortest.tell()
    );
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// Tells at once what is going on; libtest holds back what the print macros write.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "simulation: {line}");
}

/// Steps of an ordinary run.
const STEPS: u64 = 1_000_000;

/// Schedules beside a real Redis.
const REAL_SEEDS: u64 = 4;

/// A schedule of so few events can be read.
const SHORT: usize = 12;

/// A run that takes long tells how far it is every so many seconds.
const TOLD_APART: u64 = 5;
