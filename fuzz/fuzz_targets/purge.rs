//! A purge request is refused or becomes records that the ledger gives back unchanged.
#![no_main]

use breadbox::cache::ledger::Record;
use breadbox::cache::purge;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let Ok(records) = purge::parse(body, str::to_owned) else { return };
    assert!(!records.is_empty() && records.len() <= purge::SELECTORS_MAX);
    records.iter().for_each(|record| assert_eq!(Record::parse(&record.member()), *record));
});
