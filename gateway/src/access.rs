//! Who may run which command.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::catalog::Catalog;
use crate::command::{Command, Name};

/// What a request's token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Commands that only read, without `KEYS` and `SCAN`.
    ReadOnly,
    /// Every command that the gateway serves.
    Standard,
}

/// The tokens that open the gateway. They are compared in constant time and never printed.
pub struct Tokens {
    standard: Vec<u8>,
    read_only: Option<Vec<u8>>,
}

impl Tokens {
    /// Takes the standard token, and the read-only one where there is one.
    pub fn new(standard: &str, read_only: Option<&str>) -> Self {
        Self {
            standard: standard.as_bytes().to_vec(),
            read_only: read_only.map(|token| token.as_bytes().to_vec()),
        }
    }

    /// What `token` allows; nothing if it is unknown.
    pub fn access(&self, token: &[u8]) -> Option<Access> {
        let standard = self.standard.ct_eq(token);
        let read_only = self.read_only.as_ref().map(|known| known.ct_eq(token));
        if standard.into() {
            Some(Access::Standard)
        } else if read_only.is_some_and(Into::into) {
            Some(Access::ReadOnly)
        } else {
            None
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

/// Why a command is not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The command makes no sense over shared connections, or is none of a client's business.
    #[error("ERR Command is not available: '{0}'")]
    NotAvailable(String),
    /// The read-only token does not cover the command.
    #[error("NOPERM this token has no permissions to run the '{0}' command")]
    ReadOnlyToken(String),
}

/// Checks that `command` may run. `catalog` is asked only for the read-only token.
pub fn admit(
    command: &Command,
    access: Access,
    catalog: impl FnOnce() -> std::sync::Arc<Catalog>,
) -> Result<(), Refusal> {
    if !available(command) {
        return Err(Refusal::NotAvailable(described(command)));
    }
    match access {
        Access::Standard => Ok(()),
        Access::ReadOnly if readable(command, &catalog()) => Ok(()),
        Access::ReadOnly => Err(Refusal::ReadOnlyToken(command.name().to_string().to_lowercase())),
    }
}

fn readable(command: &Command, catalog: &Catalog) -> bool {
    match command.name().as_bytes() {
        b"KEYS" | b"SCAN" => false,
        b"ECHO" | b"PING" | b"TIME" | b"EVAL_RO" | b"EVALSHA_RO" | b"FCALL_RO" => true,
        _ => catalog.only_reads(command),
    }
}

/// Whether the gateway serves the command at all (redis-rest.md sections 7 and 11): nothing that
/// changes a connection that others share, blocks it, or manages the server.
fn available(command: &Command) -> bool {
    match command.name().as_bytes() {
        b"CONFIG" => keyspace_events_only(command),
        b"SCRIPT" => command.subcommand() != Some(Name::new(b"DEBUG")),
        b"XREAD" | b"XREADGROUP" => !blocks(command),
        b"ACL" | b"ASKING" | b"AUTH" | b"BGREWRITEAOF" | b"BGSAVE" | b"BLMOVE" | b"BLMPOP"
        | b"BLPOP" | b"BRPOP" | b"BRPOPLPUSH" | b"BZMPOP" | b"BZPOPMAX" | b"BZPOPMIN"
        | b"CLIENT" | b"CLUSTER" | b"DEBUG" | b"DISCARD" | b"EXEC" | b"FAILOVER" | b"HELLO"
        | b"LATENCY" | b"MIGRATE" | b"MODULE" | b"MONITOR" | b"MULTI" | b"PFDEBUG"
        | b"PFSELFTEST" | b"PSUBSCRIBE" | b"PSYNC" | b"PUNSUBSCRIBE" | b"QUIT" | b"READONLY"
        | b"READWRITE" | b"REPLCONF" | b"REPLICAOF" | b"RESET" | b"RESTORE-ASKING" | b"ROLE"
        | b"SAVE" | b"SELECT" | b"SENTINEL" | b"SHUTDOWN" | b"SLAVEOF" | b"SLOWLOG"
        | b"SSUBSCRIBE" | b"SUBSCRIBE" | b"SUNSUBSCRIBE" | b"SWAPDB" | b"SYNC" | b"UNSUBSCRIBE"
        | b"UNWATCH" | b"WAIT" | b"WAITAOF" | b"WATCH" => false,
        _ => true,
    }
}

fn keyspace_events_only(command: &Command) -> bool {
    let mut arguments = command.arguments().skip(1);
    let length = match arguments.next().map(Name::new) {
        Some(name) if name.as_bytes() == b"GET" => 1,
        Some(name) if name.as_bytes() == b"SET" => 2,
        _ => return false,
    };
    let setting = arguments.next().is_some_and(|s| s.eq_ignore_ascii_case(KEYSPACE_EVENTS));
    setting && arguments.count() == length - 1
}

fn blocks(command: &Command) -> bool {
    let options = command.arguments().skip(1).map(Name::new);
    options
        .take_while(|option| option.as_bytes() != b"STREAMS")
        .any(|option| option.as_bytes() == b"BLOCK")
}

fn described(command: &Command) -> String {
    match command.name().as_bytes() {
        b"SCRIPT" => format!("{} DEBUG", command.name()),
        b"CONFIG" => "CONFIG (other than GET and SET notify-keyspace-events)".into(),
        b"XREAD" | b"XREADGROUP" => format!("{} BLOCK", command.name()),
        _ => command.name().to_string(),
    }
}

const KEYSPACE_EVENTS: &[u8] = b"notify-keyspace-events";

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(words: &str, access: Access) -> bool {
        let command = Command::from_arguments(words.split(' ').map(str::as_bytes)).unwrap();
        admit(&command, access, Default::default).is_ok()
    }

    #[test]
    fn only_what_shares_well_is_served() {
        for words in ["GET a", "config get notify-keyspace-events", "XREAD STREAMS block 0"] {
            assert!(allowed(words, Access::Standard), "{words}");
        }
        for words in [
            "shutdown",
            "CONFIG GET *",
            "config set notify-keyspace-events KEA maxmemory 1",
            "XREAD COUNT 1 block 0 STREAMS a 0",
            "SELECT 1",
            "multi",
            "BLPOP a 0",
        ] {
            assert!(!allowed(words, Access::Standard), "{words}");
        }
    }

    #[test]
    fn a_read_only_token_reads_nothing_without_a_catalog() {
        assert!(allowed("PING", Access::ReadOnly));
        assert!(!allowed("GET a", Access::ReadOnly));
        assert!(!allowed("EVAL x 0", Access::ReadOnly));
    }

    #[test]
    fn each_token_opens_its_own_access() {
        let tokens = Tokens::new("secret", Some("reader"));
        assert_eq!(tokens.access(b"secret"), Some(Access::Standard));
        assert_eq!(tokens.access(b"reader"), Some(Access::ReadOnly));
        assert_eq!(tokens.access(b"secre"), None);
        assert_eq!(Tokens::new("secret", None).access(b""), None);
    }
}
