//! The limit of a purger: what is free when, and in whose words a refusal is told.

use std::time::Duration;

use breadbox::cache::Time;
use breadbox::cache::exchange::Fault;
use breadbox::cache::purge::{Complaint, Dialect, Limit, Spending};

const LIMIT: Limit = Limit { rate: 20, burst: 100 };
const NOW: Time = Time(1_800_000_000_000);

fn at(millis: u64) -> Time {
    NOW.after(Duration::from_millis(millis))
}

#[test]
fn what_is_spent_at_once_comes_back_by_and_by() {
    let mut spending = Spending::default();
    spending.spend(LIMIT, 99, NOW);
    assert_eq!(spending.wait(LIMIT, NOW), None, "one is left");
    spending.spend(LIMIT, 11, NOW);
    assert_eq!(spending.wait(LIMIT, NOW), Some(Duration::from_millis(550)), "ten are owed");
    assert_eq!(spending.wait(LIMIT, at(499)), Some(Duration::from_millis(51)));
    assert_eq!(spending.wait(LIMIT, at(501)), None);
    spending.spend(LIMIT, 1, at(501));
    assert!(spending.wait(LIMIT, at(501)).is_some(), "that was all");
    assert_eq!(spending.wait(LIMIT, at(60_000)), None);
}

#[test]
fn a_purge_that_brings_nothing_new_counts_as_one() {
    let mut spending = Spending::default();
    for _ in 0..100 {
        assert_eq!(spending.wait(LIMIT, NOW), None);
        spending.spend(LIMIT, 0, NOW);
    }
    assert_eq!(spending.wait(LIMIT, NOW), Some(Duration::from_millis(50)));
}

#[test]
fn the_stores_word_is_believed_for_as_long_as_it_says() {
    let mut spending = Spending::default();
    spending.exhaust(LIMIT, Duration::from_millis(2_050), NOW);
    assert_eq!(spending.wait(LIMIT, NOW), Some(Duration::from_millis(2_050)));
    assert!(spending.wait(LIMIT, at(2_000)).is_some());
    assert_eq!(spending.wait(LIMIT, at(2_001)), None);
    // A clock that was set back keeps nobody waiting for ever.
    let wait = spending.wait(LIMIT, Time(0)).expect("a wait");
    assert!(wait <= LIMIT.whole() + LIMIT.each(), "{wait:?}");
}

#[test]
fn a_refusal_names_the_limit_and_says_when_to_come_back() {
    let complaint = Complaint::overspent("hook", LIMIT, Duration::from_millis(2_050));
    assert_eq!((complaint.status, complaint.code), (429, "too-many-purges"));
    for part in ["hook", "20", "100", "PURGE_RATE", "PURGE_BURST", "in 3 s"] {
        assert!(complaint.message.contains(part), "{part}: {}", complaint.message);
    }
    for dialect in [Dialect::Cloudflare, Dialect::Native, Dialect::Varnish] {
        let fields = dialect.refusal_fields(&complaint, NOW);
        assert_eq!(fields, [("retry-after", "3".to_owned())], "{dialect:?}");
    }
    let fields = Dialect::Fastly.refusal_fields(&complaint, at(1));
    let expected = [
        ("retry-after", "3"),
        ("fastly-ratelimit-remaining", "0"),
        ("fastly-ratelimit-reset", "1800000004"),
    ];
    assert_eq!(fields, expected.map(|(name, value)| (name, value.to_owned())));
    let told = |dialect: Dialect, place: &str| {
        dialect.refusal(&complaint).pointer(place).map(ToString::to_string)
    };
    assert_eq!(told(Dialect::Cloudflare, "/errors/0/code").as_deref(), Some("971"));
    assert_eq!(told(Dialect::Fastly, "/msg").as_deref(), Some("\"too-many-purges\""));
    assert_eq!(told(Dialect::Varnish, "/msg").as_deref(), Some("\"too-many-purges\""));
    assert_eq!(told(Dialect::Native, "/error/code").as_deref(), Some("\"too-many-purges\""));
}

/// A purge that was not recorded is one to repeat, soon.
#[test]
fn a_purge_that_did_not_reach_the_ledger_may_be_repeated() {
    let complaint = Complaint::unreached(Fault::Timeout);
    assert_eq!((complaint.status, complaint.code), (503, "ledger-unreachable"));
    let fields = Dialect::Native.refusal_fields(&complaint, NOW);
    assert_eq!(fields, [("retry-after", "1".to_owned())]);
}
