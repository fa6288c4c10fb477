//! What a stored response is good for, seconds after it came.

use breadbox::cache::Time;
use breadbox::cache::policy::{Arrival, Reuse, Standing, Stored, admit, initial_age, reuse};

use super::messages::{NOW, request, response, rule};

/// Cite, rule, response, seconds between it and the request, request, and what becomes of it.
type Row = (
    &'static str,
    &'static str,
    &'static [&'static str],
    i64,
    &'static [&'static str],
    &'static str,
);

fn check(table: &[Row], standing: Standing) {
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
fn directives_of_requests() {
    check(WISHES, Standing::Clean);
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

const FRESH: &[&str] = &["cache-control: max-age=100"];

const WISHES: &[Row] = &[
    (
        "RFC 9111 §5.2.1.4 choice",
        "",
        FRESH,
        1,
        &["cache-control: no-cache"],
        "validate request-no-cache Allowed",
    ),
    ("RFC 9111 §5.2.1.4 choice", "deaf", FRESH, 1, &["cache-control: no-cache"], "serve"),
    (
        "RFC 9111 §5.4 choice",
        "",
        FRESH,
        1,
        &["pragma: no-cache"],
        "validate request-no-cache Allowed",
    ),
    ("RFC 9111 §5.4 choice", "", FRESH, 1, &["pragma: no-cache", "cache-control: x"], "serve"),
    ("RFC 9111 §5.4 choice", "", FRESH, 1, &["pragma: x-get-cache-key"], "serve"),
    ("RFC 9111 §5.2.1.5 choice", "", FRESH, 1, &["cache-control: no-store"], "serve"),
    (
        "RFC 9111 §5.2.1.1 choice",
        "",
        FRESH,
        1,
        &["cache-control: max-age=0"],
        "validate max-age Allowed",
    ),
    ("RFC 9111 §5.2.1.1 choice", "", FRESH, 5, &["cache-control: max-age=5"], "serve"),
    (
        "RFC 9111 §5.2.1.1 choice",
        "",
        FRESH,
        6,
        &["cache-control: max-age=5"],
        "validate max-age Allowed",
    ),
    (
        "RFC 9111 §5.2.1.1 choice",
        "",
        &["cache-control: max-age=3600", "age: 1800"],
        0,
        &["cache-control: max-age=600"],
        "validate max-age Allowed",
    ),
    (
        "RFC 9111 §5.2.1.1 choice",
        "",
        &["cache-control: max-age=2, stale-while-revalidate=60"],
        3,
        &["cache-control: max-age=600"],
        "validate stale Allowed",
    ),
    (
        "RFC 9111 §5.2.1.3 choice",
        "",
        &["cache-control: max-age=1500"],
        0,
        &["cache-control: min-fresh=2000"],
        "validate min-fresh Allowed",
    ),
    (
        "RFC 9111 §5.2.1.3 choice",
        "",
        &["cache-control: max-age=1500", "age: 1000"],
        0,
        &["cache-control: min-fresh=1000"],
        "validate min-fresh Allowed",
    ),
    ("RFC 9111 §5.2.1.3 choice", "", FRESH, 0, &["cache-control: min-fresh=100"], "serve"),
    (
        "RFC 9111 §5.2.1.2 choice",
        "",
        FRESH,
        110,
        &["cache-control: max-stale=10"],
        "stale max-stale",
    ),
    (
        "RFC 9111 §5.2.1.2 choice",
        "",
        FRESH,
        111,
        &["cache-control: max-stale=10"],
        "validate stale Unreachable",
    ),
    ("RFC 9111 §5.2.1.2 choice", "", FRESH, 9999, &["cache-control: max-stale"], "stale max-stale"),
    (
        "RFC 9111 §5.2.1.2 choice",
        "",
        &["cache-control: max-age=1500", "age: 2000"],
        0,
        &["cache-control: max-stale=1000"],
        "stale max-stale",
    ),
    (
        "RFC 9111 §4.2.4 required",
        "",
        &["cache-control: max-age=9, must-revalidate"],
        10,
        &["cache-control: max-stale"],
        "validate stale Forbidden",
    ),
    (
        "RFC 9111 §4.2.4 required",
        "",
        &["cache-control: no-cache", "etag: \"a\""],
        0,
        &["cache-control: max-stale"],
        "validate no-cache Forbidden",
    ),
    (
        "RFC 8246 §2 choice",
        "",
        &["cache-control: max-age=100, immutable"],
        1,
        &["cache-control: max-age=0"],
        "serve",
    ),
    (
        "RFC 8246 §2 choice",
        "",
        &["cache-control: max-age=100, immutable"],
        1,
        &["cache-control: no-cache"],
        "validate request-no-cache Allowed",
    ),
    (
        "RFC 8246 §2 required",
        "",
        &["cache-control: max-age=100, immutable"],
        101,
        &["cache-control: max-age=0"],
        "validate max-age Unreachable",
    ),
];

const SOFT: &[Row] = &[
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
