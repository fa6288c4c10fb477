//! Eviction cannot undo a purge: entries, leases and the ledger go as each policy of Redis likes.
//!
//! `PURGE_EVICTION=40000 cargo test --release --test purges eviction` is the full size.

use breadbox::cache::exchange::{Fault, Outcome};
use breadbox::cache::ledger::Record;
use breadbox::cache::policy::Standing;
use breadbox::redis::Shared;
use futures_util::FutureExt;
use xtask::harness::{Redis, Value, Wire};

use super::straight::{Straight, isolate, key, store, tagged};

#[test]
fn eviction_undoes_no_purge() {
    let entries = super::number("PURGE_EVICTION").unwrap_or(ENTRIES);
    let program = xtask::tools::redis_program().expect("a redis-server");
    for policy in POLICIES {
        let logs = xtask::places::test_run().expect("a directory for logs");
        let redis = Redis::start(&program, &logs).expect("redis-server starts");
        let mut course = Course::new(&redis, entries);
        course.fill();
        course.purge();
        course.press(policy);
        let evicted = course.direct.figure("stats", "evicted_keys").expect("a figure");
        let ledger = course.direct.ask(&[b"EXISTS", b"{m:0}:ledger"]).expect("a reply");
        let ledger = if ledger == Value::Number(1) { "kept" } else { "evicted" };
        let left = course.direct.keys("{m:0}:e:*").expect("names").len();
        let told = course.read();
        super::say(&format!(
            "{policy}: {evicted} keys evicted, {left} entries left, ledger {ledger}; of {} purged \
             entries {} are back in service, of {} others {} are still hits",
            told.purged, told.back, told.spared, told.hits,
        ));
        assert_eq!(told.back, 0, "{policy}: purged entries are back in service");
        assert!(evicted > 0 || policy == "noeviction", "{policy}: there was no pressure");
        if policy == "noeviction" {
            assert_eq!(told.hits, told.spared, "without eviction hits go on");
            let refused = course.known.purge(&[tagged(1)], 1).now_or_never().expect("at once");
            let fault = refused.expect_err("a full Redis takes no purge").fault;
            assert_eq!(fault, Fault::Refused, "the caller is told");
        }
    }
}

/// A Redis that is filled, purged and put under pressure.
struct Course {
    entries: u64,
    tags: u64,
    /// The bytes that an empty server needs.
    empty: u64,
    direct: Wire,
    /// An isolate that knows all that happened.
    known: Shared<Straight>,
    port: u16,
}

/// What readers saw.
struct Told {
    purged: u64,
    back: u64,
    spared: u64,
    hits: u64,
}

impl Course {
    fn new(redis: &Redis, entries: u64) -> Self {
        let port = redis.port();
        let mut direct = Wire::open(port).expect("it accepts");
        let empty = direct.figure("memory", "used_memory").expect("a figure");
        Self { entries, tags: entries / 20, empty, direct, known: isolate(port, None), port }
    }

    fn fill(&self) {
        for number in 0..self.entries {
            store(&self.known, number, number % self.tags, BODY);
        }
    }

    /// Purges every other tag.
    fn purge(&self) {
        let records: Vec<Record> = (0..self.tags).step_by(2).map(tagged).collect();
        for batch in records.chunks(100) {
            let purged = self.known.purge(batch, 1).now_or_never().expect("at once");
            purged.expect("an acknowledgement");
        }
    }

    /// Writes values that expire until half of what is stored has had to go.
    fn press(&mut self, policy: &str) {
        let used = self.direct.figure("memory", "used_memory").expect("a figure");
        let settings: [(&[u8], String); 2] =
            [(b"maxmemory-policy", policy.to_owned()), (b"maxmemory", used.to_string())];
        for (name, value) in settings {
            let set = self.direct.ask(&[b"CONFIG", b"SET", name, value.as_bytes()]);
            set.expect("Redis takes the setting");
        }
        let filler = [b'x'; 1024];
        for number in 0..used.saturating_sub(self.empty) / 2 / 1024 {
            let name = format!("other:{number}");
            let words: [&[u8]; 5] = [b"SET", name.as_bytes(), &filler, b"EX", b"3000"];
            self.direct.call(&words).expect("a reply, if only that it is full");
        }
    }

    /// Reads everything, with an isolate that knows the past and with one that does not.
    fn read(&self) -> Told {
        let mut told = Told { purged: 0, back: 0, spared: 0, hits: 0 };
        let newcomer = isolate(self.port, None);
        for number in 0..self.entries {
            let purged = (number % self.tags).is_multiple_of(2);
            let key = key(number);
            let served = [&self.known, &newcomer].map(|isolate| {
                // An epoch that begins now must be another than the one that the fills began.
                let seed = RENEWED + number;
                let found = isolate.get(&key, seed).now_or_never().expect("at once");
                match found.expect("reads go on") {
                    Outcome::Found(found) => found.standing == Standing::Clean,
                    _ => false,
                }
            });
            let count = u64::from(served.contains(&true));
            let (all, some) = match purged {
                true => (&mut told.purged, &mut told.back),
                false => (&mut told.spared, &mut told.hits),
            };
            *all += 1;
            *some += count;
        }
        told
    }
}

const BODY: &[u8] = &[b'b'; 200];

/// Where the seeds of readers begin, far from those of fills.
const RENEWED: u64 = 1 << 32;

const POLICIES: [&str; 8] = [
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];

/// Entries in an ordinary run.
const ENTRIES: u64 = 1_000;
