//! An isolate with a connection of its own, and no scheduler in between: each command is answered
//! at once.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::Outcome;
use breadbox::cache::family::Generation;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{Mode, Record, Selector, Stamp};
use breadbox::cache::tuning::History;
use breadbox::cache::{Lifetime, ResponseHead, Time};
use breadbox::config::{RedisDialect, RedisSettings};
use breadbox::redis::{self, Failure, Shared};
use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use xtask::harness::{Value, Wire};

use super::line::{ROOT, encoded, parse};
use super::server::Command;

/// What happens just before a command with a certain word is sent.
pub type Interruption = (String, Box<dyn FnOnce()>);

/// The connection.
pub struct Straight {
    wire: RefCell<Wire>,
    /// Something that comes in between, once.
    pub between: Cell<Option<Interruption>>,
}

impl redis::Wire for Straight {
    type Blob = Bytes;

    async fn post(
        &self,
        url: String,
        _headers: HeaderMap,
        body: Vec<u8>,
        _timeout: Duration,
    ) -> Result<(u16, Bytes), Failure> {
        let command = parse(&url, body);
        self.interrupt(&command);
        let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        let reply = self.wire.borrow_mut().call(&words).expect("Redis answers");
        let status = if matches!(reply, Value::Error(_)) { 400 } else { 200 };
        Ok((status, encoded(&reply)))
    }
}

impl Straight {
    fn interrupt(&self, command: &Command) {
        match self.between.take() {
            Some((marked, happens)) if command.iter().any(|word| word == marked.as_bytes()) => {
                happens();
            }
            other => self.between.set(other),
        }
    }
}

/// An isolate. Time stands still for it, and it trusts nothing that it has not just read.
pub fn isolate(port: u16, between: Option<Interruption>) -> Shared<Straight> {
    let settings = RedisSettings {
        url: ROOT.to_owned(),
        token: "t".to_owned(),
        dialect: RedisDialect::Upstash,
        timeout: Duration::from_secs(1),
        grace: Duration::ZERO,
        namespace: "m".to_owned(),
        shards: 1,
    };
    let wire = RefCell::new(Wire::open(port).expect("it accepts"));
    let straight = Straight { wire, between: Cell::new(between) };
    Shared::over(straight, &settings, Duration::ZERO, || NOW)
}

/// Stores a page as a fill does, under a lease.
pub fn store(isolate: &Shared<Straight>, number: u64, tag: u64, body: &[u8]) {
    let key = key(number);
    let lease = isolate.acquire(&key, Duration::from_secs(12), number + 1).now_or_never();
    let Some(Ok(Outcome::Granted { lease, .. })) = lease else { panic!("no lease on {key:?}") };
    let entry = entry(&key, lease.stamp, tag, body.len());
    let keep = Duration::from_secs(3600);
    let stored =
        isolate.store(&key, lease, &entry, &Bytes::copy_from_slice(body), keep).now_or_never();
    assert!(matches!(stored, Some(Ok(Outcome::Stored))), "{stored:?}");
}

/// A page's key.
pub fn key(number: u64) -> Key {
    Key::of_url(&format!("https://site.test/{number}"))
}

/// A purge of a tag.
pub fn tagged(tag: u64) -> Record {
    Record { mode: Mode::Hard, selector: Selector::Tag(format!("tag:{tag}")) }
}

fn entry(key: &Key, stamp: Stamp, tag: u64, length: usize) -> Entry {
    let hour = Duration::from_secs(3600);
    Entry {
        kind: Kind::Response,
        stamp,
        generation: Generation::NONE,
        generated: NOW,
        lifetime: Lifetime { fresh: hour, stale: hour, rescue: hour, keep: hour },
        fetch: Duration::ZERO,
        key: key.as_str().to_owned(),
        tags: vec![format!("tag:{tag}")],
        selecting: Vec::new(),
        head: ResponseHead { status: 200, headers: HeaderMap::new() },
        body_len: length as u64,
        history: History::default(),
    }
}

const NOW: Time = Time(1_800_000_000_000);
