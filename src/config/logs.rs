//! How much is logged.

use super::ConfigError;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logs {
    /// What is logged.
    pub level: Level,
    /// The share of requests that is logged at the level [`Level::Request`].
    pub sample: f64,
}

/// What is logged; each level includes those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What failed.
    Fault,
    /// Purges.
    Info,
    /// Some requests.
    Request,
}

impl Logs {
    /// Reads `LOG_LEVEL` and `LOG_SAMPLE`.
    pub(super) fn read(set: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let level = match set("LOG_LEVEL").as_deref() {
            Some("fault") => Level::Fault,
            None | Some("info") => Level::Info,
            Some("request") => Level::Request,
            Some(other) => {
                return Err(ConfigError::new("LOG_LEVEL", other, "fault, info or request"));
            }
        };
        let sample = match set("LOG_SAMPLE") {
            None => SAMPLE,
            Some(text) => match text.parse() {
                Ok(share) if (0.0..=1.0).contains(&share) => share,
                _ => return Err(ConfigError::new("LOG_SAMPLE", text, "a share from 0 to 1")),
            },
        };
        Ok(Self { level, sample })
    }
}

/// One in a hundred.
const SAMPLE: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let read = |level: &str, sample: &str| {
            let set = |name: &str| {
                let value = if name == "LOG_LEVEL" { level } else { sample };
                (!value.is_empty()).then(|| value.to_owned())
            };
            Logs::read(&set)
        };
        assert_eq!(read("", ""), Ok(Logs { level: Level::Info, sample: SAMPLE }));
        assert_eq!(read("request", "0.5"), Ok(Logs { level: Level::Request, sample: 0.5 }));
        for (level, sample, setting) in [
            ("loud", "", "LOG_LEVEL"),
            ("", "2", "LOG_SAMPLE"),
            ("", "-1", "LOG_SAMPLE"),
            ("", "NaN", "LOG_SAMPLE"),
            ("", "some", "LOG_SAMPLE"),
        ] {
            assert_eq!(read(level, sample).map_err(|e| e.setting), Err(setting.to_owned()));
        }
    }
}
