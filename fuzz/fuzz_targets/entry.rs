//! What is read as an entry is written and read again as the same.
#![no_main]

use breadbox::cache::entry::Entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok((entry, body)) = Entry::decode(bytes) else { return };
    let again = [&entry.encode(), &bytes[body..]].concat();
    assert_eq!(Entry::decode(&again).expect("what was written").0, entry);
});
