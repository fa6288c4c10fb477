//! Which responses are stored, for how long, and without which fields.

use std::time::Duration;

use breadbox::cache::policy::{Arrival, admit, dated};

use super::messages::{NOW, request, response, rule};

/// Cite, rule, request, response, and what comes of it: `fresh/stale/rescue` in seconds with the
/// fields that are not stored, or the reason for not storing.
pub type Row =
    (&'static str, &'static str, &'static [&'static str], &'static [&'static str], &'static str);

pub fn check(table: &[Row]) {
    for (cite, words, asked, answered, expected) in table {
        let arrival = Arrival { asked: NOW, received: NOW };
        let outcome = admit(&request(asked), &response(answered), arrival, &rule(words));
        let told = match outcome {
            Err(reason) => reason.to_string(),
            Ok(admission) => {
                let life = admission.lifetime;
                let spans = [life.fresh, life.stale, life.rescue].map(|s| s.as_secs().to_string());
                assert!(life.fresh <= life.stale && life.stale <= life.rescue, "{cite}");
                assert!(life.rescue <= life.keep, "{cite}");
                let stripped = admission.strip.iter().map(|name| format!(" -{name}"));
                spans.join("/") + &stripped.collect::<String>()
            }
        };
        assert_eq!(&told, expected, "{cite}: {words} {asked:?} {answered:?}");
    }
}

#[test]
fn prohibitions() {
    check(PROHIBITIONS);
}

#[test]
fn status_codes() {
    check(STATUS);
}

#[test]
fn each_final_code_with_an_explicit_lifetime() {
    for status in 200..=999u16 {
        let head = response(&[&status.to_string(), "expires: {60}", "date: {0}"]);
        let arrival = Arrival { asked: NOW, received: NOW };
        let admitted = admit(&request(&[]), &head, arrival, &rule(""));
        // What is beyond 599 is no status code (RFC 9110 §15).
        let storable = !matches!(status, 206 | 304 | 600..);
        let fresh = admitted.ok().map(|a| a.lifetime.fresh);
        assert_eq!(fresh, storable.then_some(Duration::from_secs(60)), "RFC 9111 §3: {status}");
    }
}

#[test]
fn a_response_without_a_date_gets_that_of_its_receipt() {
    for lines in [&[][..], &["date: foo"], &["date: {0}", "date: {1}"]] {
        let mut head = response(lines);
        dated(&mut head, NOW);
        assert_eq!(head, response(&["date: {0}"]), "RFC 9110 §6.6.1: {lines:?}");
    }
    let mut head = response(&["date: {-60}"]);
    dated(&mut head, NOW);
    assert_eq!(head, response(&["date: {-60}"]), "RFC 9110 §6.6.1");
}

const PROHIBITIONS: &[Row] = &[
    ("RFC 9111 §5.2.2.5 required", "", &[], &["cache-control: no-store"], "no-store"),
    (
        "RFC 9111 §5.2.2.5 required",
        "",
        &[],
        &["cache-control: max-age=9, No-StOrE", "expires: {9}"],
        "no-store",
    ),
    ("RFC 9111 §5.2.2.7 required", "", &[], &["cache-control: private, max-age=9"], "private"),
    (
        "RFC 9111 §5.2.2.7 choice",
        "",
        &[],
        &["cache-control: private=\"a\", max-age=9", "a: 1", "b: 2"],
        "9/9/9 -a",
    ),
    (
        "RFC 9111 §5.2.2.4 choice",
        "",
        &[],
        &["cache-control: no-cache=\"a, b\", max-age=9", "a: 1", "b: 2"],
        "9/9/9 -a -b",
    ),
    ("RFC 9111 §5.2.2.4 optimal", "", &[], &["cache-control: no-cache", "etag: \"a\""], "0/0/0"),
    (
        "RFC 9111 §5.2.2.4 optimal",
        "",
        &[],
        &["cache-control: max-age=9, no-cache", "etag: \"a\""],
        "0/0/0",
    ),
    ("RFC 9111 §5.2.2.4 choice", "", &[], &["cache-control: max-age=9, no-cache"], "no-cache"),
    (
        "RFC 9111 §5.2.2.4 required",
        "ttl=9 stale=9",
        &[],
        &["cache-control: no-cache", "etag: \"a\""],
        "0/0/0",
    ),
    ("RFC 9111 §4.1 required", "", &[], &["cache-control: max-age=9", "vary: Foo, *"], "vary-any"),
    (
        "RFC 9111 §3.5 required",
        "",
        &["authorization: x"],
        &["expires: {9}", "date: {0}"],
        "authorization",
    ),
    (
        "RFC 9111 §3.5 optimal",
        "",
        &["authorization: x"],
        &["cache-control: max-age=9, public"],
        "9/9/9",
    ),
    (
        "RFC 9111 §3.5 optimal",
        "",
        &["authorization: x"],
        &["cache-control: max-age=9, must-revalidate"],
        "9/9/9",
    ),
    ("RFC 9111 §3.5 optimal", "", &["authorization: x"], &["cache-control: s-maxage=9"], "9/9/9"),
    (
        "RFC 9111 §3.5 required",
        "",
        &["authorization: x"],
        &["cache-control: max-age=9, proxy-revalidate"],
        "authorization",
    ),
    (
        "RFC 9111 §7.3 choice",
        "",
        &[],
        &["cache-control: max-age=9", "set-cookie: a=b"],
        "set-cookie",
    ),
    (
        "RFC 9111 §7.3 choice",
        "",
        &[],
        &["cache-control: max-age=9, private=\"set-cookie\"", "set-cookie: a=b"],
        "9/9/9 -set-cookie",
    ),
    ("RFC 9111 §7.3 optimal", "", &["cookie: a=b"], &["cache-control: max-age=9"], "9/9/9"),
    (
        "RFC 9111 §3.1 required",
        "",
        &[],
        &["cache-control: max-age=9", "connection: a, b", "a: 1", "te: x"],
        "9/9/9 -a -connection -te",
    ),
    (
        "RFC 9110 §7.6.1 required",
        "",
        &[],
        &["cache-control: max-age=9, private", "connection: cache-control"],
        "private",
    ),
    (
        "RFC 9111 §5.2.1.5 required",
        "",
        &["cache-control: no-store"],
        &["cache-control: max-age=9"],
        "request-no-store",
    ),
    (
        "RFC 9111 §5.2.1.5 choice",
        "deaf",
        &["cache-control: no-store"],
        &["cache-control: max-age=9"],
        "9/9/9",
    ),
    ("RFC 9111 §3 required", "", &["HEAD"], &["cache-control: max-age=9"], "method"),
    ("RFC 9111 §3 required", "", &["OPTIONS"], &["cache-control: max-age=9"], "method"),
    (
        "RFC 9110 §9.3.3 optimal",
        "",
        &["POST"],
        &["expires: {9}", "date: {0}", "content-location: /a/b?q=1"],
        "9/9/9",
    ),
    (
        "RFC 9110 §9.3.3 required",
        "",
        &["POST"],
        &["expires: {9}", "date: {0}", "content-location: /a/c"],
        "method",
    ),
    (
        "RFC 9110 §9.3.3 required",
        "",
        &["POST"],
        &["last-modified: {-900}", "content-location: ?q=1"],
        "method",
    ),
    ("RFC 9111 §2 choice", "method=QUERY", &["QUERY"], &["cache-control: max-age=9"], "9/9/9"),
    (
        "RFC 9213 §2.2 required",
        "",
        &[],
        &["cdn-cache-control: no-store", "cache-control: max-age=9"],
        "no-store",
    ),
    (
        "RFC 9213 §2.2 required",
        "",
        &[],
        &["cdn-cache-control: max-age=9", "cache-control: no-store"],
        "9/9/9",
    ),
    (
        "RFC 9213 §2.1 required",
        "",
        &[],
        &["cdn-cache-control: max-age=9, &", "cache-control: no-store"],
        "no-store",
    ),
];

