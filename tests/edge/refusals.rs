//! Who may purge, and what a purge request may hold.

use anyhow::Result;
use serde_json::Value;
use xtask::harness::{ADMIN, PURGER, READER, SharedTier, Spec};

use crate::site::{Answer, PURGE, Site, answer, one, page, set};

#[tokio::test]
async fn only_tokens_that_cover_it_may_purge() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    for (token, status, code) in [
        (None, 401, "unauthorized"),
        (Some("wrong"), 401, "unauthorized"),
        (Some(""), 401, "unauthorized"),
        (Some(READER), 403, "forbidden"),
        (Some(PURGER), 200, ""),
        (Some(ADMIN), 200, ""),
    ] {
        let mut request = site.request("POST", 0, PURGE).body(r#"{"tags":["a"]}"#);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answered = answer(request).await?;
        assert_eq!(answered.status, status, "{token:?}: {}", answered.text());
        match code {
            "" => assert_eq!(answered.json()?["success"], true, "{token:?}"),
            code => expect_refusal(&answered, code, None)?,
        }
        assert_eq!(status == 401, !answered.header("www-authenticate").is_empty(), "{token:?}");
    }
    Ok(())
}

#[tokio::test]
async fn without_tokens_purging_is_closed() -> Result<()> {
    let site = Site::with(
        |_| page(1),
        |spec| {
            let spec = Spec { shared: SharedTier::Off, ..one(spec) };
            set(spec, "BREADBOX_TOKENS", "")
        },
    )?;
    for token in ["", ADMIN] {
        let request = site.request("POST", 0, PURGE).bearer_auth(token);
        let answered = answer(request.body(r#"{"everything":true}"#)).await?;
        assert_eq!(answered.status, 403, "{}", answered.text());
        expect_refusal(&answered, "closed", None)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_request_names_its_fault() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    let many = format!(r#"{{"tags":[{}"a"]}}"#, r#""a","#.repeat(1_000));
    let large = format!(r#"{{"tags":["{}"]}}"#, "a".repeat(2 << 20));
    let long = format!(r#"{{"tags":["{}"]}}"#, "a".repeat(3_000));
    for (body, status, code, field) in [
        ("", 400, "invalid-json", None),
        ("{", 400, "invalid-json", None),
        ("\u{0}", 400, "invalid-json", None),
        ("[]", 400, "invalid-body", None),
        ("{}", 400, "nothing-selected", None),
        (r#"{"soft":true}"#, 400, "nothing-selected", None),
        (r#"{"everything":false}"#, 400, "nothing-selected", None),
        (r#"{"tag":["a"]}"#, 400, "unknown-field", Some("tag")),
        (r#"{"tags":"a"}"#, 400, "invalid-field", Some("tags")),
        (r#"{"tags":["a",7]}"#, 400, "invalid-field", Some("tags[1]")),
        (r#"{"tags":[""]}"#, 400, "invalid-field", Some("tags[0]")),
        (r#"{"tags":["a\nb"]}"#, 400, "invalid-field", Some("tags[0]")),
        (r#"{"everything":1}"#, 400, "invalid-field", Some("everything")),
        (r#"{"everything":true,"soft":"no"}"#, 400, "invalid-field", Some("soft")),
        (r#"{"urls":["/relative"]}"#, 400, "invalid-url", Some("urls[0]")),
        (r#"{"urls":["ftp://site.test/"]}"#, 400, "invalid-url", Some("urls[0]")),
        (&long, 400, "invalid-field", Some("tags[0]")),
        (&many, 413, "too-many-selectors", None),
        (&large, 413, "body-too-large", None),
    ] {
        let answered = site.try_purge(body).await?;
        let shown: String = body.chars().take(40).collect();
        assert_eq!(answered.status, status, "{shown}: {}", answered.text());
        expect_refusal(&answered, code, field)?;
    }
    Ok(())
}

/// Nothing below the API's prefix ever reaches the origin, tokens above all.
#[tokio::test]
async fn the_api_is_not_the_origins() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    for (method, path, status) in [
        ("GET", PURGE, 405),
        ("DELETE", PURGE, 405),
        ("POST", "/api/v1/cache", 405),
        ("GET", "/api/v1/cache/nothing", 404),
        ("POST", "/api/v1/cache/purge/", 404),
        ("GET", "/api/v1/cache/ui/nothing.html", 404),
    ] {
        let answered = answer(site.request(method, 0, path).bearer_auth(ADMIN)).await?;
        assert_eq!(answered.status, status, "{method} {path}: {}", answered.text());
        assert_eq!(answered.json()?["success"], false, "{method} {path}");
        assert_eq!(answered.header("allow").is_empty(), status != 405, "{method} {path}");
    }
    let dashboard = site.get(0, "/api/v1/cache/ui/").await?;
    assert!(dashboard.header("content-type").starts_with("text/html"));
    assert_eq!(dashboard.status, 200);
    assert!(site.origin.requests().is_empty(), "{:?}", site.origin.requests());
    Ok(())
}

/// JSON with a code, a sentence and the field, if there is one; never stored.
fn expect_refusal(answered: &Answer, code: &str, field: Option<&str>) -> Result<()> {
    let json = answered.json()?;
    assert_eq!(json["success"], false, "{json}");
    let error = &json["error"];
    assert_eq!(error["code"], code, "{json}");
    assert!(error["message"].as_str().is_some_and(|text| text.len() > 10), "{json}");
    assert_eq!(error.get("field").and_then(Value::as_str), field, "{json}");
    assert!(answered.header("content-type").starts_with("application/json"), "{json}");
    assert!(answered.header("cache-control").contains("no-store"), "{json}");
    assert!(!answered.cache_status().is_empty(), "{}", answered.headers_text());
    Ok(())
}
