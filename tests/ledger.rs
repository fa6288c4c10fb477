//! What the ledger says: each selector and mode, the floor, other epochs, replies out of order.

#[path = "ledger/looks.rs"]
mod looks;

use std::time::Duration;

use breadbox::cache::Time;
use breadbox::cache::glob::Glob;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{
    Applied, Bucket, Due, Epoch, Mirror, Mode, Page, Record, Selector, Sequence, Stamp, Subject,
};
use breadbox::cache::policy::Standing::{self, Clean, Dead, Soft, Unknown};

#[test]
fn each_selector_means_what_it_says() {
    let tag = |text: &str| Selector::Tag(text.to_owned());
    let url = |text: &str| Selector::Url(text.to_owned());
    let key = |text: &str| Selector::Key(text.to_owned());
    let host = |text: &str| Selector::Host(text.to_owned());
    let prefix = |text: &str| Selector::Prefix(text.to_owned());
    let glob = |text: &str| Selector::Glob(Glob::new(text));
    for (selector, selected) in [
        (Selector::All, true),
        (tag("news"), true),
        (tag("new"), false),
        (tag("NEWS"), false),
        (url("https://a.test/b/c?d=1"), true),
        (url("https://a.test/b/c"), false),
        (url("http://a.test/b/c?d=1"), true),
        (key("GET https://a.test/b/c?d=1\naccept=1:x"), true),
        (key("GET https://a.test/b/c?d=1"), false),
        (host("a.test"), true),
        (host("test"), false),
        (host("a.test:8080"), false),
        (prefix("a.test/b"), true),
        (prefix("a.test/c"), false),
        (prefix("/b/"), true),
        (prefix("/c"), false),
        (prefix("b/"), false),
        (prefix("a.test/b/c?d=1&e"), false),
        (glob("news*"), true),
        (glob("*ws"), true),
        (glob("a.test/*/c?d=1"), true),
        (glob("/b/*"), true),
        (glob("https://*"), true),
        (glob("/c/*"), false),
        (glob("new"), false),
    ] {
        for (mode, standing) in [(Mode::Hard, Dead), (Mode::Soft, Soft)] {
            let mirror = mirror(&[(mode, selector.clone(), 6)], 0);
            let expected = if selected { standing } else { Clean };
            assert_eq!(judge(&mirror, 5), expected, "{mode:?} {selector:?}");
            assert_eq!(judge(&mirror, 6), Clean, "{mode:?} {selector:?} and what is newer");
        }
    }
}

/// RFC 9111 §4.4, as copies near to clients learn of it.
#[test]
fn a_change_outdates_near_copies_of_its_group_alone() {
    let (changed, other) = (Key::of_url("https://a.test/b"), Key::of_url("https://a.test/c"));
    let variant = changed.variant(&[(http::header::ACCEPT, "x".to_owned())]);
    let member = Bucket::of(&changed).member();
    let epoch = format!("~{}", EPOCH);
    let pairs = [(member.as_str(), "6"), (epoch.as_str(), "6")];
    let mut mirror = Mirror::default();
    let before = mirror.revision();
    let page = Page::parse(pairs.into_iter()).expect("a page");
    assert_eq!(mirror.apply(page, Sequence(0), Time(0)), Applied::Current);
    assert_ne!(mirror.revision(), before);
    let as_of = |sequence| Stamp { epoch: EPOCH, sequence: Sequence(sequence) };
    for key in [&changed, &variant] {
        assert!(mirror.outdates(Bucket::of(key), as_of(5)));
        assert!(!mirror.outdates(Bucket::of(key), as_of(6)));
        assert!(mirror.outdates(Bucket::of(key), Stamp::default()), "of no known time");
    }
    assert!(!mirror.outdates(Bucket::of(&other), as_of(5)));
    assert_eq!(judge(&mirror, 5), Clean, "it purges nothing");
    assert_eq!(mirror.newest(""), Stamp { epoch: EPOCH, sequence: Sequence(0) });
}

#[test]
fn hard_prevails_over_soft_and_the_newest_counts() {
    let tag = Selector::Tag("news".to_owned());
    for (records, stamp, expected) in [
        (vec![(Mode::Soft, 7), (Mode::Hard, 6)], 5, Dead),
        (vec![(Mode::Soft, 7), (Mode::Hard, 6)], 6, Soft),
        (vec![(Mode::Hard, 7), (Mode::Soft, 6)], 6, Dead),
        (vec![(Mode::Soft, 6), (Mode::Soft, 8)], 7, Soft),
        (vec![(Mode::Hard, 6), (Mode::Hard, 8)], 8, Clean),
    ] {
        let records: Vec<_> =
            records.into_iter().map(|(mode, sequence)| (mode, tag.clone(), sequence)).collect();
        assert_eq!(judge(&mirror(&records, 0), stamp), expected, "{records:?} on {stamp}");
    }
}

