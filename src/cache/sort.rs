//! One sort for all types.
//!
//! The standard library's is compiled anew for each type that is sorted and weighs up to four
//! kilobytes of the Worker every time; the lists of a cache are short.

use std::cmp::Ordering;

/// Sorts a list; what is equal keeps its order.
pub fn sort_by<T>(list: &mut [T], order: impl Fn(&T, &T) -> Ordering) {
    if list.len() < 2 {
        return;
    }
    let compare = |a: usize, b: usize| match (list.get(a), list.get(b)) {
        (Some(a), Some(b)) => order(a, b),
        _ => Ordering::Equal,
    };
    let mut places = places(list.len(), &compare);
    for from in 0..list.len() {
        while let Some(&to) = places.get(from).filter(|to| **to != from) {
            list.swap(from, to);
            places.swap(from, to);
        }
    }
}

/// Sorts a list, and leaves one of what is equal.
pub fn sort_unique<T: PartialEq>(list: &mut Vec<T>, order: impl Fn(&T, &T) -> Ordering) {
    sort_by(list, order);
    list.dedup();
}

/// To which place each of so many things goes.
fn places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| compare(*a, *b));
    let mut places = vec![0; count];
    for (to, from) in order.into_iter().enumerate() {
        if let Some(place) = places.get_mut(from) {
            *place = to;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_what_is_equal_keeps_its_order() {
        for length in 0..200_u64 {
            let number = |at: u64| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60, at);
            let mut list: Vec<(u64, u64)> = (0..length).map(number).collect();
            let mut expected = list.clone();
            expected.sort_by_key(|(key, _)| *key);
            sort_by(&mut list, |a, b| a.0.cmp(&b.0));
            assert_eq!(list, expected);
        }
    }
}
