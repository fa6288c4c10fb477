//! Jobs that warm pages: one at a time, its line and its list, of which nothing is there twice.

use std::time::Duration;

use super::{Failure, Haste, Replaced, Reply, Shared, Wire};
use crate::cache::warm::{Item, Job};

impl<W: Wire> Shared<W> {
    /// Over how many shards entries spread.
    pub fn shards(&self) -> usize {
        self.more.len().saturating_add(1)
    }

    /// The line of the job as it lies there; empty if there is none.
    pub async fn job_line(&self) -> Result<String, Failure> {
        let key = self.keys.job();
        let reply = self.rest.command(&["GET", &key], Haste::Background, self.clock).await?;
        Ok(reply.text().unwrap_or_default())
    }

    /// Replaces the line that was read, by nothing if there is no job.
    pub async fn replace_job(&self, before: &str, job: Option<&Job>) -> Result<Replaced, Failure> {
        let line = job.map(ToString::to_string).unwrap_or_default();
        self.replace(self.keys.job(), before, &line, KEEP).await
    }

    /// Adds what a job's list does not hold yet behind what it holds, and takes note of that.
    pub async fn add_items(&self, job: &mut Job, items: &[Item]) -> Result<(), Failure> {
        let key = self.keys.job_items(job.id);
        for items in items.chunks(AT_ONCE) {
            let texts = items
                .iter()
                .zip(job.known..)
                .map(|(item, place)| [place.to_string(), item.to_string()]);
            let head = ["ZADD", &key, "NX"].map(str::to_owned);
            let words: Vec<String> = head.into_iter().chain(texts.flatten()).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let added = match self.rest.command(&words, Haste::Background, self.clock).await? {
                Reply::Integer(added) => u32::try_from(added).unwrap_or(0),
                _ => return Err(Failure::malformed("ZADD")),
            };
            if job.known == 0 {
                let keep = KEEP.as_millis().to_string();
                let words = ["PEXPIRE", &key, &keep];
                self.rest.command(&words, Haste::Background, self.clock).await?;
            }
            job.known = job.known.saturating_add(added);
            if items.iter().all(|item| matches!(item, Item::Page(_))) {
                job.pages = job.pages.saturating_add(added);
            }
        }
        Ok(())
    }

    /// So many of the items that a job has not dealt with yet.
    pub async fn next_items(&self, job: &Job, count: u32) -> Result<Vec<Option<Item>>, Failure> {
        let (key, first) = (self.keys.job_items(job.id), job.done.to_string());
        let last = job.done.saturating_add(count).saturating_sub(1).to_string();
        let words = ["ZRANGE", &key, &first, &last];
        match self.rest.command(&words, Haste::Background, self.clock).await? {
            Reply::Array(items) => {
                Ok(items.iter().map(|item| Item::parse(&item.text()?)).collect())
            }
            _ => Err(Failure::malformed("ZRANGE")),
        }
    }

    /// Deletes the list of a job that needs it no longer.
    pub async fn drop_items(&self, job: u64) -> Result<(), Failure> {
        let key = self.keys.job_items(job);
        self.rest.command(&["UNLINK", &key], Haste::Background, self.clock).await.map(drop)
    }

    /// The pages among a slice of what is stored that carry a tag, those that were purged included,
    /// and the cursor of the next slice, which is 0 after the last.
    pub async fn tagged(
        &self,
        shard: usize,
        cursor: u64,
        tag: &str,
    ) -> Result<(u64, Vec<Item>), Failure> {
        let (next, names) = self.next_names(shard, &cursor.to_string()).await?;
        let next = next.parse().map_err(|_| Failure::malformed("SCAN"))?;
        let (read, _) = self.beginnings(names).await?;
        let carry = read.iter().filter(|(_, it)| it.tags.iter().any(|other| other == tag));
        Ok((next, carry.filter_map(|(_, it)| Item::of_key(&it.key)).collect()))
    }
}

/// For how long a job, or the memory of one, is kept.
const KEEP: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// So many items go in one command.
const AT_ONCE: usize = 1_000;
