//! Purge requests and the ledger's pages.

use std::time::Duration;

use breadbox::cache::Time;
use breadbox::cache::ledger::{Epoch, Mirror, Page, Record, Sequence, Stamp, Subject};
use breadbox::cache::policy::Standing;
use breadbox::cache::purge;

/// A purge request is refused or becomes records that the ledger gives back unchanged.
pub fn purge(body: &[u8]) {
    let Ok(purge::Order { records, .. }) = purge::parse(body, &str::to_owned) else { return };
    // A URL with every query is two records.
    assert!(!records.is_empty() && records.len() <= 2 * purge::SELECTORS_MAX);
    records.iter().for_each(|record| assert_eq!(Record::parse(&record.member()), *record));
}

/// A mirror that has taken in a page is at its sequence; what is older than the floor is dead, and
/// a page that comes again changes nothing.
pub fn ledger(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.lines().map(|line| line.rsplit_once(' ').unwrap_or((line, "")));
    let Some(page) = Page::parse(pairs.clone()) else { return };
    let Page::Present { epoch, sequence, floor, .. } = page else { return };
    let mut mirror = Mirror::default();
    mirror.apply(page.clone(), Sequence(0), Time(1));
    if epoch == Epoch::BLIND || mirror.stamp().epoch != epoch {
        return;
    }
    assert!(mirror.cursor() >= sequence.min(mirror.cursor()));
    let tags = ["news".to_owned()];
    let judge = |mirror: &Mirror, sequence| {
        let stamp = Stamp { epoch, sequence };
        mirror.judge(&Subject { stamp, key: "GET https://a.test/b/c?d", tags: &tags })
    };
    let before = judge(&mirror, Sequence(sequence.0 / 2));
    mirror.apply(page, Sequence(0), Time(2));
    assert_eq!(judge(&mirror, Sequence(sequence.0 / 2)), before);
    if floor > Sequence(0) && mirror.size() > 0 {
        assert_eq!(judge(&mirror, Sequence(floor.0 - 1)), Standing::Dead);
    }
    assert!(mirror.due(Time(2).after(Duration::from_secs(1)), Duration::from_secs(1)));
}
