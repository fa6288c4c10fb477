//! The purge ledger of a data centre, where there is no Redis.
//!
//! It is an object in the platform's cache with the members and scores that Redis would hold. The
//! platform has no transactions: two purges in the same moment may lose one, so a purge reads its
//! record back. Losing the object starts another epoch, and what was stored before is dead.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use worker::Delay;

use super::js;
use super::platform::Place;
use crate::cache::Time;
use crate::cache::entry::Entry;
use crate::cache::exchange::Fault;
use crate::cache::ledger::{
    Bucket, Due, Epoch, Mirror, Page, Receipt, Record, Sequence, Stamp, Subject,
};
use crate::cache::policy::Standing;
use crate::cache::sort::sort_by;
use crate::redis::{Failure, Purged, Trust};

/// The ledger as this isolate knows it.
#[derive(Debug)]
pub(super) struct Colo {
    place: Place,
    visibility: Duration,
    mirror: RefCell<Mirror>,
    beginning: Cell<Beginning>,
}

/// Whether a request of this isolate begins an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Beginning {
    #[default]
    None,
    UnderWay,
}

impl Colo {
    pub fn new(namespace: &str, visibility: Duration) -> Self {
        let (mirror, beginning) = (RefCell::default(), Cell::default());
        Self { place: Place::of_ledger(namespace), visibility, mirror, beginning }
    }

    /// Brings the mirror up to date, if it is due.
    pub async fn sync(&self) -> Result<(), Failure> {
        let due = self.mirror.borrow().due(js::now(), self.visibility);
        match due {
            true => self.catch_up().await,
            false => Ok(()),
        }
    }

    /// Brings the mirror up to date in any case.
    pub async fn catch_up(&self) -> Result<(), Failure> {
        let sent = js::now();
        let book = self.read_or_begin().await?;
        self.learn(&book, sent)
    }

    /// Brings the mirror up to date, if it is about to be due.
    pub async fn sync_ahead(&self) -> Result<(), Failure> {
        let sent = js::now();
        if self.mirror.borrow_mut().look_ahead(sent, self.visibility) != Due::Ask {
            return Ok(());
        }
        let book = self.read_or_begin().await?;
        self.learn(&book, sent)
    }

    /// Whether the mirror can be trusted as it is, and for how long.
    pub fn trust(&self) -> Trust {
        let (mirror, now) = (self.mirror.borrow(), js::now());
        match (mirror.due(now, self.visibility), mirror.ages(now, self.visibility)) {
            (true, _) => Trust::Over,
            (false, true) => Trust::Ending,
            (false, false) => Trust::Holds,
        }
    }

    /// What the ledger says of an entry.
    pub fn judge(&self, entry: &Entry) -> Standing {
        let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
        self.mirror.borrow().judge(&subject)
    }

    /// The ledger's position, before a fetch.
    pub fn stamp(&self) -> Stamp {
        self.mirror.borrow().stamp()
    }

    /// Whether a copy in memory may be of a URL that was changed after the ledger stood at `as_of`.
    pub fn outdates(&self, bucket: Bucket, as_of: Stamp) -> bool {
        self.mirror.borrow().outdates(bucket, as_of)
    }

    /// Another number whenever this isolate knows something else of the ledger.
    pub fn revision(&self) -> u64 {
        self.mirror.borrow().revision()
    }

    /// Records purges and reads them back.
    pub async fn purge(&self, records: &[Record]) -> Result<Purged, Failure> {
        let members: Vec<String> = records.iter().map(Record::member).collect();
        let (stamp, new) = self.enter(&members).await?;
        Ok(Purged::Recorded(Receipt::new(vec![stamp]), new))
    }

    /// Tells the memory of other isolates that a URL was changed (RFC 9111 §4.4).
    pub async fn change(&self, bucket: Bucket) -> Result<(), Failure> {
        self.enter(&[bucket.member()]).await.map(drop)
    }

    /// Enters members under the next sequence, and tells how many of them are new.
    async fn enter(&self, members: &[String]) -> Result<(Stamp, usize), Failure> {
        for _ in 0..PURGE_TRIES {
            let mut book = self.read_or_begin().await?;
            let sequence = book.sequence.saturating_add(1);
            book.sequence = sequence;
            let new = members.iter().filter(|it| !book.records.contains_key(*it)).count();
            book.records.extend(members.iter().map(|member| (member.clone(), sequence)));
            book.trim();
            let sent = js::now();
            self.place.write(&js::bytes(book.to_text().as_bytes()), KEEP).await?;
            let seen = self.read_or_begin().await?;
            let held = |member: &String| {
                seen.records.get(member).is_some_and(|&score| score >= sequence)
                    || seen.floor >= sequence
            };
            if seen.epoch == book.epoch && members.iter().all(held) {
                self.learn(&seen, sent)?;
                let (epoch, sequence) = (Epoch(book.epoch), Sequence(sequence));
                return Ok((Stamp { epoch, sequence }, new));
            }
        }
        Err(Failure {
            fault: Fault::Refused,
            detail: "the data centre's cache did not keep the purge".into(),
        })
    }

