//! Floods: whoever asks for much, or for many things, costs others little.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::harness::{ADMIN, reqwest::Method};
use xtask::origin::Reply;

use crate::site::{PURGE, Site, answer, page};

/// The resident memory of the first worker in MB.
fn memory(site: &Site) -> Result<f64> {
    let worker = site.edge.workers.first().and_then(|it| it.daemon.id()).context("no worker")?;
    let pages = fs::read_to_string(format!("/proc/{worker}/statm"))?;
    let pages: f64 = pages.split_ascii_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(pages * 4096.0 / 1e6)
}

/// Many URLs, many variants of one, many tags: the memory stays, and the hot page a hit.
#[tokio::test]
async fn cache_busters_neither_grow_the_isolate_nor_push_out_what_is_hot() -> Result<()> {
    let site = Site::strict(|seen| match seen.path.as_str() {
        "/variants" => page(1).header("vary", "x-variant"),
        "/tags" => page(1).header("cache-tag", vec!["tag"; 3000].join(",")),
        _ => page(1).body("x".repeat(20_000)),
    })?;
    site.warm(0, "/hot").await?;
    let ask = async |count: usize, what: &str| -> Result<()> {
        for round in 0..count / 20 {
            let crowd = (0..20).map(|n| {
                let number = round * 20 + n;
                let request = site.request("GET", 0, &what.replace("{n}", &number.to_string()));
                answer(request.header("x-variant", number.to_string()))
            });
            for answered in futures_util::future::join_all(crowd).await {
                assert_eq!(answered?.status, 200, "{what}");
            }
        }
        Ok(())
    };
    ask(1000, "/busted?{n}").await?;
    ask(200, "/variants").await?;
    ask(100, "/tags?{n}").await?;
    let before = memory(&site)?;
    ask(1000, "/again?{n}").await?;
    ask(200, "/variants").await?;
    ask(100, "/tags?again={n}").await?;
    let after = memory(&site)?;
    // What is kept of each would be 20 MB more; the runtime takes what it likes meanwhile.
    assert!(after < before * 1.5, "{before:.0} MB became {after:.0} MB");
    let hot = site.get(0, "/hot").await?;
    assert!(hot.is_hit(), "{}", hot.headers_text());
    Ok(())
}

/// Patterns that make matchers of another kind think for ever, on a URL made for them.
#[tokio::test]
async fn patterns_take_linear_time() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    let path = format!("/{}", "a".repeat(2000));
    site.warm(0, &path).await?;
    for batch in 0..10 {
        let patterns: Vec<String> = (0..100)
            .map(|n| format!("\"http://site.test/{}{}b{batch}-{n}\"", "*a".repeat(900), "*"))
            .collect();
        site.purge(&format!("{{\"patterns\":[{}]}}", patterns.join(","))).await?;
    }
    for _ in 0..3 {
        let answer = site.get(0, &path).await?;
        assert!(answer.is_hit(), "{}", answer.headers_text());
        assert!(answer.took < Duration::from_secs(2), "a hit took {:?}", answer.took);
    }
    Ok(())
}

/// Requests without a token are turned away before their bodies are of any interest, and tokens
/// appear in no log.
#[tokio::test]
async fn guesses_are_turned_away_and_secrets_stay_secret() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    let request = |field: &str, value: &str| {
        site.request("POST", 0, PURGE).header(field, value).body(r#"{"everything":true}"#)
    };
    site.warm(0, "/kept").await?;
    let long = format!("Bearer {}", "x".repeat(60_000));
    for (field, value) in [
        ("authorization", "Bearer"),
        ("authorization", "Bearer  "),
        ("authorization", "Bearer admin"),
        ("authorization", "Bearer a"),
        ("authorization", &format!("Basic {ADMIN}")),
        ("authorization", &format!("Bearer {ADMIN}x")),
        ("authorization", &format!("Bearer {}", &ADMIN[..ADMIN.len() - 1])),
        ("authorization", &format!("Bearer {}", ADMIN.to_uppercase())),
        ("authorization", &format!("Bearer x, Bearer {ADMIN}")),
        ("authorization", &long),
        ("proxy-authorization", &format!("Bearer {ADMIN}")),
        ("cookie", &format!("token={ADMIN}")),
    ] {
        let answered = answer(request(field, value)).await?;
        assert_eq!(answered.status, 401, "{field}: {value:.60}: {}", answered.text());
    }
    let asked = site.request("POST", 0, &format!("{PURGE}?token={ADMIN}"));
    assert_eq!(answer(asked.body(r#"{"everything":true}"#)).await?.status, 401);
    assert!(site.get(0, "/kept").await?.is_hit(), "a guess has purged");
    site.purge(r#"{"tags":["x"]}"#).await?;
    for log in fs::read_dir(site.edge.logs())?.flatten().filter(|it| it.path().is_file()) {
        let text = String::from_utf8_lossy(&fs::read(log.path())?).into_owned();
        assert!(!text.contains(ADMIN), "{}", log.path().display());
        assert!(!text.contains("gateway-secret"), "{}", log.path().display());
    }
    Ok(())
}

/// What is larger than the platform takes is refused or passed through, and hurts nobody else.
#[tokio::test]
async fn what_is_too_large_is_refused_or_passed_through() -> Result<()> {
    let site = Site::strict(|seen| match seen.path.as_str() {
        "/many-fields" => {
            (0..80).fold(page(1), |reply, n| reply.header(&format!("x-field-{n}"), "v".repeat(800)))
        }
        "/long-field" => page(1).header("x-long", "v".repeat(200_000)),
        "/large" => Reply::ok(vec![b'x'; 40 << 20]).header("cache-control", "max-age=600"),
        _ => page(1),
    })?;
    let long = format!("/{}", "u".repeat(30_000));
    assert_eq!(site.get(0, &long).await?.status, 414);
    let wide = site.request("GET", 0, "/wide").header("x-wide", "v".repeat(150_000));
    assert_eq!(answer(wide).await?.status, 431);
    for path in ["/many-fields", "/long-field"] {
        for _ in 0..2 {
            let answer = site.get(0, path).await?;
            assert_eq!((answer.status, answer.text().as_str()), (200, "version 1"), "{path}");
        }
    }
    for times in 1..3 {
        let answer = site.get(0, "/large").await?;
        assert_eq!((answer.status, answer.body.len()), (200, 40 << 20));
        crate::site::asked_exactly(&site, "/large", times);
    }
    let body = vec![b'y'; 30 << 20];
    let sent = site.request(Method::POST.as_str(), 0, "/upload").body(body);
    assert_eq!(answer(sent).await?.status, 200);
    let worker = memory(&site)?;
    assert!(worker < 400.0, "the worker has {worker:.0} MB");
    Ok(())
}
