//! GraphQL: what only reads, which requests are the same question, and what answers say.

use std::time::Duration;

use breadbox::cache::entry::Entry;
use breadbox::cache::exchange::{Action, Exchange, Fault, Lease, Limits, Outcome, Plan, Reach};
use breadbox::cache::family::Generation;
use breadbox::cache::graphql::{
    Document, GraphQl, Operations, Persisted, accepted, answer_tags, content_form, methods,
    reads_by_url,
};
use breadbox::cache::json::Json;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::Stamp;
use breadbox::cache::policy::{ContentForm, Treatment};
use breadbox::cache::{RequestHead, ResponseHead, Tier, Time};
use http::{HeaderMap, HeaderValue, Method, header};

#[test]
fn documents_are_told_by_their_operations() {
    let (queries, others) = (Some(Operations::Queries), Some(Operations::Others));
    for (text, expected) in [
        ("{a}", queries),
        ("query{a}", queries),
        ("query Name($a: In = {x: [1]}, $b: [Int!]!) @live(if: true) { a(b: {c: $a}) }", queries),
        ("query query { query }", queries),
        ("query mutation { mutation }", queries),
        ("fragment mutation on Mutation { a } { ...mutation }", queries),
        ("# mutation { a }\n{ a }", queries),
        ("{ a(b: \"} mutation { c }\") }", queries),
        ("{ a(b: \"\"\"} \\\"\"\" mutation { c }\"\"\") }", queries),
        ("{ a(b: \"\\\"} mutation {\") }", queries),
        ("{ a(b: \"\") }", queries),
        ("mutation { a }", others),
        ("subscription { a }", others),
        ("query A { a } mutation B { b }", others),
        ("{ a } mutation { b }", others),
        ("\u{feff}mutation{a}", others),
        ("query A { a } # {\n mutation B { b }", others),
        ("query A { a(b: \"\"\"\\\"\"\"\") } mutation B { b }", None),
        ("fragment A on B { c }", None),
        ("", None),
        ("query", None),
        ("{ a", None),
        ("{ a }}", None),
        ("a { b }", None),
        ("type A { b: C }", None),
        ("{ a(b: \"open) }", None),
        ("{ a(b: \"new\nline\") }", None),
        ("query A) { a }", None),
        ("{ \u{e4} }", None),
    ] {
        assert_eq!(Document::parse(text).map(|it| it.operations), expected, "{text}");
    }
}

/// Servers answer with one of two media types as the client asks, so answers are told apart by what
/// it takes, in whatever case and over however many lines that is said (RFC 9110 §8.3.1,
/// RFC 9110 §5.3).
#[test]
fn answers_are_told_apart_by_what_clients_take() {
    let of = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        accepted(&RequestHead { method: Method::POST, url: String::new(), headers })
    };
    let both = "application/graphql-response+json,application/json";
    assert_eq!(of(&[both]), both);
    assert_eq!(of(&["Application/GraphQL-Response+JSON", "application/json"]), both);
    assert_eq!(of(&[]), "");
}

/// GraphQL asks by POST, and by QUERY, which says so; GET is looked up anyway.
#[test]
fn methods_that_ask_by_their_content() {
    assert_eq!(methods().iter().map(Method::as_str).collect::<Vec<_>>(), ["POST", "QUERY"]);
}

#[test]
fn documents_have_one_form() {
    let form = |text: &str| Document::parse(text).unwrap().form;
    let text = "query A($b: Int) { c(d: $b, e: \"x  y\") { ...F } } fragment F on G { h }";
    let spread = "\u{feff}query A ( $b:Int ) # what\n{c(d:$b e:\"x  y\"){...F}}\r\n\
                  fragment F on G{h,}";
    assert_eq!(form(text), form(spread));
    assert_eq!(form(&form(text)), form(text));
    for other in [
        text.replace("x  y", "x y"),
        text.replace("$b: Int", "$b: Int!"),
        text.replace("{ h }", "{ h i }"),
        text.replace('A', "B"),
    ] {
        assert_ne!(form(text), form(&other), "{other}");
    }
    assert_ne!(form("{ a b }"), form("{ ab }"));
    assert_ne!(form("{ a(b: 1 2) }"), form("{ a(b: 12) }"));
    assert_ne!(form("{ a(b: \"c\") }"), form("{ a(b: \"\"\"c\"\"\") }"));
}

