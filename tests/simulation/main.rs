//! The laws of the cache, checked on what can be enumerated and on random schedules with faults.
//!
//! `SEED=n cargo test --test simulation` replays one schedule with its trace; `SEEDS=n` runs more.

mod enumeration;

/// Tells at once what is going on; libtest holds back what the print macros write.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "simulation: {line}");
}