#[test]
fn below_the_floor_everything_is_purged() {
    let mirror = mirror(&[(Mode::Hard, Selector::Tag("other".to_owned()), 9)], 6);
    assert_eq!(judge(&mirror, 5), Dead);
    assert_eq!(judge(&mirror, 6), Clean);
}

#[test]
fn another_epoch_is_another_world() {
    let mut mirror = mirror(&[], 0);
    let foreign = Stamp { epoch: Epoch(99), sequence: Sequence(100) };
    assert_eq!(mirror.judge(&subject(foreign)), Dead);
    let page = page(Epoch(99), 3, 0, &[]);
    assert_eq!(mirror.apply(page.clone(), mirror.cursor(), Time(20)), Applied::Restarted);
    assert!(mirror.due(Time(20), BOUND), "what restarted is not trusted");
    assert_eq!(mirror.apply(page, mirror.cursor(), Time(21)), Applied::Current);
    assert_eq!(judge(&mirror, 100), Dead, "the first epoch's entries");
    assert_eq!(mirror.judge(&subject(foreign)), Clean);
}

#[test]
fn a_ledger_that_went_back_or_away_is_lost() {
    let mut gone = mirror(&[], 0);
    assert_eq!(gone.apply(Page::Absent, gone.cursor(), Time(20)), Applied::Lost);
    assert!(gone.due(Time(20), BOUND));
    let mut back = mirror(&[], 0);
    let page = page(EPOCH, 3, 0, &[]);
    assert_eq!(back.apply(page, back.cursor(), Time(20)), Applied::Lost);
    assert!(back.due(Time(20), BOUND));
}

#[test]
fn an_overtaken_reply_takes_nothing_back() {
    let tag = Selector::Tag("news".to_owned());
    let newer = page(EPOCH, 11, 0, &[(Mode::Hard, tag, 11)]);
    let older = page(EPOCH, 10, 0, &[]);
    let mut mirror = mirror(&[], 0);
    let cursor = mirror.cursor();
    assert_eq!(mirror.apply(newer, cursor, Time(30)), Applied::Current);
    assert_eq!(mirror.apply(older.clone(), cursor, Time(20)), Applied::Current);
    assert_eq!(judge(&mirror, 10), Dead);
    assert!(!mirror.due(Time(1029), BOUND), "the older reply did not shorten the trust");
    assert!(mirror.due(Time(1030), BOUND));
    // Sent later but answered from an earlier state, as a replica may.
    mirror.apply(older, Sequence(0), Time(40));
    assert_eq!(judge(&mirror, 10), Dead);
}

#[test]
fn trust_ends_with_the_bound_and_is_not_renewed_by_use() {
    let mirror = mirror(&[], 0);
    for (now, bound, due) in
        [(10, 1000, false), (1009, 1000, false), (1010, 1000, true), (9, 1000, true), (10, 0, true)]
    {
        judge(&mirror, 1);
        assert_eq!(mirror.due(Time(now), Duration::from_millis(bound)), due, "{now} under {bound}");
    }
    let mut distrusted = mirror;
    distrusted.distrust();
    assert!(distrusted.due(Time(10), BOUND));
    assert!(Mirror::default().due(Time(0), BOUND));
}

#[test]
fn a_clock_that_was_set_back_hides_no_purge() {
    let mut mirror = mirror(&[], 0);
    let tag = Selector::Tag("news".to_owned());
    mirror.apply(page(EPOCH, 10, 0, &[]), Sequence(10), Time(9000));
    assert_eq!(mirror.look(Time(5000), BOUND), Due::Ask);
    let cursor = mirror.cursor();
    mirror.apply(page(EPOCH, 11, 0, &[(Mode::Hard, tag, 11)]), cursor, Time(5000));
    assert_eq!(judge(&mirror, 10), Dead);
    assert!(!mirror.due(Time(5001), BOUND));
}

#[test]
fn a_flood_of_ones_own_purges_is_bounded() {
    let mut mirror = mirror(&[], 0);
    for number in 0..30_u64 {
        let tag = |n: u64| Selector::Tag(format!("t{number}-{n}"));
        let records: Vec<Record> =
            (0..1000).map(|n| Record { mode: Mode::Hard, selector: tag(n) }).collect();
        let sequence = Sequence(mirror.cursor().0 + 1);
        mirror.record(&records, Stamp { epoch: EPOCH, sequence });
        assert!(mirror.size() <= 20_000);
    }
}

