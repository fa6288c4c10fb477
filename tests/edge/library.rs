//! The library: values that programs compute, over a real gateway and a real Redis.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use breadbox::cache::Verdict;
use breadbox::config::{RedisDialect, RedisSettings};
use breadbox::values::{Ask, Cache, Cached, Failed, Source, secs};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use xtask::harness::{eventually, parts};
use xtask::places::test_run;
use xtask::servers::{Gateway, Redis, Tokens};

use crate::site::PATIENCE;

#[tokio::test]
async fn a_value_is_fetched_once_and_found_by_every_process() -> Result<()> {
    let (store, shop) = (Store::start()?, Shop::default());
    let first = shop.ask(store.cache().get("builds:all")).await?;
    assert_eq!((first.verdict, first.source), (Verdict::Miss, Source::Fetch));
    let second = store.settled(&shop, "builds:all").await?;
    assert_eq!(second.source, Source::Redis);
    assert_eq!(second.value, Builds { version: 1 });
    assert_eq!(shop.fetches(), 1);
    Ok(())
}

#[tokio::test]
async fn a_stampede_fetches_once() -> Result<()> {
    let (store, shop) = (Store::start()?, Shop::slow());
    let processes: Vec<Cache> = (0..4).map(|_| store.cache()).collect();
    let asked = (0..CROWD).map(|n| shop.ask(processes[n % 4].get("popular")));
    for answer in join_all(asked).await {
        assert_eq!(answer?.value.version, 1);
    }
    assert_eq!(shop.fetches(), 1);
    Ok(())
}

#[tokio::test]
async fn a_stale_value_is_returned_at_once_and_fetched_behind() -> Result<()> {
    let (store, shop) = (Store::start()?, Shop::default());
    let cache = store.cache();
    let ask = || cache.get("stale").fresh(Duration::from_millis(1)).stale(secs(600));
    shop.ask(ask()).await?;
    let stale = eventually_some(async || {
        let answer = shop.ask(ask()).await.ok()?;
        (answer.verdict == Verdict::Stale).then_some(answer)
    });
    let stale = stale.await?;
    assert_eq!(stale.source, Source::Redis);
    let newer = eventually_some(async || {
        let answer = shop.ask(ask()).await.ok()?;
        (answer.value.version > stale.value.version).then_some(answer)
    });
    assert_eq!(newer.await?.verdict, Verdict::Stale);
    Ok(())
}

#[tokio::test]
async fn what_is_purged_does_not_come_back() -> Result<()> {
    let (store, shop) = (Store::start()?, Shop::default());
    let (here, there) = (store.cache(), store.cache());
    for (round, purge) in ["tag", "name", "pattern", "everything"].into_iter().enumerate() {
        let name = format!("builds:{round}");
        let old = shop.ask(here.get(&name).tags(["builds"])).await?.value.version;
        store.settled(&shop, &name).await?;
        match purge {
            "tag" => there.purge_tag("builds").await?,
            "name" => there.purge(&name).await?,
            "pattern" => there.purge_matching("builds:*").await?,
            _ => there.purge_everything().await?,
        }
        for cache in [&here, &there, &store.cache()] {
            let answer = shop.ask(cache.get(&name).tags(["builds"])).await?;
            assert!(answer.value.version > old, "a purge by {purge} left {answer:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_stored_value_stands_in_for_a_fetch_that_fails() -> Result<()> {
    let (store, shop) = (Store::start()?, Shop::default());
    let cache = store.cache();
    let ask = || cache.get("weak").fresh(Duration::from_millis(1)).stale(Duration::ZERO);
    shop.closed.store(true, Ordering::Relaxed);
    match shop.ask(ask()).await {
        Err(Failed::Fetch(Closed)) => {}
        other => anyhow::bail!("a failed fetch with nothing stored gave {other:?}"),
    }
    shop.closed.store(false, Ordering::Relaxed);
    eventually_some(async || shop.ask(ask()).await.ok()).await?;
    eventually("it is stored", PATIENCE, async || store.keys("e:*") == 1).await?;
    shop.closed.store(true, Ordering::Relaxed);
    let rescued = shop.ask(ask()).await?;
    assert_eq!((rescued.verdict, rescued.source), (Verdict::Rescue, Source::Redis));
    Ok(())
}

#[tokio::test]
async fn without_redis_each_process_keeps_what_it_fetched() -> Result<()> {
    let (mut store, shop) = (Store::start()?, Shop::slow());
    store.gateway.daemon.kill();
    for cache in [store.cache(), store.cache()] {
        for answer in join_all((0..CROWD).map(|_| shop.ask(cache.get("alone")))).await {
            answer?;
        }
        let again = shop.ask(cache.get("alone")).await?;
        assert_eq!(again.source, Source::Process, "{again:?}");
        assert!(cache.figures().faults > 0);
    }
    assert_eq!(shop.fetches(), 2);
    Ok(())
}

#[tokio::test]
async fn a_value_of_another_type_is_fetched_anew() -> Result<()> {
    let (store, shop) = (Store::start()?, Shop::default());
    let cache = store.cache();
    shop.ask(cache.get("changed")).await?;
    store.settled(&shop, "changed").await?;
    let text = cache.get("changed").fetch(|| async { Ok::<_, Closed>("text".to_owned()) }).await?;
    assert_eq!((text.value.as_str(), text.verdict), ("text", Verdict::Miss));
    Ok(())
}

/// What is computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Builds {
    version: usize,
}

/// What computes it: each time a newer version.
#[derive(Clone, Debug, Default)]
struct Shop {
    asked: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
    takes: Duration,
}

#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shop is closed")
    }
}

