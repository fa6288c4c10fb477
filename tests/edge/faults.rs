//! Redis and the gateway stop, hang or talk nonsense while the site is asked.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::harness::{Edge, PlatformTier, SharedTier, Spec, eventually};
use xtask::origin::{Origin, Reply, Seen};

use crate::site::{Answer, PATIENCE, REDIS_TIMEOUT, Site, one, page, set};

/// What is stopped and started again.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Redis,
    Gateway,
    Both,
}

#[tokio::test]
async fn losing_redis_costs_no_answer() -> Result<()> {
    losing(Loss::Redis).await
}

#[tokio::test]
async fn losing_the_gateway_costs_no_answer() -> Result<()> {
    losing(Loss::Gateway).await
}

#[tokio::test]
async fn losing_both_costs_no_answer() -> Result<()> {
    losing(Loss::Both).await
}

/// Browses on all isolates while the tier goes and comes back by itself.
async fn losing(loss: Loss) -> Result<()> {
    let mut site = Site::with(|_| page(1), |spec| set(spec, REDIS_TIMEOUT, DEFAULT))?;
    for (path, isolate) in PATHS.into_iter().zip(0..) {
        site.warm(isolate, path).await?;
    }
    let (redis, gateway) = (site.edge.redis.take(), site.edge.gateway.take());
    let (mut redis, mut gateway) = (redis.context("Redis")?, gateway.context("the gateway")?);
    let over = AtomicBool::new(false);
    let lost = async {
        if matches!(loss, Loss::Redis | Loss::Both) {
            redis.daemon.kill();
        }
        if matches!(loss, Loss::Gateway | Loss::Both) {
            gateway.daemon.stop();
        }
        // While nothing is there, what each isolate knows comes from its data centre.
        for (path, isolate) in PATHS.into_iter().zip(0..) {
            let answer = site.get(isolate, path).await?;
            assert!(answer.is_hit(), "{path}: {}", answer.headers_text());
        }
        assert!(!connected(&site.get(0, HEALTH).await?)?);
        redis.daemon.start_again()?;
        gateway.daemon.start_again()?;
        eventually("the shared tier is back on every isolate", PATIENCE, async || {
            back(&site).await.unwrap_or(false)
        })
        .await?;
        over.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    let browsing = async {
        let mut answered = 0;
        while !over.load(Ordering::Relaxed) {
            for answer in site.crowd(8, PATHS[answered % PATHS.len()]).await? {
                assert_eq!(answer.status, 200, "{}", answer.headers_text());
                assert_eq!(answer.text(), "version 1");
                assert!(answer.took < SLOWEST, "{:?}: {}", answer.took, answer.headers_text());
            }
            answered += 8;
        }
        anyhow::Ok(answered)
    };
    let (lost, answered) = tokio::join!(lost, browsing);
    lost?;
    assert!(answered? > 0, "nobody asked");
    Ok(())
}

/// What one isolate stores now is a hit on every other.
async fn back(site: &Site) -> Result<bool> {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let path = format!("/back/{}", NEXT.fetch_add(1, Ordering::Relaxed));
    site.get(0, &path).await?;
    site.get(0, &path).await?;
    for isolate in 1..4 {
        if !site.get(isolate, &path).await?.is_hit() {
            return Ok(false);
        }
    }
    Ok(site.fetches(&path) == 1)
}

fn connected(health: &Answer) -> Result<bool> {
    let json = health.json()?;
    json.pointer("/data/redis/health/connected")
        .and_then(serde_json::Value::as_bool)
        .with_context(|| json.to_string())
}

/// The kernel takes the connections, and nobody ever reads from them.
#[tokio::test]
async fn a_store_that_hangs_costs_its_timeout_once() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    expect_service_over(&url).await
}

