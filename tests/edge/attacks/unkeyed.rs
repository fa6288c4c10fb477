//! What is not in the key must not reach the origin where it could change the answer.

use anyhow::Result;

use super::{EVIL, expect_clean_store, get, mirror, raw};
use crate::site::Site;

/// Fields by which frameworks believe another host, path, scheme, method or user agent's address.
const FIELDS: [&str; 34] = [
    "Forwarded",
    "X-Forwarded",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Forwarded-Uri",
    "X-Forwarded-Path",
    "X-Forwarded-By",
    "X-Forwarded-Anything-That-Comes",
    "X-Host",
    "X-Host-Override",
    "X-HTTP-Host-Override",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-HTTP-Path-Override",
    "X-Method-Override",
    "X-Original-Host",
    "X-Original-URL",
    "X-Override-URL",
    "X-Proxy-URL",
    "X-Rewrite-URL",
    "X-Server-Name",
    "X-Backend-Host",
    "X-URL-Scheme",
    "Surrogate-Key",
    "Cache-Tag",
    // The same for servers that take an underscore for a hyphen, as CGI's heirs do.
    "X_Forwarded_Host",
    "X_Original_URL",
    "X-Rewrite_URL",
    "x_http_method_override",
];

#[tokio::test]
async fn overrides_reach_neither_the_origin_nor_anybody_else() -> Result<()> {
    let mut site = Site::strict(mirror)?;
    for (number, name) in FIELDS.into_iter().enumerate() {
        let path = format!("/unkeyed/{number}");
        let attacked = raw(&site, get(&path, &format!("{name}: {EVIL}\r\n")))?;
        assert!(attacked.contains("200 OK"), "{name}: {attacked}");
        assert!(!attacked.contains(EVIL), "{name} reached the origin: {attacked}");
        let clean = site.warm(0, &path).await?;
        assert!(!clean.text().contains(EVIL), "{name}: {}", clean.text());
    }
    expect_clean_store(&mut site, "overrides")
}

/// Two fields that are harmless alone, one of them named for removal by `Connection`.
#[tokio::test]
async fn overrides_do_not_pass_in_company() -> Result<()> {
    let mut site = Site::strict(mirror)?;
    for (number, fields) in [
        format!("X-Forwarded-Scheme: http\r\nX-Forwarded-Host: {EVIL}\r\n"),
        format!("X-Forwarded-Host: a\r\nX-Forwarded-Host: {EVIL}\r\n"),
        format!("x-forwarded-host: {EVIL}\r\nConnection: x-forwarded-proto\r\n"),
        format!("Proxy-Connection: {EVIL}\r\nProxy-Authorization: {EVIL}\r\n"),
        format!("Keep-Alive: {EVIL}\r\nTE: {EVIL}\r\nTrailer: {EVIL}\r\n"),
        format!("X-Mine: {EVIL}\r\nConnection: x-mine\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/company/{number}");
        let attacked = raw(&site, get(&path, &fields))?;
        assert!(!attacked.contains(EVIL), "{fields:?}: {attacked}");
        assert!(!site.warm(0, &path).await?.text().contains(EVIL), "{fields:?}");
    }
    expect_clean_store(&mut site, "overrides in company")
}

/// Naming a field in `Connection` must not take off what decides on storing.
#[tokio::test]
async fn nobody_has_the_deciding_fields_taken_off() -> Result<()> {
    let mut site = Site::strict(mirror)?;
    let fields = format!("Authorization: Bearer {EVIL}\r\nConnection: authorization\r\n");
    let own = raw(&site, get("/account", &fields))?;
    assert!(own.contains(EVIL), "the credentials were taken off: {own}");
    let next = site.get(0, "/account").await?;
    assert!(!next.text().contains(EVIL), "{}", next.text());
    expect_clean_store(&mut site, "credentials")
}
