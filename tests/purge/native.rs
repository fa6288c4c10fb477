//! Our own dialect, and its schema.

use std::collections::BTreeSet;
use std::time::Duration;

use breadbox::cache::ledger::Receipt;
use breadbox::cache::purge::{Dialect, Effect, Wait, parse};
use serde_json::Value;

use super::{request, told};

fn parsed(body: &str) -> Result<Vec<String>, String> {
    told(parse(body.as_bytes(), &str::to_owned))
}

#[test]
fn selectors_are_recorded_in_one_form() {
    let table: &[(&str, &[&str])] = &[
        (r#"{"tags":[" b ","a","a"]}"#, &["ht:a", "ht:b"]),
        (r#"{"tags":["a"],"soft":true}"#, &["st:a"]),
        (r#"{"tags":["a"],"everything":false}"#, &["ht:a"]),
        (r#"{"everything":true}"#, &["ha:"]),
        (r#"{"keys":["GET https://a.test/"]}"#, &["hk:GET https://a.test/"]),
        (r#"{"patterns":["user:*"]}"#, &["hg:user:*"]),
        (r#"{"urls":["HTTPS://A.test:443/b/../c?q=ä#f"]}"#, &["hu:https://a.test/c?q=%C3%A4"]),
        (r#"{"urls":["https://u:p@a.test"]}"#, &["hu:https://a.test/"]),
        (
            r#"{"urls":["https://a.test/p?q=1"],"query":"any"}"#,
            &["hp:a.test/p?", "hu:https://a.test/p"],
        ),
        (r#"{"urls":["https://a.test/p?q"],"query":"exact"}"#, &["hu:https://a.test/p?q"]),
        (
            r#"{"hosts":["A.Test","b.test:443","c.test:80","d.test:81"]}"#,
            &["hh:a.test", "hh:b.test", "hh:c.test", "hh:d.test:81"],
        ),
        (r#"{"prefixes":["https://A.test/B c"]}"#, &["hp:a.test/B%20c"]),
        (r#"{"prefixes":["a.test"]}"#, &["hp:a.test/"]),
        (r#"{"prefixes":["/shop/","/.","/a/.."]}"#, &["hp:/.", "hp:/a/..", "hp:/shop/"]),
        (r#"{"prefixes":["a.test/a/../b"]}"#, &["hp:a.test/b"]),
        (r#"{"prefixes":["a.test?q"]}"#, &["hp:a.test/?q"]),
    ];
    for (body, expected) in table {
        let expected: Vec<String> = expected.iter().map(|m| (*m).to_owned()).collect();
        assert_eq!(parsed(body), Ok(expected), "{body}");
    }
}

#[test]
fn complaints_name_the_place() {
    for (body, complaint) in [
        ("", "invalid-json"),
        ("{\"tags\":[\"a\"]} x", "invalid-json"),
        ("\"tags\"", "invalid-body"),
        ("null", "invalid-body"),
        (r#"{"tags":["a"],"tags":["b"]}"#, "duplicate-field tags"),
        (r#"{"tags":["a"],"Tags":["b"]}"#, "unknown-field Tags"),
        (r#"{"tags":["a","b",null]}"#, "invalid-field tags[2]"),
        (r#"{"tags":{"0":"a"}}"#, "invalid-field tags"),
        (r#"{"urls":["https://a.test/",["b"]]}"#, "invalid-field urls[1]"),
        (r#"{"urls":["//a.test/"]}"#, "invalid-url urls[0]"),
        (r#"{"urls":["https://ä.test/"]}"#, "invalid-url urls[0]"),
        (r#"{"hosts":["a.test/b"]}"#, "invalid-host hosts[0]"),
        (r#"{"hosts":["https://a.test"]}"#, "invalid-host hosts[0]"),
        (r#"{"hosts":["u@a.test"]}"#, "invalid-host hosts[0]"),
        (r#"{"hosts":["a b"]}"#, "invalid-host hosts[0]"),
        (r##"{"prefixes":["a.test/#x"]}"##, "invalid-prefix prefixes[0]"),
        (r#"{"urls":["https://a.test/"],"query":"all"}"#, "invalid-field query"),
        (r#"{"tags":["a"],"dry_run":1}"#, "invalid-field dry_run"),
        (r#"{"query":"any"}"#, "nothing-selected"),
    ] {
        assert_eq!(parsed(body), Err(complaint.to_owned()), "{body}");
    }
}

/// The schema that is published and the parser know the same fields, types and limits.
#[test]
fn the_schema_says_what_the_parser_does() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/purge.schema.json"))
        .expect("docs/purge.schema.json is JSON");
    let fields = schema["properties"].as_object().expect("properties");
    let unknown = parse(br#"{"no-such-field":1}"#, &str::to_owned).expect_err("unknown");
    let allowed = unknown.message.split_once("allowed: ").expect("a list").1;
    let allowed: BTreeSet<&str> = allowed.split(", ").collect();
    assert_eq!(fields.keys().map(String::as_str).collect::<BTreeSet<_>>(), allowed);
    for (name, form) in fields {
        let kind = form["$ref"].as_str().or(form["type"].as_str()).unwrap_or("enum");
        let (good, bad) = match kind {
            "#/$defs/texts" => ("[\"https://a.test/\"]", "\"a\""),
            "boolean" => ("true", "\"true\""),
            "enum" => ("\"any\"", "\"every\""),
            other => panic!("{name}: {other}"),
        };
        let host = if name == "hosts" { "[\"a.test\"]" } else { good };
        let extra = if name == "tags" { "keys" } else { "tags" };
        let body = |value: &str| format!("{{\"{name}\":{value},\"{extra}\":[\"a\"]}}");
        assert!(parsed(&body(host)).is_ok(), "{name}");
        assert_eq!(parsed(&body(bad)), Err(format!("invalid-field {name}")));
    }
    let text = &schema["$defs"]["text"];
    let longest = text["maxLength"].as_u64().expect("a length") as usize;
    let tag = |length: usize| format!("{{\"tags\":[\"{}\"]}}", "x".repeat(length));
    assert!(parsed(&tag(longest)).is_ok());
    assert_eq!(parsed(&tag(longest + 1)), Err("invalid-field tags[0]".to_owned()));
    let most = schema["$defs"]["texts"]["maxItems"].as_u64().expect("a count");
    let tags = |count: u64| {
        let tags: Vec<String> = (0..count).map(|n| format!("\"{n}\"")).collect();
        format!("{{\"tags\":[{}]}}", tags.join(","))
    };
    assert!(parsed(&tags(most)).is_ok());
    assert_eq!(parsed(&tags(most + 1)), Err("too-many-selectors".to_owned()));
}

#[test]
fn what_is_said_beside_the_body() {
    let second = Duration::from_secs(1);
    let told = |query: &str, fields: &[&str], bound| {
        let head = request(&format!("POST https://a.test/api/v1/cache/purge{query}"), fields);
        let wait = Dialect::Native.wait(&head, bound);
        wait.map_err(|c| (c.status, c.code, c.field.unwrap_or_default()))
    };
    for kind in ["application/json; charset=utf-8", "application/vnd.x+json", "text/plain"] {
        assert_eq!(told("", &[&format!("content-type: {kind}")], second), Ok(Wait::No), "{kind}");
    }
    assert_eq!(told("?wait=visible", &[], second), Ok(Wait::Visible));
    for (query, field, bound, status, code, named) in [
        ("", "content-type: text/xml", second, 415, "unsupported-media-type", ""),
        ("", "content-type: multipart/form-data", second, 415, "unsupported-media-type", ""),
        ("", "content-encoding: gzip", second, 415, "unsupported-media-type", ""),
        ("?wait=x", "a: b", second, 400, "invalid-field", "wait"),
        ("?wait=visible&x", "a: b", second, 400, "invalid-field", "wait"),
        ("?soft=true", "a: b", second, 400, "unknown-parameter", "soft"),
        ("?wait=visible", "a: b", second * 60, 400, "wait-too-long", "wait"),
    ] {
        assert_eq!(told(query, &[field], bound), Err((status, code, named.to_owned())), "{query}");
    }
}

#[test]
fn a_preview_tells_what_would_be_recorded() {
    let body = br#"{"tags":["a"],"everything":true,"soft":true,"dry_run":true}"#;
    let order = parse(body, &str::to_owned).expect("an order");
    assert_eq!(order.effect, Effect::Preview);
    let head = request("POST https://a.test/", &[]);
    let answer = Dialect::Native.answer(&head, &order, None);
    assert_eq!(answer["data"]["recorded"], 0);
    assert_eq!(answer["data"]["receipt"], Value::Null);
    let records = serde_json::json!([{"everything":true,"soft":true},{"tag":"a","soft":true}]);
    assert_eq!(answer["data"]["records"], records);
    let receipt = Receipt::parse("00000000000000ff-7").expect("a receipt");
    let answer = Dialect::Native.answer(&head, &order, Some(&receipt));
    assert_eq!(answer["data"]["recorded"], 2);
    assert_eq!(answer["data"]["sequence"], 7);
    assert_eq!(answer["data"]["receipt"], "00000000000000ff-7");
}
