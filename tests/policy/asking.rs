//! What goes to the origin, and what its answer changes.

use breadbox::cache::ResponseHead;
use breadbox::cache::ledger::Record;
use breadbox::cache::policy::{
    OriginPurges, forward, freshen, group_tags, invalidates, pass, purges, tags,
};

use super::messages::{URL, fields, lines, request, response};

/// Fields of a message.
type Lines = &'static [&'static str];

#[test]
fn questions_to_the_origin() {
    let capability = "surrogate-capability: Breadbox=\"Surrogate/1.0\"";
    let table: &[(&str, Lines, Option<Lines>, Lines)] = &[
        ("RFC 9111 §4.3.1", &["a: 1", "a: 2"], None, &["a: 1", "a: 2"]),
        ("RFC 9111 §4.3.1", &["if-none-match: \"x\"", "if-modified-since: {0}"], None, &[]),
        ("RFC 9111 §4.3.1", &["range: bytes=0-1", "if-range: \"x\""], None, &[]),
        (
            "RFC 9111 §4.3.1",
            &["abc: 1", "if-none-match: \"x\""],
            Some(&["etag: W/\"a\"", "last-modified: {-9}"]),
            &["abc: 1", "if-modified-since: {-9}", "if-none-match: W/\"a\""],
        ),
        (
            "RFC 9111 §4.3.1",
            &[],
            Some(&["etag: unquoted", "last-modified: foo"]),
            &["if-none-match: unquoted"],
        ),
        (
            "RFC 9110 §7.6.1",
            &["connection: a, keep-alive", "a: 1", "keep-alive: 5", "te: x", "b: 2"],
            None,
            &["b: 2"],
        ),
        (
            "RFC 9110 §7.6.1",
            &["connection: cookie, authorization", "cookie: a", "authorization: b"],
            None,
            &["authorization: b", "cookie: a"],
        ),
        (
            "RFC 9110 §10.1.1",
            &["expect: 100-continue", "upgrade: x", "proxy-connection: y"],
            None,
            &[],
        ),
        (
            "attack 1",
            &["x-forwarded-host: evil", "x-forwarded-port: 1", "forwarded: host=evil"],
            None,
            &[],
        ),
        (
            "attack 3",
            &["x-host: evil", "x-http-host-override: evil", "x-forwarded-server: e"],
            None,
            &[],
        ),
        ("attack 17", &["x-original-url: /admin", "x-rewrite-url: /admin"], None, &[]),
        ("attack 25", &["x-http-method-override: DELETE", "x-method-override: PUT"], None, &[]),
        ("attack 47", &["cache-tag: a", "surrogate-key: b", "xkey: c"], None, &[]),
        (
            "L5",
            &["x-forwarded-for: 1.2.3.4", "user-agent: x"],
            None,
            &["user-agent: x", "x-forwarded-for: 1.2.3.4"],
        ),
    ];
    for (cite, asked, prior, expected) in table {
        let prior = prior.map(response);
        let mut expected = fields(expected);
        expected.extend(fields(&[capability]));
        let asked = request(asked);
        assert_eq!(lines(&forward(&asked, prior.as_ref())), lines(&expected), "{cite}");
    }
}

#[test]
fn requests_passed_through() {
    let table: &[(&str, Lines, Lines)] = &[
        (
            "RFC 9110 §13.2.1",
            &["if-match: \"a\"", "range: bytes=0-1"],
            &["if-match: \"a\"", "range: bytes=0-1"],
        ),
        (
            "RFC 9110 §7.8",
            &["connection: Upgrade, a", "a: 1", "upgrade: websocket"],
            &["connection: upgrade", "upgrade: websocket"],
        ),
        ("attack 1", &["x-forwarded-host: evil"], &[]),
    ];
    for (cite, asked, expected) in table {
        assert_eq!(lines(&pass(&request(asked))), lines(&fields(expected)), "{cite}");
    }
}

/// Cite, stored response, `304`, and the stored response afterwards.
type Update = (&'static str, Lines, Lines, Result<Lines, &'static str>);

const TAG: &str = "etag: \"a\"";

/// Where the origin is, seen from the edge.
const ORIGIN: &str = "http://origin.internal:8000/app";

