//! Purges in others' words, by the bytes: who may, what is answered, and what the origin sees.

use anyhow::Result;
use serde_json::{Value, json};
use xtask::harness::{ADMIN, READER};
use xtask::origin::Seen;

use crate::site::{Answer, HOST, Site, answer, one, page, set};

fn site(change: &[(&str, &str)]) -> Result<Site> {
    let script = |seen: &Seen| {
        let tag = seen.path.rsplit('/').next().unwrap_or_default().to_owned();
        page(1).header("cache-tag", tag)
    };
    Site::with(script, |spec| {
        let spec = set(one(spec), "VISIBILITY", "0s");
        change.iter().fold(spec, |spec, (name, value)| set(spec, name, value))
    })
}

async fn send(site: &Site, method: &str, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
    let mut request = site.request(method, 0, path);
    for (name, value) in fields {
        request = match *name {
            "body" => request.body((*value).to_owned()),
            name => request.header(name, *value),
        };
    }
    answer(request).await
}

const ZONE: &str = "/client/v4/zones/0123/purge_cache";

#[tokio::test]
async fn every_dialect_purges_with_its_own_credentials() -> Result<()> {
    let site = site(&[])?;
    let bearer = format!("Bearer {ADMIN}");
    let bearer = ("authorization", bearer.as_str());
    let basic = [("authorization", "Basic YW55OmFkbWluLXNlY3JldC1vZi10aGUtdGVzdHM=")];
    let (key, old) = (("fastly-key", ADMIN), ("x-auth-key", ADMIN));
    let file = format!(r#"{{"files":["http://{HOST}/tag/p"]}}"#);
    let cloudflare =
        |answered: &Value| answered["success"] == true && answered["result"]["id"].is_string();
    let fastly = |answered: &Value| answered["status"] == "ok" && answered["id"].is_string();
    let batch = |answered: &Value| answered["p"].is_string() && answered["q"].is_string();
    type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a dyn Fn(&Value) -> bool);
    let cases: Vec<Case<'_>> = vec![
        ("POST", ZONE, vec![bearer, ("body", r#"{"tags":["p"]}"#)], &cloudflare),
        ("POST", ZONE, vec![old, ("x-auth-email", "a@b.test"), ("body", &file)], &cloudflare),
        ("DELETE", ZONE, vec![bearer, ("body", r#"{"hosts":["site.test"]}"#)], &cloudflare),
        ("POST", ZONE, vec![bearer, ("body", r#"{"purge_everything":true}"#)], &cloudflare),
        ("PURGE", "/tag/p", vec![key], &fastly),
        ("POST", "/service/s/purge/p", vec![key], &fastly),
        ("POST", "/service/s/purge", vec![key, ("surrogate-key", "p q")], &batch),
        (
            "POST",
            "/service/s/purge",
            vec![key, ("body", r#"{"surrogate_keys":["p","q"]}"#)],
            &batch,
        ),
        ("POST", "/purge/site.test/tag/p", vec![key], &fastly),
        ("POST", "/service/s/purge_all", vec![key], &fastly),
        ("PURGE", "/tag/p", vec![basic[0]], &fastly),
        ("PURGE", "/", vec![bearer, ("xkey-purge", "p")], &fastly),
        ("BAN", "/", vec![bearer, ("x-ban-url", "^/tag/")], &fastly),
        ("BAN", "/", vec![bearer, ("x-cache-tags", "(^|,)(p)(,|$)")], &fastly),
    ];
    for (method, path, fields, told) in cases {
        site.warm(0, "/tag/p").await?;
        let before = site.origin.requests().len();
        let answered = send(&site, method, path, &fields).await?;
        let about = format!("{method} {path} {fields:?}: {} {}", answered.status, answered.text());
        assert_eq!(answered.status, 200, "{about}");
        assert!(told(&answered.json()?), "{about}");
        assert_eq!(site.origin.requests().len(), before, "{about}: it reached the origin");
        assert!(!site.get(0, "/tag/p").await?.is_hit(), "{about}: nothing was purged");
    }
    Ok(())
}

#[tokio::test]
async fn refusals_are_in_the_clients_words() -> Result<()> {
    let site = site(&[])?;
    let bearer = format!("Bearer {ADMIN}");
    let reader = format!("Bearer {READER}");
    let code = |json: &Value| json.pointer("/errors/0/code").cloned().unwrap_or_default();
    let msg = |json: &Value| json["msg"].clone();
    type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, u16, Value);
    let cases: Vec<Case<'_>> = vec![
        ("POST", ZONE, vec![("body", "{}")], 401, json!(9109)),
        ("POST", ZONE, vec![("authorization", "Bearer x"), ("body", "{}")], 401, json!(9109)),
        ("POST", ZONE, vec![("authorization", &reader), ("body", "{}")], 403, json!(10000)),
        ("POST", ZONE, vec![("authorization", &bearer), ("body", "{}")], 400, json!(1012)),
        (
            "POST",
            ZONE,
            vec![("authorization", &bearer), ("body", r#"{"tags":"a"}"#)],
            400,
            json!(1014),
        ),
        ("POST", ZONE, vec![("authorization", &bearer), ("body", "{")], 400, json!(6007)),
        ("POST", "/service/s/purge_all", vec![("fastly-key", "x")], 401, json!("unauthorized")),
        ("POST", "/service/s/purge", vec![("fastly-key", ADMIN)], 400, json!("invalid-json")),
        ("PURGE", "/a", vec![], 401, json!("unauthorized")),
        ("PURGE", "/a", vec![("fastly-key", READER)], 403, json!("forbidden")),
        ("BAN", "/a", vec![], 401, json!("unauthorized")),
        ("BAN", "/a", vec![("authorization", "Basic eDp5")], 401, json!("unauthorized")),
        (
            "BAN",
            "/a",
            vec![("authorization", &bearer), ("x-ban-url", "^/(a|b)")],
            400,
            json!("unsupported-pattern"),
        ),
    ];
    for (method, path, fields, status, expected) in cases {
        let answered = send(&site, method, path, &fields).await?;
        let about = format!("{method} {path} {fields:?}: {}", answered.text());
        assert_eq!(answered.status, status, "{about}");
        let json = answered.json()?;
        let found = if path == ZONE { code(&json) } else { msg(&json) };
        assert_eq!(found, expected, "{about}");
    }
    assert!(site.origin.requests().is_empty(), "{:?}", site.origin.requests());
    Ok(())
}

/// Where nobody may purge, paths are the site's own, and the methods still are no server's.
#[tokio::test]
async fn a_sites_own_paths_stay_its_own() -> Result<()> {
    for change in [("BREADBOX_TOKENS", ""), ("PURGE_CLIENTS", "off")] {
        let site = site(&[change])?;
        let key = ("fastly-key", ADMIN);
        for (method, path, fields, status) in [
            ("POST", ZONE, vec![], 200),
            ("POST", "/service/s/purge_all", vec![key], 200),
            ("PURGE", "/a", vec![key], 403),
            ("BAN", "/a", vec![], 403),
        ] {
            let answered = send(&site, method, path, &fields).await?;
            let about = format!("{change:?} {method} {path}: {}", answered.text());
            assert_eq!(answered.status, status, "{about}");
            assert_eq!(site.fetches(path), usize::from(status == 200), "{about}");
        }
    }
    let site = site(&[])?;
    let passed = send(&site, "POST", "/service/s/purge_all", &[]).await?;
    assert_eq!((passed.status, site.fetches("/service/s/purge_all")), (200, 1));
    Ok(())
}
