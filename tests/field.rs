//! What the fields of messages say: one row per form, with the section it comes from.

#[path = "field/directives.rs"]
mod directives;
#[path = "field/properties.rs"]
mod properties;

use std::fmt::Debug;

use breadbox::cache::field::{
    Age, ByteRange, EntityTag, Expires, HttpDate, IfNoneMatch, NoVarySearch, Range, Selection,
    Vary, groups, invalidated_groups, tags,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields from `Name: value` lines.
fn fields(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').expect("a field has a colon");
        headers.append(
            HeaderName::from_bytes(name.trim().as_bytes()).expect("a field name"),
            HeaderValue::from_str(value.trim_start_matches(' ')).expect("a field value"),
        );
    }
    headers
}

/// Runs a table and names the row that fails.
fn check<I: ?Sized + Debug, O: PartialEq<E> + Debug, E: Debug>(
    table: &[(&str, &I, E)],
    read: impl Fn(&I) -> O,
) {
    for (cite, input, expected) in table {
        assert_eq!(&read(input), expected, "{cite}: {input:?}");
    }
}

#[test]
fn ages() {
    let table: &[(&str, &[&str], Option<u32>)] = &[
        ("RFC 9111 §5.1", &["age: 7200"], Some(7200)),
        ("RFC 9111 §5.1", &["age: 0, 7200"], Some(0)),
        ("RFC 9111 §5.1", &["age: 7200,0"], Some(7200)),
        ("RFC 9111 §5.1", &["age: 7200", "age: 0"], Some(7200)),
        ("RFC 9111 §5.1", &["age: abc"], None),
        ("RFC 9111 §5.1", &["age: -7200"], None),
        ("RFC 9111 §5.1", &["age: 7200.0"], None),
        ("RFC 9111 §5.1 choice", &["age: 7200;foo=bar"], Some(7200)),
        ("RFC 9111 §5.1", &["age: abc;foo=1"], None),
        ("RFC 9111 §1.2.2", &["age: 2147483649"], Some(1 << 31)),
        ("RFC 9111 §5.1", &[], None),
    ];
    check(table, |lines| Age::parse(&fields(lines)).map(|age| age.0.count()));
}

