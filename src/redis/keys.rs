//! The names of our keys in Redis.

use crate::cache::key::Id;

/// Makes key names under one namespace. All keys of a shard share a hash tag and so a cluster slot.
#[derive(Clone, Debug)]
pub struct Keys {
    namespace: String,
    shards: u32,
}

impl Keys {
    /// The names under a namespace; `shards` is at least 1.
    pub fn new(namespace: &str, shards: u32) -> Self {
        Self { namespace: namespace.to_owned(), shards: shards.max(1) }
    }

    /// The shard of an id.
    pub fn shard(&self, id: Id) -> usize {
        let place = id.0 & Id::PLACE;
        let shard = place.checked_rem(u128::from(self.shards)).unwrap_or(0);
        usize::try_from(shard).unwrap_or(0)
    }

    /// The stored response of an id.
    pub fn entry(&self, id: Id) -> String {
        format!("{{{}:{}}}:e:{id}", self.namespace, self.shard(id))
    }

    /// A pattern of the names of all stored responses of a shard.
    pub fn entries(&self, shard: usize) -> String {
        format!("{{{}:{shard}}}:e:*", self.namespace)
    }

    /// The lease on an id.
    pub fn lease(&self, id: Id) -> String {
        format!("{{{}:{}}}:l:{id}", self.namespace, self.shard(id))
    }

    /// The family of the variants of a primary key's id.
    pub fn family(&self, id: Id) -> String {
        format!("{{{}:{}}}:v:{id}", self.namespace, self.shard(id))
    }

    /// The mark that what is under a primary key's id was changed a moment ago.
    pub fn change(&self, id: Id) -> String {
        format!("{{{}:{}}}:c:{id}", self.namespace, self.shard(id))
    }

    /// The purge ledger of a shard.
    pub fn ledger(&self, shard: usize) -> String {
        format!("{{{}:{shard}}}:ledger", self.namespace)
    }

    /// What a purger has spent of its limit; it is kept beside the first shard's ledger.
    pub fn spent(&self, purger: &str) -> String {
        format!("{{{}:0}}:spent:{purger}", self.namespace)
    }

    /// How far the sweep for dead entries of a shard has come.
    pub fn progress(&self, shard: usize) -> String {
        format!("{{{}:{shard}}}:reclaim", self.namespace)
    }

    /// The override of the site's rules.
    pub fn override_text(&self) -> String {
        format!("{{{}:0}}:override", self.namespace)
    }

    /// The line of the job that warms pages.
    pub fn job(&self) -> String {
        format!("{{{}:0}}:warm", self.namespace)
    }

    /// What a job is to do.
    pub fn job_items(&self, job: u64) -> String {
        format!("{{{}:0}}:warm:{job:016x}", self.namespace)
    }

    /// The counters of all isolates, or a part of what belongs to them.
    pub fn tally(&self, part: &str) -> String {
        format!("{{{}:0}}:tally:{part}", self.namespace)
    }
}
