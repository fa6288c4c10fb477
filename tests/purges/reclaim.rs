//! Reclaim: what was purged goes, what was not stays, and so does what came in between.

use breadbox::cache::exchange::Outcome;
use breadbox::cache::policy::Standing;
use breadbox::redis::Reclaimed;
use futures_util::FutureExt;
use xtask::harness::{Redis, Wire};

use super::server::name_of;
use super::straight::{isolate, key, store, tagged};

#[test]
fn a_sweep_deletes_what_was_purged_and_nothing_else() {
    let redis = redis();
    let (known, mut direct) = (isolate(redis.port(), None), wire(&redis));
    for number in 0..PAGES {
        store(&known, number, number % 10, b"old");
    }
    known.purge(&[tagged(3), tagged(7)], 1).now_or_never().expect("at once").expect("a receipt");
    store(&known, 3, 3, b"newer");
    let (mut all, mut events) = (Reclaimed::default(), 0);
    loop {
        // Each event is another isolate's: what is left to do is known from Redis.
        let another = isolate(redis.port(), None);
        let done = another.reclaim(EVENT, 5).now_or_never().expect("at once").expect("a slice");
        assert!(done.commands <= EVENT + 2, "{done:?}");
        (all.seen, all.entries) = (all.seen + done.seen, all.entries + done.entries);
        all.bytes += done.bytes;
        if done.seen == 0 {
            break;
        }
        events += 1;
    }
    assert!(events > 1, "one event had time for everything");
    assert!(all.seen >= PAGES, "{all:?}");
    assert_eq!(all.entries, PAGES / 5 - 1, "{all:?}");
    assert!(all.bytes > all.entries * 100, "{all:?}");
    let left = direct.keys("{m:0}:e:*").expect("names").len() as u64;
    assert_eq!(left, PAGES - PAGES / 5 + 1);
    let idle = known.reclaim(EVENT, 5).now_or_never().expect("at once").expect("nothing to do");
    assert_eq!((idle.seen, idle.commands), (0, 2), "the sweep began anew for nothing");
}

/// Between the look at an entry and its deletion another is stored under the same key.
#[test]
fn a_newer_entry_is_not_deleted() {
    let redis = redis();
    let port = redis.port();
    let known = isolate(port, None);
    store(&known, 1, 1, b"old");
    known.purge(&[tagged(1)], 1).now_or_never().expect("at once").expect("a receipt");
    let script = name_of(include_str!("../../src/redis/scripts/reclaim.lua"));
    let happens = move || store(&isolate(port, None), 1, 1, b"newer");
    let sweeper = isolate(port, Some((script, Box::new(happens))));
    let done = sweeper.reclaim(EVENT, 5).now_or_never().expect("at once").expect("a slice");
    assert_eq!((done.seen, done.entries), (1, 0), "{done:?}");
    let found = known.get(&key(1), 9).now_or_never().expect("at once").expect("a reply");
    let Outcome::Found(found) = found else { panic!("the newer entry is gone") };
    assert_eq!((&found.body[..], found.standing), (&b"newer"[..], Standing::Clean));
}

pub fn redis() -> Redis {
    let program = xtask::tools::redis_program().expect("a redis-server");
    let logs = xtask::places::test_run().expect("a directory for logs");
    Redis::start(&program, &logs).expect("redis-server starts")
}

pub fn wire(redis: &Redis) -> Wire {
    Wire::open(redis.port()).expect("it accepts")
}

const PAGES: u64 = 2_000;

/// Commands of one event: enough for two slices.
const EVENT: u64 = 12;
