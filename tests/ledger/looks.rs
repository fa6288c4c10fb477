//! When an isolate looks into the ledger, and what tells it that something is new.

use std::time::Duration;

use breadbox::cache::Time;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{Bucket, Due, Mirror, Mode, Page, Selector, Sequence};

use super::{EPOCH, page};

const BOUND: Duration = Duration::from_secs(1);

/// One that was synced at time 0.
fn synced() -> Mirror {
    let mut mirror = Mirror::default();
    mirror.apply(page(EPOCH, 6, 0, &[]), Sequence(0), Time(0));
    mirror
}

/// Many requests come in the moment in which the mirror is too old: one of them looks. One that
/// does not come back is not counted on for ever.
#[test]
fn one_of_many_looks() {
    let mut mirror = synced();
    assert_eq!(mirror.look(Time(999), BOUND), Due::No);
    assert_eq!(mirror.look(Time(1_000), BOUND), Due::Ask);
    assert_eq!(mirror.look(Time(1_299), BOUND), Due::Asked);
    assert_eq!(mirror.look(Time(1_300), BOUND), Due::Ask);
    assert_eq!(mirror.look(Time(1_300), Duration::ZERO), Due::Ask, "each under a bound of zero");
}

/// A look beside a use, while the mirror is still good, keeps the next one from waiting.
#[test]
fn a_mirror_is_renewed_before_it_is_too_old() {
    let mut mirror = synced();
    assert!(!mirror.ages(Time(749), BOUND) && mirror.ages(Time(750), BOUND));
    assert_eq!(mirror.look_ahead(Time(749), BOUND), Due::No);
    assert_eq!(mirror.look_ahead(Time(750), BOUND), Due::Ask);
    assert_eq!(mirror.look_ahead(Time(751), BOUND), Due::Asked);
}

/// Where hasty looks fail, one patient look is made at a time, until it has ended or was killed.
#[test]
fn one_patient_look_is_made_at_a_time() {
    let mut mirror = synced();
    assert_eq!(mirror.chase(Time(499), BOUND), Due::No);
    assert_eq!(mirror.chase(Time(500), BOUND), Due::Ask);
    assert_eq!(mirror.chase(Time(500), BOUND), Due::Asked);
    assert_eq!(mirror.chase(Time(3_499), BOUND), Due::Asked);
    assert_eq!(mirror.chase(Time(3_500), BOUND), Due::Ask, "the first was killed");
    mirror.caught_up();
    assert_eq!(mirror.chase(Time(3_501), BOUND), Due::Ask, "the second has ended");
    let mut never = Mirror::default();
    assert_eq!(never.chase(Time(5_000), BOUND), Due::Ask);
    assert_eq!(never.chase(Time(4_000), BOUND), Due::Ask, "the clock was set back");
}

/// What was judged is judged again only when something else is known.
#[test]
fn nothing_new_is_no_revision() {
    let mut mirror = synced();
    let mut revision = mirror.revision();
    let purge = (Mode::Hard, Selector::All, 7);
    let pages = [
        (page(EPOCH, 6, 0, &[]), false),
        (page(EPOCH, 7, 0, &[]), true),
        (page(EPOCH, 7, 0, &[purge]), true),
        (page(EPOCH, 7, 0, &[]), false),
    ];
    for (number, (page, anew)) in pages.into_iter().enumerate() {
        mirror.apply(page, mirror.cursor(), Time(10));
        assert_eq!(mirror.revision() != revision, anew, "page {number}");
        revision = mirror.revision();
    }
}

/// RFC 9111 §4.4: a write tells an isolate of a change that a replica may not have yet. What it
/// reads there is as old as the reads of the ledger say, so a copy of it is outdated.
#[test]
fn a_copy_is_as_new_as_what_reads_have_shown() {
    let bucket = Bucket::of(&Key::of_url("https://site.test/page"));
    let mut mirror = synced();
    let mut changed = page(EPOCH, 7, 0, &[]);
    if let Page::Present { changes, .. } = &mut changed {
        changes.push((bucket, Sequence(7)));
    }
    mirror.apply_written(changed.clone(), Sequence(6), Time(10));
    assert_eq!(mirror.stamp().sequence, Sequence(7));
    assert!(mirror.outdates(bucket, mirror.shown(Time(10))), "a replica may not have the change");
    mirror.apply(page(EPOCH, 6, 0, &[]), Sequence(6), Time(20));
    assert!(mirror.outdates(bucket, mirror.shown(Time(20))), "it lags still");
    let mut told = mirror.clone();
    mirror.apply(changed.clone(), Sequence(6), Time(30));
    assert!(!mirror.outdates(bucket, mirror.shown(Time(30))), "it has the change");

    // Where writes tell so much that no read is due, time shows it: no replica lags for so long.
    told.apply_written(changed, Sequence(7), Time(5_009));
    assert!(told.outdates(bucket, told.shown(Time(5_009))));
    assert!(!told.outdates(bucket, told.shown(Time(5_010))), "five seconds after the first");
}