#[test]
fn json_has_one_form() {
    let form = |text: &str| Json::parse(text.as_bytes()).and_then(|json| json.form());
    for (text, expected) in [
        (r#" {"b": [1, true, null], "a": "x"} "#, Some(r#"{"a":"x","b":[1,true,null]}"#)),
        (r#"{"a":"\u0061\/\n"}"#, Some(r#"{"a":"a/\n"}"#)),
        ("-7", Some("-7")),
        ("18446744073709551615", Some("18446744073709551615")),
        ("18446744073709551616", None),
        ("1.5", None),
        ("1e3", None),
        ("-0", None),
        (r#"{"a":1,"a":1}"#, None),
        (r#"{"a":{"b":1,"\u0062":2}}"#, None),
        ("{} {}", None),
        (r#""\ud800""#, None),
        ("", None),
    ] {
        assert_eq!(form(text).as_deref(), expected, "{text}");
    }
    assert_eq!(form(&format!("{}{}", "[".repeat(1000), "]".repeat(1000))), None, "too deep");
}

fn asked(url: &str, kind: &str, content: &str, rule: &GraphQl) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", kind.parse().unwrap());
    let url = format!("https://a.test/graphql{url}");
    let head = RequestHead { method: Method::POST, url, headers };
    content_form(&head, content.as_bytes(), rule).map(|form| String::from_utf8(form).unwrap())
}

/// Requests that mean the same have one form; those that do more than read have none.
#[test]
fn content_that_reads_has_a_form() {
    let rule = GraphQl::default();
    let form = |content: &str| asked("", "application/json", content, &rule);
    let query =
        r#"{"query":"query A($b:Int){c(d:$b)}","operationName":"A","variables":{"b":1,"a":2}}"#;
    let same = r#"{"variables": {"a": 2, "b": 1}, "operationName": "A", "extensions": null,
        "query": "query A ($b: Int) {\n  c(d: $b)\n}"}"#;
    assert!(form(query).is_some());
    assert_eq!(form(query), form(same));
    for other in [
        query.replace("\"b\":1", "\"b\":2"),
        query.replace("\"b\":1", "\"b\":\"1\""),
        query.replace(r#""operationName":"A","#, ""),
        query.replace("c(d", "e(d"),
    ] {
        assert!(form(&other).is_some() && form(&other) != form(query), "{other}");
    }
    let price = r#"{"query":"{a}","variables":{"b":1.50}}"#;
    assert_eq!(form(price).as_deref(), Some(price), "as it was written");
    for none in [
        r#"{"query":"mutation{a}"}"#,
        r#"{"query":"query A{a} mutation B{b}","operationName":"A"}"#,
        r#"{"query":"subscription{a}"}"#,
        r#"{"query":"{a}","query":"mutation{a}"}"#,
        r#"[{"query":"{a}"}]"#,
        r#"{"query":7}"#,
        r#"{"query":"{a"}"#,
        r#"{"variables":{}}"#,
        "{a}",
        "",
    ] {
        assert_eq!(form(none), None, "{none}");
    }
}

#[test]
fn what_another_reader_could_take_otherwise_passes() {
    let rule = GraphQl::default();
    let content = r#"{"query":"{a}"}"#;
    for (url, kind, reads) in [
        ("", "application/json", true),
        ("?v=1", "Application/JSON; charset=UTF-8", true),
        ("", "application/graphql+json", true),
        ("", "application/json; charset=utf-16", false),
        ("", "text/plain", false),
        ("", "multipart/form-data; boundary=x", false),
        ("?query=mutation{a}", "application/json", false),
        ("?operationName=B", "application/json", false),
        ("?id=7", "application/json", false),
        ("?%71uery=x", "application/json", false),
        ("?v=1&v=2", "application/json", false),
    ] {
        assert_eq!(asked(url, kind, content, &rule).is_some(), reads, "{url} {kind}");
    }
    assert_eq!(asked("", "application/graphql", "{ a  b }", &rule).as_deref(), Some("{ a b }"));
    assert_eq!(asked("", "application/graphql", "mutation { a }", &rule), None);
}

#[test]
fn persisted_documents_are_queries_if_the_operator_says_so() {
    let (any, queries) =
        (GraphQl::default(), GraphQl { persisted: Persisted::Queries, ..GraphQl::default() });
    for content in [
        r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}},"variables":{"a":1}}"#,
        r#"{"documentId":"ab"}"#,
        r#"{"id":"ab"}"#,
        r#"{"doc_id":"7","query":null}"#,
    ] {
        assert_eq!(asked("", "application/json", content, &any), None, "{content}");
        assert!(asked("", "application/json", content, &queries).is_some(), "{content}");
    }
    let unnamed = r#"{"extensions":{"other":1}}"#;
    assert_eq!(asked("", "application/json", unnamed, &queries), None);
    for (query, reads) in [
        ("?query={a}", true),
        ("?query=query+A%7Ba%7D&operationName=A", true),
        ("?query=mutation{a}", false),
        ("?query=%7Ba%7D&query=mutation%7Ba%7D", false),
        ("?extensions=%7B%22persistedQuery%22:%7B%7D%7D", true),
        ("?documentId=ab", true),
        ("?query=%ff", false),
        ("", false),
    ] {
        assert_eq!(reads_by_url(&format!("https://a.test/graphql{query}")), reads, "{query}");
    }
}

#[test]
fn answers_without_errors_are_stored_by_their_types() {
    let plain = GraphQl::default();
    let tagged = GraphQl { type_tags: Some("type:".into()), ..GraphQl::default() };
    let tags = |body: &str, rule| answer_tags(body.as_bytes(), rule).map(|tags| tags.join(" "));
    let body = r#"{"data":{"a":[{"__typename":"Product","id":7,"b":{"__typename":"Shop","id":"x"}},
        {"__typename":"Product","id":"a b"},{"__typename":"Page"}]},"errors":[]}"#;
    assert_eq!(tags(body, &plain).as_deref(), Some(""));
    let expected = "type:Page type:Product type:Product:7 type:Shop type:Shop:x";
    assert_eq!(tags(body, &tagged).as_deref(), Some(expected));
    for none in [
        r#"{"data":{"a":1},"errors":[{"message":"x"}]}"#,
        r#"{"data":{"a":1},"errors":"x"}"#,
        r#"{"data":null}"#,
        r#"{"errors":[{"message":"PersistedQueryNotFound"}]}"#,
        "[]",
        "<html>",
        "",
    ] {
        assert_eq!(tags(none, &plain), None, "{none}");
    }
    let many: Vec<String> =
        (0..1001).map(|n| format!(r#"{{"__typename":"P","id":{n}}}"#)).collect();
    let many = format!(r#"{{"data":{{"a":[{}]}}}}"#, many.join(","));
    assert_eq!(tags(&many, &tagged), None, "a purge could not reach all of it");
    assert!(tags(&many, &plain).is_some());
}

/// What the machine stores of an endpoint's answer whose body comes to this.
fn stored(outcome: Outcome<u8>) -> Option<Box<Entry>> {
    let url = "https://a.test/graphql?query={a}".to_owned();
    let key = Key::of_url(&url);
    let request = RequestHead { method: Method::GET, url, headers: HeaderMap::new() };
    let treatment = Treatment {
        fresh: Some(Duration::from_secs(60)),
        content: ContentForm::GraphQl(GraphQl::default()),
        ..Treatment::default()
    };
    let (tags, limits, stamp) = (vec!["rule".to_owned()], Limits::default(), Stamp::default());
    let plan = Plan {
        key,
        treatment,
        tags,
        tiers: vec![Tier::Shared],
        limits,
        stamp,
        hint: None,
        search: None,
    };
    let (mut exchange, mut action) = Exchange::begin(request, Time(0), 1, plan);
    let mut body = Some(outcome);
    loop {
        let outcome = match action {
            Action::Stop => return None,
            Action::Store { entry, .. } => return Some(entry),
            Action::Acquire { .. } => {
                let (reach, generation) = (Reach::Everywhere, Generation::NONE);
                Outcome::Granted {
                    lease: Lease { token: 1, stamp, reach, generation },
                    found: None,
                }
            }
            Action::Fetch(_) => {
                let response = ResponseHead { status: 200, headers: HeaderMap::new() };
                Outcome::Answered { response, length: None }
            }
            Action::Lookup { .. } => Outcome::Absent,
            Action::Collect { inspect, .. } => {
                assert_eq!(inspect, Some(GraphQl::default()));
                body.take().unwrap()
            }
            _ => Outcome::Done,
        };
        (exchange, action) = exchange.resume(outcome, Time(0));
    }
}

/// Only what was looked into is stored, with the tags that it gives to itself.
#[test]
fn a_body_is_stored_only_once_it_was_looked_into() {
    let tags = vec!["type:A".to_owned()];
    let entry = stored(Outcome::Inspected { body: 1, length: 7, tags }).unwrap();
    assert_eq!((entry.body_len, entry.tags.len()), (7, 2));
    assert!(entry.tags.contains(&"type:A".into()) && entry.tags.contains(&"rule".into()));
    assert!(stored(Outcome::Collected { body: 1, length: 7 }).is_none());
    assert!(stored(Outcome::Failed(Fault::Malformed)).is_none());
    let rule = GraphQl::default();
    let told = |text: &[u8]| Outcome::of_body(1, text, Some(&rule));
    assert!(matches!(told(b"{\"data\":{}}"), Outcome::Inspected { length: 11, .. }));
    assert!(matches!(told(b"{\"errors\":[1]}"), Outcome::Failed(Fault::Malformed)));
    assert!(matches!(Outcome::of_body(1, b"x", None), Outcome::Collected { length: 1, .. }));
}
