//! What of a request counts: cookies, fields and presets.

use anyhow::Result;
use xtask::harness::{READER, Spec, eventually};
use xtask::origin::{Reply, Seen};

use crate::site::{Answer, PATIENCE, Site, answer, asked_exactly, one, page, set};

fn ruled(rules: &str, script: fn(&Seen) -> Reply) -> Result<Site> {
    Site::with(script, |spec| {
        let spec = Spec { rules: rules.to_owned(), ..one(spec) };
        set(spec, "VISIBILITY", "0s")
    })
}

async fn ask(site: &Site, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
    let asked = site.request("GET", 0, path);
    answer(fields.iter().fold(asked, |asked, (name, value)| asked.header(*name, *value))).await
}

/// Asks until it is a hit that says this.
async fn warm(site: &Site, path: &str, fields: &[(&str, &str)], text: &str) -> Result<()> {
    eventually(&format!("{path} {fields:?} is a hit"), PATIENCE, async || {
        let asked = ask(site, path, fields).await;
        asked.is_ok_and(|asked| asked.is_hit() && asked.text() == text)
    })
    .await
}

/// Who is logged in gets pages of their own; all others one, whatever cookies they have.
#[tokio::test]
async fn wordpress_visitors_share_pages_and_users_do_not() -> Result<()> {
    let site = ruled("preset = \"wordpress\"", |seen| {
        page(1).body(format!("for <{}>", seen.header("cookie")))
    })?;
    warm(&site, "/", &[("cookie", "_ga=1")], "for <>").await?;
    warm(&site, "/?utm_source=x", &[("cookie", "_ga=2; wp-settings-1=b")], "for <>").await?;
    asked_exactly(&site, "/", 1);
    let user = [("cookie", "wordpress_logged_in_0a=me; a=1")];
    for _ in 0..2 {
        let own = ask(&site, "/", &user).await?;
        assert_eq!(own.text(), "for <wordpress_logged_in_0a=me; a=1>");
        assert!(own.says("detail=rule"), "{}", own.headers_text());
    }
    let query = "url=http://site.test/&header=cookie:wordpress_logged_in_0a%3Dme";
    let told = site.request("GET", 0, &format!("/api/v1/cache/entries?{query}"));
    let told = answer(told.bearer_auth(READER)).await?;
    assert_eq!(told.json()?["data"]["reason"], "rule", "{}", told.text());
    assert!(!told.text().contains("=me"), "values are withheld: {}", told.text());
    let preview = ask(&site, "/?preview=true", &[]).await?;
    assert!(preview.says("detail=rule"), "{}", preview.headers_text());
    assert!(ask(&site, "/", &[]).await?.is_hit(), "what is shared stays");
    Ok(())
}

/// Payloads lie beside pages although the origin does not say that it tells them apart, and a
/// change of the page reaches both.
#[tokio::test]
async fn nextjs_payloads_lie_beside_pages() -> Result<()> {
    let script = |seen: &Seen| match seen.method.as_str() {
        "POST" => Reply::status(204),
        _ => page(1).body(format!("rsc <{}>", seen.header("rsc"))),
    };
    let site = ruled("preset = \"nextjs\"", script)?;
    warm(&site, "/blog", &[], "rsc <>").await?;
    warm(&site, "/blog", &[("rsc", "1")], "rsc <1>").await?;
    assert_eq!(ask(&site, "/blog", &[]).await?.text(), "rsc <>");
    asked_exactly(&site, "/blog", 2);
    answer(site.request("POST", 0, "/blog")).await?;
    assert!(!ask(&site, "/blog", &[("rsc", "1")]).await?.says("hit"));
    site.purge(r#"{"urls":["http://site.test/blog"]}"#).await?;
    for fields in [&[][..], &[("rsc", "1")]] {
        assert!(!ask(&site, "/blog", fields).await?.says("hit"), "a purge reaches both");
    }
    Ok(())
}

/// Without payloads a URL has one response, and the origin is not asked for others.
#[tokio::test]
async fn nextjs_pages_without_payloads() -> Result<()> {
    let site = ruled("preset = \"nextjs-html\"", |seen| {
        page(1).body(format!("rsc <{}> of {}", seen.header("rsc"), seen.path))
    })?;
    warm(&site, "/blog", &[], "rsc <> of /blog").await?;
    let found = ask(&site, "/blog?_rsc=1x", &[("rsc", "1"), ("next-url", "/")]).await?;
    assert!(found.is_hit() && found.text() == "rsc <> of /blog", "{}", found.text());
    Ok(())
}

/// Cookies that are in the key make responses of their own, also for content.
#[tokio::test]
async fn cookies_make_keys() -> Result<()> {
    let rules = "[[rule]]\nmatch = \"/**\"\ncookies = { keep = [], key = [\"theme\"] }\n\
                 methods = [\"POST\"]\n";
    let site = ruled(rules, |seen| {
        let body = String::from_utf8_lossy(&seen.body);
        page(1).body(format!("{} {} {body}", seen.method, seen.header("cookie")))
    })?;
    for theme in ["dark", "light"] {
        let cookie = format!("sid=1; theme={theme}");
        warm(&site, "/page", &[("cookie", &cookie)], &format!("GET theme={theme} ")).await?;
        let expected = format!("POST theme={theme} x");
        eventually(&expected, PATIENCE, async || {
            let asked = site.request("POST", 0, "/find").header("cookie", &cookie).body("x");
            answer(asked).await.is_ok_and(|a| a.is_hit() && a.text() == expected)
        })
        .await?;
    }
    asked_exactly(&site, "/page", 2);
    asked_exactly(&site, "/find", 2);
    Ok(())
}

/// What the key does not cover does not reach a strict rule's origin.
#[tokio::test]
async fn a_strict_origin_is_not_told_more() -> Result<()> {
    let site =
        ruled("[[rule]]\nmatch = \"/**\"\nstrict = true\nvary = [\"x-country\"]\n", |seen| {
            let told = ["x-country", "x-evil", "cookie", "user-agent", "x-forwarded-host"];
            page(1).body(told.map(|name| seen.header(name).to_owned()).join("|"))
        })?;
    let fields = [("x-country", "de"), ("x-evil", "1"), ("cookie", "a=1"), ("user-agent", "x")];
    let asked = ask(&site, "/page", &fields).await?;
    assert_eq!(asked.text(), "de||||site.test");
    warm(&site, "/page", &[("x-country", "de")], "de||||site.test").await?;
    asked_exactly(&site, "/page", 1);
    Ok(())
}
