//! The memory of an isolate: bounded, forgetful of what is asked for once, and consistent.

use std::collections::HashMap;

use breadbox::cache::key::{Id, Key};
use breadbox::cache::memory::Memory;
use proptest::prelude::*;

fn id(n: usize) -> Id {
    Key::of_url(&format!("https://a.test/{n}")).id()
}

#[test]
fn what_is_asked_for_once_is_not_taken_in() {
    let mut memory: Memory<()> = Memory::new(1 << 20);
    assert!(!memory.admits(id(1), 100));
    assert!(memory.admits(id(1), 100));
    assert!(!memory.admits(id(1), 300 << 10), "too large");
}

#[test]
fn a_hundred_thousand_keys_stay_within_the_budget() {
    let mut memory = Memory::new(32 << 20);
    for n in 0..100_000 {
        memory.insert(id(n), 10 << 10, n);
        assert!(memory.weight() <= 32 << 20);
    }
    assert!(memory.len() > 2_000);
    assert_eq!(memory.get(id(99_999)), Some(&99_999));
    assert_eq!(memory.get(id(0)), None);
}

#[test]
fn what_is_used_survives_a_scan() {
    let mut memory = Memory::new(1 << 20);
    for n in 0..50 {
        memory.insert(id(n), 10 << 10, n);
    }
    for n in 1_000..5_000 {
        for popular in 0..50 {
            assert_eq!(memory.get(id(popular)), Some(&popular));
        }
        memory.insert(id(n), 10 << 10, n);
    }
}

/// That another key was asked for meanwhile does not make one forgotten.
#[test]
fn what_is_asked_for_again_is_taken_in() {
    let mut memory: Memory<()> = Memory::new(1 << 20);
    assert!((0..100).all(|n| !memory.admits(id(n), 100)), "once");
    assert!((0..100).all(|n| memory.admits(id(n), 100)), "again");
}

/// The hand goes from the oldest to the newest, and goes on where it stood, also when something
/// beside it was dropped.
#[test]
fn the_oldest_that_was_not_used_goes_first() {
    let held = |memory: &Memory<usize>| (1..=9).filter(|n| memory.holds(id(*n))).collect();
    let mut memory = Memory::new(4 * ROOM);
    (1..=4).for_each(|n| memory.insert(id(n), 100, n));
    assert_eq!(memory.weight(), 4 * ROOM, "the budget may be used up");
    assert_eq!(memory.get(id(1)), Some(&1));
    assert!(memory.holds(id(2)), "to look is not to use");
    memory.insert(id(5), 100, 5);
    let first: Vec<usize> = held(&memory);
    assert_eq!(first, [1, 3, 4, 5], "1 was used, so 2 goes");
    assert_eq!(memory.remove(id(5)), Some(5));
    (6..=7).for_each(|n| memory.insert(id(n), 100, n));
    let then: Vec<usize> = held(&memory);
    assert_eq!(then, [1, 4, 6, 7], "on from 2 comes 3");
    assert_eq!(memory.remove(id(4)), Some(4));
    (8..=9).for_each(|n| memory.insert(id(n), 100, n));
    let last: Vec<usize> = held(&memory);
    assert_eq!(last, [1, 7, 8, 9], "where 4 was comes 6");
}

/// What a thing of 100 bytes weighs.
const ROOM: usize = 100 + 3072;

#[derive(Clone, Debug)]
enum Step {
    Get(usize),
    Insert(usize, usize),
    Remove(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0usize..40;
    prop_oneof![
        key().prop_map(Step::Get),
        (key(), 0usize..9_000).prop_map(|(key, weight)| Step::Insert(key, weight)),
        key().prop_map(Step::Remove),
    ]
}

proptest! {
    /// What it answers is what was put in last, it holds no more than its budget, and it loses
    /// nothing while there is room.
    #[test]
    fn it_is_a_map_within_a_budget(
        steps in prop::collection::vec(step(), 1..300),
        budget in 2_000usize..60_000,
    ) {
        let mut memory = Memory::new(budget);
        let mut model: HashMap<usize, usize> = HashMap::new();
        let mut evicted = false;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Get(key) => {
                    let found = memory.get(id(key)).copied();
                    if let Some(found) = found {
                        prop_assert_eq!(Some(&found), model.get(&key));
                    } else if !evicted {
                        prop_assert_eq!(None, model.get(&key));
                    }
                }
                Step::Insert(key, weight) => {
                    let (before, held) = (memory.weight(), model.contains_key(&key));
                    memory.insert(id(key), weight, number);
                    evicted |= memory.weight() <= before + weight || held;
                    model.insert(key, number);
                }
                Step::Remove(key) => {
                    let removed = memory.remove(id(key));
                    prop_assert!(removed.is_none() || removed.as_ref() == model.get(&key));
                    model.remove(&key);
                }
            }
            prop_assert!(memory.weight() <= budget);
            prop_assert_eq!(memory.is_empty(), memory.weight() == 0);
        }
    }
}