const STATUS: &[Row] = &[
    ("RFC 9111 §3 required", "", &[], &["103", "cache-control: max-age=9"], "status"),
    ("RFC 9111 §3.3 required", "", &[], &["206", "cache-control: max-age=9"], "partial"),
    ("RFC 9111 §3 optimal", "", &[], &["299", "cache-control: max-age=9"], "9/9/9"),
    ("RFC 9111 §3 required", "", &[], &["599", "last-modified: {-900}", "date: {0}"], "status"),
    (
        "RFC 9111 §3 optimal",
        "",
        &[],
        &["599", "last-modified: {-900}", "date: {0}", "cache-control: public"],
        "90/90/90",
    ),
    (
        "RFC 9111 §5.2.2.3 required",
        "",
        &[],
        &["599", "cache-control: max-age=9, must-understand"],
        "status",
    ),
    (
        "RFC 9111 §5.2.2.3 optimal",
        "",
        &[],
        &["200", "cache-control: max-age=9, must-understand, no-store"],
        "9/9/9",
    ),
    (
        "RFC 9111 §5.2.2.3 required",
        "",
        &[],
        &["599", "cache-control: max-age=9, no-store"],
        "no-store",
    ),
    (
        "RFC 9111 §4.2.2 required",
        "",
        &[],
        &["201", "last-modified: {-900}", "date: {0}"],
        "no-lifetime",
    ),
    (
        "RFC 9111 §4.2.2 required",
        "",
        &[],
        &["403", "last-modified: {-900}", "date: {0}"],
        "no-lifetime",
    ),
    ("RFC 9111 §4.2.2 required", "", &[], &["502", "last-modified: {-900}", "date: {0}"], "status"),
    (
        "RFC 9111 §4.2.2 optimal",
        "",
        &[],
        &["404", "last-modified: {-900}", "date: {0}"],
        "90/90/90",
    ),
    ("RFC 9110 §15.1 optimal", "", &[], &["501", "last-modified: {-900}", "date: {0}"], "90/90/90"),
    ("RFC 9110 §15.1 choice", "", &[], &["501"], "status"),
    ("RFC 9111 §3 choice", "negative=5", &[], &["404"], "5/5/5"),
    ("RFC 9111 §3 choice", "negative=5", &[], &["400"], "no-lifetime"),
    ("RFC 9111 §3 choice", "negative=5", &[], &["403", "cache-control: max-age=9"], "9/9/9"),
    ("RFC 9111 §3 choice", "negative=5", &[], &["451"], "5/5/5"),
    ("RFC 9111 §3 choice", "negative=5 stale=60", &[], &["503"], "5/5/5"),
    ("RFC 9111 §3 choice", "ttl=60", &[], &["404"], "no-lifetime"),
    ("RFC 9111 §3 choice", "ttl=60", &[], &["500"], "status"),
    ("RFC 9111 §3 required", "negative=5", &[], &["404", "cache-control: private"], "private"),
];
