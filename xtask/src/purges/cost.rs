//! A purge of many entries against a purge of one: commands and time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::family::Generation;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::{Mode, Record, Selector, Stamp};
use breadbox::cache::purge::Limit;
use breadbox::cache::tuning::History;
use breadbox::cache::{Lifetime, ResponseHead, Time};
use breadbox::config::{RedisDialect, RedisSettings};
use breadbox::redis::{Purged, Shared};

use super::figures::Figures;
use crate::progress::{line, step};
use crate::servers::{Gateway, Redis, Tokens, Wire};
use crate::{places, tools};

/// Fills, purges by turns, and reclaims.
pub(super) async fn measure(entries: u64) -> Result<bool> {
    let program = tools::redis_program()?;
    let gateway = [("breadbox-gateway", "breadbox-gateway")];
    let gateway = tools::binaries(&gateway, tools::Profile::Dev)?;
    let logs = places::test_run()?;
    let redis = Redis::start(&program, &logs)?;
    let tokens = Tokens { standard: "bench-secret".to_owned(), read_only: String::new() };
    let gateway = gateway.first().context("there is no gateway")?;
    let gateway = Gateway::start(gateway, &redis.url(), tokens.clone(), &logs)?;
    let shared = Shared::new(&settings(&gateway), Duration::ZERO, clock);
    let mut wire = Wire::open(redis.port())?;
    let stamp = purge(&shared, "nothing").await?;
    step(&format!("{entries} entries are stored"), || fill(&shared, &mut wire, entries, stamp))?;
    let (many, one) = (by_turns(&shared, &mut wire).await?, wire.size()?);
    line(&format!("purge of a tag on {entries} entries and on 1, by turns; {one} keys in Redis:"));
    let same = many.iter().all(|side| side.commands == many[0].commands);
    for (name, side) in ["many", "one"].iter().zip(&many) {
        line(&format!("  {name:>4}: {} commands a purge; {}", side.commands, side.took.line()));
        line(&format!("        in Redis {:.1} µs a purge", side.inside));
    }
    ensure!(same, "the number of commands depends on the number of entries");
    let spread = many[1].took.at(75).saturating_sub(many[1].took.at(25));
    let apart = many[0].took.at(50).abs_diff(many[1].took.at(50));
    line(&format!("  medians are {apart:.2?} apart; the spread of one side is {spread:.2?}"));
    reclaim(&shared, &mut wire).await?;
    Ok(apart <= spread.max(Duration::from_micros(50)))
}

/// One side of the comparison.
struct Side {
    commands: u64,
    took: Figures,
    inside: f64,
}

async fn by_turns(shared: &Shared, wire: &mut Wire) -> Result<[Side; 2]> {
    let side = || Side { commands: 0, took: Figures::default(), inside: 0.0 };
    let mut sides = [side(), side()];
    for round in 0..ROUNDS + WARM {
        for (side, tag) in sides.iter_mut().zip(["many", "one"]) {
            let (before, spent) = (calls(wire)?, wire.spent("evalsha")?);
            let began = Instant::now();
            purge(shared, tag).await?;
            let took = began.elapsed();
            if round >= WARM {
                side.commands = calls(wire)? - before;
                side.took.add(took);
                let inside = wire.spent("evalsha")?.saturating_sub(spent);
                side.inside += inside.as_secs_f64() * 1e6 / f64::from(ROUNDS);
            }
        }
    }
    Ok(sides)
}

/// Entries in the form that the Worker stores, all but one under the same tag.
fn fill(shared: &Shared, wire: &mut Wire, entries: u64, stamp: Stamp) -> Result<()> {
    for batch in (0..=entries).collect::<Vec<_>>().chunks(BATCH) {
        for number in batch {
            let key = Key::of_url(&format!("https://bench.test/{number}"));
            let tag = if *number == entries { "one" } else { "many" };
            let mut bytes = entry(&key, stamp, tag).encode();
            bytes.extend_from_slice(BODY);
            let name = shared.keys().entry(key.id());
            wire.send(&[b"SET", name.as_bytes(), &bytes, b"EX", b"86400"])?;
        }
        for _ in batch {
            wire.reply()?;
        }
    }
    Ok(())
}

/// Sweeps as the cron does, and tells what it came to.
async fn reclaim(shared: &Shared, wire: &mut Wire) -> Result<()> {
    let (keys, used) = (wire.size()?, wire.figure("memory", "used_memory")?);
    let (mut slices, mut commands, mut bytes) = (Figures::default(), 0, 0);
    let mut entries = 0;
    loop {
        let began = Instant::now();
        let done = shared.reclaim(EVENT, 7).await.map_err(|it| anyhow::anyhow!("{it:?}"))?;
        if done.seen == 0 {
            break;
        }
        slices.add(began.elapsed());
        commands = done.commands.max(commands);
        (entries, bytes) = (entries + done.entries, bytes + done.bytes);
    }
    let freed = used.saturating_sub(wire.figure("memory", "used_memory")?);
    let left = wire.size()?;
    line(&format!("reclaim: {keys} keys before, {left} after; {entries} entries deleted"));
    line(&format!("  {bytes} bytes of values, {freed} bytes of Redis' memory"));
    line(&format!("  {} events of at most {commands} commands: {}", slices.count(), slices.line()));
    Ok(())
}

async fn purge(shared: &Shared, tag: &str) -> Result<Stamp> {
    let record = Record { mode: Mode::Hard, selector: Selector::Tag(tag.to_owned()) };
    let purged = shared.purge_within(&[record], Some(("bench", LIMIT)), 7).await;
    match purged.map_err(|it| anyhow::anyhow!("{it:?}"))? {
        Purged::Recorded(receipt, _) => receipt.stamp(0).context("a receipt without a stamp"),
        Purged::Refused(..) => anyhow::bail!("it is refused as one too many"),
    }
}

/// Commands so far, those of scripts included.
fn calls(wire: &mut Wire) -> Result<u64> {
    Ok(wire.calls()?.into_iter().filter(|(name, _)| name != "info").map(|(_, calls)| calls).sum())
}

fn entry(key: &Key, stamp: Stamp, tag: &str) -> Entry {
    let day = Duration::from_secs(86_400);
    Entry {
        kind: Kind::Response,
        stamp,
        generation: Generation::NONE,
        generated: clock(),
        lifetime: Lifetime { fresh: day, stale: day, rescue: day, keep: day },
        fetch: Duration::ZERO,
        key: key.as_str().to_owned(),
        tags: vec![tag.to_owned()],
        selecting: Vec::new(),
        head: ResponseHead { status: 200, headers: hyper::HeaderMap::new() },
        body_len: BODY.len() as u64,
        history: History::default(),
    }
}

fn settings(gateway: &Gateway) -> RedisSettings {
    RedisSettings {
        url: gateway.url(),
        token: gateway.tokens().standard.clone(),
        dialect: RedisDialect::Auto,
        timeout: Duration::from_secs(10),
        grace: Duration::ZERO,
        namespace: "bench".to_owned(),
        shards: 1,
    }
}

fn clock() -> Time {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Time(i64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(i64::MAX))
}

/// A token's limit, which is counted and never reached.
const LIMIT: Limit = Limit { rate: 1_000, burst: 1_000_000 };

const BODY: &[u8] = &[b'b'; 64];
const BATCH: usize = 1000;
const WARM: u32 = 20;
const ROUNDS: u32 = 300;

/// Commands of one event of the cron.
const EVENT: u64 = 32;
