//! Small values of the core: keys, identifiers, directives, words.

use std::time::Duration;

use breadbox::cache::entry::{Damage, Entry};
use breadbox::cache::field::{CacheControl, Directives, Scope, Seconds};
use breadbox::cache::key::{Id, Key, normalised};
use breadbox::cache::ledger::{Due, Epoch, Mirror, Page, Sequence};
use breadbox::cache::policy::Status;
use breadbox::cache::{Reason, Time, Verdict};
use http::{HeaderMap, HeaderValue};

#[test]
fn urls_have_one_form() {
    for (text, form) in [
        ("https://a.test", Some("https://a.test/")),
        ("HTTP://A.test:80/b/../c?d#e", Some("http://a.test/c?d")),
        ("https://ada:secret@a.test/", Some("https://a.test/")),
        ("https://a.test:8443/x y", Some("https://a.test:8443/x%20y")),
        ("ftp://a.test/", None),
        ("mailto:a@a.test", None),
        ("/relative", None),
        ("", None),
    ] {
        assert_eq!(normalised(text).as_deref(), form, "{text}");
    }
}

#[test]
fn identifiers_are_written_in_full() {
    assert_eq!(Id(0xab).to_string(), "000000000000000000000000000000ab");
    assert_eq!(Epoch(0xab).to_string(), "00000000000000ab");
    assert_eq!(Epoch::parse("00000000000000ab"), Some(Epoch(0xab)));
    let key = Key::of_url("https://a.test/");
    assert_eq!(key.id().to_string().len(), 32);
    assert_ne!(key.id(), Key::of_url("https://a.test/b").id());
}

#[test]
fn damage_says_what_is_wrong() {
    assert_eq!(Entry::decode(b"").map(drop), Err(Damage::Length));
    assert_eq!(Entry::decode(b"BBX\x00").map(drop), Err(Damage::Version));
    let words = [Damage::Checksum, Damage::Length, Damage::Version, Damage::Value];
    let words = words.map(|damage| damage.to_string());
    let expected = ["checksum mismatch", "wrong length", "unknown version", "invalid value"];
    assert_eq!(words, expected);
}

/// Each directive alone, granted, refused, and with a value of the wrong type (RFC 9213 §2.1).
#[test]
fn targeted_directives_are_read_one_by_one() {
    let seconds = |count| Some(Seconds::new(count));
    let none = CacheControl::default();
    let (whole, other) = (Scope::Whole, none.clone());
    for (line, expected) in [
        ("immutable", CacheControl { immutable: true, ..none.clone() }),
        ("immutable=?0", none.clone()),
        ("immutable=7", none.clone()),
        ("max-age=7", CacheControl { max_age: seconds(7), ..none.clone() }),
        ("max-age=x", CacheControl { max_age: seconds(0), ..none.clone() }),
        ("must-revalidate", CacheControl { must_revalidate: true, ..none.clone() }),
        ("must-revalidate=?0, public", CacheControl { public: true, ..none.clone() }),
        ("must-understand", CacheControl { must_understand: true, ..none.clone() }),
        ("must-understand=?0", none.clone()),
        ("no-cache", CacheControl { no_cache: whole.clone(), ..none.clone() }),
        ("no-store", CacheControl { no_store: true, ..none.clone() }),
        ("no-store=?0", none.clone()),
        ("no-transform", CacheControl { no_transform: true, ..none.clone() }),
        ("no-transform=?0", none.clone()),
        ("private", CacheControl { private: whole, ..none.clone() }),
        ("proxy-revalidate", CacheControl { proxy_revalidate: true, ..none.clone() }),
        ("proxy-revalidate=?0", none.clone()),
        ("public", CacheControl { public: true, ..none.clone() }),
        ("public=1", none.clone()),
        ("s-maxage=8", CacheControl { s_maxage: seconds(8), ..none.clone() }),
        ("stale-if-error=9", CacheControl { stale_if_error: seconds(9), ..none.clone() }),
        ("stale-while-revalidate=5", CacheControl { stale_while_revalidate: seconds(5), ..other }),
    ] {
        let mut headers = HeaderMap::new();
        headers.append("cdn-cache-control", HeaderValue::from_str(line).unwrap());
        assert_eq!(Directives::parse(&headers).control, expected, "{line}");
    }
}

