//! The site while a Redis Cluster loses a master and moves a slot, and while Sentinels fail over:
//! every answer is checked against what the origin had published and purged when.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::join_all;
use xtask::faults::{Class, End, Published, page, purge, terms};
use xtask::harness::reqwest::Client;
use xtask::harness::{
    Edge, Gateway, Redis, SharedTier, Spec, Tokens, client, eventually, free_port, parts,
};
use xtask::places::test_run;
use xtask::process::Program;
use xtask::servers::{Daemon, Ready};

use crate::site::{HOST, PATIENCE};

/// Isolates over a gateway over some Redis.
struct Stage {
    _gateway: Gateway,
    edge: Edge,
    site: Published,
    client: Client,
}

impl Stage {
    fn over(redis_url: &str, shards: &str) -> Result<Self> {
        let tokens = Tokens { standard: TOKEN.to_owned(), read_only: String::new() };
        let gateway = Gateway::start(&parts()?.gateway, redis_url, tokens, &test_run()?)?;
        let site = Published::start(terms())?;
        let mut spec = Spec { isolates: 2, ..Spec::of(&site.origin.url()).as_site(HOST) };
        spec.shared = SharedTier::Off;
        let (url, namespace) = (gateway.url(), "breadbox");
        spec.variables = [
            ("REDIS_REST_URL", url.as_str()),
            ("REDIS_REST_TOKEN", TOKEN),
            ("REDIS_SHARDS", shards),
            ("NAMESPACE", namespace),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let edge = Edge::start(spec)?;
        Ok(Self { _gateway: gateway, edge, site, client: client() })
    }

    /// Browses and purges until `trouble` is over; what must not be is an error.
    async fn through(&self, trouble: impl Future<Output = Result<()>>) -> Result<()> {
        let over = AtomicBool::new(false);
        let readers = join_all((0..4).map(|number| self.browse(number, &over)));
        let troubled = async {
            let result = trouble.await;
            over.store(true, Ordering::Relaxed);
            result
        };
        let (result, asked) = tokio::join!(troubled, readers);
        result?;
        let asked: usize = asked.into_iter().sum::<Result<usize>>()?;
        assert!(asked > 50, "only {asked} requests were made");
        Ok(())
    }

    async fn browse(&self, number: usize, over: &AtomicBool) -> Result<usize> {
        let mut turn = number;
        while !over.load(Ordering::Relaxed) {
            let path = Class::Purge.path(turn % PAGES);
            let url = self.edge.url(turn);
            if turn.is_multiple_of(9) {
                let purged = purge(&self.site, &self.client, url, &path).await;
                let fair = matches!(purged.end, End::Good | End::Refused);
                assert!(fair, "a purge came to {:?}", purged.end);
            }
            let sample = page(&self.site, &self.client, url, Class::Purge, &path).await;
            assert_eq!(sample.end, End::Good, "{path}");
            assert!(sample.took < SLOWEST, "{path} took {:?}", sample.took);
            turn += 4;
        }
        Ok(turn / 4)
    }

    /// Purges are acknowledged by every isolate again.
    async fn is_back(&self) -> Result<()> {
        let path = Class::Purge.path(0);
        eventually("purges are acknowledged", PATIENCE, async || {
            for url in self.edge.urls() {
                if purge(&self.site, &self.client, url, &path).await.end != End::Good {
                    return false;
                }
            }
            true
        })
        .await
    }
}

#[tokio::test]
async fn a_cluster_loses_a_master_and_moves_a_slot() -> Result<()> {
    let mut nodes = cluster().await?;
    let urls: Vec<_> = nodes.iter().map(Redis::url).collect();
    let stage = Stage::over(&urls.join(","), "3")?;
    stage.is_back().await?;
    stage
        .through(async {
            let owner = owner_of(&nodes, "{breadbox:0}")?;
            let replica = owner + 3;
            let killed = Instant::now();
            nodes[owner].daemon.kill();
            eventually("a replica is the master", PATIENCE, async || {
                nodes[replica].tell(&["INFO", "replication"]).is_ok_and(|it| is_master(&it))
            })
            .await?;
            stage.is_back().await?;
            acknowledged(killed);
            nodes[owner].daemon.start_again()?;
            move_slot(&nodes, owner, "{breadbox:1}")?;
            stage.is_back().await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            Ok(())
        })
        .await
}

#[tokio::test]
async fn sentinels_fail_over() -> Result<()> {
    let redis = &parts()?.redis;
    let mut primary = Redis::start(redis, &test_run()?)?;
    let of = format!("127.0.0.1 {}", primary.port());
    let replica = Redis::start_with(redis, &test_run()?, &["--replicaof", &of])?;
    eventually("the replica is in step", PATIENCE, async || in_step(&replica)).await?;
    let sentinels = (0..3).map(|_| sentinel(primary.port())).collect::<Result<Vec<_>>>()?;
    let hosts: Vec<_> = sentinels.iter().map(|(_, port)| format!("127.0.0.1:{port}")).collect();
    let stage = Stage::over(&format!("redis+sentinel://{}/main", hosts.join(",")), "1")?;
    stage.is_back().await?;
    stage
        .through(async {
            let killed = Instant::now();
            primary.daemon.kill();
            eventually("the replica is the primary", PATIENCE, async || {
                replica.tell(&["INFO", "replication"]).is_ok_and(|it| is_master(&it))
            })
            .await?;
            stage.is_back().await?;
            acknowledged(killed);
            primary.daemon.start_again()?;
            stage.is_back().await
        })
        .await
}

/// For docs/high-availability.md.
fn acknowledged(killed: Instant) {
    let took = killed.elapsed().as_secs_f64();
    xtask::progress::line(&format!("  purges are acknowledged again after {took:.1} s"));
}

fn in_step(replica: &Redis) -> bool {
    let link = replica.tell(&["INFO", "replication"]);
    link.is_ok_and(|it| it.contains("master_link_status:up"))
}

fn is_master(info: &str) -> bool {
    info.contains("role:master")
}

/// Three masters, and a replica of each behind them.
async fn cluster() -> Result<Vec<Redis>> {
    let node = |_| {
        let bus = free_port()?.to_string();
        let settings = [
            ["--cluster-enabled", "yes"],
            ["--cluster-port", &bus],
            ["--cluster-node-timeout", "1000"],
            ["--cluster-replica-validity-factor", "0"],
        ];
        let node = Redis::start_with(&parts()?.redis, &test_run()?, settings.as_flattened())?;
        Ok((node, bus))
    };
    let (nodes, buses): (Vec<_>, Vec<_>) =
        (0..6).map(node).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    for (index, (first, last)) in RANGES.into_iter().enumerate() {
        let epoch = (index + 1).to_string();
        nodes[index].tell(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch])?;
        nodes[index].tell(&["CLUSTER", "ADDSLOTSRANGE", first, last])?;
    }
    for (node, bus) in nodes.iter().zip(&buses).skip(1) {
        nodes[0].tell(&["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string(), bus])?;
    }
    let all = |what: &'static str| {
        let nodes = &nodes;
        async move {
            let knows = |node: &Redis| node.tell(&["CLUSTER", "INFO"]);
            let agree =
                async || nodes.iter().all(|node| knows(node).is_ok_and(|info| info.contains(what)));
            eventually(what, PATIENCE, agree).await
        }
    };
    all("cluster_known_nodes:6").await?;
    for index in 0..3 {
        let id = nodes[index].tell(&["CLUSTER", "MYID"])?;
        let replica = &nodes[index + 3];
        eventually("a replica has its master", PATIENCE, async || {
            replica.tell(&["CLUSTER", "REPLICATE", &id]).is_ok_and(|it| it == "OK")
        })
        .await?;
    }
    all("cluster_state:ok").await?;
    let replicas = &nodes[3..];
    eventually("the replicas are in step", PATIENCE, async || replicas.iter().all(in_step)).await?;
    Ok(nodes)
}

/// Which of the three masters had a key's slot in the beginning.
fn owner_of(nodes: &[Redis], key: &str) -> Result<usize> {
    Ok((slot_of(nodes, key)? / 5461).min(2))
}

fn slot_of(nodes: &[Redis], key: &str) -> Result<usize> {
    let slot = nodes[3].tell(&["CLUSTER", "KEYSLOT", key])?;
    slot.parse().context("a slot")
}

/// Moves a slot with all its keys to the next master, as `redis-cli --cluster reshard` does.
fn move_slot(nodes: &[Redis], killed: usize, key: &str) -> Result<()> {
    let slot = slot_of(nodes, key)?.to_string();
    let owner = owner_of(nodes, key)?;
    // Where a master was killed its replica has its place.
    let acting = |index: usize| &nodes[if index == killed { index + 3 } else { index }];
    let (from, to) = (acting(owner), acting((owner + 1) % 3));
    let (from_id, to_id) = (from.tell(&["CLUSTER", "MYID"])?, to.tell(&["CLUSTER", "MYID"])?);
    to.tell(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id])?;
    from.tell(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id])?;
    let port = to.port().to_string();
    for name in from.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "1000"])? {
        from.tell(&["MIGRATE", "127.0.0.1", &port, &name, "0", "5000"])?;
    }
    for node in [to, from] {
        node.tell(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id])?;
    }
    Ok(())
}

fn sentinel(primary: u16) -> Result<(Daemon, u16)> {
    let (port, logs) = (free_port()?, test_run()?);
    let settings = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n"
    );
    let file = logs.join("sentinel.conf");
    std::fs::write(&file, settings)?;
    let program = Program::new("sentinel", &parts()?.redis).arg(file).arg("--sentinel");
    let ready = Ready::Accepts(([127, 0, 0, 1], port).into());
    let daemon = Daemon::start(program.directory(&logs), ready, PATIENCE, &logs)?;
    Ok((daemon, port))
}

const PAGES: usize = 20;
const TOKEN: &str = "secret-of-the-gateway";
const RANGES: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
/// What its deadlines may add up to, as in chaos: a lease that was granted by a master that died
/// before it said so is outwaited for fourteen seconds.
const SLOWEST: Duration = Duration::from_secs(18);
