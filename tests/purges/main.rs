//! Purges are final: random schedules of reads, fills, purges and mishaps over four isolates and a
//! real Redis with the Worker's own scripts.
//!
//! Each command and each reply is a step of its own, so schedules interleave all that can be
//! interleaved. `PURGE_SEED=n` replays one with its trace; `PURGE_SCHEDULES=100000` with
//! `cargo test --release --test purges random` is the nightly size, which several processes can
//! share: `PURGE_FROM` is the first seed of each.

mod bug;
mod effect;
mod eviction;
mod isolate;
mod laws;
mod limit;
mod line;
mod reclaim;
mod schedule;
mod server;
mod stage;
mod straight;
mod strange;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::env;
use std::rc::Rc;
use std::time::Instant;

use bug::Bug;
use laws::Laws;
use schedule::{Setting, Step, shorten, steps};
use server::Server;
use stage::{Script, play};

#[test]
fn no_purged_content_is_read_on_random_schedules() {
    let server = Rc::new(RefCell::new(Server::start()));
    let seeds = match number("PURGE_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let first = number("PURGE_FROM").unwrap_or(1);
            first..first + number("PURGE_SCHEDULES").unwrap_or(SCHEDULES)
        }
    };
    let count = seeds.end - seeds.start;
    let (begun, mut told) = (Instant::now(), Instant::now());
    let (mut purges, mut blind, mut stranded, mut served) = (0, 0, 0, BTreeMap::new());
    for seed in seeds {
        let laws = hold(seed, &server);
        (purges, blind) = (purges + laws.acknowledged, blind + laws.blind);
        stranded += laws.stranded;
        for (verdict, count) in laws.served {
            *served.entry(verdict).or_insert(0) += count;
        }
        if told.elapsed().as_secs() >= 10 {
            say(&format!("schedule {seed} of {count} after {:?}", begun.elapsed()));
            told = Instant::now();
        }
    }
    let commands = server.borrow().commands;
    say(&format!("{count} schedules in {:?}, {commands} commands", begun.elapsed()));
    say(&format!("{purges} purges acknowledged, read from the cache: {served:?}"));
    say(&format!(
        "cut off from the ledger: {blind} within the grace, {stranded} rescues beyond it"
    ));
    if count >= SCHEDULES {
        for verdict in ["hit", "stale", "collapsed", "rescue", "revalidated"] {
            assert!(served.contains_key(verdict), "no schedule came to a {verdict}: {served:?}");
        }
    }
}

#[test]
fn each_planted_bug_is_found_out() {
    let server = Rc::new(RefCell::new(Server::start()));
    for bug in Bug::ALL.into_iter().filter(|bug| *bug != Bug::None) {
        let found = (1..=TRIES).find(|seed| {
            let steps = steps(*seed);
            fails(*seed, bug, &steps, &server)
        });
        let seed = found.unwrap_or_else(|| panic!("{bug:?} was planted and not found"));
        let all = steps(seed);
        let short = shorten(all.clone(), |steps| fails(seed, bug, steps, &server));
        assert!(!fails(seed, Bug::None, &short, &server), "{bug:?} is not to blame");
        say(&format!("{bug:?}: seed {seed}, {} of {} steps", short.len(), all.len()));
        if env::var_os("PURGE_TRACE").is_some() {
            trace(seed, bug, &short, &server).iter().for_each(|line| say(line));
        }
    }
}

#[test]
fn a_seed_is_a_schedule() {
    let server = Rc::new(RefCell::new(Server::start()));
    let run = || trace(7, Bug::None, &steps(7), &server);
    let (one, other) = (run(), run());
    assert!(one.len() > 50, "only {} lines", one.len());
    let differ = one.iter().zip(&other).find(|(one, other)| one != other);
    assert_eq!(differ, None);
}

/// Plays a schedule that must keep the law; of one that doesn't the shortest form is shown.
fn hold(seed: u64, server: &Rc<RefCell<Server>>) -> Laws {
    let steps = steps(seed);
    let script = Script { seed, setting: Setting::of(seed), bug: Bug::None, steps: &steps };
    let (laws, _) = play(&script, server, false);
    if env::var_os("PURGE_SEED").is_some() {
        trace(seed, Bug::None, &steps, server).iter().for_each(|line| say(line));
    }
    if laws.breaches.is_empty() {
        return laws;
    }
    let short = shorten(steps, |steps| fails(seed, Bug::None, steps, server));
    let trace = trace(seed, Bug::None, &short, server).join("\n");
    panic!(
        "{}\nseed {seed} under {:?}, shortened to {short:#?}\n{trace}\n\
         replay: PURGE_SEED={seed} cargo test --test purges random",
        laws.breaches[0],
        Setting::of(seed),
    );
}

fn fails(seed: u64, bug: Bug, steps: &[Step], server: &Rc<RefCell<Server>>) -> bool {
    let script = Script { seed, setting: Setting::of(seed), bug, steps };
    !play(&script, server, false).0.breaches.is_empty()
}

fn trace(seed: u64, bug: Bug, steps: &[Step], server: &Rc<RefCell<Server>>) -> Vec<String> {
    play(&Script { seed, setting: Setting::of(seed), bug, steps }, server, true).1
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// Tells at once what is going on; libtest holds back what the print macros write.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "purges: {line}");
}

/// Schedules in an ordinary run.
const SCHEDULES: u64 = 1_000;

/// Schedules until a planted bug must have been found.
const TRIES: u64 = 500;
