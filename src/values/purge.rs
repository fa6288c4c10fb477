//! Purges of values.

use std::fmt;

use super::{Cache, pattern_url, place, url};
use crate::cache::glob::Glob;
use crate::cache::ledger::{Mode, Record, Selector};
use crate::redis::Failure;

impl Cache {
    /// Forgets one value: nobody gets it any more once the time of visibility has passed, and
    /// this process at once.
    pub async fn purge(&self, name: &str) -> Result<(), Unpurged> {
        self.record(Selector::Url(url(name))).await
    }

    /// Forgets every value with the tag; it costs the same whatever their number.
    pub async fn purge_tag(&self, tag: &str) -> Result<(), Unpurged> {
        self.record(Selector::Tag(tag.to_owned())).await
    }

    /// Forgets the values whose names match, where `*` stands for any characters.
    pub async fn purge_matching(&self, pattern: &str) -> Result<(), Unpurged> {
        let pattern = pattern_url(pattern);
        let bare = pattern.split_once("://").map_or(pattern.as_str(), |(_, bare)| bare);
        self.record(Selector::Glob(Glob::new(bare))).await
    }

    /// Forgets every value.
    pub async fn purge_everything(&self) -> Result<(), Unpurged> {
        self.record(Selector::All).await
    }

    async fn record(&self, selector: Selector) -> Result<(), Unpurged> {
        let record = Record { mode: Mode::Hard, selector };
        let purged = self.inner.shared.purge(&[record], place::random()).await;
        purged.map(drop).map_err(|failure| {
            self.inner.counter.fault();
            Unpurged(failure)
        })
    }
}

/// A purge that could not be recorded; it may be tried again.
#[derive(Clone, Debug)]
pub struct Unpurged(Failure);

impl fmt::Display for Unpurged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the purge is not recorded ({}: {})", self.0.fault.as_str(), self.0.detail)
    }
}

impl std::error::Error for Unpurged {}
