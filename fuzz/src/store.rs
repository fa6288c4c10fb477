//! What stores answer: entries, RESP2, and the REST protocol in all its dialects.

use std::cell::Cell;
use std::time::Duration;

use breadbox::cache::Time;
use breadbox::cache::entry::Entry;
use breadbox::cache::exchange::{Lease, Outcome, Reach};
use breadbox::cache::family::Generation;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{Epoch, Mode, Record, Selector, Sequence, Stamp};
use breadbox::cache::tally::Tally;
use breadbox::config::{RedisDialect, RedisSettings};
use breadbox::redis::{Failure, Reply, Shared, Wire};
use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;

/// What is read as an entry is written and read again as the same.
pub fn entry(bytes: &[u8]) {
    let Ok((entry, body)) = Entry::decode(bytes) else { return };
    let again = [&entry.encode(), &bytes[body..]].concat();
    assert_eq!(Entry::decode(&again).expect("what was written").0, entry);
}

/// Whatever a server answers is a reply or nothing.
pub fn resp(bytes: &[u8]) {
    let reply = Reply::parse(&Bytes::copy_from_slice(bytes));
    assert!(reply.is_none_or(|reply| reply.text().is_none_or(|text| text.len() <= bytes.len())));
    let _ = Tally::from_store(bytes);
}

/// Answers every command with the next line of the input.
struct Parrot<'a> {
    bytes: &'a [u8],
    asked: Cell<u32>,
}

impl Wire for Parrot<'_> {
    type Blob = Bytes;

    async fn post(
        &self,
        _url: String,
        _headers: HeaderMap,
        _body: Vec<u8>,
        _timeout: Duration,
    ) -> Result<(u16, Bytes), Failure> {
        let turn = self.asked.replace(self.asked.get() + 1) as usize;
        let parts: Vec<&[u8]> = self.bytes.split(|byte| *byte == 0).collect();
        let part = parts[turn % parts.len()];
        let status = [200, 200, 200, 400, 429, 500][turn % 6];
        Ok((status, Bytes::copy_from_slice(part)))
    }
}

/// No answer of a server makes a verb run on, or be granted what the server did not grant.
pub fn rest(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let dialects = [RedisDialect::Auto, RedisDialect::Compat, RedisDialect::Upstash];
    let settings = RedisSettings {
        url: "http://redis.test".to_owned(),
        token: "t".to_owned(),
        dialect: dialects[usize::from(*first) % 3],
        timeout: Duration::from_millis(250),
        grace: Duration::from_secs(60),
        namespace: "s".to_owned(),
        shards: 1,
    };
    let parrot = Parrot { bytes, asked: Cell::new(0) };
    let shared = Shared::over(parrot, &settings, Duration::from_secs(1), || Time(1_000_000));
    let key = Key::of_url("https://a.test/");
    let (span, stamp) = (Duration::from_secs(9), Stamp { epoch: Epoch(1), sequence: Sequence(1) });
    let (reach, generation) = (Reach::Everywhere, Generation::NONE);
    let lease = Lease { token: 7, stamp, reach, generation };
    let now = |future: &mut dyn FnMut() -> Option<bool>| assert!(future().is_some(), "it waits");
    let mut found = None;
    now(&mut || {
        found = Some(shared.get(&key, 3).now_or_never()?);
        Some(true)
    });
    if let Some(Ok(Outcome::Found(found))) = &found {
        assert_eq!(found.entry.body_len, found.body.len() as u64);
        let entry = found.entry.clone();
        now(&mut || {
            shared.store(&key, lease, &entry, &Bytes::new(), span).now_or_never().map(|_| true)
        });
    }
    now(&mut || shared.acquire(&key, span, 7).now_or_never().map(|_| true));
    now(&mut || shared.release(&key, lease, None).now_or_never().map(|_| true));
    let record = Record { mode: Mode::Hard, selector: Selector::All };
    now(&mut || shared.purge(std::slice::from_ref(&record), 5).now_or_never().map(|_| true));
}
