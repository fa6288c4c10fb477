//! The limit of a purger, as the script keeps it for all isolates.

use std::time::Duration;

use breadbox::cache::ledger::{Mode, Record, Selector};
use breadbox::cache::policy::Standing;
use breadbox::cache::purge::Limit;
use breadbox::redis::{Purged, Shared};
use futures_util::FutureExt;
use xtask::harness::{Value, Wire};

use super::reclaim::{redis, wire};
use super::straight::{Straight, isolate, key, store, tagged};

/// Without end nobody pushes out what others have purged, or what is stored: the floor stays.
#[test]
fn a_flood_of_new_selectors_is_refused_before_it_moves_the_floor() {
    let redis = redis();
    let (isolates, mut direct) = (isolates(redis.port()), wire(&redis));
    store(&isolates[0], 1, 1, b"kept");
    isolates[0].purge(&[tagged(7)], 1).now_or_never().expect("at once").expect("a receipt");
    let (mut accepted, mut refused) = (0, 0);
    for number in 0..1_000 {
        let records: Vec<Record> = (0..10).map(|n| new(number * 10 + n)).collect();
        match purge(&isolates[number % 2], "hook", &records) {
            Purged::Recorded(_, count) => accepted += count,
            Purged::Refused(limit, wait) => {
                assert_eq!(limit, LIMIT);
                assert!(wait > Duration::ZERO && wait <= LIMIT.each() * 11, "{wait:?}");
                refused += 1;
            }
        }
    }
    let at_once = LIMIT.burst as usize;
    assert!((at_once..at_once + 50).contains(&accepted), "{accepted} of {at_once}");
    assert!(refused > 900, "{refused}");
    let members = direct.ask(&[b"ZCARD", b"{m:0}:ledger"]).expect("a reply");
    assert_eq!(members, Value::Number(accepted as i64 + 2), "they, tag 7 and the epoch");
    let floor = direct.ask(&[b"ZSCORE", b"{m:0}:ledger", b"!"]).expect("a reply");
    assert_eq!(floor, Value::Nil, "there is no floor");
    assert_eq!(standing(&isolates[1], 1), Some(Standing::Clean), "what is stored lives on");
    // Another purger is another purger.
    let one = purge(&isolates[0], "@origin", &[tagged(1)]);
    assert!(matches!(one, Purged::Recorded(_, 1)), "{one:?}");
    assert_eq!(standing(&isolates[1], 1), Some(Standing::Dead));
}

#[test]
fn a_purge_that_is_repeated_moves_its_record_and_costs_one() {
    let redis = redis();
    let (isolates, mut direct) = (isolates(redis.port()), wire(&redis));
    let records: Vec<Record> = (0..20).map(new).collect();
    let mut accepted = 0;
    while let Purged::Recorded(_, count) = purge(&isolates[accepted % 2], "hook", &records) {
        assert_eq!(count, if accepted == 0 { 20 } else { 0 });
        accepted += 1;
        assert!(accepted < 200, "nobody is refused");
    }
    assert!((80..90).contains(&accepted), "one of 20 and 80 of 1 come to 100: {accepted}");
    let members = direct.ask(&[b"ZCARD", b"{m:0}:ledger"]).expect("a reply");
    assert_eq!(members, Value::Number(21), "20 records and the epoch");
}

/// What is refused leaves no trace, and what was spent frees itself.
#[test]
fn who_has_waited_may_purge_again() {
    let redis = redis();
    let (isolates, mut direct) = (isolates(redis.port()), wire(&redis));
    let many: Vec<Record> = (0..150).map(new).collect();
    assert!(matches!(purge(&isolates[0], "hook", &many), Purged::Recorded(_, 150)), "in debt");
    let ledger = |direct: &mut Wire| {
        direct.ask(&[b"ZRANGE", b"{m:0}:ledger", b"0", b"-1", b"WITHSCORES"]).expect("a reply")
    };
    let before = ledger(&mut direct);
    let Purged::Refused(_, wait) = purge(&isolates[1], "hook", &[tagged(3)]) else {
        panic!("beyond the limit")
    };
    assert!(wait > LIMIT.each() * 45, "what is owed comes first: {wait:?}");
    assert_eq!(ledger(&mut direct), before, "a refusal has recorded something");
    direct.ask(&[b"PEXPIRE", b"{m:0}:spent:hook", b"4000"]).expect("a reply");
    assert!(matches!(purge(&isolates[1], "hook", &[tagged(3)]), Purged::Recorded(_, 1)));
}

fn purge(isolate: &Shared<Straight>, purger: &str, records: &[Record]) -> Purged {
    let purged = isolate.purge_within(records, Some((purger, LIMIT)), 1).now_or_never();
    purged.expect("at once").expect("a reply")
}

fn standing(isolate: &Shared<Straight>, number: u64) -> Option<Standing> {
    match isolate.get(&key(number), 9).now_or_never().expect("at once").expect("a reply") {
        breadbox::cache::exchange::Outcome::Found(found) => Some(found.standing),
        _ => None,
    }
}

fn isolates(port: u16) -> [Shared<Straight>; 2] {
    [isolate(port, None), isolate(port, None)]
}

fn new(number: usize) -> Record {
    Record { mode: Mode::Hard, selector: Selector::Tag(format!("new:{number}")) }
}

/// Slow enough for a busy machine to come to its burst.
const LIMIT: Limit = Limit { rate: 20, burst: 100 };
