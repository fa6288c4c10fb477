//! Methods besides GET: what they bring into the cache, and what they are answered with.

use anyhow::Result;
use xtask::harness::{SharedTier, Spec, Wire, eventually};
use xtask::origin::{Reply, Seen};

use crate::site::{Answer, PATIENCE, Site, answer, asked_exactly, one, page, set};

/// A response to POST that says that it stands for the resource, and for how long, does so.
#[tokio::test]
async fn what_post_brings_is_kept_for_get() -> Result<()> {
    for shared in [SharedTier::Redis, SharedTier::Off] {
        let site =
            Site::with(posted, |spec| set(one(Spec { shared, ..spec }), "VISIBILITY", "0s"))?;
        // A purge's position must have been seen before.
        site.get(0, "/warm").await?;
        let reply = answer(site.request("POST", 0, "/doc").body("new text")).await?;
        assert_eq!((reply.status, reply.text()), (200, "new text".into()), "{}", told(&reply));
        let got = site.warm(0, "/doc").await?;
        assert_eq!(got.text(), "new text", "{}", told(&got));
        let elsewhere = answer(site.request("POST", 0, "/elsewhere").body("x")).await?;
        assert_eq!(elsewhere.text(), "x");
        let got = site.get(0, "/elsewhere").await?;
        assert_eq!(got.text(), "version 1", "{}", told(&got));
        site.purge(r#"{"everything":true}"#).await?;
        assert_eq!(site.get(0, "/doc").await?.text(), "version 1");
    }
    Ok(())
}

/// HEAD that passes through makes what is stored fresh again, or stale.
#[tokio::test]
async fn head_tells_of_what_is_stored() -> Result<()> {
    let mut site = Site::strict(|_| tagged(1, "whole").header("age", "700"))?;
    let mut wire = site.wire()?;
    site.get(0, "/page").await?;
    let stale = changed(&mut wire, &[]).await?;
    site.origin.rescript(|_| tagged(1, "never"));
    let head = answer(site.request("HEAD", 0, "/page")).await?;
    assert!(head.status == 200 && head.says("fwd=stale"), "{}", told(&head));
    let fresh = changed(&mut wire, &stale).await?;
    let got = site.get(0, "/page").await?;
    assert!(got.is_hit() && got.text() == "whole", "{}", told(&got));
    site.origin.rescript(|_| tagged(2, "another"));
    let request = site.request("HEAD", 0, "/page").header("cache-control", "no-cache");
    assert_eq!(answer(request).await?.header("etag"), "\"2\"");
    changed(&mut wire, &fresh).await?;
    // Redis has it before the isolate is told, which may answer from memory until then.
    eventually("the page is fetched anew", PATIENCE, async || {
        site.get(0, "/page").await.is_ok_and(|got| got.text() == "another")
    })
    .await
}

/// The only entry, once it is another than before.
async fn changed(wire: &mut Wire, before: &[u8]) -> Result<Vec<u8>> {
    let mut entry = Vec::new();
    eventually("the entry is another", PATIENCE, async || {
        let key = wire.keys("*:e:*").ok().and_then(|keys| keys.first().cloned());
        entry = key.and_then(|key| wire.value(&key).ok()).unwrap_or_default();
        !entry.is_empty() && entry != before
    })
    .await?;
    Ok(entry)
}

/// QUERY is as safe as GET and keyed by its content.
#[tokio::test]
async fn query_is_answered_by_its_content() -> Result<()> {
    let site = Site::strict(echo)?;
    for (content, kind) in [("a", "text/plain"), ("b", "text/plain"), ("a", "application/sql")] {
        let expected = format!("QUERY {kind} {content}");
        eventually(&format!("{expected} is a hit"), PATIENCE, async || {
            let found = asked(&site, "QUERY", content, kind).await;
            found.is_ok_and(|found| found.is_hit() && found.text() == expected)
        })
        .await?;
    }
    let long = "x".repeat(100_000);
    for times in 1..3 {
        let passed = asked(&site, "QUERY", &long, "text/plain").await?;
        assert_eq!(passed.body.len(), long.len() + 17, "{}", told(&passed));
        assert!(passed.says("fwd=method"), "{times}: {}", told(&passed));
    }
    let fetches = site.fetches("/find");
    assert!(asked(&site, "QUERY", "b", "text/plain").await?.is_hit());
    assert_eq!(answer(site.request("DELETE", 0, "/find")).await?.status, 204);
    let anew = asked(&site, "QUERY", "b", "text/plain").await?;
    assert!(!anew.says("hit"), "a change reaches it: {}", told(&anew));
    asked_exactly(&site, "/find", fetches + 2);
    Ok(())
}

/// POST is, too, where a rule says so.
#[tokio::test]
async fn rules_have_post_answered_by_its_content() -> Result<()> {
    let rules = "[[rule]]\nmatch = \"/find\"\nmethods = [\"POST\"]\n";
    let site = Site::with(echo, |spec| {
        let spec = Spec { rules: rules.to_owned(), ..one(spec) };
        set(spec, "VISIBILITY", "0s")
    })?;
    for content in ["a", "b"] {
        let expected = format!("POST text/plain {content}");
        eventually(&format!("{expected} is a hit"), PATIENCE, async || {
            let found = asked(&site, "POST", content, "text/plain").await;
            found.is_ok_and(|found| found.is_hit() && found.text() == expected)
        })
        .await?;
    }
    asked_exactly(&site, "/find", 2);
    Ok(())
}

fn posted(seen: &Seen) -> Reply {
    match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/doc") => page(2).body(seen.body.clone()).header("content-location", "/doc"),
        ("POST", _) => page(2).body(seen.body.clone()).header("content-location", "/other"),
        _ => page(1),
    }
}

fn echo(seen: &Seen) -> Reply {
    let kind = seen.header("content-type");
    let content = String::from_utf8_lossy(&seen.body);
    match seen.method.as_str() {
        "DELETE" => Reply::status(204),
        method => page(1).body(format!("{method} {kind} {content}")),
    }
}

async fn asked(site: &Site, method: &str, content: &str, kind: &str) -> Result<Answer> {
    let request = site.request(method, 0, "/find").header("content-type", kind);
    answer(request.body(content.to_owned())).await
}

fn tagged(version: usize, text: &'static str) -> Reply {
    page(1).body(text).header("etag", format!("\"{version}\""))
}

fn told(answer: &Answer) -> String {
    answer.headers_text()
}
