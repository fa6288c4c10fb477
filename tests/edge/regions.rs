//! Two regions with a gateway and a Redis each, in front of one origin: purges go to both, and one
//! that has lost its Redis leaves the other alone.

use anyhow::Result;
use xtask::harness::reqwest::{Client, RequestBuilder};
use xtask::harness::{ADMIN, Edge, Spec, client, eventually};
use xtask::origin::{Origin, Reply, Seen};

use crate::site::{Answer, HOST, PATIENCE, PURGE, answer};

struct Region {
    edge: Edge,
    client: Client,
}

impl Region {
    fn start(origin: &Origin) -> Result<Self> {
        let edge = Edge::start(Spec { isolates: 2, ..Spec::of(&origin.url()).as_site(HOST) })?;
        Ok(Self { edge, client: client() })
    }

    fn asked(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.edge.url(0)))
    }

    async fn get(&self) -> Result<Answer> {
        answer(self.asked("/page")).await
    }

    /// Whether a purge was acknowledged.
    async fn purge(&self) -> Result<u16> {
        let asked = self.client.post(format!("{}{PURGE}?wait=visible", self.edge.url(1)));
        Ok(answer(asked.bearer_auth(ADMIN).body(r#"{"tags":["all"]}"#)).await?.status)
    }

    async fn shows(&self, version: &'static str) -> Result<()> {
        eventually(version, PATIENCE, async || {
            self.get().await.is_ok_and(|page| page.is_hit() && page.text() == version)
        })
        .await
    }
}

fn publish(version: &'static str) -> impl Fn(&Seen) -> Reply + Send + Sync {
    let page = move || Reply::ok(version).header("cache-control", "max-age=600");
    move |_| page().header("cache-tag", "all")
}

#[tokio::test]
async fn a_region_without_its_redis_leaves_the_other_alone() -> Result<()> {
    let origin = Origin::start(publish("one"))?;
    let (here, mut there) = (Region::start(&origin)?, Region::start(&origin)?);
    for region in [&here, &there] {
        region.shows("one").await?;
    }
    origin.rescript(publish("two"));
    assert_eq!(here.purge().await?, 200);
    assert_eq!(here.get().await?.text(), "two");
    assert_eq!(there.get().await?.text(), "one", "it has a ledger of its own");
    assert_eq!(there.purge().await?, 200);
    assert_eq!(there.get().await?.text(), "two");
    for region in [&here, &there] {
        region.shows("two").await?;
    }

    there.edge.redis()?.daemon.kill();
    origin.rescript(publish("three"));
    assert_eq!(here.purge().await?, 200);
    here.shows("three").await?;
    assert_eq!(there.purge().await?, 503, "who purges is told where it is not recorded");
    for _ in 0..20 {
        assert_eq!(there.get().await?.status, 200);
    }
    there.edge.redis()?.daemon.start_again()?;
    eventually("the purge is acknowledged there, too", PATIENCE, async || {
        there.purge().await.is_ok_and(|status| status == 200)
    })
    .await?;
    there.shows("three").await?;
    Ok(())
}
