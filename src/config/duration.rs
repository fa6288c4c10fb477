//! Durations and sizes as an operator writes them.

use std::time::Duration;

/// Reads `250ms`, `30s`, `5m`, `1h` or `7d`; a bare `0` is nothing.
pub fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit)?;
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// Reads `512`, `64KB` or `1MB`: bytes, in steps of 1024.
pub fn size(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit)?;
    let number: u64 = number.parse().ok()?;
    let bytes = match unit {
        "" | "B" => 1,
        "KB" => 1_024,
        "MB" => 1_048_576,
        _ => return None,
    };
    number.checked_mul(bytes)
}

/// What a duration may look like, for error messages.
pub const DURATIONS: &str = "a duration such as 250ms, 30s, 5m, 1h or 7d";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, expected) in [
            ("250ms", Some(250)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("7d", Some(604_800_000)),
            ("0", Some(0)),
            ("5", None),
            ("", None),
            ("-5s", None),
            ("5 s", None),
            ("1.5s", None),
            ("99999999999999999999d", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(duration(text), expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn sizes_are_binary() {
        for (text, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("64KB", Some(65_536)),
            ("1MB", Some(1_048_576)),
            ("1GB", None),
            ("MB", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }
}