#[test]
fn repeating_a_purge_adds_no_record_and_the_size_is_bounded() {
    let mut mirror = mirror(&[], 0);
    let tag = |n: u64| (Mode::Hard, Selector::Tag(format!("t{n}")), 11 + n);
    for _ in 0..3 {
        mirror.apply(page(EPOCH, 11, 0, &[tag(0)]), mirror.cursor(), Time(20));
    }
    assert_eq!(mirror.size(), 1);
    let many: Vec<_> = (0..30_000).map(tag).collect();
    let page = page(EPOCH, 40_011, 0, &many);
    assert_eq!(mirror.apply(page, mirror.cursor(), Time(30)), Applied::Restarted);
    assert_eq!(mirror.size(), 0);
    assert!(mirror.due(Time(30), BOUND));
    assert_eq!(mirror.cursor(), Sequence(0), "it starts over from the ledger's beginning");
}

#[test]
fn ones_own_purge_is_known_at_once() {
    let record = Record { mode: Mode::Hard, selector: Selector::Tag("news".to_owned()) };
    let own = std::slice::from_ref(&record);
    let stamp = |epoch, sequence| Stamp { epoch, sequence: Sequence(sequence) };
    let mut next = mirror(&[], 0);
    next.record(own, stamp(EPOCH, 11));
    assert_eq!((judge(&next, 10), judge(&next, 11)), (Dead, Clean));
    assert!(!next.due(Time(11), BOUND), "nothing is left to be asked");
    assert_eq!(next.cursor(), Sequence(11));
    for sequence in [9, 12] {
        let mut other = mirror(&[], 0);
        other.record(own, stamp(EPOCH, sequence));
        assert_eq!((judge(&other, sequence - 1), judge(&other, sequence)), (Dead, Clean));
        assert_eq!(other.cursor(), Sequence(10), "what came in between is still to be read");
        assert!(!other.due(Time(11), BOUND));
    }
    let mut foreign = mirror(&[], 0);
    foreign.record(own, stamp(Epoch(99), 11));
    assert!(foreign.due(Time(11), BOUND), "another epoch has begun");
}

#[test]
fn out_of_the_ledgers_reach_what_is_neither_looked_up_nor_young_is_unknown() {
    let tag = Selector::Tag("news".to_owned());
    let looked = mirror(&[(Mode::Hard, tag.clone(), 6)], 0);
    let mut distrusted = looked.clone();
    distrusted.distrust();
    let soft = mirror(&[(Mode::Soft, tag, 6)], 0);
    for (mirror, sequence, generated, now, expected) in [
        (&looked, 6, 0, 1009, Clean),
        (&looked, 6, 0, 1010, Unknown),
        (&looked, 6, -5000, 9, Unknown),
        (&looked, 6, 500, 1499, Clean),
        (&looked, 6, 500, 1500, Unknown),
        (&looked, 5, 500, 1499, Dead),
        (&looked, 5, 500, 9000, Dead),
        (&soft, 5, 500, 1499, Soft),
        (&soft, 5, 500, 1500, Unknown),
        (&distrusted, 6, 0, 1000, Unknown),
        (&Mirror::default(), 6, 0, 999, Clean),
        (&Mirror::default(), 6, 0, 1000, Unknown),
    ] {
        let stamp = Stamp { epoch: EPOCH, sequence: Sequence(sequence) };
        let told = mirror.judge_cut_off(&subject(stamp), Time(generated), Time(now), BOUND);
        assert_eq!(told, expected, "{sequence} generated at {generated}, at {now}");
    }
}

#[test]
fn what_is_new_but_for_one_tag() {
    let tag = |text: &str, at| (Mode::Hard, Selector::Tag(text.to_owned()), at);
    for (records, floor, newest) in [
        (vec![], 0, 0),
        (vec![tag("canary", 9)], 0, 0),
        (vec![tag("canary", 9), tag("news", 7)], 0, 7),
        (vec![tag("canary", 9), (Mode::Hard, Selector::All, 8)], 0, 8),
        (vec![(Mode::Soft, Selector::All, 8)], 5, 5),
    ] {
        let expected = Stamp { epoch: EPOCH, sequence: Sequence(newest) };
        assert_eq!(mirror(&records, floor).newest("canary"), expected, "{records:?}");
    }
}

#[test]
fn members_are_read_as_they_are_written() {
    let texts = ["", "a", "a:b", "käse", "h", "~x", "!", "*"];
    for mode in [Mode::Hard, Mode::Soft] {
        for text in texts {
            let owned = || text.to_owned();
            for selector in [
                Selector::All,
                Selector::Glob(Glob::new(text)),
                Selector::Host(owned()),
                Selector::Key(owned()),
                Selector::Prefix(owned()),
                Selector::Tag(owned()),
                Selector::Url(owned()),
            ] {
                let record = Record { mode, selector };
                let member = record.member();
                assert!(!member.starts_with(['~', '!']), "{member} would be taken for the head");
                assert_eq!(Record::parse(&member), record);
            }
        }
    }
}

