//! What the clients of other caches send, and what they are told.

use breadbox::cache::ledger::Receipt;
use breadbox::cache::purge::{Complaint, Dialect};
use serde_json::json;

use super::{read, request, told};

const ZONE: &str = "POST https://edge.test/client/v4/zones/0123/purge_cache";
const KEY: &str = "fastly-key: secret";

fn members(first: &str, fields: &[&str], body: &str) -> Result<Vec<String>, String> {
    told(read(&request(first, fields), body).expect("a client's request"))
}

#[test]
fn requests_that_are_a_clients_own() {
    for (first, field, expected) in [
        (ZONE, "a: b", Some(Dialect::Cloudflare)),
        (
            "DELETE https://edge.test/client/v4/zones/z/purge_cache",
            "a: b",
            Some(Dialect::Cloudflare),
        ),
        ("GET https://edge.test/client/v4/zones/z/purge_cache", "a: b", None),
        ("POST https://edge.test/client/v4/zones//purge_cache", "a: b", None),
        ("POST https://edge.test/client/v4/zones/a/b/purge_cache", "a: b", None),
        ("POST https://edge.test/service/s/purge_all", KEY, Some(Dialect::Fastly)),
        ("POST https://edge.test/service/s/purge_all", "a: b", None),
        ("POST https://edge.test/service/s/other", KEY, None),
        ("POST https://edge.test/service/s/purge/k/l", KEY, Some(Dialect::Fastly)),
        ("POST https://edge.test/service//purge", KEY, None),
        ("GET https://edge.test/service/s/purge", KEY, None),
        ("PURGE https://edge.test/a", KEY, Some(Dialect::Fastly)),
        ("PURGE https://edge.test/a", "a: b", Some(Dialect::Varnish)),
        ("BAN https://edge.test/a", KEY, Some(Dialect::Varnish)),
        ("POST https://edge.test/a", KEY, None),
    ] {
        assert_eq!(Dialect::of(&request(first, &[field])), expected, "{first} {field}");
    }
}

/// Each client brings its secret where its own server looks for it; a form on a page can send
/// `Basic`, so only what no form can send takes that (RFC 9110 §11.6.2).
#[test]
fn secrets_are_where_each_dialect_has_them() {
    let own = "breadbox-signature: hook;t=1;v1=00";
    for (dialect, field, secret, signature) in [
        (Dialect::Native, "authorization: Bearer s3cret", Some("s3cret"), None),
        (Dialect::Native, "authorization: bearer  s3cret ", Some("s3cret"), None),
        (Dialect::Native, "authorization: Bearers3cret", None, None),
        (Dialect::Native, "authorization: Basic YTpzM2NyZXQ=", None, None),
        (Dialect::Native, "x-auth-key: s3cret", None, None),
        (Dialect::Native, own, None, Some("hook;t=1;v1=00")),
        (Dialect::Cloudflare, "authorization: Bearer s3cret", Some("s3cret"), None),
        (Dialect::Cloudflare, "x-auth-key: s3cret", Some("s3cret"), None),
        (Dialect::Cloudflare, "authorization: Basic YTpzM2NyZXQ=", None, None),
        (Dialect::Cloudflare, own, None, None),
        (Dialect::Fastly, "fastly-key: s3cret", Some("s3cret"), None),
        (Dialect::Fastly, "authorization: Bearer s3cret", None, None),
        (Dialect::Fastly, own, None, None),
        (Dialect::Varnish, "authorization: Bearer s3cret", Some("s3cret"), None),
        (Dialect::Varnish, "authorization: Basic YTpzM2NyZXQ=", Some("s3cret"), None),
        (Dialect::Varnish, "authorization: Basic YQ==", None, None),
        (Dialect::Varnish, "authorization: Basic !", None, None),
        (Dialect::Varnish, own, None, None),
    ] {
        let headers = request("PURGE https://edge.test/a", &[field]).headers;
        assert_eq!(dialect.secret(&headers).as_deref(), secret, "{dialect:?} {field}");
        assert_eq!(dialect.signature(&headers), signature, "{dialect:?} {field}");
    }
}

