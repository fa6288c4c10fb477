//! How long waits took, as counts within bounds.

/// The buckets' upper bounds in milliseconds, the last one open.
///
/// The platform's clock tells whole milliseconds, so a wait of so many lies below the next one.
pub const BOUNDS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/// How many cells a histogram takes: its buckets, the open one, and the sum in milliseconds.
pub const SIZE: usize = BOUNDS.len() + 2;

/// The bucket of a wait.
pub fn bucket(millis: u64) -> usize {
    BOUNDS.iter().position(|&bound| millis < bound).unwrap_or(BOUNDS.len())
}

/// A histogram as it was counted.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a>(pub &'a [u64]);

impl Histogram<'_> {
    /// How many waits were counted.
    pub fn count(self) -> u64 {
        self.buckets().fold(0, u64::saturating_add)
    }

    /// How long they took together, in milliseconds.
    pub fn sum(self) -> u64 {
        self.0.get(SIZE.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The buckets' counts, the open one last; each for itself.
    pub fn buckets(self) -> impl Iterator<Item = u64> {
        self.0.iter().copied().take(BOUNDS.len().saturating_add(1))
    }

    /// Below how many milliseconds this share of the waits stayed: a bound, `None` where nothing
    /// was counted or beyond the last bound.
    pub fn below(self, percent: u64) -> Option<u64> {
        let wanted = self.count().saturating_mul(percent).div_ceil(100).max(1);
        let mut seen: u64 = 0;
        let full = self.buckets().position(|count| {
            seen = seen.saturating_add(count);
            seen >= wanted
        });
        full.and_then(|bucket| BOUNDS.get(bucket)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_below_a_bound() {
        let mut cells = [0; SIZE];
        for millis in [0, 0, 0, 3, 3, 7, 7, 7, 7, 9_000] {
            cells[bucket(millis)] += 1;
            cells[SIZE - 1] += millis;
        }
        let histogram = Histogram(&cells);
        assert_eq!((histogram.count(), histogram.sum()), (10, 9_034));
        assert_eq!(histogram.below(30), Some(1));
        assert_eq!(histogram.below(50), Some(5));
        assert_eq!(histogram.below(90), Some(10));
        assert_eq!(histogram.below(99), None, "beyond the last bound");
        assert_eq!(Histogram(&[0; SIZE]).below(50), None);
    }
}
