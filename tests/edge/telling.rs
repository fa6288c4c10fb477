//! What leaves the edge of its own accord: lines of the log, and data points.

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::harness::{ADMIN, READER, Spec, eventually};
use xtask::origin::{Origin, Reply};

use crate::site::{HOST, PATIENCE, Site, answer, one, page, set};

/// Each request writes one data point with the fields that docs/watching.md names; workerd hands
/// it on as the platform would.
#[tokio::test]
async fn each_request_writes_a_data_point() -> Result<()> {
    let points = Origin::start(|_| Reply::ok(""))?;
    let spec = |spec| Spec { analytics: Some(points.url()), ..one(spec) };
    let site = Site::with(|_| page(1), spec)?;
    let long = format!("/{}", "x".repeat(15_900));
    for (path, verdict, reason, sources) in [
        ("/page", "miss", "absent", &["origin"][..]),
        ("/page", "hit", "", &["shared", "memory", "platform"]),
        (&long, "miss", "absent", &["origin"]),
    ] {
        if verdict == "hit" {
            site.warm(0, path).await?;
        }
        points.forget();
        site.get(0, path).await?;
        // Points of the requests before this one may still be on their way.
        let mut point = Value::Null;
        eventually("its data point is written", PATIENCE, async || {
            let requests = points.requests();
            let mut told = requests.iter().filter_map(|it| serde_json::from_slice(&it.body).ok());
            let own =
                |it: &Value| text(it, "blob1") == verdict && is_start(path, &text(it, "blob4"));
            told.find(own).map(|own| point = own).is_some()
        })
        .await
        .with_context(|| format!("{} bytes of a path", path.len()))?;
        let text = |name| text(&point, name);
        assert_eq!(text("index1"), HOST);
        assert_eq!(text("blob2"), reason, "{point}");
        assert!(sources.contains(&text("blob3").as_str()), "{point}");
        assert_eq!((&point["double1"], &point["double3"]), (&200.into(), &9.into()));
        assert!(point["double2"].as_u64() < Some(60_000), "{point}");
    }
    Ok(())
}

/// A text of a data point, which workerd writes as bytes.
fn text(point: &Value, name: &str) -> String {
    let bytes = point[name].as_array().into_iter().flatten();
    bytes.filter_map(|byte| Some(char::from(u8::try_from(byte.as_u64()?).ok()?))).collect()
}

/// Whether a point's text is the path's, as far as it goes.
fn is_start(path: &str, told: &str) -> bool {
    !told.is_empty() && path[1..].starts_with(told)
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
    eventually("the purge has a line", PATIENCE, async || {
        lines(&site, "purge").is_ok_and(|lines| lines.len() == 1)
    })
    .await?;
    for (level, purges) in [("info", 1), ("fault", 0)] {
        let site = logging(level, "1", 5).await?;
        // A fault that comes after all that tells that what was before it is there.
        site.origin.rescript(|_| Reply::close());
        site.get(0, "/broken").await?;
        eventually("the fault has a line", PATIENCE, async || {
            lines(&site, "origin").is_ok_and(|lines| lines.len() == 1)
        })
        .await?;
        assert_eq!(lines(&site, "purge")?.len(), purges, "{level}");
        assert_eq!(lines(&site, "request")?.len(), 0, "{level}");
    }
    Ok(())
}

/// So many of a thousand that chance comes to less than once in millions of runs.
#[tokio::test]
async fn a_share_of_requests_is_logged() -> Result<()> {
    let site = logging("request", "0.2", 1_000).await?;
    eventually("all is written", PATIENCE, async || {
        lines(&site, "purge").is_ok_and(|lines| lines.len() == 1)
    })
    .await?;
    let count = lines(&site, "request")?.len();
    assert!((130..=270).contains(&count), "{count} of 1000 were logged at 0.2");
    Ok(())
}