    async fn read_or_begin(&self) -> Result<Book, Failure> {
        for _ in 0..BEGIN_LOOKS {
            if let Some(book) = self.read().await? {
                return Ok(book);
            }
            match self.beginning.get() {
                // Another request of this isolate is at it; two would begin two epochs.
                Beginning::UnderWay => Delay::from(BEGIN_PAUSE).await,
                Beginning::None => break,
            }
        }
        // One that was killed at it will not end it.
        self.begin().await
    }

    async fn read(&self) -> Result<Option<Book>, Failure> {
        Ok(self.place.read().await?.and_then(|bytes| Book::parse(&bytes.to_vec())))
    }

    /// Begins an epoch, and goes by what is there then: another isolate may have begun one, too.
    async fn begin(&self) -> Result<Book, Failure> {
        self.beginning.set(Beginning::UnderWay);
        let begun = self.write_and_read().await;
        self.beginning.set(Beginning::None);
        begun
    }

    async fn write_and_read(&self) -> Result<Book, Failure> {
        let book = Book { epoch: js::random().max(1), ..Book::default() };
        self.place.write(&js::bytes(book.to_text().as_bytes()), KEEP).await?;
        Ok(self.read().await?.unwrap_or(book))
    }

    fn learn(&self, book: &Book, sent: Time) -> Result<(), Failure> {
        let page = book.page();
        let mut mirror = self.mirror.borrow_mut();
        // A book is always read whole, so it may replace whatever was known.
        let lower = mirror.stamp().sequence > Sequence(book.sequence);
        if lower && mirror.stamp().epoch == Epoch(book.epoch) {
            mirror.start_over(Epoch(book.epoch));
        }
        mirror.apply(page, Sequence(0), sent);
        Ok(())
    }
}

/// The ledger's contents.
#[derive(Clone, Debug, Default)]
struct Book {
    epoch: u64,
    sequence: u64,
    floor: u64,
    records: BTreeMap<String, u64>,
}

impl Book {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        let mut head = lines.next()?.split(' ').map(|number| number.parse::<u64>().ok());
        let (epoch, sequence, floor) = (head.next()??, head.next()??, head.next()??);
        let records = lines.map(|line| {
            let (score, member) = line.split_once(' ')?;
            Some((member.to_owned(), score.parse().ok()?))
        });
        Some(Self { epoch, sequence, floor, records: records.collect::<Option<_>>()? })
    }

    fn to_text(&self) -> String {
        let mut text = format!("{} {} {}\n", self.epoch, self.sequence, self.floor);
        for (member, score) in &self.records {
            text.push_str(&format!("{score} {member}\n"));
        }
        text
    }

    fn page(&self) -> Page {
        let epoch = format!("~{:016x}", self.epoch);
        let (sequence, floor) = (self.sequence.to_string(), self.floor.to_string());
        let records =
            self.records.iter().map(|(member, score)| (member.clone(), score.to_string()));
        let head = [(epoch, sequence), ("!".to_owned(), floor)];
        let pairs: Vec<_> = head.into_iter().chain(records).collect();
        Page::parse(pairs.iter().map(|(m, s)| (m.as_str(), s.as_str()))).unwrap_or(Page::Absent)
    }

    /// Drops the oldest records above the bound; entries older than those count as purged.
    fn trim(&mut self) {
        let excess = self.records.len().saturating_sub(RECORDS_MAX);
        if excess == 0 {
            return;
        }
        let mut scores: Vec<u64> = self.records.values().copied().collect();
        sort_by(&mut scores, u64::cmp);
        let last = excess.checked_sub(1).and_then(|index| scores.get(index));
        self.floor = self.floor.max(last.copied().unwrap_or(0));
        let floor = self.floor;
        self.records.retain(|_, score| *score > floor);
    }
}

/// Two seconds at the least.
const BEGIN_LOOKS: u32 = 40;
const BEGIN_PAUSE: Duration = Duration::from_millis(50);
const KEEP: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const PURGE_TRIES: u32 = 5;
/// Changes have room beside purges.
const RECORDS_MAX: usize = 2_048 + Bucket::COUNT as usize;
