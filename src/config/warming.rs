//! How the Worker warms pages by itself.

use super::ConfigError;

/// What warming may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warming {
    /// How many of the pages that were asked for most are warmed after a purge of everything.
    pub top: u32,
    /// How many requests a second that may send.
    pub rate: u32,
    /// How many items of a job one invocation deals with.
    pub slice: u32,
}

impl Warming {
    /// Reads the variables.
    pub(super) fn read(set: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let number = |setting: &str, default: u32, range: [u32; 2]| {
            let Some(value) = set(setting) else { return Ok(default) };
            let [least, most] = range;
            let found = value.parse().ok().filter(|number| (least..=most).contains(number));
            let allowed = format!("a number from {least} to {most}");
            found.ok_or_else(|| ConfigError::new(setting, value, allowed))
        };
        Ok(Self {
            top: number("WARM_TOP", 0, [0, 1_000])?,
            rate: number("WARM_RATE", 5, [1, 100])?,
            slice: number("WARM_SLICE", 4, [1, 1_000])?,
        })
    }
}