#[test]
fn dates() {
    let moment = Some(784_111_777_000);
    let table: &[(&str, &str, Option<i64>)] = &[
        ("RFC 9110 §5.6.7", "Sun, 06 Nov 1994 08:49:37 GMT", moment),
        ("RFC 9110 §5.6.7", "Sunday, 06-Nov-94 08:49:37 GMT", moment),
        ("RFC 9110 §5.6.7", "Sun Nov  6 08:49:37 1994", moment),
        ("RFC 9110 §5.6.7", " Sun, 06 Nov 1994 08:49:37 GMT ", moment),
        ("RFC 9111 §4.2", "SUN, 06 nov 1994 08:49:37 gMT", moment),
        ("RFC 9111 §4.2", "sunday, 06-NOV-94 08:49:37 gmt", moment),
        ("RFC 9111 §4.2", "sun nov  6 08:49:37 1994", moment),
        ("RFC 9110 §5.6.7", "Thu Nov  6 08:49:37 1994", moment),
        ("RFC 9110 §5.6.7", "Foo, 06 Nov 1994 08:49:37 GMT", None),
        ("RFC 9110 §5.6.7", "Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("RFC 9110 §5.6.7", "Sun 06 Nov 1994 08:49:37 GMT", None),
        ("RFC 9111 §4.2", "Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("RFC 9111 §4.2", "Sun, 06 Nov 1994 08:49:37 AEST", None),
        ("RFC 9110 §5.6.7", "Sun, 06 Nov 1994 8:49:37 GMT", None),
        ("RFC 9110 §5.6.7", "0", None),
        ("RFC 9110 §5.6.7", "", None),
    ];
    check(table, |date| HttpDate::parse(date).map(|d| d.time().0));
    let written = HttpDate::parse("Sunday, 06-Nov-94 08:49:37 GMT").map(|d| d.to_string());
    assert_eq!(written.as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"), "RFC 9110 §5.6.7");
    let table: &[(&str, &[&str], &str)] = &[
        ("RFC 9111 §5.3", &[], "Absent"),
        ("RFC 9111 §5.3", &["expires: 0"], "Past"),
        ("RFC 9111 §5.3", &["expires: Sun, 06 Nov 1994 08:49:37 GMT"], "At"),
        ("RFC 9110 §5.3", &["expires: Sun, 06 Nov 1994 08:49:37 GMT", "expires: 0"], "Past"),
    ];
    check(table, |lines| match Expires::parse(&fields(lines)) {
        Expires::Absent => "Absent",
        Expires::At(_) => "At",
        Expires::Past => "Past",
    });
}

#[test]
fn entity_tags() {
    let table: &[(&str, &[&str; 2], (bool, bool))] = &[
        ("RFC 9110 §8.8.3.2", &["W/\"1\"", "W/\"1\""], (false, true)),
        ("RFC 9110 §8.8.3.2", &["W/\"1\"", "W/\"2\""], (false, false)),
        ("RFC 9110 §8.8.3.2", &["W/\"1\"", "\"1\""], (false, true)),
        ("RFC 9110 §8.8.3.2", &["\"1\"", "\"1\""], (true, true)),
    ];
    check(table, |tags| {
        let [a, b] = tags.map(|tag| EntityTag::parse(tag).expect("a tag"));
        (a.strong_eq(&b), a.weak_eq(&b))
    });
    for malformed in ["abc", "\"abc", "w/\"a\"", "W\"a\"", "\"a\"b\"", "\"a b\"", "", "W/"] {
        assert_eq!(EntityTag::parse(malformed), None, "RFC 9110 §8.8.3: {malformed}");
    }
    let table: &[(&str, &[&str; 2], bool)] = &[
        ("RFC 9110 §13.1.2", &["\"a\", \"b\"", "\"b\""], true),
        ("RFC 9110 §13.1.2", &["\"a\", W/\"b\"", "\"b\""], true),
        ("RFC 9110 §13.1.2", &["\"a, b\"", "\"b\""], false),
        ("RFC 9110 §13.1.2", &["*", "\"b\""], true),
        ("RFC 9110 §13.1.2", &["abc", "\"abc\""], false),
        ("RFC 9110 §13.1.2", &["abc", "abc"], true),
        ("RFC 9110 §13.1.2", &["\"ab\u{fc}\"", "\"ab\u{fc}\""], true),
        ("RFC 9110 §13.1.2", &["\"ab\u{fc}\"", "\"ab\u{fd}\""], false),
        ("RFC 9110 §13.1.2", &["\"ab\u{fffd}\"", "\"ab\u{fffd}\""], false),
        ("RFC 9110 §13.1.2", &["ab\u{fffd}", "ab\u{fffd}"], false),
    ];
    check(table, |[condition, current]| {
        let request = fields(&[&format!("if-none-match: {condition}")]);
        let condition = IfNoneMatch::parse(&request).expect("a condition");
        condition.matches(&fields(&[&format!("etag: {current}")]))
    });
}

#[test]
fn ranges() {
    let table: &[(&str, &(&str, u64), &str)] = &[
        ("RFC 9110 §14.1.2", &("bytes=0-1", 10), "0-1"),
        ("RFC 9110 §14.1.2", &("BYTES=0-1", 10), "0-1"),
        ("RFC 9110 §14.1.2", &("bytes=1-", 10), "1-9"),
        ("RFC 9110 §14.1.2", &("bytes=-3", 10), "7-9"),
        ("RFC 9110 §14.1.2", &("bytes=-30", 10), "0-9"),
        ("RFC 9110 §14.1.2", &("bytes=5-99999999999999999999999", 10), "5-9"),
        ("RFC 9110 §14.1.2", &("bytes=0-0, -1 ,20-30", 10), "0-0 9-9"),
        ("RFC 9110 §14.2", &("bytes=10-", 10), "unsatisfiable"),
        ("RFC 9110 §14.2", &("bytes=-0", 10), "unsatisfiable"),
        ("RFC 9110 §14.2", &("bytes=0-", 0), "unsatisfiable"),
        ("RFC 9110 §14.1.2", &("bytes=-1", 0), "whole"),
        ("RFC 9110 §14.2", &("bytes=0-5,3-9", 10), "whole"),
        ("RFC 9110 §14.2", &("bytes=5-1", 10), "none"),
        ("RFC 9110 §14.2", &("lines=0-1", 10), "none"),
        ("RFC 9110 §14.2", &("bytes=a-b", 10), "none"),
        ("RFC 9110 §14.2", &("bytes=", 10), "none"),
        ("RFC 9110 §14.2", &("bytes", 10), "none"),
    ];
    check(table, |(range, complete)| {
        match Range::parse(&fields(&[&format!("range: {range}")])).map(|r| r.select(*complete)) {
            None => "none".to_owned(),
            Some(Selection::Unsatisfiable) => "unsatisfiable".to_owned(),
            Some(Selection::Whole) => "whole".to_owned(),
            Some(Selection::Parts(parts)) => {
                let parts = parts.iter().map(|p| format!("{}-{}", p.first, p.last));
                parts.collect::<Vec<_>>().join(" ")
            }
        }
    });
    let table: &[(&str, &str, Option<[u64; 3]>)] = &[
        ("RFC 9110 §14.4", "bytes 4-9/10", Some([4, 9, 10])),
        ("RFC 9110 §14.4", "bytes 4-10/10", None),
        ("RFC 9110 §14.4", "bytes 9-4/10", None),
        ("RFC 9110 §14.4", "bytes */10", None),
        ("RFC 9110 §14.4", "bytes 4-9/*", None),
        ("RFC 9110 §14.4", "lines 4-9/10", None),
    ];
    check(table, |value| {
        let range = ByteRange::of_response(&fields(&[&format!("content-range: {value}")]))?;
        Some([range.first, range.last, range.complete])
    });
}

#[test]
fn ranges_of_many_parts() {
    for (count, honoured) in [(16, true), (17, false)] {
        let parts: Vec<String> = (0..count).map(|n| format!("{n}-{n}")).collect();
        let range = Range::parse(&fields(&[&format!("range: bytes={}", parts.join(","))]));
        let selection = range.map(|r| r.select(99));
        let parts = matches!(selection, Some(Selection::Parts(parts)) if parts.len() == count);
        assert_eq!(parts, honoured, "RFC 9110 §14.2: {count}");
    }
}

#[test]
fn selecting_fields() {
    let table: &[(&str, &[&str], &str)] = &[
        ("RFC 9110 §12.5.5", &[], "None"),
        ("RFC 9110 §12.5.5", &["vary:"], "None"),
        ("RFC 9110 §12.5.5", &["vary: Foo, bar", "vary: FOO"], "Fields([\"bar\", \"foo\"])"),
        ("RFC 9110 §12.5.5", &["vary: *"], "Any"),
        ("RFC 9110 §12.5.5", &["vary: , *"], "Any"),
        ("RFC 9110 §12.5.5", &["vary: Foo", "vary: *"], "Any"),
        ("RFC 9110 §12.5.5", &["vary: *, Foo"], "Any"),
        ("RFC 9110 §12.5.5", &["vary: a(b)"], "Any"),
    ];
    check(table, |lines| format!("{:?}", Vary::parse(&fields(lines))));
}

#[test]
fn names_to_purge_by() {
    let table: &[(&str, &[&str], &str)] = &[
        ("Cache-Tag", &["cache-tag: a, b c ,,a"], "a|b c"),
        ("Surrogate-Key", &["surrogate-key: a b,c", "surrogate-key: d"], "a|b,c|d"),
        ("xkey", &["xkey: a  b,c"], "a|b|c"),
        ("RFC 9875 §2", &["cache-groups: \"a\", \"b c\";x=1", "cache-tag: a"], "a|b c"),
        ("RFC 9875 §2", &["cache-groups: \"a\", b", "cache-tag: c"], "c"),
    ];
    check(table, |lines| tags(&fields(lines)).into_iter().collect::<Vec<_>>().join("|"));
    assert_eq!(groups(&fields(&["cache-groups: \"a\", \"b\""])), ["a", "b"], "RFC 9875 §2");
    let invalidation = fields(&["cache-group-invalidation: \"a\""]);
    assert_eq!(invalidated_groups(&invalidation), ["a"], "RFC 9875 §3");
    assert!(groups(&fields(&["cache-groups: (\"a\")"])).is_empty(), "RFC 9875 §2");
}

#[test]
fn queries_that_are_one() {
    let table: &[(&str, &[&str; 3], bool)] = &[
        ("No-Vary-Search §4", &["params=(\"a\")", "a=1&b=2", "b=2&a=3"], true),
        ("No-Vary-Search §4", &["params=(\"a\")", "b=2", "b=3"], false),
        ("No-Vary-Search §4", &["params", "a=1", "b=2"], true),
        ("No-Vary-Search §4", &["params, except=(\"id\")", "id=1&x=1", "y=2&id=1"], true),
        ("No-Vary-Search §4", &["params, except=(\"id\")", "id=1", "id=2"], false),
        ("No-Vary-Search §4", &["key-order", "a=1&b=2", "b=2&a=1"], true),
        ("No-Vary-Search §4", &["key-order", "a=1&a=2", "a=2&a=1"], false),
        ("No-Vary-Search §6", &["key-order", "a=x", "%61=%78&&"], true),
        ("No-Vary-Search §6", &["key-order", "a=%20", "a=+"], true),
        ("No-Vary-Search §6", &["key-order", "a=%26b", "a=&b"], false),
        ("No-Vary-Search §6", &["params=(\"%C3%A9+x\")", "é x=1", ""], true),
        ("No-Vary-Search §5", &["unknown", "a=1", "%61=1"], false),
        ("No-Vary-Search §5", &["key-order=1", "a=1&b=1", "b=1&a=1"], false),
        ("No-Vary-Search §5", &["params=(a)", "a=1", ""], false),
        ("No-Vary-Search §5", &["params=(\"a\"), except=(\"b\")", "a=1", ""], false),
        ("No-Vary-Search §5", &["except=(\"b\")", "a=1", ""], false),
        ("No-Vary-Search §5", &["params=?0, except=(\"b\")", "a=1", ""], false),
        ("No-Vary-Search §5", &["params, except=?1", "a=1", ""], false),
    ];
    check(table, |[value, a, b]| {
        let rule = NoVarySearch::parse(&fields(&[&format!("no-vary-search: {value}")]));
        rule.canonical(a) == rule.canonical(b)
    });
}

/// Records of decisions hold a rule as text, so that a replay has the same one.
#[test]
fn search_rules_are_read_as_they_are_written() {
    for value in [
        "key-order",
        "params",
        "params, key-order",
        "params=(\"a\" \"b c\")",
        "params, except=(\"a\")",
        "params, except=(\"a\" \"%C3%A9\"), key-order",
    ] {
        let rule = NoVarySearch::parse(&fields(&[&format!("no-vary-search: {value}")]));
        assert_eq!(NoVarySearch::from_text(&rule.to_string()), Some(rule), "{value}");
    }
    for text in ["", "~", "x-", "~x", "a- "] {
        assert_eq!(NoVarySearch::from_text(text), None, "{text}");
    }
}
