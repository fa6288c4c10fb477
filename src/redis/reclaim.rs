//! Physical reclaim: what the ledger has declared dead is deleted, a slice at a time.
//!
//! Nothing depends on it but memory: a purged entry is dead wherever it lies. A sweep goes over all
//! keys once after the ledger has changed; its progress is kept in Redis, so that whoever comes
//! next goes on.

use bytes::Bytes;

use super::ledger::CANARY;
use super::rest::Last;
use super::stored::plain;
use super::{Failure, Haste, Reply, Shared, Wire};
use crate::cache::entry::{Beginning, MARKS};
use crate::cache::ledger::{Epoch, Sequence, Stamp, Subject};
use crate::cache::policy::Standing;

/// What a slice of a sweep came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Entries looked at.
    pub seen: u64,
    /// Entries deleted.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Commands that this took: one subrequest each.
    pub commands: u64,
}

/// How far a sweep has come, and up to which purge the last whole one went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// `SCAN`'s cursor; empty between sweeps.
    cursor: String,
    /// The ledger as of the sweep's beginning.
    since: Stamp,
}

/// An entry that may have to go.
pub(super) struct Doomed {
    key: String,
    marks: [u32; 2],
    bytes: u64,
}

impl<W: Wire> Shared<W> {
    /// Deletes dead entries, with at most about so many commands. It begins at a shard by chance,
    /// so that none is always the last.
    pub async fn reclaim(&self, commands: u64, seed: u64) -> Result<Reclaimed, Failure> {
        let shards = self.more.len().saturating_add(1);
        let first = usize::try_from(seed.checked_rem(shards as u64).unwrap_or(0)).unwrap_or(0);
        let mut done = Reclaimed::default();
        for shard in (first..shards).chain(0..first) {
            if done.commands < commands {
                self.sync(shard, seed, Haste::Background).await?;
                self.sweep(shard, commands, seed, &mut done).await?;
            }
        }
        Ok(done)
    }

    async fn sweep(
        &self,
        shard: usize,
        most: u64,
        seed: u64,
        done: &mut Reclaimed,
    ) -> Result<(), Failure> {
        let name = self.keys.progress(shard);
        let kept = self.rest.command(&["GET", &name], Haste::Background, self.clock).await?;
        done.commands = done.commands.saturating_add(2);
        let mut progress = Progress::read(&kept);
        let newest = self.shard_mirror(shard).newest(CANARY);
        if progress.cursor.is_empty() {
            if progress.since == newest {
                return Ok(());
            }
            progress = Progress { cursor: "0".to_owned(), since: newest };
        }
        while !progress.cursor.is_empty() && done.commands.saturating_add(SLICE) <= most {
            let (cursor, names) = self.next_names(shard, &progress.cursor).await?;
            progress.cursor = if cursor == "0" { String::new() } else { cursor };
            let doomed = self.doomed(shard, names, seed, done).await?;
            let gone = self.unlink(&name, &progress, &doomed).await?;
            done.commands = done.commands.saturating_add(2);
            done.entries = done.entries.saturating_add(gone);
            // A rival may have been faster with some; then the bytes are an estimate.
            let bytes = doomed.iter().map(|doomed| doomed.bytes).sum::<u64>();
            done.bytes = done.bytes.saturating_add(bytes);
        }
        Ok(())
    }

    /// The next cursor, and the names of entries from this one on.
    pub(super) async fn next_names(
        &self,
        shard: usize,
        cursor: &str,
    ) -> Result<(String, Vec<String>), Failure> {
        let pattern = self.keys.entries(shard);
        let scan = ["SCAN", cursor, "MATCH", &pattern, "COUNT", SCAN_COUNT];
        let reply = self.rest.command(&scan, Haste::Background, self.clock).await?;
        scanned(&reply).ok_or_else(|| Failure::malformed("SCAN"))
    }

    /// Those entries that the ledger has declared dead.
    async fn doomed(
        &self,
        shard: usize,
        names: Vec<String>,
        seed: u64,
        done: &mut Reclaimed,
    ) -> Result<Vec<Doomed>, Failure> {
        done.seen = done.seen.saturating_add(names.len() as u64);
        let (read, looks) = self.beginnings(names).await?;
        done.commands = done.commands.saturating_add(looks);
        let known = self.shard_mirror(shard).stamp().epoch;
        if read.iter().any(|(_, beginning)| beginning.stamp.epoch != known) {
            // Older than the ledger, or newer than what is known of it: that must be told apart.
            self.sync(shard, seed, Haste::Background).await?;
            done.commands = done.commands.saturating_add(1);
        }
        let mirror = self.shard_mirror(shard);
        let dead = |Beginning { stamp, key, tags }: &Beginning| {
            mirror.judge(&Subject { stamp: *stamp, key, tags }) == Standing::Dead
        };
        Ok(read.into_iter().filter(|(_, it)| dead(it)).map(|(doomed, _)| doomed).collect())
    }