#[tokio::test]
async fn a_store_that_talks_nonsense_is_as_good_as_none() -> Result<()> {
    let nonsense: BTreeMap<&str, Reply> = BTreeMap::from([
        ("html", Reply::ok("<!doctype html><h1>It works</h1>")),
        ("json of another kind", Reply::ok(r#"{"hello":"world"}"#)),
        ("json cut short", Reply::ok(r#"{"result":"#)),
        ("resp cut short", Reply::ok("*3\r\n:1\r\n$5\r\nab")),
        ("resp of another kind", Reply::ok("*2\r\n$1\r\na\r\n$1\r\nb\r\n")),
        ("a number", Reply::ok(":42\r\n")),
        ("nothing", Reply::ok("")),
        ("too many requests", Reply::status(429)),
        ("an internal error", Reply::status(500).body("oops")),
        ("a redirect", Reply::status(302).header("location", "http://127.0.0.1:9/")),
        ("an authorisation error", Reply::status(401).body(r#"{"error":"Unauthorized"}"#)),
        ("a closed connection", Reply::close()),
        ("a body cut short", Reply::ok("$5\r\nabcde\r\n").truncate(4)),
        ("a body that stalls", Reply::ok("$5\r\nabcde\r\n").stall(4)),
        ("silence", Reply::hang()),
    ]);
    for (name, reply) in nonsense {
        let store = Origin::start(move |_| reply.clone())?;
        expect_service_over(&store.url()).await.with_context(|| name.to_owned())?;
        assert!(!store.requests().is_empty(), "{name}: the store was never asked");
    }
    Ok(())
}

/// Pages come, from the origin and then from the data centre, and none of them late.
async fn expect_service_over(url: &str) -> Result<()> {
    let site = Site::with(
        |_| page(1),
        |spec| {
            let spec = Spec { shared: SharedTier::Off, ..one(spec) };
            let spec = set(set(spec, "REDIS_REST_URL", url), "REDIS_REST_TOKEN", "any");
            set(spec, REDIS_TIMEOUT, DEFAULT)
        },
    )?;
    // It is kept after its answer has gone, so whoever comes at once may be too early.
    eventually("the data centre has it", PATIENCE, async || {
        timely_page(&site, url).await.is_ok_and(|answer| answer.is_hit())
    })
    .await?;
    for _ in 0..6 {
        let answer = timely_page(&site, url).await?;
        assert!(answer.is_hit(), "{url}: {}", answer.headers_text());
    }
    let refused = site.try_purge(r#"{"everything":true}"#).await?;
    // A number is what the script answers to who has spent its limit.
    assert!([429, 503].contains(&refused.status), "{url}: {}", refused.text());
    Ok(())
}

async fn timely_page(site: &Site, url: &str) -> Result<Answer> {
    let answer = site.get(0, "/page").await?;
    assert_eq!(answer.status, 200, "{url}: {}", answer.headers_text());
    assert_eq!(answer.text(), "version 1", "{url}");
    assert!(answer.took < SLOWEST, "{url}: {:?}", answer.took);
    Ok(answer)
}

/// Where a lost Redis is given no time, purges are final: what may have been purged stands in for
/// nothing, though there is no other answer.
#[tokio::test]
async fn without_grace_nothing_stands_in_that_may_have_been_purged() -> Result<()> {
    let well = Arc::new(AtomicBool::new(true));
    let is_well = Arc::clone(&well);
    let script = move |_: &Seen| match is_well.load(Ordering::Relaxed) {
        true => page(1),
        false => Reply::status(503),
    };
    let mut site = Site::with(script, |spec| set(one(spec), "REDIS_GRACE", "0s"))?;
    site.warm(0, "/page").await?;
    site.edge.redis()?.daemon.kill();
    well.store(false, Ordering::Relaxed);
    eventually("the origin's failure is told", PATIENCE, async || {
        site.get(0, "/page").await.is_ok_and(|answer| answer.status == 503)
    })
    .await?;
    for _ in 0..3 {
        let answer = site.get(0, "/page").await?;
        assert_eq!(answer.status, 503, "{}", answer.headers_text());
    }
    well.store(true, Ordering::Relaxed);
    eventually("the origin is asked again", PATIENCE, async || {
        site.get(0, "/page").await.is_ok_and(|answer| answer.status == 200)
    })
    .await
}

/// A frozen gateway holds its connections open; thawed, it is used again.
#[tokio::test]
async fn a_frozen_gateway_is_left_alone_and_taken_back() -> Result<()> {
    let mut site = Site::with(|_| page(1), |spec| set(spec, REDIS_TIMEOUT, DEFAULT))?;
    site.warm(0, "/frozen").await?;
    site.edge.gateway()?.daemon.freeze();
    for _ in 0..10 {
        let answer = site.get(0, "/frozen").await?;
        assert!(answer.is_hit(), "{}", answer.headers_text());
        assert!(answer.took < SLOWEST, "{:?}", answer.took);
    }
    site.edge.gateway()?.daemon.thaw();
    eventually("the shared tier is back on every isolate", PATIENCE, async || {
        back(&site).await.unwrap_or(false)
    })
    .await
}

/// The platform's cache fails in every way that it can; Redis still has the pages.
#[tokio::test]
async fn a_failing_platform_cache_costs_nothing() -> Result<()> {
    use xtask::harness::Weather;
    let site = Site::start(|_| page(1))?;
    for (weather, path) in [(Weather::Failing, "/failing"), (Weather::Silent, "/silent")] {
        site.edge.colos.iter().for_each(|colo| colo.set_weather(weather));
        for isolate in 0..4 {
            assert_eq!(site.get(isolate, path).await?.status, 200, "{weather:?}");
        }
        site.warm(3, path).await?;
        crate::site::asked_exactly(&site, path, 1);
    }
    Ok(())
}

/// No tier at all is left: each answer is the origin's.
#[tokio::test]
async fn with_no_tier_left_the_origin_answers() -> Result<()> {
    let origin = Origin::start(|_| page(1))?;
    let spec =
        Spec { shared: SharedTier::Off, platform: PlatformTier::Off, ..Spec::of(&origin.url()) };
    let edge = Edge::start(spec)?;
    for _ in 0..3 {
        let response = xtask::harness::client().get(edge.url(0)).send().await?;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.text().await?, "version 1");
    }
    Ok(())
}

const HEALTH: &str = "/api/v1/cache";
const PATHS: [&str; 4] = ["/a", "/b", "/c", "/d"];
/// The product's own.
const DEFAULT: &str = "250ms";
/// The timeout of each effect on the way, and a wide margin for a busy machine; a store that is
/// waited for would take until the client gives up, after 30 seconds.
const SLOWEST: Duration = Duration::from_secs(6);
