//! What leaves the edge of its own accord: lines of the log, and data points.

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::harness::{ADMIN, READER, Spec, eventually};
use xtask::origin::{Origin, Reply};

use crate::site::{HOST, PATIENCE, Site, answer, one, page, set};

/// Each request writes one data point with the fields that docs/watching.md names: workerd hands
/// them on as the platform would, texts as they are and numbers as eight bytes.
#[tokio::test]
async fn each_request_writes_a_data_point() -> Result<()> {
    let points = Origin::start(|_| Reply::ok(""))?;
    let spec = |spec| Spec { analytics: Some(points.url()), ..one(spec) };
    let site = Site::with(|_| page(1), spec)?;
    let long = format!("/{}", "x".repeat(15_000));
    let (mut asked, mut told) = (0, Vec::new());
    for path in ["/page", "/page", &long] {
        let answered = site.get(0, path).await?;
        asked += 1;
        eventually("the data point is written", PATIENCE, async || {
            points.requests().len() == asked
        })
        .await?;
        let point = points.requests().pop().context("a data point")?;
        told.push((answered.says("hit"), path.get(1..99).unwrap_or(&path[1..]).to_owned(), point));
    }
    assert!(!told[0].0, "the first is no hit");
    for (hit, path, point) in told {
        let has = |bytes: &[u8]| point.body.windows(bytes.len()).any(|window| window == bytes);
        let words = if hit { ["hit", ""] } else { ["miss", "absent"] };
        let source = if hit { "" } else { "origin" };
        for text in words.into_iter().chain([source, HOST, &path]) {
            assert!(has(text.as_bytes()) || text.is_empty(), "{text} in {:?}", point.body);
        }
        assert!(has(&200_f64.to_le_bytes()) && has(&9_f64.to_le_bytes()), "status and bytes");
    }
    Ok(())
}

/// The lines of the log that tell of this event, as JSON after their prefix.
fn lines(site: &Site, event: &str) -> Result<Vec<Value>> {
    let log = std::fs::read_to_string(site.edge.logs().join("workerd-0.log"))?;
    let told = log.lines().filter_map(|line| Some(line.split_once("[CacheManager] ")?.1));
    let mut found = Vec::new();
    for line in told {
        // The runtime may put the line into a string of its own.
        let plain = line.trim_end_matches(|c| c != '}').replace("\\\"", "\"");
        let object: Value = serde_json::from_str(plain.trim_end_matches("\"}"))
            .or_else(|_| serde_json::from_str(&plain))
            .with_context(|| format!("no JSON: {line}"))?;
        if object["event"] == event {
            found.push(object);
        }
    }
    for secret in [ADMIN, READER] {
        assert!(!log.contains(secret), "a token is in the log");
    }
    Ok(found)
}

/// A site that logs at this level this share of requests, after so many of them and a purge.
async fn logging(level: &str, share: &str, requests: usize) -> Result<Site> {
    let spec = |spec| set(set(one(spec), "LOG_LEVEL", level), "LOG_SAMPLE", share);
    let site = Site::with(|_| page(1), spec)?;
    for _ in 0..requests {
        answer(site.request("GET", 0, "/page").bearer_auth(READER)).await?;
    }
    site.purge(r#"{"tags":["news"]}"#).await?;
    Ok(site)
}

#[tokio::test]
async fn each_level_says_what_it_is_to_say() -> Result<()> {
    let site = logging("request", "1", 5).await?;
    eventually("each request has a line", PATIENCE, async || {
        lines(&site, "request").is_ok_and(|lines| lines.len() == 5)
    })
    .await?;
    let told = lines(&site, "request")?;
    assert_eq!(
        (&told[0]["status"], &told[0]["url"]),
        (&"200".into(), &"http://site.test/page".into())
    );
    for name in ["verdict", "reason", "source", "ms"] {
        assert!(told[0][name].is_string(), "{name}: {}", told[0]);
    }
    assert_eq!(lines(&site, "purge")?.len(), 1);
    for (level, purges) in [("info", 1), ("fault", 0)] {
        let site = logging(level, "1", 5).await?;
        assert_eq!(lines(&site, "purge")?.len(), purges, "{level}");
        assert_eq!(lines(&site, "request")?.len(), 0, "{level}");
    }
    Ok(())
}

/// So many of a thousand that chance comes to less than once in millions of runs.
#[tokio::test]
async fn a_share_of_requests_is_logged() -> Result<()> {
    let site = logging("request", "0.2", 1_000).await?;
    let count = lines(&site, "request")?.len();
    assert!((130..=270).contains(&count), "{count} of 1000 were logged at 0.2");
    Ok(())
}
