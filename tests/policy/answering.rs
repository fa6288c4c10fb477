//! What clients get of stored responses.

use breadbox::cache::policy::{
    Answer, Status, Stored, TagFields, answer, convey, present, relay, withhold,
};
use breadbox::cache::{Lifetime, Reason, Tier, Time, Verdict};
use http::HeaderMap;

use super::messages::{NOW, fields, lines, request, response};

/// The answer in a short form, for a body of ten bytes.
fn told(asked: &[&str], stored: &[&str]) -> String {
    match answer(&request(asked), &response(stored), 10) {
        Answer::Full => "full".to_owned(),
        Answer::HeadOnly => "head".to_owned(),
        Answer::NotModified => "304".to_owned(),
        Answer::Partial(range) => range.to_string(),
        Answer::RangeNotSatisfiable { complete } => format!("416 {complete}"),
        Answer::Multipart(parts) => {
            let parts: Vec<String> = parts.ranges.iter().map(ToString::to_string).collect();
            parts.join(" + ")
        }
    }
}

#[test]
fn conditions_and_ranges() {
    for (cite, asked, stored, expected) in ANSWERS {
        assert_eq!(&told(asked, stored), expected, "{cite}: {asked:?} {stored:?}");
    }
}

#[test]
fn heads_for_clients() {
    let head = response(KEPT);
    let generated = Time(NOW.0 - 12_900);
    let held = Stored { head: &head, generated, lifetime: Lifetime::default() };
    for (cite, asked, status, expected) in HEADS {
        let answered = answer(&request(asked), &head, 10);
        let mut shown = present(&held, &answered, NOW);
        withhold(&mut shown.headers, TagFields::Stripped);
        assert_eq!(
            (shown.status, lines(&shown.headers)),
            (*status, lines(&fields(expected))),
            "{cite}"
        );
    }
    let conveyed = convey(&response(&["a: 1"]), &Answer::Full);
    assert_eq!(lines(&conveyed.headers), ["a: 1"], "RFC 9111 §5.1: no age of ours");
    let relayed = relay(&response(&["xkey: z", "te: x", "connection: q", "q: 1"]));
    assert_eq!(lines(&relayed.headers), ["xkey: z"], "RFC 9110 §7.6.1");
    let mut shown = fields(&["breadbox-purge: a", "breadbox-soft-purge: a", "xkey: z"]);
    withhold(&mut shown, TagFields::Shown);
    assert_eq!(lines(&shown), ["xkey: z"], "an operator may show tags");
}

