//! How the Worker warms pages by itself.

use super::{ConfigError, number};

/// What warming may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warming {
    /// How many of the pages that were asked for most are warmed after a purge of everything.
    pub top: u32,
    /// How many requests a second that may send.
    pub rate: u32,
}

impl Warming {
    /// Reads the variables.
    pub(super) fn read(set: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self {
            top: number(set, "WARM_TOP", 0, [0, 1_000])?,
            rate: number(set, "WARM_RATE", 5, [1, 100])?,
        })
    }
}
