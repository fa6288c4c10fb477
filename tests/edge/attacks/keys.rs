//! One question, one key: nobody answers for another URL.

use anyhow::Result;

use super::{EVIL, expect_clean_store, get, mirror, raw};
use crate::site::{HOST, Site};

/// Each target on the left tries to be answered, or stored, as the one on the right.
#[tokio::test]
async fn no_spelling_of_a_target_answers_for_another() -> Result<()> {
    let site = Site::strict(mirror)?;
    for (attack, victim) in [
        ("/v1?a=1;a=evil.example", "/v1?a=1"),
        ("/v2?a=1&utm_content=x;a=evil.example", "/v2?a=1&utm_content=x"),
        ("/v3?a=1%26a=evil.example", "/v3?a=1"),
        ("/v4%3Fa=evil.example", "/v4?a=evil"),
        ("/v5%23evil.example", "/v5"),
        ("/v6%00evil.example", "/v6"),
        ("/v7%0d%0aX:%20evil.example", "/v7"),
        ("/v8/..;/evil.example", "/v8"),
        ("/v9//evil.example", "/v9"),
        ("/v10%2fevil.example", "/v10/evil"),
        ("/v11%5cevil.example", "/v11"),
        ("/v12/.evil.example/%2e", "/v12/"),
        ("/v13 /evil.example", "/v13"),
        ("/v14?%20evil.example", "/v14?"),
        ("/v15%0aGET%20http://site.test/v15", "/v15"),
        ("/v16#evil.example", "/v16"),
    ] {
        let attacked = raw(&site, get(attack, ""))?;
        let victim_answer = raw(&site, get(victim, ""))?;
        let why = format!("{attack}: {attacked}\nthen {victim}: {victim_answer}");
        assert!(!victim_answer.contains(EVIL), "{why}");
        // What the origin is asked is what the key says, to the letter.
        let again = raw(&site, get(victim, ""))?;
        let target = victim.split_once('?').map_or(victim.to_owned(), |(path, query)| {
            if query.is_empty() { path.to_owned() } else { victim.to_owned() }
        });
        assert!(again.contains(&format!("GET {target}")), "{why}\nagain: {again}");
    }
    Ok(())
}

/// Dot segments mean the same to the key, to the rules and to the origin.
#[tokio::test]
async fn paths_are_resolved_once_for_all() -> Result<()> {
    let site = Site::strict(mirror)?;
    for (number, attack) in
        ["/static/%2e%2e/private", "/static/../private", "/static/.%2e/private", "/./private"]
            .into_iter()
            .enumerate()
    {
        let marked = format!("{attack}?{number}");
        let answer = raw(&site, get(&marked, ""))?;
        assert!(answer.contains(&format!("GET /private?{number}\n")), "{attack}: {answer}");
    }
    let kept = raw(&site, get("/static/..%2fprivate", ""))?;
    assert!(kept.contains("GET /static/..%2fprivate?\n"), "{kept}");
    Ok(())
}

/// Hosts: the origin is always the configured one, and is told the site's name.
#[tokio::test]
async fn no_host_leads_elsewhere() -> Result<()> {
    let mut site = Site::strict(mirror)?;
    for (number, request) in [
        "GET {t} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET {t} HTTP/1.1\r\nHost: site.test:1234\r\nConnection: close\r\n\r\n",
        "GET {t} HTTP/1.1\r\nHost: 127.0.0.1:6379\r\nConnection: close\r\n\r\n",
        "GET {t} HTTP/1.1\r\nHost: user:pass@evil.example\r\nConnection: close\r\n\r\n",
        "GET {t} HTTP/1.1\r\nHost: site.test\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET http://evil.example{t} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n",
        "GET http://169.254.169.254{t} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n",
        "GET {t} HTTP/1.1\r\nHost: site.test/elsewhere\r\nConnection: close\r\n\r\n",
        "GET {t} HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
        "GET {t} HTTP/1.0\r\n\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/host/{number}");
        let attacked = raw(&site, request.replace("{t}", &path))?;
        let clean = site.get(0, &path).await?;
        assert!(!clean.text().contains(EVIL), "{request}: {attacked}\n{}", clean.text());
        for seen in site.origin.requests_for(&path) {
            assert_eq!(seen.header("x-forwarded-host"), HOST, "{request}");
        }
    }
    expect_clean_store(&mut site, "hosts")
}

/// The origin's redirects are the client's to follow: following them would be asking for anybody.
#[tokio::test]
async fn redirects_to_inner_places_are_not_followed() -> Result<()> {
    let site = Site::strict(|_| {
        let inner = "http://127.0.0.1:1/secret";
        xtask::origin::Reply::status(302).header("location", inner)
    })?;
    let answer = site.get(0, "/away").await?;
    assert_eq!((answer.status, answer.header("location")), (302, "http://127.0.0.1:1/secret"));
    Ok(())
}
