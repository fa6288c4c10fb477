//! Which requests are for the cache, and which stored response they select.

use breadbox::cache::field::Vary;
use breadbox::cache::policy::{eligible, only_if_cached, selecting, selects};

use super::messages::{request, response, rule};

#[test]
fn requests_for_the_cache() {
    let table: &[(&str, &str, &[&str], &str)] = &[
        ("RFC 9111 §3", "", &[], "ok"),
        ("RFC 9111 §3", "", &["HEAD"], "ok"),
        ("RFC 9111 §3", "", &["POST"], "method"),
        ("RFC 9111 §3", "", &["get"], "method"),
        ("RFC 9111 §2", "method=QUERY", &["QUERY", "content-length: 3"], "ok"),
        ("operator", "bypass", &[], "rule"),
        ("RFC 9110 §7.8", "", &["upgrade: websocket", "connection: upgrade"], "upgrade"),
        ("RFC 9110 §9.3.1", "", &["content-length: 3"], "body"),
        ("RFC 9110 §9.3.1", "", &["content-length: 0"], "ok"),
        ("RFC 9110 §9.3.1", "", &["transfer-encoding: chunked"], "body"),
        ("RFC 9111 §4.3.2", "", &["if-match: \"a\""], "precondition"),
        ("RFC 9111 §4.3.2", "", &["if-unmodified-since: {0}"], "precondition"),
        ("RFC 9111 §4.3.2", "", &["if-none-match: \"a\"", "range: bytes=0-1"], "ok"),
    ];
    for (cite, words, asked, expected) in table {
        let told = match eligible(&request(asked), &rule(words)) {
            Ok(()) => "ok".to_owned(),
            Err(reason) => reason.to_string(),
        };
        assert_eq!(&told, expected, "{cite}: {asked:?}");
    }
    let only = request(&["cache-control: only-if-cached"]);
    assert!(only_if_cached(&only, &rule("")), "RFC 9111 §5.2.1.7");
    assert!(!only_if_cached(&only, &rule("deaf")), "RFC 9111 §5.2.1.7");
}

/// Whether the second request selects what the first one brought.
#[test]
fn variants() {
    for (cite, vary, first, second, expected) in VARIANTS {
        let vary = Vary::parse(&response(&[&format!("vary: {vary}")]).headers);
        let stored = selecting(&vary, &request(first));
        assert_eq!(selects(&vary, &stored, &request(second)), *expected, "{cite}: {second:?}");
    }
}

type Variant = (&'static str, &'static str, &'static [&'static str], &'static [&'static str], bool);

const VARIANTS: &[Variant] = &[
    ("RFC 9111 §4.1 optimal", "Foo", &["foo: 1"], &["foo: 1", "other: 3"], true),
    ("RFC 9111 §4.1 required", "Foo", &["foo: 1"], &["foo: 2"], false),
    ("RFC 9111 §4.1 required", "Foo", &[], &["foo: 1"], false),
    ("RFC 9111 §4.1 required", "Foo", &["foo: 1"], &[], false),
    ("RFC 9111 §4.1 required", "Foo", &["foo: "], &[], false),
    (
        "RFC 9111 §4.1 required",
        "Foo, Bar, Baz",
        &["foo: 1", "bar: a4"],
        &["foo: 1", "bar: a"],
        false,
    ),
    ("RFC 9111 §4.1 optimal", "Foo, Bar, Baz", &["foo: 1", "baz: 7"], &["baz: 7", "foo: 1"], true),
    ("RFC 9111 §4.1 required", "Foo, Bar", &["foo: 1"], &["bar: 1"], false),
    ("RFC 9111 §4.1 required", "*", &["foo: 1"], &["foo: 1"], false),
    ("RFC 9111 §4.1 optimal", "Foo", &["foo: 1, 2"], &["foo: 1", "foo: 2"], true),
    ("RFC 9111 §4.1 optimal", "Foo", &["foo: 1,2"], &["foo: 1, 2 "], true),
    ("RFC 9111 §4.1 required", "Foo", &["foo: \"1,2\""], &["foo: \"1, 2\""], false),
    ("RFC 9111 §4.1 required", "Foo", &["foo: A"], &["foo: a"], false),
    (
        "RFC 9111 §4.1 optimal",
        "Accept-Language",
        &["accept-language: en, de"],
        &["accept-language: dE ,   En"],
        true,
    ),
    (
        "RFC 9111 §4.1 required",
        "Accept-Language",
        &["accept-language: en;q=0.5, de"],
        &["accept-language: en, de"],
        false,
    ),
    (
        "RFC 9111 §4.1 optimal",
        "Accept-Language",
        &["accept-language: en;q=0.50, de"],
        &["accept-language: de;q=1.0,en; q=0.5"],
        true,
    ),
    (
        "RFC 9111 §4.1 optimal",
        "Accept-Encoding",
        &["accept-encoding: gzip, br;q=0.9"],
        &["accept-encoding: br, gzip"],
        true,
    ),
    (
        "RFC 9111 §4.1 required",
        "Accept-Encoding",
        &["accept-encoding: gzip, br"],
        &["accept-encoding: gzip"],
        false,
    ),
    (
        "RFC 9111 §4.1 required",
        "Accept-Encoding",
        &["accept-encoding: gzip, br"],
        &["accept-encoding: gzip, br;q=0"],
        false,
    ),
];
