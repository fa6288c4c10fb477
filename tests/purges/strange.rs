//! A ledger with members that nobody of ours has written: too much is purged, too little never,
//! and the cache goes on.

use breadbox::cache::exchange::Outcome;
use breadbox::cache::policy::Standing;
use breadbox::redis::Shared;
use futures_util::FutureExt;

use super::reclaim::{redis, wire};
use super::straight::{Straight, isolate, key, store, tagged};

#[test]
fn a_member_that_is_not_text_purges_what_is_older_and_nothing_else() {
    let redis = redis();
    let (known, mut direct) = (isolate(redis.port(), None), wire(&redis));
    store(&known, 1, 1, b"older");
    purge(&known, 8);
    direct.ask(&[b"ZADD", LEDGER, b"1", b"ht:caf\xff"]).expect("a reply");
    purge(&known, 9);
    store(&known, 2, 2, b"newer");
    for reader in [isolate(redis.port(), None), isolate(redis.port(), None)] {
        assert_eq!(standing(&reader, 1), Some(Standing::Dead));
        assert_eq!(standing(&reader, 2), Some(Standing::Clean));
        assert_eq!((reader.strange(), reader.strange()), (1, 0), "it is told of once");
        assert_eq!(standing(&reader, 2), Some(Standing::Clean));
        assert_eq!(reader.strange(), 0, "what is behind the cursor is not met again");
    }
}

/// Above the epoch it would be taken for the epoch itself by every script.
#[test]
fn a_ledger_with_something_else_on_top_begins_anew() {
    for (score, member) in [("99", &b"ht:x"[..]), ("inf", b"\xff"), ("99.5", b"~nonsense")] {
        for purged_first in [false, true] {
            let redis = redis();
            let (known, mut direct) = (isolate(redis.port(), None), wire(&redis));
            store(&known, 1, 1, b"older");
            direct.ask(&[b"ZADD", LEDGER, score.as_bytes(), member]).expect("a reply");
            if purged_first {
                purge(&isolate(redis.port(), None), 5);
            }
            assert_eq!(standing(&known, 1), Some(Standing::Dead), "{score}");
            store(&known, 2, 2, b"newer");
            assert_eq!(standing(&known, 2), Some(Standing::Clean), "{score}");
            purge(&known, 2);
            assert_eq!(standing(&isolate(redis.port(), None), 2), Some(Standing::Dead), "{score}");
        }
    }
}

fn purge(isolate: &Shared<Straight>, tag: u64) {
    isolate.purge(&[tagged(tag)], tag).now_or_never().expect("at once").expect("a receipt");
}

fn standing(isolate: &Shared<Straight>, number: u64) -> Option<Standing> {
    match isolate.get(&key(number), 9).now_or_never().expect("at once").expect("a reply") {
        Outcome::Found(found) => Some(found.standing),
        _ => None,
    }
}

const LEDGER: &[u8] = b"{m:0}:ledger";
