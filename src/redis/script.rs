//! The Lua scripts of the shared tier.
//!
//! They run on Redis, Valkey and Upstash, which has a Lua of its own: only `redis.call`,
//! `tonumber` and `string.sub` are used, and every key is declared.

use sha1::{Digest, Sha1};

/// A script with the name that the store knows it by.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its text.
    pub text: String,
    /// The SHA-1 of the text in hex.
    pub sha: String,
    /// How many commands it mostly calls.
    pub calls: Calls,
}

/// How many commands a script mostly calls. Upstash bills each of them, and the script itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    calls: u64,
    each: u64,
}

impl Calls {
    /// What a run with so many keys costs.
    pub fn cost(self, keys: usize) -> u64 {
        let each = self.each.saturating_mul(keys as u64);
        self.calls.saturating_add(each).saturating_add(1)
    }
}

/// Whether the store locks only the declared keys while a script runs.
///
/// Upstash takes a lock on the whole database unless the first line says otherwise; plain Redis
/// refuses that line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// Leave the line out.
    Database,
    /// Write the line.
    Keys,
}

/// Every script in one form.
#[derive(Clone, Debug)]
pub struct Scripts {
    /// Takes a lease.
    pub acquire: Script,
    /// Forgets a URL.
    pub forget: Script,
    /// Reads how entries begin.
    pub heads: Script,
    /// Records purges.
    pub purge: Script,
    /// Deletes dead entries.
    pub reclaim: Script,
    /// Gives a lease back.
    pub release: Script,
    /// Starts another epoch.
    pub renew: Script,
    /// Replaces a text that was read.
    pub replace: Script,
    /// Commits an entry.
    pub store: Script,
}

impl Scripts {
    /// The scripts in the form that the store understands.
    pub fn new(locking: Locking) -> Self {
        let script = |body: &str, calls, each| Script::new(body, Calls { calls, each }, locking);
        Self {
            acquire: script(include_str!("scripts/acquire.lua"), 3, 0),
            forget: script(include_str!("scripts/forget.lua"), 6, 0),
            heads: script(include_str!("scripts/heads.lua"), 0, 2),
            purge: script(include_str!("scripts/purge.lua"), 6, 0),
            reclaim: script(include_str!("scripts/reclaim.lua"), 1, 2),
            release: script(include_str!("scripts/release.lua"), 2, 0),
            renew: script(include_str!("scripts/renew.lua"), 2, 0),
            replace: script(include_str!("scripts/replace.lua"), 2, 0),
            store: script(include_str!("scripts/store.lua"), 4, 0),
        }
    }
}

impl Script {
    fn new(body: &str, calls: Calls, locking: Locking) -> Self {
        let text = match locking {
            Locking::Database => body.to_owned(),
            Locking::Keys => format!("#!lua flags=allow-key-locking\n{body}"),
        };
        let digest = Sha1::digest(text.as_bytes());
        let sha = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { text, sha, calls }
    }
}