impl Shop {
    fn slow() -> Self {
        Self { takes: Duration::from_millis(700), ..Self::default() }
    }

    fn fetches(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    async fn ask(&self, ask: Ask) -> Result<Cached<Builds>, Failed<Closed>> {
        let shop = self.clone();
        ask.fetch(move || async move {
            let version = shop.asked.fetch_add(1, Ordering::Relaxed) + 1;
            tokio::time::sleep(shop.takes).await;
            if shop.closed.load(Ordering::Relaxed) { Err(Closed) } else { Ok(Builds { version }) }
        })
        .await
    }
}

struct Store {
    redis: Redis,
    gateway: Gateway,
}

impl Store {
    fn start() -> Result<Self> {
        let (parts, logs) = (parts()?, test_run()?);
        let redis = Redis::start(&parts.redis, &logs)?;
        let tokens = Tokens { standard: TOKEN.to_owned(), read_only: String::new() };
        let gateway = Gateway::start(&parts.gateway, &redis.url(), tokens, &logs)?;
        Ok(Self { redis, gateway })
    }

    /// A cache as another process would have it; purges are visible at once.
    fn cache(&self) -> Cache {
        let settings = RedisSettings {
            url: self.gateway.url(),
            token: TOKEN.to_owned(),
            dialect: RedisDialect::Auto,
            // A machine that is busy with tests is not to be taken for a Redis that fails.
            timeout: secs(10),
            grace: secs(60),
            namespace: "values".to_owned(),
            shards: 1,
        };
        Cache::over(&settings, Duration::ZERO, |work| drop(tokio::spawn(work)))
    }

    /// The value as another process finds it once it is stored.
    async fn settled(&self, shop: &Shop, name: &str) -> Result<Cached<Builds>> {
        let (cache, fetches) = (self.cache(), shop.fetches());
        let found = eventually_some(async || {
            let answer = shop.ask(cache.get(name)).await.ok()?;
            (answer.verdict == Verdict::Hit).then_some(answer)
        });
        let found = found.await?;
        assert_eq!(shop.fetches(), fetches, "{name} was fetched again");
        Ok(found)
    }

    fn keys(&self, pattern: &str) -> usize {
        let words = ["KEYS", &format!("*{pattern}")];
        self.redis.ask(&words).map_or(0, |keys| keys.len())
    }
}

async fn eventually_some<T>(mut found: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let mut last = None;
    eventually("an answer as expected", PATIENCE, async || {
        last = found().await;
        last.is_some()
    })
    .await?;
    last.context("no answer as expected")
}

const CROWD: usize = 100;
const TOKEN: &str = "library-tests-0123456789abcdef";
