//! What a stored response is good for, seconds after it came.

use breadbox::cache::Time;
use breadbox::cache::policy::{Arrival, Reuse, Standing, Stored, admit, initial_age, reuse};

use super::messages::{NOW, request, response, rule};

/// Cite, rule, response, seconds between it and the request, request, and what becomes of it.
pub type Row = (
    &'static str,
    &'static str,
    &'static [&'static str],
    i64,
    &'static [&'static str],
    &'static str,
);

pub fn check(table: &[Row], standing: Standing) {
    for (cite, words, answered, later, asked, expected) in table {
        let (head, rule) = (response(answered), rule(words));
        let arrival = Arrival { asked: NOW, received: NOW };
        let admission = admit(&request(&[]), &head, arrival, &rule).expect(cite);
        let generated = NOW.before(initial_age(&head, NOW, NOW));
        let stored = Stored { head: &head, generated, lifetime: admission.lifetime };
        let now = Time(NOW.0 + later * 1000);
        let told = match reuse(&request(asked), &stored, standing, now, &rule) {
            Reuse::Serve => "serve".to_owned(),
            Reuse::ServeStale(reason) => format!("stale {reason}"),
            Reuse::Unusable(reason) => format!("unusable {reason}"),
            Reuse::Validate { rescue, reason } => format!("validate {reason} {rescue:?}"),
        };
        assert_eq!(&told, expected, "{cite}: {words} {answered:?} {later} {asked:?}");
    }
}

#[test]
fn freshness_and_staleness() {
    check(AGEING, Standing::Clean);
}

#[test]
fn soft_purges() {
    check(SOFT, Standing::Soft);
}

#[test]
fn hard_purges() {
    let fresh: Row = ("L1", "rescue=60", &["cache-control: max-age=9"], 1, &[], "unusable purged");
    check(&[fresh], Standing::Dead);
}

/// What may have been purged answers only if the origin can't, and then as if it were clean.
#[test]
fn purges_that_cannot_be_known() {
    let swr = &["cache-control: max-age=9, stale-while-revalidate=9"];
    let row = |answered, later, expected| -> Row { ("L1", "", answered, later, &[], expected) };
    let rows = [
        row(&["cache-control: max-age=9"], 1, "validate store-unavailable Allowed"),
        row(&["cache-control: max-age=9"], 10, "validate store-unavailable Unreachable"),
        row(swr, 17, "validate store-unavailable Allowed"),
        row(swr, 18, "validate store-unavailable Unreachable"),
        row(
            &["cache-control: max-age=9, must-revalidate"],
            10,
            "validate store-unavailable Forbidden",
        ),
    ];
    check(&rows, Standing::Unknown);
    // Purges that are to be final leave an error, not even the disconnected an old answer.
    let row =
        |answered, later, expected| -> Row { ("L1", "final", answered, later, &[], expected) };
    let forbidden = "validate store-unavailable Forbidden";
    let rows = [row(&["cache-control: max-age=9"], 1, forbidden), row(swr, 18, forbidden)];
    check(&rows, Standing::Unknown);
}

