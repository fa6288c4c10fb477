//! Nobody puts a request into another's mouth: towards the origin, and towards Redis.

use anyhow::Result;

use super::{EVIL, get, mirror, raw};
use crate::site::{HOST, Site};

/// Whatever the framing says, each request that the origin sees is one that the edge made.
#[tokio::test]
async fn framing_smuggles_nothing_to_the_origin() -> Result<()> {
    let site = Site::strict(mirror)?;
    let inner =
        format!("GET /smuggled HTTP/1.1\r\nHost: {EVIL}\r\nX-Forwarded-Host: {EVIL}\r\n\r\n");
    let length = inner.len();
    let chunked = format!("{length:x}\r\n{inner}\r\n0\r\n\r\n");
    for framing in [
        format!("Content-Length: {length}\r\n\r\n{inner}"),
        format!("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{chunked}"),
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{inner}"),
        format!("Content-Length: {length}, 0\r\n\r\n{inner}"),
        format!("Content-Length: +{length}\r\n\r\n{inner}"),
        format!("Content-Length: 0x{length:x}\r\n\r\n{inner}"),
        format!("Content-Length: -1\r\n\r\n{inner}"),
        format!("Content-Length : {length}\r\n\r\n{inner}"),
        format!("Transfer-Encoding: xchunked\r\n\r\n{chunked}"),
        format!("Transfer-Encoding: chunked, identity\r\n\r\n{chunked}"),
        format!("Transfer-Encoding:\x0bchunked\r\n\r\n{chunked}"),
        format!("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
        format!("X: y\r\n Transfer-Encoding: chunked\r\n\r\n{chunked}"),
        format!("X: y\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
        format!("Transfer-Encoding: chunked\r\n\r\n{length:x};a=b\r\n{inner}\r\n0\r\nX: y\r\n\r\n"),
        format!("Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{inner}"),
        format!("Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\n\r\n{inner}"),
    ] {
        for method in ["GET", "POST", "HEAD"] {
            let message = format!("{method} /outer HTTP/1.1\r\nHost: {HOST}\r\n{framing}");
            let answer = raw(&site, &message)?;
            for seen in site.origin.requests() {
                let told = seen.header("x-forwarded-host");
                assert_eq!(told, HOST, "{message:?}\nanswered {answer}\nthe origin saw {seen:?}");
            }
            site.origin.forget();
        }
    }
    let clean = site.get(0, "/outer").await?;
    assert!(clean.text().starts_with("GET /outer?\n"), "{}", clean.text());
    assert!(!clean.text().contains(EVIL), "{}", clean.text());
    Ok(())
}

/// Values with line ends and path separators, in every place that ends up in a command to Redis.
#[tokio::test]
async fn nothing_a_client_or_an_origin_says_becomes_a_command() -> Result<()> {
    let mut site = Site::strict(|seen| {
        mirror(seen)
            .header("cache-tag", "a/../FLUSHALL, b\t*1, c%0d%0aFLUSHALL, {breadbox:0}:ledger")
            .header("vary", "x-variant")
            .header("etag", "\"*1 $8 FLUSHALL\"")
    })?;
    let mut wire = site.wire()?;
    wire.ask(&[b"SET", b"sentinel", b"alive"])?;
    for (path, fields) in [
        ("/%0d%0a*1%0d%0a$8%0d%0aFLUSHALL%0d%0a", ""),
        ("/x/../../FLUSHALL", ""),
        ("/pipeline?[[%22FLUSHALL%22]]", ""),
        ("/y", "X-Variant: */FLUSHALL\r\n"),
        ("/y", "X-Variant: \"]],[[\"FLUSHALL\"]]\r\n"),
        ("/z", "X-Variant: {breadbox:0}:ledger\r\n"),
        ("/z?{breadbox:0}:e:0=%7Bbreadbox%7D", ""),
    ] {
        for _ in 0..2 {
            let answer = raw(&site, get(path, fields))?;
            assert!(answer.contains("200 OK"), "{path} {fields}: {answer}");
        }
    }
    let purge = r#"{"tags":["\u0022]],[[\u0022FLUSHALL","a/FLUSHALL"],"patterns":["*/FLUSHALL*"]}"#;
    site.purge(purge).await?;
    assert_eq!(wire.value(b"sentinel")?, b"alive");
    for name in wire.keys("*")? {
        let name = String::from_utf8_lossy(&name).into_owned();
        assert!(name == "sentinel" || name.starts_with("{breadbox:0}:"), "{name} is not ours");
    }
    Ok(())
}