#[test]
fn several_parts_make_one_body() {
    let head = response(&["content-type: text/plain", "content-length: 10", "etag: \"a\""]);
    let asked = request(&["range: bytes=0-1,5-6"]);
    let Answer::Multipart(parts) = answer(&asked, &head, 10) else { panic!("two parts") };
    let held = Stored { head: &head, generated: NOW, lifetime: Lifetime::default() };
    let shown = present(&held, &Answer::Multipart(parts.clone()), NOW);
    let boundary = &parts.boundary;
    let body: String = parts.ranges.iter().map(|r| parts.part(r) + "xx").collect::<String>();
    let body = body + &parts.end();
    let field = |name| shown.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    assert_eq!(shown.status, 206, "RFC 9110 §15.3.7.2");
    assert_eq!(field("content-length"), Some(body.len().to_string()), "RFC 9110 §15.3.7.2");
    let expected = format!("multipart/byteranges; boundary={boundary}");
    assert_eq!(field("content-type"), Some(expected), "RFC 9110 §14.6");
    let expected = format!(
        "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\nxx\
         \r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-6/10\r\n\r\nxx\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!(body, expected, "RFC 9110 §14.6");
}

#[test]
fn statuses() {
    let hit = Status::new(Verdict::Hit);
    let miss = Status { reason: Some(Reason::Absent), ..Status::new(Verdict::Miss) };
    let stored = Status { fwd_status: Some(200), stored: true, ttl: Some(60), ..miss.clone() };
    let vary = Status { reason: Some(Reason::Variant), ..miss.clone() };
    let pass = Status { reason: Some(Reason::Method), ..Status::new(Verdict::Bypass) };
    let stale = Status { ttl: Some(-5), ..Status::new(Verdict::Stale) };
    let near = Status { tier: Some(Tier::Shared), key: Some("a\";b".to_owned()), ..hit.clone() };
    let table = [
        ("RFC 9211 §2.1", hit, "Breadbox; hit; detail=hit"),
        ("RFC 9211 §2.2", miss, "Breadbox; fwd=uri-miss; detail=absent"),
        (
            "RFC 9211 §2.5",
            stored,
            "Breadbox; fwd=uri-miss; fwd-status=200; stored; ttl=60; detail=absent",
        ),
        ("RFC 9211 §2.2", vary, "Breadbox; fwd=vary-miss; detail=variant"),
        ("RFC 9211 §2.2", pass, "Breadbox; fwd=method; detail=method"),
        ("RFC 9211 §2.4", stale, "Breadbox; hit; ttl=-5; detail=stale"),
        ("RFC 9211 §2.7", near, "Breadbox; hit; key=\"a\\\";b\"; detail=hit; breadbox-tier=shared"),
    ];
    for (cite, status, expected) in table {
        assert_eq!(status.member(), expected, "{cite}");
    }
    let mut headers: HeaderMap = fields(&["cache-status: Origin; hit"]);
    Status::new(Verdict::Hit).append(&mut headers);
    let expected = ["cache-status: Origin; hit", "cache-status: Breadbox; hit; detail=hit"];
    assert_eq!(lines(&headers), expected, "RFC 9211 §2");
}

#[test]
fn reasons_are_words() {
    for reason in Reason::ALL {
        let word = reason.as_str();
        let kebab = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(kebab && !word.is_empty(), "RFC 9211 §2.8: {word}");
        let member = Status { reason: Some(*reason), ..Status::new(Verdict::Miss) }.member();
        assert!(member.ends_with(&format!("detail={word}")), "RFC 9211 §2.8: {member}");
    }
}

type Row = (&'static str, &'static [&'static str], &'static [&'static str], &'static str);

const TAG: &str = "etag: \"a\"";
const DATED: &[&str] = &["last-modified: {-3000}", "date: {0}"];

const ANSWERS: &[Row] = &[
    ("RFC 9110 §13.2.2 optimal", &[], &[TAG], "full"),
    ("RFC 9110 §9.3.2 required", &["HEAD"], &[TAG], "head"),
    ("RFC 9110 §13.1.2 optimal", &["if-none-match: \"a\""], &[TAG], "304"),
    ("RFC 9110 §13.1.2 optimal", &["HEAD", "if-none-match: \"a\""], &[TAG], "304"),
    ("RFC 9110 §13.1.2 optimal", &["if-none-match: W/\"a\""], &[TAG], "304"),
    ("RFC 9110 §13.1.2 optimal", &["if-none-match: \"x\", \"a\", \"y\""], &[TAG], "304"),
    ("RFC 9110 §13.1.2 required", &["if-none-match: \"x\""], &[TAG], "full"),
    ("RFC 9110 §13.1.2 optimal", &["if-none-match: *"], &[TAG], "304"),
    (
        "RFC 9110 §13.2.2 required",
        &["if-none-match: \"a\"", "if-modified-since: {-9999}"],
        &[TAG, "last-modified: {-3000}"],
        "304",
    ),
    (
        "RFC 9110 §13.2.2 required",
        &["if-none-match: \"x\"", "if-modified-since: {0}"],
        &[TAG, "last-modified: {-3000}"],
        "full",
    ),
    ("RFC 9110 §13.2.1 required", &["if-none-match: \"a\""], &["404", TAG], "full"),
    ("RFC 9110 §13.1.3 optimal", &["if-modified-since: {-3000}"], DATED, "304"),
    ("RFC 9110 §13.1.3 optimal", &["if-modified-since: {-2000}"], DATED, "304"),
    ("RFC 9110 §13.1.3 required", &["if-modified-since: {-3001}"], DATED, "full"),
    ("RFC 9110 §13.1.3 required", &["if-modified-since: foo"], DATED, "full"),
    (
        "RFC 9110 §13.1.3 required",
        &["if-modified-since: {0}", "if-modified-since: {0}"],
        DATED,
        "full",
    ),
    ("RFC 9111 §4.3.2 optimal", &["if-modified-since: {0}"], &["date: {0}"], "304"),
    ("RFC 9111 §4.3.2 required", &["if-modified-since: {-1}"], &["date: {0}"], "full"),
    ("RFC 9110 §14.2 optimal", &["range: bytes=0-1"], &[TAG], "bytes 0-1/10"),
    ("RFC 9110 §14.2 optimal", &["range: bytes=1-"], &[TAG], "bytes 1-9/10"),
    ("RFC 9110 §14.2 optimal", &["range: bytes=-1"], &[TAG], "bytes 9-9/10"),
    ("RFC 9110 §14.2 optimal", &["range: bytes=0-1,4-5"], &[TAG], "bytes 0-1/10 + bytes 4-5/10"),
    ("RFC 9110 §14.2 required", &["HEAD", "range: bytes=0-1"], &[TAG], "head"),
    ("RFC 9110 §14.2 required", &["range: bytes=10-"], &[TAG], "416 10"),
    ("RFC 9110 §14.2 required", &["range: bytes=10-"], &["404"], "full"),
    ("RFC 9110 §14.2 choice", &["range: bytes=0-5,3-9"], &[TAG], "full"),
    ("RFC 9110 §13.2.2 required", &["range: bytes=0-1", "if-none-match: \"a\""], &[TAG], "304"),
    ("RFC 9110 §13.1.5 required", &["range: bytes=0-1", "if-range: \"a\""], &[TAG], "bytes 0-1/10"),
    ("RFC 9110 §13.1.5 required", &["range: bytes=0-1", "if-range: \"b\""], &[TAG], "full"),
    ("RFC 9110 §13.1.5 required", &["range: bytes=10-", "if-range: \"b\""], &[TAG], "full"),
    (
        "RFC 9110 §13.1.5 required",
        &["range: bytes=0-1", "if-range: W/\"a\""],
        &["etag: W/\"a\""],
        "full",
    ),
    (
        "RFC 9110 §13.1.5 required",
        &["range: bytes=0-1", "if-range: {-3000}"],
        DATED,
        "bytes 0-1/10",
    ),
    ("RFC 9110 §13.1.5 required", &["range: bytes=0-1", "if-range: {-2999}"], DATED, "full"),
    (
        "RFC 9110 §8.8.2.2 required",
        &["range: bytes=0-1", "if-range: {0}"],
        &["last-modified: {0}", "date: {0}"],
        "full",
    ),
    ("RFC 9110 §13.1.5 required", &["range: bytes=0-1", "if-range: a"], &["etag: a"], "full"),
];

const KEPT: &[&str] = &[
    "age: 7",
    "cache-tag: x",
    "connection: b",
    "b: 1",
    "content-length: 10",
    "content-type: text/plain",
    "date: {0}",
    "etag: \"a\"",
    "set-cookie: 1",
    "set-cookie: 2",
    "surrogate-control: max-age=9",
    "surrogate-key: y",
    "vary: c",
    "xkey: z",
];

const HEADS: &[(&str, &[&str], u16, &[&str])] = &[
    (
        "RFC 9111 §5.1",
        &[],
        200,
        &[
            "age: 12",
            "content-length: 10",
            "content-type: text/plain",
            "date: {0}",
            "etag: \"a\"",
            "set-cookie: 1",
            "set-cookie: 2",
            "vary: c",
        ],
    ),
    (
        "RFC 9110 §9.3.2",
        &["HEAD"],
        200,
        &[
            "age: 12",
            "content-length: 10",
            "content-type: text/plain",
            "date: {0}",
            "etag: \"a\"",
            "set-cookie: 1",
            "set-cookie: 2",
            "vary: c",
        ],
    ),
    (
        "RFC 9110 §15.4.5",
        &["if-none-match: \"a\""],
        304,
        &["age: 12", "date: {0}", "etag: \"a\"", "set-cookie: 1", "set-cookie: 2", "vary: c"],
    ),
    (
        "RFC 9110 §15.3.7.1",
        &["range: bytes=2-4"],
        206,
        &[
            "age: 12",
            "content-length: 3",
            "content-range: bytes 2-4/10",
            "content-type: text/plain",
            "date: {0}",
            "etag: \"a\"",
            "set-cookie: 1",
            "set-cookie: 2",
            "vary: c",
        ],
    ),
    (
        "RFC 9110 §15.5.17",
        &["range: bytes=10-"],
        416,
        &[
            "age: 12",
            "content-length: 0",
            "content-range: bytes */10",
            "date: {0}",
            "set-cookie: 1",
            "set-cookie: 2",
            "vary: c",
        ],
    ),
];
