//! What the origin has published when, and whether an answer agrees with it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::origin::{Origin, Reply, Seen};

/// A site whose pages say which version of what they are.
#[derive(Debug)]
pub struct Published {
    /// The origin that serves it.
    pub origin: Origin,
    record: Arc<Record>,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrong {
    /// It is another page's, or nobody's.
    Foreign,
    /// It was purged for more than the bound when the request was sent.
    Purged,
    /// It was superseded for longer than anything may be served stale.
    Stale,
    /// Its end is missing.
    Torn,
    /// It was published after the answer came.
    Unborn,
}

/// What holds for every page of a site.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The `Cache-Control` of a path.
    pub cache_control: fn(&str) -> &'static str,
    /// For how long a version of a path may be served after the next one was published.
    pub stale: fn(&str) -> Duration,
    /// How long after its acknowledgement a purge may go unseen (the bound B).
    pub visibility: Duration,
}

#[derive(Debug)]
struct Record {
    terms: Terms,
    pages: Mutex<BTreeMap<String, Page>>,
}

#[derive(Debug)]
struct Page {
    /// When each version was published; the last one is current.
    versions: Vec<Instant>,
    /// Purges: when one was acknowledged, and the oldest version that may be served since.
    floors: Vec<(Instant, usize)>,
}

impl Published {
    /// Starts an origin that has any page that is asked for, in its first version.
    pub fn start(terms: Terms) -> Result<Self> {
        let record = Arc::new(Record { terms, pages: Mutex::default() });
        let shared = Arc::clone(&record);
        Ok(Self { origin: Origin::start(move |seen| shared.answer(seen))?, record })
    }

    /// Publishes the next version of a page; its number.
    pub fn publish(&self, path: &str) -> usize {
        self.record.with(path, |page| {
            page.versions.push(Instant::now());
            page.versions.len() - 1
        })
    }

    /// Takes note of an acknowledged purge that was sent when `version` was current.
    pub fn purged(&self, path: &str, version: usize, acknowledged: Instant) {
        self.record.with(path, |page| page.floors.push((acknowledged, version)));
    }

    /// Whether a body is what may be served for a path to a request sent and answered then.
    pub fn check(
        &self,
        path: &str,
        body: &[u8],
        asked: Instant,
        answered: Instant,
    ) -> Result<(), Wrong> {
        let Ok(text) = std::str::from_utf8(body) else { return Err(Wrong::Foreign) };
        let mut words = text.split_ascii_whitespace();
        let version = match (words.next(), words.next().map(str::parse::<usize>)) {
            (Some(name), Some(Ok(version))) if name == path => version,
            _ => return Err(Wrong::Foreign),
        };
        if text != content(path, version) {
            return Err(Wrong::Torn);
        }
        let terms = &self.record.terms;
        self.record.with(path, |page| {
            let superseded = page.versions.get(version + 1);
            let floor = |(since, floor): &(Instant, usize)| {
                asked > *since + terms.visibility && version < *floor
            };
            match page.versions.get(version) {
                None => Err(Wrong::Unborn),
                Some(born) if *born > answered => Err(Wrong::Unborn),
                _ if page.floors.iter().any(floor) => Err(Wrong::Purged),
                _ if superseded.is_some_and(|since| asked > *since + (terms.stale)(path)) => {
                    Err(Wrong::Stale)
                }
                _ => Ok(()),
            }
        })
    }
}

impl Record {
    fn answer(&self, seen: &Seen) -> Reply {
        let version = self.with(&seen.path, |page| page.versions.len() - 1);
        let tag = format!("\"{version}\"");
        let reply = match seen.header("if-none-match") == tag {
            true => Reply::status(304),
            false => Reply::ok(content(&seen.path, version)),
        };
        let reply = reply
            .header("cache-control", (self.terms.cache_control)(&seen.path))
            .header("etag", &tag);
        reply.header("cache-tag", tag_of(&seen.path)).header("content-type", "text/plain")
    }

    fn with<T>(&self, path: &str, look: impl FnOnce(&mut Page) -> T) -> T {
        let mut pages = self.lock();
        let first = || Page { versions: vec![Instant::now()], floors: Vec::new() };
        look(pages.entry(path.to_owned()).or_insert_with(first))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "another page's content",
            Self::Purged => "purged content",
            Self::Stale => "content that is too old",
            Self::Torn => "content that is not whole",
            Self::Unborn => "content that was not published yet",
        })
    }
}

/// The tag of a page.
pub fn tag_of(path: &str) -> String {
    format!("page:{}", path.trim_start_matches('/'))
}

/// A version of a page: 100 bytes to some thousand, its end as telling as its beginning.
fn content(path: &str, version: usize) -> String {
    let lines = 1 + (path.len() * 31 + version * 7) % 97;
    let line = format!("{path} {version} of what the origin has published\n");
    format!("{}end of {path} {version}\n", line.repeat(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    const B: Duration = Duration::from_secs(1);

    fn site() -> Published {
        let terms = Terms { cache_control: |_| "max-age=9", stale: |_| 9 * B, visibility: B };
        Published::start(terms).expect("an origin")
    }

    #[test]
    fn each_wrong_is_told_from_the_others() {
        let site = site();
        assert_eq!(site.publish("/a"), 1);
        let now = Instant::now();
        let check =
            |body: &str, asked, answered| site.check("/a", body.as_bytes(), asked, answered);
        let (old, new) = (content("/a", 0), content("/a", 1));
        assert_eq!(check(&old, now, now), Ok(()));
        assert_eq!(check(&new, now, now), Ok(()));
        assert_eq!(check(&content("/b", 0), now, now), Err(Wrong::Foreign));
        assert_eq!(check("<html>", now, now), Err(Wrong::Foreign));
        assert_eq!(check(&old[..old.len() - 1], now, now), Err(Wrong::Torn));
        assert_eq!(check(&content("/a", 2), now, now), Err(Wrong::Unborn));
        assert_eq!(check(&old, now + 10 * B, now + 10 * B), Err(Wrong::Stale));
        site.purged("/a", 1, now);
        assert_eq!(check(&old, now + B / 2, now + 2 * B), Ok(()), "asked within the bound");
        assert_eq!(check(&old, now + 2 * B, now + 2 * B), Err(Wrong::Purged));
        assert_eq!(check(&new, now + 2 * B, now + 2 * B), Ok(()));
    }
}