const UPDATES: &[Update] = &[
    (
        "RFC 9111 §3.2 required",
        &[TAG, "a: 1", "b: 1"],
        &["304", TAG, "a: 2", "c: 3"],
        Ok(&["a: 2", "b: 1", "c: 3", TAG]),
    ),
    (
        "RFC 9111 §3.2 required",
        &[TAG, "a: 1", "a: 2"],
        &["304", TAG, "a: 3", "a: 4"],
        Ok(&["a: 3", "a: 4", TAG]),
    ),
    (
        "RFC 9111 §3.2 required",
        &[TAG, "cache-control: max-age=1"],
        &["304", TAG, "cache-control: max-age=9"],
        Ok(&["cache-control: max-age=9", TAG]),
    ),
    (
        "RFC 9111 §3.2 required",
        &[TAG, "content-length: 5"],
        &["304", TAG, "content-length: 0"],
        Ok(&["content-length: 5", TAG]),
    ),
    (
        "RFC 9111 §3.2 choice",
        &[TAG, "content-encoding: br"],
        &["304", TAG, "content-encoding: gzip"],
        Ok(&["content-encoding: br", TAG]),
    ),
    (
        "RFC 9111 §3.2 required",
        &[TAG, "content-type: a/b"],
        &["304", TAG, "content-type: c/d"],
        Ok(&["content-type: c/d", TAG]),
    ),
    (
        "RFC 9111 §3.1 required",
        &[TAG],
        &["304", TAG, "connection: a", "a: 1", "keep-alive: 5"],
        Ok(&[TAG]),
    ),
    ("RFC 9111 §4.2.3 required", &[TAG, "age: 900"], &["304", TAG], Ok(&[TAG])),
    ("RFC 9111 §4.2.3 required", &[TAG, "age: 900"], &["304", TAG, "age: 5"], Ok(&["age: 5", TAG])),
    ("RFC 9111 §4.3.4 required", &[TAG], &["304", "etag: \"b\""], Err("validator")),
    ("RFC 9111 §4.3.4 required", &["etag: W/\"a\""], &["304", TAG], Err("validator")),
    ("RFC 9111 §4.3.4 required", &["last-modified: {-9}"], &["304", TAG], Err("validator")),
    (
        "RFC 9111 §4.3.4 optimal",
        &["etag: W/\"a\""],
        &["304", "etag: W/\"a\""],
        Ok(&["etag: W/\"a\""]),
    ),
    ("RFC 9111 §4.3.4 optimal", &["etag: W/\"a\""], &["304", "etag: W/\"b\""], Err("validator")),
    (
        "RFC 9111 §4.3.4 optimal",
        &["last-modified: {-9}"],
        &["304", "last-modified: {-8}"],
        Err("validator"),
    ),
    ("RFC 9111 §4.3.4 choice", &[TAG], &["304"], Ok(&[TAG])),
    (
        "RFC 9111 §4.3.4 optimal",
        &[TAG, "last-modified: {-9}"],
        &["304", TAG, "last-modified: {-8}"],
        Ok(&[TAG, "last-modified: {-8}"]),
    ),
];

#[test]
fn confirmations() {
    for (cite, stored, update, expected) in UPDATES {
        let outcome = freshen(&response(stored), &response(update));
        let told = outcome.map(|head| (head.status, lines(&head.headers)));
        let expected = expected.map(|e| (200, lines(&fields(e))));
        assert_eq!(told.map_err(|reason| reason.as_str()), expected, "{cite}: {stored:?}");
    }
}

