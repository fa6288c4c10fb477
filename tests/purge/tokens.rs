//! Tokens: their form, their comparison, and signatures made with them.

use breadbox::cache::Time;
use breadbox::cache::purge::Bounds;
use breadbox::config::{Scope, Signature, Tokens};

const SECRET: &str = "0123456789abcdef";

#[test]
fn tokens_have_scopes() {
    let text = format!(
        "a=admin:{SECRET}a, p=purge:{SECRET}p,r=read:{SECRET}r,\
         l=purge[tag:shop:|host:A.test:81|tag:news]:{SECRET}:l"
    );
    let tokens = Tokens::parse(&text).expect("tokens");
    let scope = |secret: &str| tokens.find(secret).map(|token| token.scope.clone());
    assert_eq!(scope(&format!("{SECRET}a")), Some(Scope::Admin));
    assert_eq!(scope(&format!("{SECRET}p")), Some(Scope::Purge(Bounds::Everything)));
    assert_eq!(scope(&format!("{SECRET}r")), Some(Scope::Read));
    let limited = Bounds::Within {
        tags: vec!["shop:".to_owned(), "news".to_owned()],
        hosts: vec!["a.test:81".to_owned()],
    };
    assert_eq!(scope(&format!("{SECRET}:l")), Some(Scope::Purge(limited)));
    assert_eq!(scope(SECRET), None);
    assert_eq!(scope(""), None);
    assert!(!format!("{tokens:?}").contains(SECRET), "a secret is never shown");
}

#[test]
fn wrong_tokens_are_refused_and_not_quoted() {
    for text in [
        "a=admin:short",
        "a=owner:0123456789abcdef",
        "=admin:0123456789abcdef",
        "a b=admin:0123456789abcdef",
        "admin:0123456789abcdef",
        "a=purge[]:0123456789abcdef",
        "a=purge[tag:]:0123456789abcdef",
        "a=purge[url:x]:0123456789abcdef",
        "a=purge[tag:x:0123456789abcdef",
        "a=read[tag:x]:0123456789abcdef",
    ] {
        let error = Tokens::parse(text).expect_err(text).to_string();
        assert!(error.contains("token 1") && !error.contains("0123456789"), "{error}");
    }
}

/// The value is that of `openssl dgst -sha256 -hmac 0123456789abcdef` for the same bytes.
#[test]
fn a_signature_covers_the_whole_request() {
    let tokens = Tokens::parse(&format!("hook=purge:{SECRET},b=purge:{SECRET}b")).expect("tokens");
    let body = br#"{"tags":["a"]}"#;
    let text = format!("hook;t=1800000000;v1={MAC}");
    let signature = Signature::parse(&text).expect("a signature");
    let name = |text: &str, method, path, body: &[u8]| {
        let signature = Signature::parse(text).expect("a signature");
        tokens.signer(&signature, method, path, body).map(|token| token.name.clone())
    };
    let path = "/api/v1/cache/purge";
    assert_eq!(name(&text, "POST", path, body).as_deref(), Some("hook"));
    assert_eq!(name(&text, "PUT", path, body), None, "another method");
    assert_eq!(name(&text, "POST", "/api/v1/cache/purge?x", body), None, "another path");
    assert_eq!(name(&text, "POST", path, b"{}"), None, "another body");
    assert_eq!(name(&text.replace("t=18", "t=19"), "POST", path, body), None, "another time");
    assert_eq!(name(&text.replace("hook", "b"), "POST", path, body), None, "another token");
    assert_eq!(name(&text.replace("hook", "c"), "POST", path, body), None, "no token");
    let at = |seconds: i64| signature.is_current(Time(seconds * 1000));
    assert!(at(1_800_000_000) && at(1_800_000_300) && at(1_799_999_700));
    assert!(!at(1_800_000_301) && !at(1_799_999_699) && !at(0));
    for bad in [
        "",
        "hook",
        "hook;t=1;v1=00",
        &format!("hook;t=-1;v1={MAC}"),
        &format!("hook;t=1;v1={MAC}0"),
        &format!("hook;t=1;v1={}", MAC.replacen('a', "+", 1)),
        &format!("hook;v1={MAC};t=1"),
        &format!("hook;t=1;v1={MAC};x"),
    ] {
        assert!(Signature::parse(bad).is_none(), "{bad}");
    }
}

const MAC: &str = "1e1652af997d033452932cfcd596052d75c8e908b84a74b04265db3e62c3fdcc";
