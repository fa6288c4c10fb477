//! Distributions in a line.

use std::time::Duration;

/// Samples in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures(Vec<Duration>);

impl Figures {
    pub fn add(&mut self, sample: Duration) {
        let at = self.0.partition_point(|other| *other <= sample);
        self.0.insert(at, sample);
    }

    /// The sample below which so many hundredths of all are.
    pub fn at(&self, hundredths: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * hundredths / 100).copied().unwrap_or_default()
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Smallest, quartiles, tails and largest.
    pub fn line(&self) -> String {
        let points = [("min", 0), ("p25", 25), ("p50", 50), ("p75", 75), ("p99", 99), ("max", 100)];
        let told = points.map(|(name, point)| format!("{name} {:.2?}", self.at(point)));
        format!("{} ({} samples)", told.join("  "), self.0.len())
    }
}
