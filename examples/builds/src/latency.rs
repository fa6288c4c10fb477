//! The time that answers take on purpose, so that the sample costs what a real site costs.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::database::lock;

/// The least and the greatest delay of an answer, in milliseconds; written `30..80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    least: u64,
    most: u64,
}

impl Latency {
    /// No delay.
    pub const NONE: Self = Self { least: 0, most: 0 };
}

impl FromStr for Latency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        match (least.trim().parse(), most.trim().parse()) {
            (Ok(least), Ok(most)) if least <= most && most <= 60_000 => Ok(Self { least, most }),
            _ => Err(format!("{text:?} is not milliseconds such as 30..80 or 50 (at most 60000)")),
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.least, self.most)
    }
}

/// Delays within a latency, the same sequence in every process.
pub struct Jitter {
    latency: Latency,
    rng: Mutex<ChaCha8Rng>,
}

impl Jitter {
    /// The sequence for a latency.
    pub fn new(latency: Latency) -> Self {
        Self { latency, rng: Mutex::new(ChaCha8Rng::seed_from_u64(SEED)) }
    }

    /// The delay of the next answer.
    pub fn draw(&self) -> Duration {
        let Latency { least, most } = self.latency;
        let micros = lock(&self.rng).random_range(least * 1000..=most * 1000);
        Duration::from_micros(micros)
    }
}

const SEED: u64 = 30_80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_read_or_refused_by_name() {
        assert_eq!("30..80".parse(), Ok(Latency { least: 30, most: 80 }));
        assert_eq!("5".parse(), Ok(Latency { least: 5, most: 5 }));
        for text in ["", "80..30", "a..b", "-1..5", "0..60001"] {
            let error = text.parse::<Latency>().expect_err(text);
            assert!(error.contains("30..80"), "{error}");
        }
    }

    #[test]
    fn delays_repeat_and_stay_within_their_bounds() {
        let latency = Latency { least: 30, most: 80 };
        let draws = |jitter: Jitter| (0..100).map(|_| jitter.draw()).collect::<Vec<_>>();
        let (once, again) = (draws(Jitter::new(latency)), draws(Jitter::new(latency)));
        assert_eq!(once, again);
        let bounds = Duration::from_millis(30)..=Duration::from_millis(80);
        assert!(once.iter().all(|delay| bounds.contains(delay)));
        assert!(once.iter().any(|delay| *delay != once[0]));
    }
}
