//! The purge API as its callers see it: answers, previews, waiting, signatures, scopes.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use xtask::harness::{ADMIN, PURGER};

use crate::site::{Answer, HOST, PURGE, Site, answer, one, page, set};

async fn ask(site: &Site, path: &str, token: &str, body: &str) -> Result<Answer> {
    answer(site.request("POST", 0, path).bearer_auth(token).body(body.to_owned())).await
}

#[tokio::test]
async fn the_answer_tells_what_was_recorded_and_may_be_repeated() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    let body = r#"{"tags":[" b","a","a"],"urls":["HTTP://Site.test:80/x?q"],"query":"any"}"#;
    let first = site.purge(body).await?.json()?;
    let records = serde_json::json!([
        { "prefix": "site.test/x?", "soft": false },
        { "tag": "a", "soft": false },
        { "tag": "b", "soft": false },
        { "url": "http://site.test/x", "soft": false },
    ]);
    assert_eq!(first["data"]["records"], records);
    assert_eq!(first["data"]["recorded"], 4);
    assert_eq!(
        (&first["data"]["visible"], &first["data"]["scope"]),
        (&true.into(), &"everywhere".into())
    );
    let second = site.purge(body).await?.json()?;
    assert_eq!(second["data"]["records"], records);
    let sequence = |json: &serde_json::Value| json["data"]["sequence"].as_u64();
    assert_eq!(sequence(&second), sequence(&first).map(|n| n + 1));
    Ok(())
}

#[tokio::test]
async fn a_url_is_purged_with_the_queries_that_were_asked_for() -> Result<()> {
    let site = Site::strict(|_| page(1).header("vary", "accept-language"))?;
    let gone = async |path: &str| anyhow::Ok(!site.get(0, path).await?.is_hit());
    for (query, expected) in [("exact", [true, false, false]), ("any", [true, true, false])] {
        let paths = ["/p", "/p?q=1", "/page"];
        for path in paths {
            site.warm(0, path).await?;
        }
        site.purge(&format!(r#"{{"urls":["https://{HOST}/p"],"query":"{query}"}}"#)).await?;
        for (path, expected) in paths.into_iter().zip(expected) {
            assert_eq!(gone(path).await?, expected, "{query} {path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_preview_purges_nothing() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    site.warm(0, "/kept").await?;
    let told = site.purge(r#"{"everything":true,"dry_run":true}"#).await?.json()?;
    assert_eq!(told["data"]["recorded"], 0, "{told}");
    assert_eq!(told["data"]["records"][0]["everything"], true, "{told}");
    assert!(site.get(0, "/kept").await?.is_hit());
    Ok(())
}

/// The answer comes when even an isolate that has just looked sees the purge.
#[tokio::test]
async fn who_waits_is_answered_when_all_see_it() -> Result<()> {
    let site = Site::start(|_| page(1).header("cache-tag", "seen"))?;
    for isolate in 0..4 {
        site.warm(isolate, "/seen").await?;
    }
    site.origin.rescript(|_| page(2).header("cache-tag", "seen"));
    let asked = Instant::now();
    let told = ask(&site, &format!("{PURGE}?wait=visible"), ADMIN, r#"{"tags":["seen"]}"#).await?;
    assert!(asked.elapsed() >= Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(told.json()?["data"]["visible"], true, "{}", told.text());
    for isolate in 0..4 {
        let answered = site.get(isolate, "/seen").await?;
        assert_eq!(answered.text(), "version 2", "{}", answered.headers_text());
    }
    Ok(())
}

#[tokio::test]
async fn the_schema_is_served() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    let served = site.get(0, &format!("{PURGE}/schema")).await?;
    assert_eq!(served.header("content-type"), "application/schema+json");
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../docs/purge.schema.json"))?;
    assert_eq!(served.json()?, schema);
    Ok(())
}

#[tokio::test]
async fn media_types_and_parameters_are_exact() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    for (path, kind, status, code) in [
        ("", "application/json", 200, None),
        ("", "text/xml", 415, Some("unsupported-media-type")),
        ("?wait=later", "application/json", 400, Some("invalid-field")),
        ("?soft=1", "application/json", 400, Some("unknown-parameter")),
    ] {
        let request = site.request("POST", 0, &format!("{PURGE}{path}")).bearer_auth(ADMIN);
        let told = answer(request.header("content-type", kind).body(r#"{"tags":["a"]}"#)).await?;
        assert_eq!(told.status, status, "{path} {kind}: {}", told.text());
        assert_eq!(told.json()?.pointer("/error/code").and_then(|c| c.as_str()), code);
    }
    Ok(())
}

#[tokio::test]
async fn a_signed_request_needs_no_token() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    let body = r#"{"tags":["signed"]}"#;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    for (name, secret, seconds, status) in [
        ("p", PURGER, now, 200),
        ("p", PURGER, now - 1000, 401),
        ("p", ADMIN, now, 401),
        ("nobody", PURGER, now, 401),
        ("r", xtask::harness::READER, now, 403),
    ] {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).context("a key")?;
        mac.update(format!("POST\n{PURGE}\n{seconds}\n{body}").as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
        let signature = format!("{name};t={seconds};v1={hex}");
        let request = site.request("POST", 0, PURGE).header("breadbox-signature", signature);
        let told = answer(request.body(body)).await?;
        assert_eq!(told.status, status, "{name} {seconds}: {}", told.text());
    }
    Ok(())
}

/// Scopes end what a token purges, old and new tokens work side by side, and the log names them.
#[tokio::test]
async fn tokens_purge_within_their_scopes() -> Result<()> {
    let tokens = "old=purge[tag:shop:|host:site.test]:secret-of-the-old-one,\
                  new=purge[tag:shop:|host:site.test]:secret-of-the-new-one";
    let site = Site::with(
        |_| page(1),
        |spec| set(set(one(spec), "VISIBILITY", "0s"), "BREADBOX_TOKENS", tokens),
    )?;
    for secret in ["secret-of-the-old-one", "secret-of-the-new-one"] {
        for (body, status) in [
            (r#"{"tags":["shop:7"]}"#, 200),
            (r#"{"urls":["https://site.test/a"]}"#, 200),
            (r#"{"tags":["shop:7","news"]}"#, 403),
            (r#"{"patterns":["shop:*"]}"#, 403),
            (r#"{"everything":true}"#, 403),
        ] {
            let told = ask(&site, PURGE, secret, body).await?;
            assert_eq!(told.status, status, "{body}: {}", told.text());
        }
    }
    let mut log = String::new();
    for file in std::fs::read_dir(site.edge.logs())?.flatten() {
        log.push_str(&std::fs::read_to_string(file.path()).unwrap_or_default());
    }
    for word in [r#""token":"old""#, r#""token":"new""#, "ht:shop:7", "hu:https://site.test/a"] {
        assert!(log.contains(word), "the log does not say {word}");
    }
    assert!(!log.contains("secret-of-the"), "the log has a secret");
    Ok(())
}