const AGEING: &[Row] = &[
    ("RFC 9111 §4.2 optimal", "", &["cache-control: max-age=9"], 8, &[], "serve"),
    (
        "RFC 9111 §4.2 required",
        "",
        &["cache-control: max-age=9"],
        9,
        &[],
        "validate stale Unreachable",
    ),
    (
        "RFC 9111 §4.2.3 required",
        "",
        &["cache-control: max-age=3600", "age: 7200"],
        0,
        &[],
        "validate stale Unreachable",
    ),
    (
        "RFC 9111 §4.2.3 required",
        "",
        &["expires: {10}", "date: {-10}", "age: 25"],
        0,
        &[],
        "validate stale Unreachable",
    ),
    (
        "RFC 9111 §4.2.3 required",
        "",
        &["expires: {20}", "date: {10}", "age: 15"],
        0,
        &[],
        "validate stale Unreachable",
    ),
    (
        "RFC 9111 §4.2.3 choice",
        "",
        &["cache-control: max-age=3600", "date: {-7200}"],
        0,
        &[],
        "validate stale Unreachable",
    ),
    (
        "RFC 9111 §5.1 optimal",
        "",
        &["cache-control: max-age=3600", "age: 0, 7200"],
        0,
        &[],
        "serve",
    ),
    (
        "RFC 9111 §4.2.4 required",
        "",
        &["cache-control: max-age=2, must-revalidate"],
        3,
        &[],
        "validate stale Forbidden",
    ),
    (
        "RFC 9111 §4.2.4 required",
        "",
        &["cache-control: max-age=2, proxy-revalidate"],
        3,
        &[],
        "validate stale Forbidden",
    ),
    (
        "RFC 9111 §4.2.4 required",
        "",
        &["cache-control: max-age=2, s-maxage=2"],
        3,
        &[],
        "validate stale Forbidden",
    ),
    (
        "RFC 9111 §4.2.4 required",
        "",
        &["cache-control: max-age=2, no-cache", "etag: \"a\""],
        0,
        &[],
        "validate no-cache Forbidden",
    ),
    (
        "RFC 9111 §5.2.2.2 optimal",
        "",
        &["cache-control: max-age=2, must-revalidate"],
        1,
        &[],
        "serve",
    ),
    (
        "RFC 9111 §4.2.4 choice",
        "keep=5",
        &["cache-control: max-age=2"],
        8,
        &[],
        "validate stale Forbidden",
    ),
    (
        "RFC 5861 §3 optimal",
        "",
        &["cache-control: max-age=2, stale-while-revalidate=60"],
        61,
        &[],
        "stale stale",
    ),
    (
        "RFC 5861 §3 required",
        "",
        &["cache-control: max-age=2, stale-while-revalidate=60"],
        62,
        &[],
        "validate stale Unreachable",
    ),
    (
        "RFC 5861 §4 optimal",
        "",
        &["cache-control: max-age=2, stale-if-error=60"],
        61,
        &[],
        "validate stale Allowed",
    ),
    (
        "RFC 5861 §4 required",
        "",
        &["cache-control: max-age=2, stale-if-error=60"],
        62,
        &[],
        "validate stale Unreachable",
    ),
    ("operator", "ttl=2 stale=3", &["cache-control: must-revalidate"], 4, &[], "stale stale"),
    ("operator", "ttl=2 rescue=3", &[], 4, &[], "validate stale Allowed"),
    ("operator", "ttl=2 rescue=3", &[], 5, &[], "validate stale Forbidden"),
    ("operator", "ttl=2", &["age: 100"], 1, &[], "serve"),
    ("operator", "ttl=2", &["date: {-600}"], 1, &[], "serve"),
    ("operator", "ttl=2", &["date: {-600}"], 2, &[], "validate stale Unreachable"),
];

const SOFT: &[Row] = &[
    (
        "soft",
        "",
        &["cache-control: max-age=9"],
        1,
        &["cache-control: stale-if-error=9"],
        "validate soft-purged Unreachable",
    ),
    (
        "soft",
        "",
        &["cache-control: max-age=9, stale-while-revalidate=9"],
        1,
        &[],
        "stale soft-purged",
    ),
    (
        "soft",
        "",
        &["cache-control: max-age=9, stale-while-revalidate=9"],
        18,
        &[],
        "validate soft-purged Unreachable",
    ),
    ("soft", "", &["cache-control: max-age=9"], 1, &[], "validate soft-purged Unreachable"),
    (
        "soft",
        "",
        &["cache-control: max-age=9, must-revalidate"],
        1,
        &[],
        "validate soft-purged Forbidden",
    ),
    (
        "soft",
        "",
        &["cache-control: max-age=9, stale-if-error=9"],
        1,
        &[],
        "validate soft-purged Allowed",
    ),
    (
        "soft",
        "",
        &["cache-control: max-age=9"],
        1,
        &["cache-control: max-stale"],
        "validate soft-purged Unreachable",
    ),
];
