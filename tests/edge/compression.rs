//! What a rule has stored compressed: who gets what of it, and what it saves.

use std::io::Read;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::harness::flate2::read::GzDecoder;
use xtask::harness::{READER, SharedTier, Spec, eventually};
use xtask::origin::{Reply, Seen};

use crate::site::{Answer, PATIENCE, Site, answer, asked_exactly, one, page, set, stale_page};

const RULES: &str = "[[rule]]\nmatch = \"/text/**\"\ncompress = true\n";

/// Text that compresses well, like all that is generated.
fn text(version: usize) -> String {
    (0..400).map(|line| format!("version {version}, line {line} of a page\n")).collect()
}

fn compressing(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Result<Site> {
    let change = |spec| set(Spec { rules: RULES.to_owned(), ..one(spec) }, "VISIBILITY", "0s");
    Site::with(script, change)
}

fn tagged(version: usize) -> Reply {
    let reply = page(version).body(text(version)).header("content-type", "text/plain");
    reply.header("etag", format!("\"v{version}\"")).header("accept-ranges", "bytes")
}

async fn ask(site: &Site, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
    let asked = site.request("GET", 0, path);
    answer(fields.iter().fold(asked, |asked, (name, value)| asked.header(*name, *value))).await
}

/// Asks for gzip until it comes from the cache.
async fn packed(site: &Site, path: &str) -> Result<Answer> {
    let mut last = None;
    let what = format!("{path} comes compressed");
    let waited = eventually(&what, PATIENCE, async || {
        last = ask(site, path, &[GZIP]).await.ok();
        last.as_ref()
            .is_some_and(|last| last.is_hit() && !last.header("content-encoding").is_empty())
    });
    let waited = waited.await;
    let last = last.context("no answer at all")?;
    waited.with_context(|| last.headers_text()).map(|()| last)
}

fn unzipped(answer: &Answer) -> Result<String> {
    let mut text = String::new();
    GzDecoder::new(answer.body.as_ref()).read_to_string(&mut text)?;
    Ok(text)
}

/// It is stored once; who asks for gzip gets it as it lies, all others what the origin sent.
#[tokio::test]
async fn text_is_stored_compressed_and_answers_everybody() -> Result<()> {
    let mut site = compressing(|_| tagged(1))?;
    let first = ask(&site, "/text/a", &[GZIP]).await?;
    assert_eq!((first.text(), first.header("etag")), (text(1), "\"v1\""), "not delayed by it");
    assert_eq!(first.header("vary"), "Accept-Encoding", "RFC 9110 §12.5.5");
    let coded = packed(&site, "/text/a").await?;
    assert_eq!(unzipped(&coded)?, text(1), "{}", coded.headers_text());
    assert_eq!((coded.header("etag"), coded.header("vary")), ("W/\"v1\"", "Accept-Encoding"));
    assert_eq!(coded.header("content-length"), coded.body.len().to_string());
    assert_eq!(coded.header("accept-ranges"), "");
    assert!(coded.body.len() * 4 < text(1).len(), "{}", coded.headers_text());
    let mut wire = site.wire()?;
    let keys = wire.keys("*:e:*")?;
    assert_eq!(keys.len(), 1, "one for all");
    let stored = wire.value(&keys[0])?;
    assert!(stored.ends_with(&coded.body), "sent as it lies in Redis");
    for accepted in ["identity", "br", "gzip;q=0"] {
        let plain = ask(&site, "/text/a", &[("accept-encoding", accepted)]).await?;
        assert!(plain.is_hit() && plain.text() == text(1), "{}", plain.headers_text());
        let fields = ["etag", "content-encoding", "vary"].map(|name| plain.header(name).to_owned());
        assert_eq!(fields, ["\"v1\"", "", "Accept-Encoding"], "{accepted}");
    }
    for (accepted, length) in [("identity", text(1).len()), ("gzip", coded.body.len())] {
        let asked = site.request("HEAD", 0, "/text/a").header("accept-encoding", accepted);
        let head = answer(asked).await?;
        assert_eq!(head.header("content-length"), length.to_string(), "{}", head.headers_text());
    }
    asked_exactly(&site, "/text/a", 1);
    Ok(())
}

/// Conditions of clients know both forms; the origin is asked by its own tag, and its confirmation
/// makes what lies compressed fresh again.
#[tokio::test]
async fn validators_are_right_on_both_sides() -> Result<()> {
    let site = compressing(|seen| match seen.header("if-none-match") {
        "" => tagged(1),
        "\"v1\"" => {
            Reply::status(304).header("etag", "\"v1\"").header("cache-control", "max-age=9")
        }
        other => panic!("{other} is not the origin's tag"),
    })?;
    packed(&site, "/text/a").await?;
    for (accepted, tag, expected) in [
        ("gzip", "W/\"v1\"", "W/\"v1\""),
        ("gzip", "\"v1\"", "W/\"v1\""),
        ("identity", "W/\"v1\"", "\"v1\""),
    ] {
        let fields = [("accept-encoding", accepted), ("if-none-match", tag)];
        let unchanged = ask(&site, "/text/a", &fields).await?;
        let found = (unchanged.status, unchanged.header("etag"));
        assert_eq!(found, (304, expected), "RFC 9110 §13.1.2: {}", unchanged.headers_text());
    }
    site.purge("{\"urls\":[\"http://site.test/text/a\"],\"soft\":true}").await?;
    let confirmed = ask(&site, "/text/a", &[GZIP, ("cache-control", "no-cache")]).await?;
    assert_eq!(unzipped(&confirmed)?, text(1), "{}", confirmed.headers_text());
    assert!(confirmed.says("fwd-status=304"), "{}", confirmed.headers_text());
    let again = packed(&site, "/text/a").await?;
    assert_eq!((unzipped(&again)?, again.header("etag")), (text(1), "W/\"v1\""));
    asked_exactly(&site, "/text/a", 2);
    Ok(())
}

/// What must not be altered, would not become smaller, or is named by no rule stays as it is.
#[tokio::test]
async fn what_must_not_be_altered_stays_as_it_is() -> Result<()> {
    let site = compressing(|seen| match seen.path.as_str() {
        "/text/forbidden" => tagged(1).header("cache-control", "no-transform, max-age=600"),
        "/text/digest" => tagged(1).header("repr-digest", "sha-256=:AAAA:"),
        "/text/picture" => {
            let picture = page(1).body(text(1)).header("content-type", "image/png");
            picture.header("etag", "\"v1\"")
        }
        "/text/short" => tagged(1).body("x".repeat(1000)),
        "/text/noise" => tagged(1).body(noise(4000)),
        _ => tagged(1),
    })?;
    for path in ["forbidden", "digest", "picture", "short", "noise", "../plain"] {
        let path = format!("/text/{path}").replace("/text/../", "/");
        let same = [GZIP, ("range", "bytes=0-1")];
        eventually(&format!("{path} is a hit"), PATIENCE, async || {
            let asked = ask(&site, &path, &[GZIP]).await;
            asked.is_ok_and(|asked| asked.is_hit() && asked.header("content-encoding").is_empty())
        })
        .await?;
        let part = ask(&site, &path, &same).await?;
        assert_eq!((part.status, part.header("etag")), (206, "\"v1\""), "{path}");
    }
    Ok(())
}

/// Without Redis it lies compressed in the data centre's cache.
#[tokio::test]
async fn it_works_without_redis() -> Result<()> {
    let site = Site::with(
        |_| tagged(1),
        |spec| Spec { rules: RULES.to_owned(), shared: SharedTier::Off, ..one(spec) },
    )?;
    let coded = packed(&site, "/text/a").await?;
    assert_eq!((unzipped(&coded)?, coded.header("etag")), (text(1), "W/\"v1\""));
    let plain = ask(&site, "/text/a", &[("accept-encoding", "identity")]).await?;
    assert_eq!((plain.text(), plain.header("etag")), (text(1), "\"v1\""));
    Ok(())
}

/// A refresh behind a stale reply stores the new version compressed, too.
#[tokio::test]
async fn a_refresh_is_compressed_as_well() -> Result<()> {
    let asked = AtomicUsize::new(0);
    let site = compressing(move |_| match asked.fetch_add(1, Relaxed) {
        0 => stale_page(1).body(text(1)).header("content-type", "text/html"),
        _ => tagged(2),
    })?;
    eventually("the new version comes compressed", PATIENCE, async || {
        let asked = ask(&site, "/text/a", &[GZIP]).await;
        asked.is_ok_and(|asked| asked.is_hit() && unzipped(&asked).is_ok_and(|it| it == text(2)))
    })
    .await
}

#[tokio::test]
async fn what_is_saved_is_counted() -> Result<()> {
    let site = compressing(|_| tagged(1))?;
    let coded = packed(&site, "/text/a").await?;
    let saved = (text(1).len() - coded.body.len()) as u64;
    let mut told = Value::Null;
    let counted = eventually("it is counted", PATIENCE, async || {
        let asked = site.request("GET", 0, "/api/v1/cache").bearer_auth(READER);
        let health = match answer(asked).await {
            Ok(health) => health.json().unwrap_or_default(),
            Err(_) => Value::Null,
        };
        told = health["data"]["counts"]["bytes_saved"].clone();
        told["stored"].as_u64() == Some(saved)
    });
    counted.await.with_context(|| told.to_string())?;
    let sent = told["sent"].as_u64().unwrap_or(0);
    assert!(sent >= saved && sent.is_multiple_of(saved), "once for each that was sent: {told}");
    let url = "/api/v1/cache/entries?url=http://site.test/text/a";
    let entry = answer(site.request("GET", 0, url).bearer_auth(READER)).await?;
    assert!(
        entry.text().contains(&format!("\"receivedBytes\":{}", text(1).len())),
        "{}",
        entry.text()
    );
    Ok(())
}

/// Bytes that nothing compresses.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let byte = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(byte).collect()
}

const GZIP: (&str, &str) = ("accept-encoding", "gzip");