#[test]
fn invalidated_addresses() {
    let table: &[(&str, Lines, Lines, Lines)] = &[
        ("RFC 9111 §4.4 required", &["POST"], &["200"], &[URL]),
        (
            "RFC 9111 §4.4 required",
            &["PUT"],
            &["303", "location: ../c"],
            &[URL, "https://example.com/c"],
        ),
        ("RFC 9111 §4.4 required", &["M-SEARCH"], &["204"], &[URL]),
        (
            "RFC 9111 §4.4 required",
            &["DELETE"],
            &["200", "location: /x", "content-location: https://EXAMPLE.com:443/y"],
            &[URL, "https://example.com/x", "https://example.com/y"],
        ),
        ("RFC 9111 §4.4 required", &["POST"], &["200", "location: https://evil.example/x"], &[URL]),
        ("RFC 9111 §4.4 required", &["POST"], &["200", "location: http://example.com/x"], &[URL]),
        ("RFC 9111 §4.4 required", &["POST"], &["200", "location: //example.com:8443/x"], &[URL]),
        ("RFC 9111 §4.4 optimal", &["POST"], &["500"], &[]),
        ("RFC 9111 §4.4 optimal", &["POST"], &["404"], &[]),
        ("RFC 9111 §4.4 optimal", &["GET"], &["200", "location: /x"], &[]),
        ("RFC 9111 §4.4 optimal", &["QUERY"], &["200"], &[]),
        ("RFC 9111 §4.4 choice", &["POST"], &["200", "location: #part"], &[URL]),
        (
            "RFC 9111 §4.4 choice",
            &["POST"],
            &["201", "location: http://origin.internal:8000/app/x?y=1", "content-location: /app/x"],
            &[URL, "https://example.com/x?y=1", "https://example.com/app/x"],
        ),
        (
            "RFC 9111 §4.4 choice",
            &["POST"],
            &["201", "location: http://origin.internal:8000/apple"],
            &[URL],
        ),
        (
            "RFC 9111 §4.4 choice",
            &["POST"],
            &["201", "location: http://origin.internal/app/x"],
            &[URL],
        ),
    ];
    for (cite, asked, answered, expected) in table {
        let told = invalidates(&request(asked), &response(answered), Some(ORIGIN));
        assert_eq!(told, *expected, "{cite}: {asked:?} {answered:?}");
    }
    let answered = response(&["cache-group-invalidation: \"a\", \"b\""]);
    let groups = |asked: &str| purged(&[asked], &answered, OriginPurges::Ignored);
    let both = ["ht:https://example.com a", "ht:https://example.com b"];
    assert_eq!(groups("POST"), both, "RFC 9875 §3");
    assert!(groups("GET").is_empty(), "RFC 9875 §3");
    assert!(groups("QUERY").is_empty(), "RFC 9875 §3: it is safe");
}

#[test]
fn responses_purge_by_a_field_if_they_may() {
    let answered =
        response(&["breadbox-purge: b, a b ,,a", "breadbox-purge: a", "breadbox-soft-purge: c"]);
    for asked in [&["GET"], &["POST"]] {
        let told = purged(asked, &answered, OriginPurges::Heeded);
        assert_eq!(told, ["ht:a", "ht:a b", "ht:b", "st:c"], "{asked:?}");
        assert!(purged(asked, &answered, OriginPurges::Ignored).is_empty(), "{asked:?}");
    }
    let many = |count: usize| {
        let tags: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        let field = format!("breadbox-purge: {}", tags.join(","));
        purged(&["POST"], &response(&[&field]), OriginPurges::Heeded)
    };
    assert_eq!(many(1000).len(), 1000, "L6");
    assert_eq!(many(1001), ["hh:example.com"], "L6: too much and not too little");
}

#[test]
fn groups_are_those_of_one_origin() {
    let answered = response(&["cache-groups: \"a b\", \"c\""]);
    let told = |asked: &str| group_tags(&request(&[asked]), &answered);
    let own = ["https://example.com a b", "https://example.com c"];
    assert_eq!(told("GET"), own, "RFC 9875 §2.1");
    assert_eq!(told("GET http://a.test:81?b")[1], "http://a.test:81 c", "RFC 9875 §2.1");
}

fn purged(asked: &[&str], answered: &ResponseHead, heed: OriginPurges) -> Vec<String> {
    purges(&request(asked), answered, heed).iter().map(Record::member).collect()
}

#[test]
fn tags_have_limits() {
    let many = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let told = |value: String| tags(&response(&[&format!("cache-tag: {value}")])).map(|t| t.len());
    assert_eq!(told(many(1000)), Ok(1000), "L6");
    assert_eq!(told(many(1001)).map_err(|r| r.as_str()), Err("tags"), "L6");
    assert_eq!(told("x".repeat(16 * 1024)), Ok(1), "L6");
    assert_eq!(told("x".repeat(16 * 1024 + 1)).map_err(|r| r.as_str()), Err("tags"), "L6");
}
