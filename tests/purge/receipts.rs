//! Receipts: their text, and what they ask for.

use breadbox::cache::ledger::{Epoch, Receipt, Sequence, Stamp};
use breadbox::cache::policy::receipt;

use super::request;

fn stamp(epoch: u64, sequence: u64) -> Stamp {
    Stamp { epoch: Epoch(epoch), sequence: Sequence(sequence) }
}

#[test]
fn a_receipt_reads_back() {
    let receipt = Receipt::new(vec![stamp(0xabc, 7), stamp(1, 2)]);
    assert_eq!(receipt.to_string(), "0000000000000abc-7.0000000000000001-2");
    assert_eq!(Receipt::parse(&receipt.to_string()), Some(receipt));
    for text in ["", "7", "x-7", "abc-", "abc-x", "abc-7.", "abc-7,", "abc--7"] {
        assert_eq!(Receipt::parse(text), None, "{text}");
    }
}

#[test]
fn a_receipt_is_covered_by_what_is_as_new() {
    let receipt = Receipt::parse("a-7").expect("a receipt");
    assert!(receipt.is_covered(0, stamp(0xa, 7)) && receipt.is_covered(0, stamp(0xa, 8)));
    assert!(!receipt.is_covered(0, stamp(0xa, 6)), "older");
    assert!(!receipt.is_covered(0, stamp(0xb, 9)), "of another epoch");
    assert!(receipt.is_covered(1, stamp(0, 0)), "it says nothing of another shard");
    let mut waived = receipt;
    waived.waive(0);
    assert!(waived.is_covered(0, stamp(0, 0)));
}

#[test]
fn of_several_receipts_the_newest_counts() {
    let receipt = Receipt::parse("a-7, a-9.b-1 ,a-8").expect("receipts");
    assert_eq!(receipt.to_string(), "000000000000000a-9.000000000000000b-1");
    let receipt = Receipt::parse("a-7, b-3").expect("receipts");
    assert_eq!(receipt.to_string(), "000000000000000b-3", "another epoch counts anew");
}

#[test]
fn requests_carry_them_in_a_field_or_a_cookie() {
    for (fields, expected) in [
        (&["breadbox-receipt: a-1"][..], "000000000000000a-1"),
        (&["cookie: x=y; breadbox-receipt=a-2; z"], "000000000000000a-2"),
        (&["cookie: breadbox-receipt=a-2", "breadbox-receipt: a-3"], "000000000000000a-3"),
        (&["breadbox-receipt: nonsense"], ""),
        (&["cookie: other=a-2"], ""),
    ] {
        let carried = receipt(&request("GET https://a.test/", fields));
        assert_eq!(carried.to_string(), expected, "{fields:?}");
    }
}
