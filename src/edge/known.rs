//! What an isolate knows of the purge ledger, wherever that lies.

use super::js;
use super::memory::AsOf;
use super::state::Edge;
use crate::cache::entry::Entry;
use crate::cache::key::{Id, Key};
use crate::cache::ledger::{Bucket, Stamp};
use crate::cache::policy::Standing;
use crate::redis::{Failure, Shared, Trust};

impl Edge {
    /// What the ledger, as far as it is known here, says of an entry.
    pub fn judge(&self, id: Id, entry: &Entry) -> Standing {
        match &self.shared {
            Some(shared) => shared.judge(id, entry),
            None => self.colo.judge(entry),
        }
    }

    /// Up to which purge the ledger is known here.
    pub fn position(&self, id: Id) -> Stamp {
        match &self.shared {
            Some(shared) => shared.blind_stamp(id),
            None => self.colo.stamp(),
        }
    }

    /// Another number whenever something else is known here.
    pub fn revision(&self, id: Id) -> u64 {
        match &self.shared {
            Some(shared) => shared.revision(id),
            None => self.colo.revision(),
        }
    }

    /// Whether a near copy may be of a URL that was changed after the ledger stood at `as_of`.
    pub fn outdates(&self, id: Id, bucket: Bucket, as_of: Stamp) -> bool {
        match &self.shared {
            Some(shared) => shared.outdates(id, bucket, as_of),
            None => self.colo.outdates(bucket, as_of),
        }
    }

    /// Now, as this isolate knows it.
    pub fn as_of(&self, key: &Key) -> AsOf {
        self.memory.as_of(key, self.position(key.id()))
    }

    /// The moment as of which, at least, the shared tier is what is read of it now.
    pub fn as_of_read(&self, shared: &Shared, key: &Key) -> AsOf {
        self.memory.as_of(key, shared.shown(key.id()))
    }

    /// Looks into the ledger if that is due, and tells whether it can be trusted then. Where each
    /// use has to look, the look counts for the use that it was made for.
    pub async fn learn(&self, key: &Key) -> Result<Trust, Failure> {
        match &self.shared {
            Some(shared) => shared.look(key, js::random()).await?,
            None => self.colo.sync().await?,
        }
        match self.config.visibility.is_zero() {
            true => Ok(Trust::Holds),
            false => Ok(self.trust(key.id())),
        }
    }

    /// Looks into the ledger in any case.
    pub async fn catch_up(&self, key: &Key) -> Result<(), Failure> {
        match &self.shared {
            Some(shared) => shared.catch_up(key, js::random()).await,
            None => self.colo.catch_up().await,
        }
    }

    /// Looks into the ledger because it is about to be due.
    pub async fn learn_ahead(&self, key: &Key) -> Result<(), Failure> {
        match &self.shared {
            Some(shared) => shared.look_ahead(key, js::random()).await,
            None => self.colo.sync_ahead().await,
        }
    }

    /// Whether what is known here of the ledger can be trusted as it is.
    pub fn trust(&self, id: Id) -> Trust {
        match &self.shared {
            Some(shared) => shared.trust(id),
            None => self.colo.trust(),
        }
    }
}
