//! Denial of service by stored errors: what one request provokes is no answer for the next.

use anyhow::Result;
use xtask::origin::{Reply, Seen};

use super::{get, raw};
use crate::site::{HOST, Site, page};

/// An origin that is easily provoked: each of these makes it answer with an error.
fn touchy(seen: &Seen) -> Reply {
    let bad = |name: &str, good: fn(&str) -> bool| {
        seen.headers.contains_key(name) && !good(seen.header(name))
    };
    if seen.headers.contains_key("range") {
        return Reply::status(416).header("content-range", "bytes */9");
    }
    if seen.headers.contains_key("expect") {
        return Reply::status(417);
    }
    if seen.headers.contains_key("upgrade") {
        return Reply::status(426);
    }
    if bad("accept", |value| value.contains('/')) {
        return Reply::status(406);
    }
    if bad("content-type", |value| value.contains('/')) || !seen.body.is_empty() {
        return Reply::status(400);
    }
    if seen.headers.contains_key("if-none-match") {
        return Reply::status(304);
    }
    if bad("x-long", |value| value.len() < 1000) {
        return Reply::status(431);
    }
    if bad("x-http-method-override", |_| false) || seen.method == "TRACE" {
        return Reply::status(405);
    }
    page(1)
}

#[tokio::test]
async fn an_error_that_a_request_provokes_is_its_own() -> Result<()> {
    let site = Site::strict(touchy)?;
    let long = format!("X-Long: {}\r\n", "a".repeat(20_000));
    for (number, fields) in [
        "Range: bytes=999999-\r\n",
        "Range: bytes=-\r\nIf-Range: \"x\"\r\n",
        "Expect: nonsense\r\n",
        "Upgrade: nonsense\r\nConnection: upgrade\r\n",
        "Accept: nonsense\r\n",
        "Content-Type: nonsense\r\n",
        "If-None-Match: *\r\n",
        "If-None-Match: \"the attacker's\"\r\n",
        "If-Match: \"the attacker's\"\r\n",
        "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n",
        "X-HTTP-Method-Override: DELETE\r\n",
        "X-Meta: a\x01b\r\n",
        "X-Meta: a\x07b\r\n",
        "X-Meta: a\x00b\r\n",
        "X-Meta: a\rb\r\n",
        "Content-Length: 3\r\n",
        long.as_str(),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/provoked/{number}");
        let provoked = raw(&site, get(&path, fields))?;
        let next = site.get(0, &path).await?;
        let why = format!("{:?}: {provoked}", &fields[..fields.len().min(60)]);
        assert_eq!(next.status, 200, "{why}\nthen {}", next.headers_text());
        assert_eq!(next.text(), "version 1", "{why}");
        // Nor does it keep the page from the cache: marks hold for longer than this waits.
        assert_eq!(site.warm(0, &path).await?.text(), "version 1", "{why}");
        let again = format!("{fields}Cache-Control: no-cache\r\n");
        raw(&site, get(&path, &again))?;
        let next = site.get(0, &path).await?;
        assert!(next.is_hit(), "what is stored was lost: {why}: {}", next.headers_text());
    }
    Ok(())
}

/// Other methods fill nothing, and a body that GET brings changes nobody's page.
#[tokio::test]
async fn only_a_whole_get_fills() -> Result<()> {
    let site = Site::strict(|seen| {
        let told = format!("{} {}", seen.method, String::from_utf8_lossy(&seen.body));
        Reply::ok(told).header("cache-control", "max-age=600")
    })?;
    for (number, message) in [
        "HEAD {t} HTTP/1.1\r\n{h}\r\n",
        "OPTIONS {t} HTTP/1.1\r\n{h}\r\n",
        "TRACE {t} HTTP/1.1\r\n{h}\r\n",
        "PROPFIND {t} HTTP/1.1\r\n{h}\r\n",
        "SEARCH {t} HTTP/1.1\r\n{h}Content-Length: 4\r\n\r\nevil",
        "REPORT {t} HTTP/1.1\r\n{h}Content-Length: 4\r\n\r\nevil",
        "POST {t} HTTP/1.1\r\n{h}Content-Length: 4\r\n\r\nevil",
        "GET {t} HTTP/1.1\r\n{h}Content-Length: 4\r\n\r\nevil",
        "GET {t} HTTP/1.1\r\n{h}Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/method/{number}");
        let host = format!("Host: {HOST}\r\nConnection: close\r\n");
        let first = raw(&site, message.replace("{t}", &path).replace("{h}", &host))?;
        let next = site.get(0, &path).await?;
        assert_eq!(next.text(), "GET ", "{message:?}: {first}");
    }
    Ok(())
}

/// A page that came in part, or with another length than it says, is nobody's.
#[tokio::test]
async fn half_a_page_is_not_kept() -> Result<()> {
    let cut = |reply: Reply| reply.body("version 1").header("cache-control", "max-age=600");
    let site = Site::strict(move |seen| match (seen.path.as_str(), seen.header("x-cut")) {
        ("/cut", "yes") => cut(Reply::ok("")).truncate(4),
        ("/stalled", "yes") => cut(Reply::ok("")).drip(2, std::time::Duration::ZERO).truncate(4),
        _ => page(1),
    })?;
    for path in ["/cut", "/stalled"] {
        let broken = raw(&site, get(path, "X-Cut: yes\r\n"))?;
        assert!(!broken.contains("version 1"), "{broken}");
        assert_eq!(site.get(0, path).await?.text(), "version 1", "{path} after {broken}");
        assert_eq!(site.warm(0, path).await?.text(), "version 1", "{path}");
    }
    Ok(())
}
