//! A question for a value, and its answer.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::driver::Driver;
use super::place::Movable;
use super::{Cache, hours, mins};
use crate::cache::policy::{OriginPurges, Treatment};
use crate::cache::{Reason, Verdict};

/// A question for a value: how long it is good for, and what it is made of.
#[derive(Clone, Debug)]
pub struct Ask {
    pub(super) cache: Cache,
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    pub(super) treatment: Treatment,
}

/// A value, and how it was come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached<T> {
    /// It.
    pub value: T,
    /// What became of the question.
    pub verdict: Verdict,
    /// Where the value came from.
    pub source: Source,
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was fetched for this question.
    Fetch,
    /// This process had it, and Redis could not be reached.
    Process,
    /// Redis.
    Redis,
}

/// Why there is no value.
#[derive(Debug)]
pub enum Failed<E> {
    /// The fetch failed, and nothing that is stored could stand in.
    Fetch(E),
    /// The value cannot be written as JSON.
    Unfit(serde_json::Error),
    /// Another's fetch has failed a moment ago, and the next try is not due.
    Unavailable(Option<Reason>),
}

impl Ask {
    pub(super) fn new(cache: Cache, name: &str) -> Self {
        let treatment = Treatment {
            fresh: Some(mins(5)),
            stale: Some(mins(10)),
            rescue: Some(hours(1)),
            origin_purges: OriginPurges::Ignored,
            ..Treatment::default()
        };
        Self { cache, name: name.to_owned(), tags: Vec::new(), treatment }
    }

    /// The tags by which the value can be purged with others.
    #[must_use]
    pub fn tags<I: IntoIterator<Item: Into<String>>>(mut self, tags: I) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// How long it is returned without a fetch; 5 minutes unless said.
    #[must_use]
    pub fn fresh(mut self, span: Duration) -> Self {
        self.treatment.fresh = Some(span);
        self.treatment.fresh_max = self.treatment.fresh_max.max(span);
        self
    }

    /// How long after that it is returned while it is fetched anew; 10 minutes unless said.
    #[must_use]
    pub fn stale(mut self, span: Duration) -> Self {
        self.treatment.stale = Some(span);
        self
    }

    /// How long after its fresh time it stands in when a fetch fails; an hour unless said.
    #[must_use]
    pub fn rescue(mut self, span: Duration) -> Self {
        self.treatment.rescue = Some(span);
        self
    }

    /// The value: what is stored, if it is good enough, or what `fetch` brings.
    ///
    /// # Errors
    ///
    /// What `fetch` failed with, if nothing that is stored may stand in. Troubles of Redis are not
    /// errors: they cost a fetch.
    pub async fn fetch<T, E, F, Fut>(self, fetch: F) -> Result<Cached<T>, Failed<E>>
    where
        T: Serialize + DeserializeOwned + Movable + 'static,
        E: Movable + 'static,
        F: FnOnce() -> Fut + Movable + 'static,
        Fut: Future<Output = Result<T, E>> + Movable + 'static,
    {
        let (driver, plan) = Driver::new(self, fetch);
        driver.run(plan).await
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fetch => "the fetch",
            Self::Process => "this process",
            Self::Redis => "Redis",
        })
    }
}

impl<E: fmt::Display> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Unfit(error) => write!(f, "the value cannot be written as JSON: {error}"),
            Self::Unavailable(Some(reason)) => f.write_str(reason.words()),
            Self::Unavailable(None) => f.write_str("the value is not to be had now"),
        }
    }
}

impl<E: fmt::Display + fmt::Debug> std::error::Error for Failed<E> {}
