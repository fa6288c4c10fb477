//! Requests whose content counts: when it is read, and which of them are the same question.

use breadbox::cache::graphql::{Changes, GraphQl};
use breadbox::cache::key::Key;
use breadbox::cache::policy::{
    ContentForm, Treatment, heeds_changes, needs_content, reads, with_content,
};
use http::Method;

use super::messages::{URL, request, rule};

fn form(words: &str, content: ContentForm) -> Treatment {
    Treatment { content, ..rule(words) }
}

fn graphql() -> ContentForm {
    ContentForm::GraphQl(GraphQl::default())
}

/// QUERY asks by its content; other methods do where a rule says so. What passes anyway need not be
/// read, but for GraphQL, where the content tells whether anything is changed.
#[test]
fn content_is_read_where_something_depends_on_it() {
    for (method, treatment, read) in [
        ("QUERY", rule(""), true),
        ("POST", rule(""), false),
        ("POST", rule("method=POST"), true),
        ("GET", rule("method=GET"), false),
        ("HEAD", rule("method=HEAD"), false),
        ("QUERY", rule("bypass"), false),
        ("POST", form("bypass method=POST", graphql()), true),
        ("POST", form("bypass", graphql()), false),
    ] {
        assert_eq!(needs_content(&request(&[method]), &treatment), read, "{method} {treatment:?}");
    }
}

#[test]
fn what_can_not_be_keyed_is_not_looked_up() {
    let query: &[u8] = br#"{"query":"{a}"}"#;
    let change: &[u8] = br#"{"query":"mutation{a}"}"#;
    let json = "content-type: application/json";
    for (words, content, keyed, methods) in [
        ("method=POST", Some(query), true, 2),
        ("method=POST", Some(change), false, 0),
        ("method=POST", None, false, 0),
        ("method=POST bypass", Some(query), false, 2),
        ("method=POST bypass", Some(change), false, 0),
    ] {
        let treatment = form(words, graphql());
        let asked = request(&["POST", json]);
        let (treatment, key) = with_content(&asked, treatment, &Key::of_url(URL), content);
        let found = (key.is_some(), treatment.methods.len());
        assert_eq!(found, (keyed, methods), "RFC 9110 §9.3.3: {words} {content:?}");
    }
}

/// JSON that means the same is the same question where a rule says that content is JSON and the
/// request says so, too; the fields that tell how content is to be understood are part of it.
#[test]
fn the_same_question_has_the_same_key() {
    let (tight, wide) = (br#"{"a":1,"b":2}"#, br#"{ "b": 2, "a": 1 }"#);
    let key = |lines: &[&str], form: &ContentForm, content: &[u8]| {
        let treatment = Treatment { content: form.clone(), ..rule("") };
        let asked = request(&[&["QUERY"], lines].concat());
        with_content(&asked, treatment, &Key::of_url(URL), Some(content)).1.expect("a key")
    };
    for (lines, form, same) in [
        (&["content-type: application/json"][..], ContentForm::Json, true),
        (&["content-type: Application/JSON; charset=utf-8"], ContentForm::Json, true),
        (&["content-type: application/merge-patch+json"], ContentForm::Json, true),
        (&["content-type: text/plain"], ContentForm::Json, false),
        (&[], ContentForm::Json, false),
        (&["content-type: application/json", "content-encoding: gzip"], ContentForm::Json, false),
        (&["content-type: application/json"], ContentForm::Exact, false),
    ] {
        let alike = key(lines, &form, tight) == key(lines, &form, wide);
        assert_eq!(alike, same, "{lines:?} {form:?}");
        assert_ne!(key(lines, &form, tight), key(lines, &form, br#"{"a":1}"#), "{lines:?}");
    }
    let exact = ContentForm::Exact;
    for (one, other) in [
        (&["content-type: text/plain"][..], &["content-type: text/html"][..]),
        (&["content-language: de"], &[]),
        (&["content-language:"], &[]),
    ] {
        assert_ne!(key(one, &exact, tight), key(other, &exact, tight), "{one:?} {other:?}");
    }
}

/// GET may carry a mutation in its URL: then it is not one that only reads (RFC 9110 §9.2.1).
#[test]
fn urls_of_graphql_tell_whether_they_only_read() {
    let url = |query: &str| format!("https://example.com/graphql?query={query}");
    for (method, query, content, only) in [
        ("GET", "{a}", graphql(), true),
        ("GET", "mutation{a}", graphql(), false),
        ("HEAD", "mutation{a}", graphql(), false),
        ("POST", "mutation{a}", graphql(), true),
        ("GET", "mutation{a}", ContentForm::Exact, true),
    ] {
        let asked = request(&[&format!("{method} {}", url(query))]);
        assert_eq!(reads(&asked, &form("", content)), only, "{method} {query}");
    }
}

/// An unsafe request makes what is stored of its URL invalid (RFC 9111 §4.4), unless the operator
/// has said that its method only reads, or that purges take care of it.
#[test]
fn what_changes_stored_answers_and_what_does_not() {
    let kept = GraphQl { changes: Changes::Kept, ..GraphQl::default() };
    for (method, treatment, changes) in [
        (Method::POST, rule(""), Changes::Heeded),
        (Method::POST, rule("method=POST"), Changes::Kept),
        (Method::POST, form("", ContentForm::Json), Changes::Heeded),
        (Method::POST, form("", graphql()), Changes::Heeded),
        (Method::POST, form("", ContentForm::GraphQl(kept)), Changes::Kept),
    ] {
        let asked = request(&[method.as_str()]);
        assert_eq!(heeds_changes(&asked, &treatment), changes, "{treatment:?}");
    }
}
