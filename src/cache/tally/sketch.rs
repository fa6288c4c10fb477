//! The most frequent of many things, in bounded space (Space-Saving; Metwally, Agrawal, El Abbadi
//! 2005).
//!
//! A row that is given to another thing keeps its weight, so that what is frequent stays. What a
//! row has counted for its own thing is exact from the moment it got the row: a lower bound.

use crate::cache::Verdict;

/// Rows for the things that were seen most often.
#[derive(Clone, Debug)]
pub struct Sketch {
    rows: Vec<Row>,
    capacity: usize,
}

/// What was counted for one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name: a URL, a tag, a rule's number.
    pub label: String,
    /// Requests by verdict, in the order of [`Verdict::ALL`].
    pub verdicts: [u64; Verdict::ALL.len()],
    /// Bytes of the bodies sent.
    pub bytes: u64,
    id: u64,
    weight: u64,
}

impl Row {
    /// A row of a thing that was not counted yet.
    pub fn new(label: &str) -> Self {
        let label: String = label.chars().filter(|c| !c.is_control()).take(LABEL_MAX).collect();
        Self { label, verdicts: [0; Verdict::ALL.len()], bytes: 0, id: 0, weight: 0 }
    }

    /// Requests that were counted.
    pub fn requests(&self) -> u64 {
        self.verdicts.iter().copied().fold(0, u64::saturating_add)
    }

    /// Requests that had to be fetched.
    pub fn misses(&self) -> u64 {
        let [.., miss, bypass, error] = self.verdicts;
        miss.saturating_add(bypass).saturating_add(error)
    }

    /// Requests that the cache had to do with.
    pub fn cacheable(&self) -> u64 {
        let [.., bypass, error] = self.verdicts;
        self.requests().saturating_sub(bypass).saturating_sub(error)
    }

    /// Whether its name can't have been cut.
    pub fn is_whole(&self) -> bool {
        self.label.chars().count() < LABEL_MAX
    }

    /// Adds what another row has counted for the same thing.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.verdicts.iter_mut().zip(other.verdicts) {
            *count = count.saturating_add(more);
        }
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Sketch {
    /// An empty sketch of so many rows.
    pub fn new(capacity: usize) -> Self {
        Self { rows: Vec::new(), capacity }
    }

    /// Counts a request for something.
    pub fn add(&mut self, label: &str, verdict: Verdict, bytes: u64) {
        let id = hash(label);
        let Some(row) = self.row(id, label) else { return };
        row.weight = row.weight.saturating_add(1);
        row.bytes = row.bytes.saturating_add(bytes);
        if let Some(count) = row.verdicts.get_mut(verdict.place()) {
            *count = count.saturating_add(1);
        }
    }

    /// The rows in no order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn row(&mut self, id: u64, label: &str) -> Option<&mut Row> {
        if let Some(found) = self.rows.iter().position(|row| row.id == id) {
            return self.rows.get_mut(found);
        }
        if self.rows.len() < self.capacity {
            self.rows.push(Row { id, ..Row::new(label) });
            return self.rows.last_mut();
        }
        let least = self.rows.iter_mut().min_by_key(|row| row.weight)?;
        *least = Row { id, weight: least.weight, ..Row::new(label) };
        Some(least)
    }
}

/// FNV-1a: two things with one hash share a row, which an operator can bear.
fn hash(label: &str) -> u64 {
    label.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// So much of a name is kept, in characters.
const LABEL_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_frequent_stays_among_the_many() {
        let mut sketch = Sketch::new(16);
        for n in 0..20_000 {
            sketch.add(&format!("/rare/{n}"), Verdict::Miss, 1);
            if n % 10 == 0 {
                sketch.add("/hot", Verdict::Hit, 100);
            }
        }
        assert_eq!(sketch.rows().len(), 16);
        let hot = sketch.rows().iter().find(|row| row.label == "/hot");
        let hot = hot.expect("the frequent one has a row");
        assert!((1_900..=2_000).contains(&hot.requests()), "{hot:?}");
        assert_eq!((hot.misses(), hot.bytes), (0, hot.requests() * 100));
    }

    #[test]
    fn a_label_has_one_row_also_one_that_has_displaced_another() {
        let mut sketch = Sketch::new(2);
        for label in ["/a", "/b", "/a", "/c", "/c"] {
            sketch.add(label, Verdict::Hit, 1);
        }
        let mut rows: Vec<_> =
            sketch.rows().iter().map(|row| (row.label.as_str(), row.requests())).collect();
        rows.sort_unstable();
        assert_eq!(rows, [("/a", 2), ("/c", 2)], "the least frequent made room");
    }

    #[test]
    fn names_are_cut_and_cleaned() {
        let row = Row::new(&format!("a\tb\n{}", "x".repeat(1_000)));
        assert!(row.label.starts_with("abx") && row.label.chars().count() == LABEL_MAX);
    }
}