#[test]
fn cloudflares_bodies() {
    let table: &[(&str, Result<&[&str], &str>)] = &[
        (r#"{"purge_everything":true}"#, Ok(&["ha:"])),
        (r#"{"files":["https://a.test/x"]}"#, Ok(&["hu:https://a.test/x"])),
        (
            r#"{"files":[{"url":"https://a.test/x","headers":{"Origin":"b"}}]}"#,
            Ok(&["hu:https://a.test/x"]),
        ),
        (r#"{"tags":["a","b"]}"#, Ok(&["ht:a", "ht:b"])),
        (r#"{"hosts":["a.test"]}"#, Ok(&["hh:a.test"])),
        (r#"{"prefixes":["a.test/x"]}"#, Ok(&["hp:a.test/x"])),
        ("{}", Err("nothing-selected")),
        ("", Err("nothing-selected")),
        (r#"{"files":"https://a.test/x"}"#, Err("invalid-field files")),
        (r#"{"files":[{"href":"x"}]}"#, Err("invalid-field files[0]")),
        ("[]", Err("invalid-body")),
    ];
    for (body, expected) in table {
        let expected = expected
            .map(|list| list.iter().map(|m| (*m).to_owned()).collect())
            .map_err(str::to_owned);
        assert_eq!(members(ZONE, &[], body), expected, "{body}");
    }
    let complaint = |code| Dialect::Cloudflare.refusal(&Complaint::new(400, code, "why"));
    for (code, number) in [
        ("nothing-selected", 1012),
        ("invalid-field", 1014),
        ("invalid-json", 6007),
        ("invalid-body", 6007),
        ("too-many-purges", 971),
        ("unauthorized", 9109),
        ("forbidden", 10000),
        ("closed", 10000),
        ("other", 1000),
    ] {
        let told = complaint(code);
        let message = told["errors"][0]["message"].as_str();
        assert_eq!(message == Some("why"), code != "nothing-selected", "{told}");
        assert_eq!(told["errors"][0]["code"], number, "{told}");
        assert_eq!((&told["success"], &told["result"]), (&json!(false), &json!(null)));
    }
}

/// Clients look whether it succeeded, and some for an id: it is the receipt.
#[test]
fn cloudflares_clients_are_told_of_success() {
    let head = request(ZONE, &[]);
    let order = read(&head, r#"{"tags":["a"]}"#).expect("a client's").expect("an order");
    let told = |receipt: Option<&Receipt>| Dialect::Cloudflare.answer(&head, &order, receipt);
    let answer =
        |id: &str| json!({ "success": true, "errors": [], "messages": [], "result": { "id": id } });
    let receipt = Receipt::parse("1-2").expect("a receipt");
    assert_eq!(told(Some(&receipt)), answer(&receipt.to_string()));
    assert_eq!(told(None), answer(""));
}

#[test]
fn fastlys_requests() {
    let service = "POST https://edge.test/service/s";
    for (first, fields, body, expected) in [
        (format!("{service}/purge/a%2Fb"), vec![KEY], "", vec!["ht:a/b"]),
        (format!("{service}/purge_all"), vec![KEY], "", vec!["ha:"]),
        (format!("{service}/purge"), vec![KEY, "surrogate-key: a b"], "", vec!["ht:a", "ht:b"]),
        (format!("{service}/purge"), vec![KEY], r#"{"surrogate_keys":["a"]}"#, vec!["ht:a"]),
        (format!("{service}/purge/a"), vec![KEY, "fastly-soft-purge: 1"], "", vec!["st:a"]),
        (
            "PURGE https://edge.test/x?q".to_owned(),
            vec![KEY, "fastly-soft-purge: 1"],
            "",
            vec!["su:https://edge.test/x?q"],
        ),
        (
            "POST https://edge.test/purge/a.test/x?q=1".to_owned(),
            vec![KEY],
            "",
            vec!["hu:https://a.test/x?q=1"],
        ),
        (
            "POST https://edge.test/purge/http%3A%2F%2Fa.test%2Fx".to_owned(),
            vec![KEY],
            "",
            vec!["hu:http://a.test/x"],
        ),
    ] {
        let expected = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(members(&first, &fields, body), Ok(expected), "{first}");
    }
    let bad = members(&format!("{service}/purge"), &[KEY], r#"{"surrogate_keys":[1]}"#);
    assert_eq!(bad, Err("invalid-field surrogate_keys[0]".to_owned()));
    let receipt = Receipt::parse("1-2");
    let answer = |path: &str| {
        let head = request(&format!("{service}/{path}"), &[KEY, "surrogate-key: a b"]);
        let order = Dialect::Fastly.read(&head, b"", &str::to_owned).expect("an order");
        Dialect::Fastly.answer(&head, &order, receipt.as_ref())
    };
    let id = "0000000000000001-2";
    assert_eq!(answer("purge"), json!({ "a": id, "b": id }));
    assert_eq!(answer("purge/a"), json!({ "status": "ok", "id": id }));
}

#[test]
fn varnishs_methods() {
    for (first, fields, expected) in METHODS {
        let expected = expected
            .map(|list| list.iter().map(|m| (*m).to_owned()).collect())
            .map_err(str::to_owned);
        assert_eq!(members(first, fields, ""), expected, "{first} {fields:?}");
    }
}

const ANY: [&str; 3] = ["x-host: .*", "x-url: .*", "x-content-type: .*"];

/// A first line, fields, and what they come to.
type Method =
    (&'static str, &'static [&'static str], Result<&'static [&'static str], &'static str>);

/// The first are what FOSHttpCache sends, then API Platform, Drupal, Magento, WordPress.
const METHODS: &[Method] = &[
    ("PURGE http://a.test/x?q", &[], Ok(&["hu:http://a.test/x?q"])),
    (
        "BAN http://a.test/",
        &[ANY[0], ANY[1], ANY[2], "x-cache-tags: (^|,)(one|node:2)(,|$)"],
        Ok(&["ht:node:2", "ht:one"]),
    ),
    (
        "BAN http://a.test/",
        &["x-host: ^(b\\.test)$", "x-url: ^/shop/", ANY[2]],
        Ok(&["hp:b.test/shop/"]),
    ),
    ("BAN http://a.test/", &[ANY[0], ANY[1], ANY[2]], Ok(&["ha:"])),
    (
        "BAN http://a.test/",
        &["apiplatform-ban-regex: (/foo|/bar)($|\\,)"],
        Ok(&["ht:/bar", "ht:/foo"]),
    ),
    (
        "BAN http://a.test/",
        &["apiplatform-ban-regex: ((^|\\,)/foo($|\\,))|((^|\\,)/bar($|\\,))"],
        Ok(&["ht:/bar", "ht:/foo"]),
    ),
    (
        "BAN http://a.test/",
        &["cache-tags: media:3918|config:a.b"],
        Ok(&["ht:config:a.b", "ht:media:3918"]),
    ),
    ("BAN http://a.test/.*projects.*", &[], Ok(&["hg:a.test/*projects*"])),
    (
        "PURGE http://a.test/",
        &["x-magento-tags-pattern: ((^|,)cat_p_12(,|$))|((^|,)cat_c(,|$))"],
        Ok(&["ht:cat_c", "ht:cat_p_12"]),
    ),
    ("PURGE http://a.test/", &["x-magento-tags-pattern: .*"], Ok(&["ha:"])),
    ("PURGE http://a.test/.*", &["x-purge-method: regex"], Ok(&["hh:a.test"])),
    ("PURGE http://a.test/blog/.*", &["x-purge-method: regex"], Ok(&["hp:a.test/blog/"])),
    ("PURGE http://a.test/blog/", &["x-purge-method: default"], Ok(&["hu:http://a.test/blog/"])),
    ("PURGE http://a.test/", &["xkey: a b", "xkey-purge: c"], Ok(&["ht:a", "ht:b", "ht:c"])),
    ("PURGE http://a.test/", &["xkey-softpurge: a"], Ok(&["st:a"])),
    (
        "BAN http://a.test/",
        &["x-ban-url: ^/a$", "x-ban-host: B.test"],
        Ok(&["hu:https://b.test/a"]),
    ),
    ("BAN http://a.test/", &["x-ban-url: ^/a"], Ok(&["hp:/a"])),
    ("BAN http://a.test/", &["x-ban-url: /a"], Ok(&["hg:*/a*"])),
    ("BAN http://a.test/", &["x-ban-url: \\.png$"], Ok(&["hg:*.png"])),
    ("BAN http://a.test/", &["x-ban-host: b.test"], Ok(&["hh:b.test"])),
    ("BAN http://a.test/", &["x-cache-tags: user:.*"], Ok(&["hg:user:*"])),
    ("BAN http://a.test/", &["x-ban-url: ^/a|b"], Err("unsupported-pattern x-ban-url")),
    ("BAN http://a.test/", &["x-ban-url: ^a"], Err("unsupported-pattern x-ban-url")),
    ("BAN http://a.test/", &["x-ban-host: (a|b)"], Err("unsupported-pattern x-ban-host")),
    ("BAN http://a.test/", &["x-cache-tags: a[0-9]"], Err("unsupported-pattern x-cache-tags")),
    (
        "BAN http://a.test/",
        &[ANY[0], ANY[1], "x-content-type: image"],
        Err("unsupported-pattern x-content-type"),
    ),
];
