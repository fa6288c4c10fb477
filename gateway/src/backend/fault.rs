//! What can go wrong between the gateway and Redis, apart from errors that Redis answers.

use std::time::Duration;

use redis::RedisError;

/// Why a command has no reply. Says whether it may have been executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The connection broke after the command had been sent.
    #[error("ERR the connection to Redis was lost; the command may have been executed")]
    Lost,
    /// No reply in time.
    #[error("ERR Redis did not answer in {0:?}; the command may have been executed")]
    TimedOut(Duration),
    /// Redis could not be reached.
    #[error("ERR Redis cannot be reached; the command was not executed")]
    Unreachable,
}

/// Whether a command can have reached Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Maybe,
    No,
}

impl Fault {
    pub(super) fn new(error: &RedisError, sent: Sent, patience: Duration) -> Self {
        match sent {
            Sent::No => Self::Unreachable,
            Sent::Maybe if error.is_timeout() => Self::TimedOut(patience),
            Sent::Maybe => Self::Lost,
        }
    }
}
