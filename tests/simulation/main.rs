//! The laws of the cache, checked on what can be enumerated and on random schedules with faults.
//!
//! `SEED=n cargo test --test simulation` replays one schedule with its trace; `SEEDS=n` runs more.

mod enumeration;
mod isolate;
mod laws;
mod model;
mod play;
mod real;
mod site;
mod stage;
mod wire;
mod world;

use std::env;
use std::time::Instant;

use play::{Course, Script, play};
use real::Real;
use site::Mood;
use stage::{Bug, Weather};
use world::Record;

#[test]
fn the_laws_hold_on_random_schedules() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("SEEDS").unwrap_or(SEEDS),
    };
    let (begun, mut told, count) = (Instant::now(), Instant::now(), seeds.end - seeds.start);
    let (mut blind, mut late) = (0, 0);
    for seed in seeds {
        let course = hold(seed, script(seed));
        (blind, late) = (blind + course.blind, late + course.late_rescues);
        if told.elapsed().as_secs() >= 5 {
            say(&format!("seed {seed} of {count} after {:?}", begun.elapsed()));
            told = Instant::now();
        }
    }
    let took = begun.elapsed();
    say(&format!("{count} schedules kept the laws in {took:?}"));
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
        (course, real) = play(seed, script, Record::Kept, real);
        judge(seed, &course);
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
fn every_other_law_can_be_seen_broken() {
    found_out(Bug::Silence, Mood::Well, "L2");
    found_out(Bug::LeaseForAll, Mood::Slow, "L3");
    found_out(Bug::VaryDropped, Mood::Well, "L4");
    found_out(Bug::AgeForgotten, Mood::Well, "L5");
}

/// Some of a few schedules must breach this law, and none of them may breach any without the bug.
fn found_out(bug: Bug, mood: Mood, law: &str) {
    let weather = Weather::FAIR;
    let mut found = 0;
    for seed in 1..=10 {
        let script = Script { bug, weather, bound: 1000, seconds: 30, mood };
        let (course, _) = play(seed, script, Record::None, None);
        found += u32::from(course.breaches.iter().any(|breach| breach.starts_with(law)));
        hold(seed, Script { bug: Bug::None, ..script });
        if found > 1 {
            return;
        }
    }
    assert!(found > 0, "{bug:?} was planted and no breach of {law} was found");
}

/// A schedule's weather is drawn from its seed, too.
fn script(seed: u64) -> Script {
    let weather = match seed % 4 {
        0 => Weather::FAIR,
        1 => Weather { lost: 50, slow: 40, mishap: 0, skew: 0 },
        2 => Weather { lost: 0, slow: 0, mishap: 3, skew: 2000 },
        _ => Weather { lost: 20, slow: 15, mishap: 2, skew: 5000 },
    };
    let bound = if seed.is_multiple_of(5) { 0 } else { 1000 };
    Script { bug: Bug::None, weather, bound, seconds: 30, mood: Mood::Well }
}

#[test]
fn a_seed_is_a_schedule() {
    let run = || play(3, script(3), Record::Kept, None).0.trace;
    let (one, other) = (run(), run());
    assert!(one.len() > 1000, "only {} lines", one.len());
    let differ = one.iter().zip(&other).find(|(one, other)| one != other);
    assert_eq!(differ, None);
}

/// Plays a schedule that must keep the laws; one that doesn't is played again with its record.
fn hold(seed: u64, script: Script) -> Course {
    let replayed = env::var_os("SEED").is_some();
    let (mut course, _) = play(seed, script, Record::None, None);
    if replayed || !course.breaches.is_empty() {
        (course, _) = play(seed, script, Record::Kept, None);
    }
    if replayed {
        course.trace.iter().for_each(|line| say(line));
        say(&format!("{:?}, {} blind", course.verdicts, course.blind));
    }
    judge(seed, &course);
    course
}

/// Fails with the seed and what led to the first breach.
fn judge(seed: u64, course: &Course) {
    let Some(first) = course.breaches.first() else { return };
    let at = course.trace.iter().position(|line| line.contains("BREACH"));
    let end = at.map_or(course.trace.len(), |at| at + 1);
    let led = &course.trace[end.saturating_sub(TRACE)..end];
    panic!(
        "{first}\n({} breaches)\n{}\nreplay: SEED={seed} cargo test --test simulation the_laws",
        course.breaches.len(),
        led.join("\n")
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

/// Schedules in an ordinary run.
const SEEDS: u64 = 120;

/// Schedules beside a real Redis.
const REAL_SEEDS: u64 = 4;

/// Lines of the record that a failure shows.
const TRACE: usize = 60;
