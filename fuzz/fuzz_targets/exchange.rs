//! The machine's laws under long sequences of outcomes; short ones are enumerated in
//! `tests/simulation`.
#![no_main]

use breadbox::cache::exchange::Action;
use breadbox_fuzz::{Told, begin};

libfuzzer_sys::fuzz_target!(|told: Vec<Told>| {
    let (mut exchange, mut action, mut now) = begin(told.len());
    let mut replies = 0;
    for told in told {
        replies += u32::from(matches!(action, Action::Reply(_)));
        now = told.later(now);
        (exchange, action) = exchange.resume(told.outcome(&action), now);
    }
    assert!(replies <= 1 && (replies == 1 || !matches!(action, Action::Stop)));
});