    /// How entries begin that are whole so far, and how many looks that took.
    pub(super) async fn beginnings(
        &self,
        mut names: Vec<String>,
    ) -> Result<(Vec<(Doomed, Beginning)>, u64), Failure> {
        let (mut read, mut looks) = (Vec::new(), 0);
        for last in [SHORT, LONG] {
            if names.is_empty() {
                break;
            }
            let heads = self.heads(&names, last).await?;
            looks = u64::saturating_add(looks, 1);
            let mut short = Vec::new();
            for (key, (head, bytes)) in names.into_iter().zip(heads) {
                match candidate(&head) {
                    Some((marks, beginning)) => {
                        read.push((Doomed { key, marks, bytes }, beginning));
                    }
                    None => short.push(key),
                }
            }
            names = short;
        }
        Ok((read, looks))
    }

    async fn heads(&self, names: &[String], last: &str) -> Result<Vec<(Bytes, u64)>, Failure> {
        let args = [last.to_owned()];
        let reply = self.eval(|s| &s.heads, names, &args, Last::None, Haste::Background).await?;
        let malformed = || Failure::malformed("heads");
        let Reply::Array(parts) = reply else { return Err(malformed()) };
        let pairs = parts.chunks_exact(2).map(|pair| match pair {
            [Reply::Bulk(head), Reply::Integer(length)] => {
                Some((head.clone(), length.unsigned_abs()))
            }
            _ => None,
        });
        pairs.collect::<Option<_>>().ok_or_else(malformed)
    }

    async fn unlink(
        &self,
        name: &str,
        progress: &Progress,
        doomed: &[Doomed],
    ) -> Result<u64, Failure> {
        let mut keys = vec![name.to_owned()];
        let mut args = vec![progress.text(), PROGRESS_MS.to_owned()];
        for Doomed { key, marks, .. } in doomed {
            keys.push(key.clone());
            args.extend(marks.map(|mark| mark.to_string()));
        }
        let reply = self.eval(|s| &s.reclaim, &keys, &args, Last::None, Haste::Background).await?;
        match reply {
            Reply::Integer(gone) => Ok(gone.unsigned_abs()),
            _ => Err(Failure::malformed("reclaim")),
        }
    }
}

impl Progress {
    fn read(reply: &Reply) -> Self {
        let parsed = reply.text().and_then(|text| {
            let mut words = text.split(' ');
            let (cursor, epoch, sequence) = (words.next()?, words.next()?, words.next()?);
            let cursor = if cursor == "-" { "" } else { cursor };
            let sequence = Sequence(sequence.parse().ok()?);
            let since = Stamp { epoch: Epoch::parse(epoch)?, sequence };
            Some(Self { cursor: cursor.to_owned(), since })
        });
        parsed.unwrap_or_default()
    }

    fn text(&self) -> String {
        let cursor = if self.cursor.is_empty() { "-" } else { &self.cursor };
        format!("{cursor} {} {}", self.since.epoch, self.since.sequence.0)
    }
}

/// The cursor and the names of `SCAN`'s reply.
fn scanned(reply: &Reply) -> Option<(String, Vec<String>)> {
    let Reply::Array(parts) = reply else { return None };
    let [cursor, Reply::Array(names)] = parts.as_slice() else { return None };
    let cursor = match cursor {
        Reply::Integer(number) => number.to_string(),
        other => other.text()?,
    };
    Some((cursor, names.iter().map(Reply::text).collect::<Option<_>>()?))
}

/// What an entry's beginning says, if it is whole, and the numbers by which the script knows the
/// entry: those of the bytes as they are stored.
fn candidate(stored: &Bytes) -> Option<([u32; 2], Beginning)> {
    let at = |byte: usize| {
        let four = stored.get(byte..byte.checked_add(4)?)?;
        Some(u32::from_be_bytes(four.try_into().ok()?))
    };
    let [one, other] = MARKS;
    let beginning = Beginning::read(&plain(stored).ok()?)?;
    Some(([at(one)?, at(other)?], beginning))
}

/// A slice takes a `SCAN`, up to two looks at beginnings and one at the ledger, and the deletion.
const SLICE: u64 = 5;

/// About how many keys a slice goes over.
const SCAN_COUNT: &str = "250";

/// Up to which byte an entry is read: most have their tags within the first, all within the second.
const SHORT: &str = "767";
const LONG: &str = "32767";

/// Progress that nobody took up for a day starts over.
const PROGRESS_MS: &str = "86400000";
