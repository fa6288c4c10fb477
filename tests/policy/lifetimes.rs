//! For how long responses are stored, by the origin's word and by the operator's.

use std::time::Duration;

use breadbox::cache::Time;
use breadbox::cache::policy::initial_age;

use super::messages::{NOW, response};
use super::storing::{Row, check};

#[test]
fn lifetimes() {
    check(LIFETIMES);
}

#[test]
fn rules() {
    check(RULES);
}

#[test]
fn ages_on_arrival() {
    let table: &[(&str, &[&str], i64, u64)] = &[
        ("RFC 9111 §4.2.3", &["date: {0}"], 0, 0),
        ("RFC 9111 §4.2.3", &["date: {-7200}"], 0, 7200),
        ("RFC 9111 §4.2.3", &["date: {7200}"], 0, 0),
        ("RFC 9111 §4.2.3", &["date: {0}", "age: 30"], 0, 30),
        ("RFC 9111 §4.2.3", &["date: {-10}", "age: 30"], 5, 35),
        ("RFC 9111 §4.2.3", &["date: {-100}", "age: 30"], 5, 100),
        ("RFC 9111 §5.1", &["date: {0}", "age: abc"], 0, 0),
        ("RFC 9111 §5.1", &["date: {0}", "age: 99999999999"], 0, 1 << 31),
    ];
    for (cite, lines, delay, expected) in table {
        let asked = Time(NOW.0 - delay * 1000);
        let age = initial_age(&response(lines), asked, NOW);
        assert_eq!(age, Duration::from_secs(*expected), "{cite}: {lines:?}");
    }
    // A date has no fractions of a second (RFC 9110 §5.6.7), an arrival has.
    let late = Time(NOW.0 + 999);
    for (date, expected) in [("date: {0}", 0), ("date: {-1}", 1)] {
        let age = initial_age(&response(&[date]), late, late);
        assert_eq!(age, Duration::from_secs(expected), "RFC 9111 §4.2.3: {date}");
    }
}

const LIFETIMES: &[Row] = &[
    ("RFC 9111 §4.2.1 required", "", &[], &["cache-control: max-age=3600, s-maxage=1"], "1/1/1"),
    (
        "RFC 9111 §4.2.1 optimal",
        "",
        &[],
        &["cache-control: max-age=0, s-maxage=9", "expires: {-9}", "date: {0}"],
        "9/9/9",
    ),
    (
        "RFC 9111 §5.3 required",
        "",
        &[],
        &["cache-control: max-age=0", "expires: {9}", "date: {0}", "etag: \"a\""],
        "0/0/0",
    ),
    (
        "RFC 9111 §5.3 optimal",
        "",
        &[],
        &["cache-control: max-age=9", "expires: 0", "date: {0}"],
        "9/9/9",
    ),
    ("RFC 9111 §5.3 optimal", "", &[], &["expires: {9}", "date: {0}"], "9/9/9"),
    ("RFC 9111 §5.3 required", "", &[], &["expires: {300}", "date: {400}", "etag: \"a\""], "0/0/0"),
    ("RFC 9111 §5.3 required", "", &[], &["expires: 0", "last-modified: {-900}"], "0/0/0"),
    ("RFC 9111 §4.2.1 optimal", "", &[], &["expires: {9}", "date: foo"], "9/9/9"),
    ("RFC 9111 §4.2.1 optimal", "", &[], &["expires: {9}"], "9/9/9"),
    ("RFC 9111 §4.2.2 optimal", "", &[], &["last-modified: {-900}", "date: {0}"], "90/90/90"),
    (
        "RFC 9111 §4.2.2 choice",
        "cap=9999999",
        &[],
        &["last-modified: {-9000000}", "date: {0}"],
        "86400/86400/86400",
    ),
    ("RFC 9111 §4.2.2 choice", "", &[], &["last-modified: {60}", "date: {0}"], "0/0/0"),
    ("RFC 9111 §3 choice", "", &[], &["etag: \"a\""], "no-lifetime"),
    ("RFC 9111 §3 choice", "", &[], &[], "no-lifetime"),
    ("RFC 9111 §3 choice", "", &[], &["cache-control: max-age=0"], "no-lifetime"),
    (
        "RFC 9111 §4.2.1 required",
        "",
        &[],
        &["cache-control: max-age=x", "expires: {9}", "date: {0}", "etag: \"a\""],
        "0/0/0",
    ),
    (
        "RFC 9111 §1.2.2 optimal",
        "cap=9999999999",
        &[],
        &["cache-control: max-age=99999999999"],
        "2147483648/2147483648/2147483648",
    ),
    (
        "RFC 5861 §3 optimal",
        "",
        &[],
        &["cache-control: max-age=9, stale-while-revalidate=60"],
        "9/69/69",
    ),
    ("RFC 5861 §4 optimal", "", &[], &["cache-control: max-age=9, stale-if-error=60"], "9/9/69"),
    (
        "RFC 5861 §4 optimal",
        "",
        &[],
        &["cache-control: max-age=0, stale-while-revalidate=9, stale-if-error=5"],
        "0/9/9",
    ),
    (
        "RFC 9111 §5.2.2.2 required",
        "",
        &[],
        &["cache-control: max-age=9, must-revalidate, stale-while-revalidate=60"],
        "9/9/9",
    ),
    (
        "RFC 9111 §5.2.2.10 required",
        "",
        &[],
        &["cache-control: s-maxage=9, stale-if-error=60"],
        "9/9/9",
    ),
    (
        "RFC 9213 §2.2 required",
        "",
        &[],
        &["cdn-cache-control: max-age=1", "cache-control: max-age=9"],
        "1/1/1",
    ),
    (
        "RFC 9213 §2.2 required",
        "",
        &[],
        &["cdn-cache-control: public", "cache-control: max-age=9", "expires: {9}"],
        "no-lifetime",
    ),
    (
        "Edge Architecture §2.3 choice",
        "",
        &[],
        &["surrogate-control: max-age=9+60", "cache-control: no-store"],
        "9/69/69",
    ),
];

