//! Several regions: two with a gateway and a Redis each, of which one loses its own, and one whose
//! reads go to a copy that lags behind, as those of a global database do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xtask::harness::reqwest::{Client, RequestBuilder};
use xtask::harness::{
    ADMIN, Edge, Gateway, Redis, SharedTier, Spec, client, eventually, parts, tokens,
};
use xtask::origin::{Origin, Reply, Seen};
use xtask::places::test_run;

use crate::site::{Answer, HOST, PATIENCE, PURGE, answer, set};

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

/// A database that writes in one place and is read from copies of it, as Upstash Global is: one is
/// read while the other takes over what was written.
struct Global {
    front: Origin,
    primary: Redis,
    _gateways: Vec<Gateway>,
    ended: Arc<AtomicBool>,
    copies: Option<std::thread::JoinHandle<()>>,
}

impl Global {
    fn start() -> Result<Self> {
        let server = |settings: &[&str]| -> Result<(Redis, Gateway)> {
            let (parts, logs) = (parts()?, test_run()?);
            let redis = Redis::start_with(&parts.redis, &logs, settings)?;
            let gateway = Gateway::start(&parts.gateway, &redis.url(), tokens(), &logs)?;
            Ok((redis, gateway))
        };
        let (primary, writes) = server(&["--repl-diskless-sync-delay", "0"])?;
        let (copies, mut gateways): (Vec<_>, Vec<_>) =
            [server(&[])?, server(&[])?].into_iter().unzip();
        let ports: Vec<u16> = gateways.iter().map(Gateway::port).collect();
        let read = Arc::new(AtomicU16::new(ports[0]));
        let (at, write) = (Arc::clone(&read), writes.port());
        let front = Origin::start(move |seen| {
            let reads = READS.iter().any(|start| seen.body.starts_with(start.as_bytes()));
            let port = if reads { at.load(Ordering::Relaxed) } else { write };
            forwarded(seen, port).unwrap_or_else(|_| Reply::close())
        })?;
        let ended = Arc::new(AtomicBool::new(false));
        let (of, over) = (primary.port(), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            let mut turn = 1;
            while !over.load(Ordering::Relaxed) {
                if copied(&copies[turn], of).is_ok() {
                    read.store(ports[turn], Ordering::Relaxed);
                    turn = 1 - turn;
                }
                std::thread::sleep(Duration::from_millis(300));
            }
        });
        gateways.push(writes);
        Ok(Self { front, primary, _gateways: gateways, ended, copies: Some(thread) })
    }

    /// The epoch that the ledger is of, which begins anew only if data was lost.
    fn epoch(&self) -> Result<String> {
        let top = self.primary.ask(&["ZRANGE", "{breadbox:0}:ledger", "0", "-1"])?;
        top.into_iter().find(|member| member.starts_with('~')).context("a ledger")
    }
}

impl Drop for Global {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.copies.take().map(std::thread::JoinHandle::join);
    }
}

/// Has a copy take over what the primary holds now, and stay as it is.
fn copied(copy: &Redis, primary: u16) -> Result<()> {
    copy.tell(&["REPLICAOF", "127.0.0.1", &primary.to_string()])?;
    let begun = Instant::now();
    while !copy.tell(&["INFO", "replication"])?.contains("master_link_status:up") {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "no copy");
        std::thread::sleep(Duration::from_millis(5));
    }
    copy.tell(&["REPLICAOF", "NO", "ONE"]).map(drop)
}

/// The answer of another server to a request.
fn forwarded(seen: &Seen, port: u16) -> Result<Reply> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let path = &seen.path;
    write!(stream, "{} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n", seen.method)?;
    for name in ["authorization", "content-type", "upstash-response-format"] {
        write!(stream, "{name}: {}\r\n", seen.header(name))?;
    }
    write!(stream, "content-length: {}\r\n\r\n", seen.body.len())?;
    stream.write_all(&seen.body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("a head")?;
    let (head, body) = (std::str::from_utf8(&answer[..end])?, answer[end + 4..].to_vec());
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("a status")?;
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let kind = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    Ok(Reply::status(status).body(body).header("content-type", kind.map_or("", |(_, kind)| kind)))
}

#[tokio::test]
async fn a_purge_is_seen_later_by_as_much_as_reads_lag_behind() -> Result<()> {
    let (origin, database) = (Origin::start(publish("one"))?, Global::start()?);
    let spec =
        Spec { isolates: 2, shared: SharedTier::Off, ..Spec::of(&origin.url()).as_site(HOST) };
    let spec = set(spec, "REDIS_REST_URL", &database.front.url());
    let spec = set(spec, "REDIS_REST_TOKEN", &tokens().standard);
    let region = Region { edge: Edge::start(set(spec, "REDIS_TIMEOUT", "10s"))?, client: client() };
    region.shows("one").await?;
    let epoch = database.epoch()?;
    for version in ["two", "three", "four"] {
        origin.rescript(publish(version));
        assert_eq!(region.purge().await?, 200);
        let acknowledged = Instant::now();
        for isolate in 0..2 {
            let page = || region.client.get(format!("{}/page", region.edge.url(isolate)));
            eventually(version, PATIENCE, async || {
                answer(page()).await.is_ok_and(|page| page.is_hit() && page.text() == version)
            })
            .await?;
        }
        assert!(acknowledged.elapsed() < PATIENCE / 2, "{:?}", acknowledged.elapsed());
        for isolate in 0..2 {
            let page = region.client.get(format!("{}/page", region.edge.url(isolate)));
            assert_eq!(answer(page).await?.text(), version, "what is gone stays gone");
        }
    }
    assert_eq!(database.epoch()?, epoch, "a copy that lags is no database that lost data");
    Ok(())
}

/// What a copy answers: how commands begin.
const READS: [&str; 3] = ["[\"GET\"", "[\"MGET\"", "[\"ZRANGE\""];
