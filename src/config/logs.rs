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
            Some(text) => share(&text).ok_or_else(|| {
                ConfigError::new("LOG_SAMPLE", text, "a decimal number from 0 to 1")
            })?,
        };
        Ok(Self { level, sample })
    }
}

/// Reads a decimal number from 0 to 1, of up to fifteen digits.
fn share(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = [whole, fraction].concat();
    let valid = digits.len() <= 15 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let digits: u64 = digits.parse().ok().filter(|_| valid)?;
    let share = digits as f64 / 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)? as f64;
    (share <= 1.0).then_some(share)
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
        for (text, sample) in [("0.5", 0.5), ("0", 0.0), ("1", 1.0), ("1.00", 1.0), (".25", 0.25)] {
            assert_eq!(read("request", text), Ok(Logs { level: Level::Request, sample }));
        }
        for (level, sample, setting) in [
            ("loud", "", "LOG_LEVEL"),
            ("", "2", "LOG_SAMPLE"),
            ("", "-1", "LOG_SAMPLE"),
            ("", "NaN", "LOG_SAMPLE"),
            ("", "some", "LOG_SAMPLE"),
            ("", "+1", "LOG_SAMPLE"),
            ("", ".", "LOG_SAMPLE"),
            ("", "1.01", "LOG_SAMPLE"),
            ("", "0.0000000000000001", "LOG_SAMPLE"),
        ] {
            assert_eq!(read(level, sample).map_err(|e| e.setting), Err(setting.to_owned()));
        }
    }
}
