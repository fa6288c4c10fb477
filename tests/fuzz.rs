//! The fuzz targets without a fuzzer: their corpora, and seeded changes of them.
//!
//! `cargo xtask fuzz` lets libFuzzer look for more; what it finds is kept in the corpora. With
//! `FUZZ_CHANGES=n` each input is changed so many times.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use targets::{TARGETS, Target};

#[test]
fn nothing_is_found_in_the_corpora_and_near_them() {
    let changes = std::env::var("FUZZ_CHANGES").map_or(CHANGES, |text| text.parse().unwrap());
    let mut inputs = 0;
    for target in TARGETS {
        let corpus = corpus(target);
        assert!(!corpus.is_empty(), "fuzz/corpus/{} is empty", target.0);
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        for input in &corpus {
            hold(target, input);
            for _ in 0..changes {
                hold(target, &changed(input, &corpus, &mut chance));
            }
        }
        inputs += corpus.len();
    }
    assert!(inputs > 60, "only {inputs} inputs");
}

#[test]
fn each_target_has_a_program_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let program = fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("run(\"{name}\"")), "{program}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in Cargo.toml");
    }
}

/// Runs a target; where something does not hold, the input is shown.
fn hold(target: Target, input: &[u8]) {
    let (name, _) = target;
    if catch_unwind(|| targets::run(name, input)).is_err() {
        panic!("{name} on {:?}", input.escape_ascii().to_string());
    }
}

/// A target's inputs, in the order of their names.
fn corpus((name, _): Target) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let files = fs::read_dir(&directory).into_iter().flatten().flatten();
    let mut files: Vec<_> = files.map(|file| file.path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// An input with a few of its bytes changed, dropped, doubled, or taken from another.
fn changed(input: &[u8], corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len() + 1);
        let to = (at + chance.below(9)).min(bytes.len());
        match chance.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => bytes.extend_from_within(at..to),
            3 => {
                let other = &corpus[chance.below(corpus.len())];
                let from = chance.below(other.len() + 1);
                let part = other[from..].iter().take(16).copied();
                drop(bytes.splice(at..to, part).collect::<Vec<_>>());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(chance.below(256)).unwrap();
                }
            }
        }
    }
    bytes
}

/// A seeded source of chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound.max(1)
    }
}

/// Changes of each input in an ordinary run.
const CHANGES: usize = 40;
