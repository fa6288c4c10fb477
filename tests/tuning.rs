//! Lifetimes that suit how often content changes: the estimator by tables, and by a simulated
//! change process whose truth is known.
//!
//! `cargo test --release --test tuning -- --nocapture` prints the tables of docs/tuning.md.

#[path = "tuning/process.rs"]
mod process;

use std::time::Duration;

use breadbox::cache::tuning::{Bounds, Change, Check, History, Watch, outdated};
use process::{Outcome, Policy, Site};

fn check(after: u64, change: Change) -> Check {
    Check { after: Duration::from_secs(after), granted: Duration::from_secs(after), change }
}

fn bounds(min: u64, max: u64) -> Bounds {
    Bounds { min: Duration::from_secs(min), max: Duration::from_secs(max), ..Bounds::default() }
}

/// What is not known yet is taken to change soon; what never changes is asked for less and less.
#[test]
fn lifetimes_grow_while_nothing_changes() {
    let bounds = bounds(10, 3600);
    let mut history = History::default();
    let mut last = history.lifetime(bounds);
    assert_eq!(last, Duration::from_secs(50), "five times the shortest");
    for _ in 0..40 {
        history = history.after(&check(last.as_secs(), Change::None), bounds);
        let next = history.lifetime(bounds);
        assert!(next > last || next == bounds.max, "{last:?} {next:?}");
        last = next;
    }
    assert_eq!(last, bounds.max);
    for _ in 0..40 {
        let after = history.lifetime(bounds).as_secs();
        history = history.after(&check(after, Change::Silent), bounds);
    }
    assert_eq!(history.lifetime(bounds), bounds.min, "it changes all the time");
}

/// What purges announce has made nothing outdated.
#[test]
fn announced_changes_do_not_shorten_lifetimes() {
    let bounds = bounds(10, 3600);
    let after = |change| {
        let checked = |history: History, _| history.after(&check(300, change), bounds);
        (0..50).fold(History::default(), checked).lifetime(bounds)
    };
    assert_eq!(after(Change::Announced), after(Change::None));
    assert!(after(Change::Silent) < after(Change::Announced));
}

/// A check tells that something has changed, not how often: it counts for as many changes as are
/// to be expected, `x / (1 - e^-x)`, where the rate of before makes `x` of them likely.
#[test]
fn a_change_counts_for_as_many_as_were_likely() {
    let bounds = bounds(10, 3600);
    let before = |changes, seconds| History { changes, seconds, digest: None };
    // At first half a change in 250 s is assumed; what is older counts nine tenths.
    for (history, after, change, expected) in [
        (before(0.0, 0.0), 250, Change::Silent, before(1.130, 250.0)),
        (before(0.0, 0.0), 0, Change::Silent, before(1.0, 0.0)),
        (before(10.0, 1000.0), 1000, Change::Silent, before(13.473, 1900.0)),
        (before(10.0, 1000.0), 1000, Change::None, before(9.0, 1900.0)),
    ] {
        let found = history.after(&check(after, change), bounds);
        let near = |a: f64, b: f64| (a - b).abs() < 0.001;
        assert!(near(found.changes, expected.changes), "{history:?}: {found:?}");
        assert!(near(found.seconds, expected.seconds), "{history:?}: {found:?}");
    }
}

/// Whatever a history says, also one from a damaged or hostile store, the bounds hold.
#[test]
fn bounds_hold_for_every_history() {
    for bounds in [bounds(0, 0), bounds(5, 60), bounds(0, u64::MAX), bounds(60, 5)] {
        for changes in [0.0, 1e-300, 3.0, 1e300, f64::INFINITY, f64::NAN, -1.0] {
            for seconds in [0.0, 1e-300, 1e6, f64::MAX, f64::INFINITY, f64::NAN, -1e9] {
                let history = History { changes, seconds, digest: None };
                let found = history.lifetime(bounds);
                assert!(found >= bounds.min && found <= bounds.max.max(bounds.min), "{found:?}");
                let next = history.after(&check(60, Change::Silent), bounds).lifetime(bounds);
                assert!(next >= bounds.min && next <= bounds.max.max(bounds.min), "{next:?}");
            }
        }
    }
}