const RULES: &[Row] = &[
    ("operator", "bypass", &[], &["cache-control: max-age=9"], "rule"),
    ("operator", "cap=5", &[], &["cache-control: max-age=9"], "5/5/5"),
    ("operator", "cap=5", &[], &["cache-control: max-age=900", "age: 100"], "105/105/105"),
    ("operator", "ttl=5 stale=10 rescue=20", &[], &["cache-control: max-age=9"], "5/15/25"),
    ("operator", "ttl=5", &[], &["cache-control: max-age=9", "age: 100"], "105/105/105"),
    ("operator", "ttl=5 cap=1", &[], &[], "5/5/5"),
    ("operator", "stale=10", &[], &["cache-control: s-maxage=9"], "9/19/19"),
    ("operator", "stale=0", &[], &["cache-control: max-age=9, stale-while-revalidate=60"], "9/9/9"),
    ("operator", "ttl=5", &[], &["cache-control: no-store"], "no-store"),
    ("operator", "ttl=5", &[], &["cache-control: private"], "private"),
    ("operator", "ttl=5", &[], &["set-cookie: a=b"], "set-cookie"),
    ("operator", "ttl=5", &[], &["vary: *"], "vary-any"),
    ("operator", "ttl=5", &["authorization: x"], &[], "authorization"),
    (
        "operator",
        "ttl=5 force=no-store",
        &[],
        &["cache-control: no-store", "set-cookie: a"],
        "5/5/5 -set-cookie",
    ),
    (
        "operator",
        "ttl=5 force=private",
        &[],
        &["cache-control: private", "set-cookie: a"],
        "5/5/5 -set-cookie",
    ),
    ("operator", "ttl=5 force=private", &[], &["cache-control: private, no-store"], "no-store"),
    ("operator", "ttl=5 force=set-cookie", &[], &["set-cookie: a"], "5/5/5 -set-cookie"),
    ("operator", "ttl=5 force=vary", &[], &["vary: *"], "5/5/5 -vary"),
    ("operator", "ttl=5 force=authorization", &["authorization: x"], &[], "5/5/5"),
    ("operator", "ttl=5 force=no-cache", &[], &["cache-control: no-cache"], "5/5/5"),
    ("operator", "body=10", &[], &["cache-control: max-age=9", "content-length: 11"], "too-large"),
    ("operator", "body=10", &[], &["cache-control: max-age=9", "content-length: 10"], "9/9/9"),
];