#[test]
fn an_unknown_member_purges_everything() {
    let all = Record { mode: Mode::Hard, selector: Selector::All };
    for member in ["", "h", "x:y", "hz:later", "qt:news", ":"] {
        assert_eq!(Record::parse(member), all, "{member:?}");
    }
}

#[test]
fn pages_are_read_whole_or_not_at_all() {
    let parse = |pairs: &[(&str, &str)]| Page::parse(pairs.iter().copied());
    assert_eq!(parse(&[]), Some(Page::Absent));
    let read = parse(&[("!", "3"), ("ht:news", "4"), ("~00000000000000ff", "5")]);
    let tag = Selector::Tag("news".to_owned());
    assert_eq!(read, Some(page(Epoch(255), 5, 3, &[(Mode::Hard, tag, 4)])));
    for pairs in [&[("~00000000000000ff", "five")][..], &[("~00000000000000ff", "5"), ("ht:a", "")]]
    {
        assert_eq!(parse(pairs), None, "{pairs:?}");
    }
    for score in ["4e", "e4", "4e+-1", "--4", "4.x", "-", ".", "nan", "4e99999999999"] {
        assert_eq!(parse(&[("ht:a", score), ("~00000000000000ff", "5")]), None, "{score}");
    }
    // Without an epoch, or with something above it, nobody of ours has written it.
    for pairs in [
        &[("ht:news", "4")][..],
        &[("~zz", "5")],
        &[("~0000000000000000", "5")],
        &[("~00000000000000ff", "5"), ("ht:news", "6")],
        &[("~00000000000000ff", "5"), ("ht:news", "5.5")],
        &[("~00000000000000ff", "5"), ("", "inf")],
        &[("~00000000000000ff", "5"), ("", "5.1e+0")],
        &[("~00000000000000ff", "5"), ("", "1e+99")],
    ] {
        assert_eq!(parse(pairs), Some(Page::Absent), "{pairs:?}");
    }
    let all = page(Epoch(255), 5, 0, &[(Mode::Hard, Selector::All, 4)]);
    for strange in ["", "~zz", "qt:later"] {
        assert!(!Record::is_known(strange), "{strange:?}");
        let read = parse(&[(strange, "4"), ("~00000000000000ff", "5")]);
        assert_eq!(read.as_ref(), Some(&all), "{strange:?}");
    }
    for (score, position) in [
        ("-1", 0),
        ("-0", 0),
        ("-inf", 0),
        ("3.5", 4),
        ("4e0", 4),
        ("4e+0", 4),
        ("0.4e+1", 4),
        ("3.0000000000000001e+0", 4),
        ("31e-1", 4),
        ("1e-400", 1),
    ] {
        let read = parse(&[("ha:", score), ("~00000000000000ff", "5")]);
        let expected = page(Epoch(255), 5, 0, &[(Mode::Hard, Selector::All, position)]);
        assert_eq!(read, Some(expected), "{score}");
    }
    for known in ["!", "~00000000000000ff", "ht:a", "sg:*"] {
        assert!(Record::is_known(known), "{known:?}");
    }
}

#[test]
fn a_mirror_that_never_synced_knows_no_purge() {
    assert_eq!(judge(&Mirror::default(), 1), Clean);
}

fn mirror(records: &[(Mode, Selector, u64)], floor: u64) -> Mirror {
    let mut mirror = Mirror::default();
    let applied = mirror.apply(page(EPOCH, 10, floor, records), Sequence(0), Time(10));
    assert_eq!(applied, Applied::Current);
    mirror
}

fn page(epoch: Epoch, top: u64, floor: u64, records: &[(Mode, Selector, u64)]) -> Page {
    let records = records.iter().map(|(mode, selector, sequence)| {
        (Record { mode: *mode, selector: selector.clone() }, Sequence(*sequence))
    });
    let (sequence, floor) = (Sequence(top), Sequence(floor));
    Page::Present { epoch, sequence, floor, records: records.collect(), changes: Vec::new() }
}

fn judge(mirror: &Mirror, sequence: u64) -> Standing {
    mirror.judge(&subject(Stamp { epoch: EPOCH, sequence: Sequence(sequence) }))
}

fn subject(stamp: Stamp) -> Subject<'static> {
    static TAGS: std::sync::OnceLock<[String; 2]> = std::sync::OnceLock::new();
    let tags = TAGS.get_or_init(|| ["first".to_owned(), "news".to_owned()]);
    Subject { stamp, key: "GET https://a.test/b/c?d=1\naccept=1:x", tags }
}

const EPOCH: Epoch = Epoch(7);
const BOUND: Duration = Duration::from_secs(1);