#[test]
fn outdated_hits_follow_from_changes_in_a_lifetime() {
    for (x, share) in [(0.0, 0.0), (0.02, 0.01), (0.103, 0.05), (0.215, 0.1), (50.0, 0.98)] {
        assert!((outdated(x) - share).abs() < 0.001, "{x}: {}", outdated(x));
    }
}

/// Advice tells what the process would have told: checks of content that changes once an hour.
#[test]
fn advice_finds_the_rate_and_what_it_costs() {
    // In 60 s something changes with a probability of 1 - e^(-1/60), that is 1.65 %.
    let watch = Watch { checks: 100_000, silent: 1653, seconds: 6_000_000, ..Watch::default() };
    let watch = Watch { granted: 5_000_000, ..watch };
    let advice = watch.advice(5).expect("it is enough");
    assert!((advice.now - 50.0).abs() < 0.1, "{advice:?}");
    assert!((advice.ttl - 360.0).abs() < 4.0, "5 % of 3600 s, twice: {advice:?}");
    assert!((advice.saved - (1.0 - 60.0 / 370.0)).abs() < 0.002, "{advice:?}");
    assert!((advice.stale_then - 0.048).abs() < 0.002, "{advice:?}");
    assert!((advice.stale_now - 0.0069).abs() < 0.001, "{advice:?}");
    assert_eq!(Watch { checks: 19, seconds: 1000, ..Watch::default() }.advice(5), None);
    assert!(Watch { checks: 20, seconds: 1000, ..Watch::default() }.advice(5).is_some());
    let never = Watch { checks: 50, seconds: 3000, granted: 3000, ..Watch::default() };
    let advice = never.advice(5).expect("it is enough");
    assert!(advice.ttl > 300.0 && advice.ttl < 1000.0, "no change is not never: {advice:?}");
}

/// At equal staleness, how many fetches of the origin the estimator saves against the fixed
/// lifetime that is exactly as stale.
#[test]
fn fewer_fetches_at_equal_staleness() {
    let site = Site::new(7);
    let fixed: Vec<Outcome> = FIXED.map(|secs| site.run(Policy::Fixed(secs))).to_vec();
    println!("\n{:<24}{:>12}{:>12}", "lifetime", "fetched %", "outdated %");
    for (seconds, outcome) in FIXED.iter().zip(&fixed) {
        println!("{:<24}{}", format!("{seconds} s"), outcome.row());
    }
    println!("\n{:<24}{:>12}{:>12}{:>24}", "auto", "fetched %", "outdated %", "fixed, as stale, %");
    for staleness in [2, 5, 10] {
        let found = site.run(Policy::Auto(Bounds { staleness, ..Bounds::default() }));
        let equal = process::as_stale(&fixed, found.stale());
        let saved = 100.0 * (1.0 - found.fetched() / equal);
        let name = format!("aim {staleness} %");
        println!("{name:<24}{}{equal:>14.1}, saved {saved:>4.1} %", found.row());
        assert!(saved > 20.0, "{staleness} %: {found:?}, a fixed lifetime {equal}");
        assert!(found.stale() < 1.3 * f64::from(staleness), "{staleness} %: {found:?}");
    }
}

/// Where each change is purged, nothing is outdated and hardly anything is fetched.
#[test]
fn purged_changes_allow_long_lifetimes() {
    let site = Site { purges: true, ..Site::new(7) };
    let found = site.run(Policy::Auto(Bounds::default()));
    let short = site.run(Policy::Fixed(60.0));
    println!("\npurged: auto {} fixed 60 s {}", found.row(), short.row());
    assert!(found.stale() == 0.0 && found.fetched() * 2.0 < short.fetched(), "{found:?}");
}

const FIXED: [f64; 9] = [5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
