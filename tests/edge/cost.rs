//! What a request costs in Redis commands.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use xtask::harness::eventually;

use crate::site::{PATIENCE, Site, one, page, set};

/// Purges are asked about once an hour here, so that nothing hides among the syncs.
#[tokio::test]
async fn a_hit_is_one_command() -> Result<()> {
    let spent = spent_on_hits("1h").await?;
    assert!(spent.commands.get("get") == Some(&HITS), "{spent:?}");
    assert!(spent.others(&[]).is_empty(), "{spent:?}");
    Ok(())
}

#[tokio::test]
async fn a_hit_is_one_command_and_a_sync_a_second() -> Result<()> {
    let spent = spent_on_hits("1s").await?;
    assert!(spent.commands.get("get") == Some(&HITS), "{spent:?}");
    assert!(spent.others(&["zrange"]).is_empty(), "{spent:?}");
    let syncs = spent.commands.get("zrange").copied().unwrap_or(0);
    assert!(syncs <= spent.took.as_secs() + 2, "{spent:?}");
    Ok(())
}

#[tokio::test]
async fn a_strict_hit_asks_for_purges_once() -> Result<()> {
    let spent = spent_on_hits("0s").await?;
    assert!(spent.commands.get("get") == Some(&HITS), "{spent:?}");
    assert!(spent.commands.get("zrange") == Some(&HITS), "{spent:?}");
    assert!(spent.others(&["zrange"]).is_empty(), "{spent:?}");
    Ok(())
}

#[derive(Debug)]
struct Spent {
    commands: BTreeMap<String, u64>,
    took: Duration,
}

impl Spent {
    /// Commands that neither read entries nor are among the known ones of the background.
    fn others(&self, known: &[&str]) -> Vec<&String> {
        let known = [known, &TALLY].concat();
        let expected = |name: &str| name == "get" || known.contains(&name);
        self.commands.keys().filter(|name| !expected(name)).collect()
    }
}

async fn spent_on_hits(visibility: &str) -> Result<Spent> {
    let asked = |spec| set(set(one(spec), "VISIBILITY", visibility), "NEAR", "off");
    let mut site = Site::with(|_| page(1), asked)?;
    let mut wire = site.wire()?;
    site.warm(0, "/hot").await?;
    eventually("what follows the fill is done", PATIENCE, async || {
        wire.keys("*:l:*").is_ok_and(|leases| leases.is_empty())
    })
    .await?;
    let (before, begun) = (wire.calls()?, Instant::now());
    for _ in 0..HITS {
        let answer = site.get(0, "/hot").await?;
        assert!(answer.is_hit(), "{}", answer.headers_text());
    }
    let after = wire.calls()?;
    let took = begun.elapsed();
    let mut commands = BTreeMap::new();
    for (name, calls) in after {
        let more = calls - before.get(&name).copied().unwrap_or(0);
        if more > 0 && name != "info" {
            commands.insert(name, more);
        }
    }
    let calls = |name: &str| commands.get(name).copied().unwrap_or(0);
    let flushes = calls("bitfield");
    let beside: u64 = TALLY.iter().skip(1).map(|name| calls(name)).sum();
    assert!(beside <= flushes, "more than two commands a flush: {commands:?}");
    assert!(flushes <= took.as_secs() / 2 + 1, "{flushes} flushes of the tally in {took:?}");
    Ok(Spent { commands, took })
}

const HITS: u64 = 100;

/// What a flush of the counts is made of: the first, and at most one of the others.
const TALLY: [&str; 4] = ["bitfield", "set", "hset", "expire"];
