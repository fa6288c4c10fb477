//! What is fuzzed, and what must hold of it whatever the bytes are.
//!
//! Each target is a function of bytes that panics where something does not hold. A fuzzer calls
//! it (`fuzz_targets/`), and `tests/fuzz.rs` replays the corpora and a few thousand changes of
//! them with every `cargo test`.

mod asked;
mod fields;
mod ledger;
mod machine;
mod names;
mod settings;
mod store;

/// A target's name and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 18] = [
    ("cache_control", fields::cache_control),
    ("clients", ledger::clients),
    ("conditions", fields::conditions),
    ("config", settings::config),
    ("dates", fields::dates),
    ("entry", store::entry),
    ("exchange", machine::exchange),
    ("glob", names::glob),
    ("graphql", asked::graphql),
    ("ledger", ledger::ledger),
    ("policy", machine::policy),
    ("purge", ledger::purge),
    ("range", fields::range),
    ("resp", store::resp),
    ("rest", store::rest),
    ("rules", settings::rules),
    ("structured", fields::structured),
    ("url", names::url),
];

/// Runs the target of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("no target is called {name}"));
    target(bytes);
}
