//! Purge requests and the ledger's pages.

use std::time::Duration;

use breadbox::cache::ledger::{Epoch, Mirror, Page, Record, Sequence, Stamp, Subject};
use breadbox::cache::policy::Standing;
use breadbox::cache::purge;
use breadbox::cache::{RequestHead, Time};
use http::Method;

use super::fields::head;

/// A purge request is refused or becomes records that the ledger gives back unchanged.
pub fn purge(body: &[u8]) {
    let Ok(purge::Order { records, .. }) = purge::parse(body, &str::to_owned) else { return };
    // A URL with every query is two records.
    assert!(!records.is_empty() && records.len() <= 2 * purge::SELECTORS_MAX);
    records.iter().for_each(|record| assert_eq!(Record::parse(&record.member()), *record));
}

/// Whatever another cache's client sends is refused in its own words or becomes such records: a
/// method, a URL, a body, and then fields, on lines of their own.
pub fn clients(bytes: &[u8]) {
    let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, path, body, rest) = (line(), line(), line(), line());
    let Ok(method) = Method::from_bytes(method) else { return };
    let url = format!("https://a.test{}", String::from_utf8_lossy(path));
    let fields = ["fastly-key", "surrogate-key", "xkey", "x-auth-key", "authorization"];
    let more = ["cache-tag", "x-ban-url", "x-ban-host", "fastly-soft-purge", "host", "prefer"];
    let head = RequestHead { method, url, headers: head(&[&fields[..], &more].concat(), rest) };
    let asked = [purge::Dialect::of(&head), Some(purge::Dialect::Native)];
    for dialect in asked.into_iter().flatten() {
        let _ = (dialect.secret(&head.headers), dialect.signature(&head.headers));
        let _ = dialect.wait(&head, Duration::from_secs(1));
        match dialect.read(&head, body, &str::to_owned) {
            Ok(order) => {
                let _ = dialect.answer(&head, &order, None);
                let same = |record: &Record| Record::parse(&record.member()) == *record;
                assert!(order.records.iter().all(same), "{:?}", order.records);
            }
            Err(complaint) => {
                assert!((400..500).contains(&complaint.status), "{complaint:?}");
                let _ = dialect.refusal(&complaint);
            }
        }
    }
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