#[test]
fn escapes_and_extensions_are_resolved() {
    let control = |name: &'static str, line: &str| {
        let mut headers = HeaderMap::new();
        headers.append(name, HeaderValue::from_str(line).unwrap());
        Directives::parse(&headers).control
    };
    let escaped = control("cache-control", r#"max-age="1\7""#);
    assert_eq!(escaped.max_age, Some(Seconds::new(17)));
    let plain = control("cache-control", r#"max-age="17""#);
    assert_eq!(plain.max_age, Some(Seconds::new(17)));
    let both = control("surrogate-control", "max-age=60+600");
    assert_eq!(both.max_age, Some(Seconds::new(60)));
    assert_eq!(both.stale_while_revalidate, Some(Seconds::new(600)));
    let other = control("surrogate-control", "max-stale=60+600, no-store");
    assert_eq!((other.stale_while_revalidate, other.no_store), (None, true));
}

#[test]
fn of_many_at_once_one_looks_into_the_ledger() {
    let (bound, span) = (Duration::from_secs(1), Duration::from_millis(299));
    let mut mirror = Mirror::default();
    assert_eq!(mirror.look(Time(1_000), bound), Due::Ask);
    assert_eq!(mirror.look(Time(1_000), bound), Due::Asked);
    assert_eq!(mirror.look(Time(1_000).after(span), bound), Due::Asked);
    // A look that does not come back is not counted on, and neither is one from a clock's future.
    assert_eq!(mirror.look(Time(1_300), bound), Due::Ask);
    assert_eq!(mirror.look(Time(1_200), bound), Due::Ask);
    // Under a bound of zero everybody looks.
    assert_eq!(mirror.look(Time(1_200), Duration::ZERO), Due::Ask);
    let (epoch, sequence, floor) = (Epoch(1), Sequence(1), Sequence(0));
    let page = Page::Present { epoch, sequence, floor, records: Vec::new(), changes: Vec::new() };
    mirror.apply(page, Sequence(0), Time(1_200));
    assert_eq!(mirror.look(Time(2_199), bound), Due::No);
    assert_eq!(mirror.look(Time(2_200), bound), Due::Ask);
    assert_eq!(mirror.look(Time(1_199), bound), Due::Ask);
}

/// The registered word that comes nearest to each reason (RFC 9211 §2.2).
#[test]
fn cache_status_says_why_a_request_went_forward() {
    for (word, reasons) in [
        ("uri-miss", &[Reason::Absent, Reason::Unleased, Reason::Patience][..]),
        ("vary-miss", &[Reason::Variant]),
        ("method", &[Reason::Method]),
        ("stale", &[Reason::Stale, Reason::NoCache, Reason::SoftPurged, Reason::MaxStale]),
        ("request", &[Reason::MaxAge, Reason::MinFresh, Reason::RequestNoCache]),
        ("request", &[Reason::OnlyIfCached]),
        ("partial", &[Reason::Partial]),
        ("bypass", &[Reason::Body, Reason::PassMarker, Reason::Precondition, Reason::Rule]),
        ("bypass", &[Reason::Upgrade]),
        ("miss", &[Reason::Purged]),
    ] {
        for reason in reasons {
            let status = Status { reason: Some(*reason), ..Status::new(Verdict::Miss) };
            let text = told(&status);
            assert!(text.contains(&format!("fwd={word};")), "{reason}: {text}");
        }
    }
    let collapsed = told(&Status::new(Verdict::Collapsed));
    assert!(collapsed.contains("; collapsed"), "{collapsed}");
    let missed = told(&Status::new(Verdict::Miss));
    assert!(!missed.contains("; collapsed"), "{missed}");
}

fn told(status: &Status) -> String {
    let mut headers = HeaderMap::new();
    status.append(&mut headers);
    headers["cache-status"].to_str().unwrap().to_owned()
}
