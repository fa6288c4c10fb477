//! Counts of isolates: what they add up to, and what is told of them.

use breadbox::cache::Verdict;
use breadbox::cache::tally::{Cell, Patience, Tally};

#[test]
fn counts_of_isolates_add_up() {
    for (mine, others, together) in [(3, 4, 7), (u64::MAX, 1, u64::MAX)] {
        let (mut all, mut other) = (Tally::default(), Tally::default());
        all.add(Cell::Purges, mine);
        other.add(Cell::Purges, others);
        other.add(Cell::DisplacedVariants, 5);
        all.merge(&other);
        let counts = [Cell::Purges, Cell::DisplacedVariants, Cell::Stores, Cell::FencedFills];
        assert_eq!(counts.map(|cell| all.count(cell)), [together, 5, 0, 0]);
    }
}

/// To flush costs commands: that alone is no reason to flush again.
#[test]
fn what_it_costs_to_count_is_nothing_to_tell() {
    let mut tally = Tally::default();
    assert!(tally.is_idle());
    tally.add(Cell::Commands, 1);
    assert!(tally.is_idle());
    tally.add(Cell::Requests(Verdict::Hit), 1);
    assert!(!tally.is_idle());
}

#[test]
fn sums_are_over_what_they_say() {
    let mut tally = Tally::default();
    for (place, verdict) in Verdict::ALL.into_iter().enumerate() {
        tally.add(Cell::Requests(verdict), 1 << place);
    }
    let count = |verdict| tally.count(Cell::Requests(verdict));
    let fetched = count(Verdict::Miss);
    let neither = count(Verdict::Bypass) + count(Verdict::Error);
    assert_eq!(tally.requests(), (1 << Verdict::ALL.len()) - 1);
    assert_eq!(tally.hits_and_misses(), (tally.requests() - fetched - neither, fetched));
    tally.add(Cell::Fetches(Patience::Foreground), 2);
    tally.add(Cell::Fetches(Patience::Background), 5);
    assert_eq!(tally.fetches(), 7);
}

/// What is shown of an answer is a sentence for each verdict, and no two are the same.
#[test]
fn each_verdict_has_a_sentence_of_its_own() {
    let mut sentences = Verdict::ALL.map(Verdict::words).to_vec();
    assert!(sentences.iter().all(|sentence| sentence.ends_with('.')), "{sentences:?}");
    sentences.sort_unstable();
    sentences.dedup();
    assert_eq!(sentences.len(), Verdict::ALL.len());
}
