//! The override of a site's rules in Redis, and when it has to be looked at again.
//!
//! It is like an entry with one tag: setting it purges the tag. So the look into the ledger, which
//! goes beside reads anyway, tells when it has changed, at no command of its own.

use std::time::Duration;

use super::rest::Last;
use super::{Failure, Haste, Reply, Shared, Wire};
use crate::cache::ledger::{Mode, Record, Selector, Stamp, Subject};
use crate::cache::policy::Standing;

/// What became of an attempt to replace a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// Another one stands there than the one that was read.
    Overtaken,
    /// It stands there.
    Yes,
}

impl<W: Wire> Shared<W> {
    /// The override as it lies in Redis; empty if there is none.
    pub async fn override_text(&self) -> Result<String, Failure> {
        let key = self.keys.override_text();
        match self.rest.command(&["GET", &key], Haste::Reply, self.clock).await? {
            Reply::Nil => Ok(String::new()),
            // What is no text is no document either: it is told as one that can't be read.
            reply => Ok(reply.text().unwrap_or_else(|| "?".to_owned())),
        }
    }

    /// Replaces the override that was read.
    pub async fn replace_override(&self, before: &str, text: &str) -> Result<Replaced, Failure> {
        self.replace(self.keys.override_text(), before, text, Duration::ZERO).await
    }

    /// Replaces the text that was read under a key; for good, or for a span.
    pub(super) async fn replace(
        &self,
        key: String,
        before: &str,
        text: &str,
        keep: Duration,
    ) -> Result<Replaced, Failure> {
        let args = [before.to_owned(), text.to_owned(), keep.as_millis().to_string()];
        let pick: fn(&super::script::Scripts) -> &super::script::Script = |s| &s.replace;
        match self.eval(pick, &[key], &args, Last::None, Haste::Background).await? {
            Reply::Integer(1) => Ok(Replaced::Yes),
            Reply::Integer(0) => Ok(Replaced::Overtaken),
            _ => Err(Failure::malformed("replace")),
        }
    }

    /// What is known of the ledger, shard by shard.
    pub fn stamps(&self) -> Vec<Stamp> {
        (0..=self.more.len()).map(|shard| self.shard_mirror(shard).stamp()).collect()
    }

    /// Whether the override may have changed since the ledger was known up to this stamp.
    pub fn has_override_changed(&self, shard: usize, since: Stamp) -> bool {
        let tags = [OVERRIDE.to_owned()];
        let subject = Subject { stamp: since, key: "", tags: &tags };
        self.shard_mirror(shard).judge(&subject) != Standing::Clean
    }

    /// Whether a look into the ledger of a shard is due.
    pub fn is_due(&self, shard: usize) -> bool {
        self.shard_mirror(shard).due((self.clock)(), self.visibility)
    }
}

/// The purge that has every isolate look at the override again.
pub fn override_record() -> Record {
    Record { mode: Mode::Hard, selector: Selector::Tag(OVERRIDE.to_owned()) }
}

/// The tag that no response has.
const OVERRIDE: &str = "breadbox:override";
