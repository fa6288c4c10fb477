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
