//! A Redis that somebody else can write to: no code, no crash, nobody else's data comes out of it.

use std::time::Duration;

use anyhow::{Context, Result};
use xtask::origin::{Origin, Reply};

use crate::site::{ADMIN_PATH, Site, one, page, set};
use xtask::harness::{SharedTier, Spec};

/// Everything under our names is replaced by values of every other type and of hostile size.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_of_every_type_cost_no_answer() -> Result<()> {
    let mut site = Site::strict(|_| page(1))?;
    let mut wire = site.wire()?;
    let scripts = [
        "redis.call('SETRANGE', KEYS[1], 200000000, 'x')",
        "redis.call('LPUSH', KEYS[1], 'x')",
        "redis.call('HSET', KEYS[1], 'x', 'y')",
        "redis.call('SADD', KEYS[1], 'x')",
        "redis.call('XADD', KEYS[1], '*', 'x', 'y')",
        "redis.call('SET', KEYS[1], string.rep('BBX', 1000000))",
        "for n = 1, 200000 do redis.call('ZADD', KEYS[1], n, 'h t tag:' .. n) end",
        "redis.call('ZADD', KEYS[1], '9007199254740993', '~1')",
        "redis.call('ZADD', KEYS[1], '1', '~')",
        "redis.call('ZADD', KEYS[1], '-5', '~1', '3', '!', '4', string.char(255, 0, 13, 10))",
        "redis.call('ZADD', KEYS[1], '1', string.rep('~', 3000000))",
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        let path = format!("/hostile/{number}");
        site.get(0, &path).await?;
        let mut names = wire.keys("{breadbox:0}:*")?;
        names.push(b"{breadbox:0}:ledger".to_vec());
        for name in names {
            // One of these sizes is enough for the machine that runs the test.
            if script.contains("SETRANGE") && !name.windows(3).any(|part| part == b":e:") {
                continue;
            }
            wire.ask(&[b"DEL", &name])?;
            let whole = format!("{script} return 1");
            wire.ask(&[b"EVAL", whole.as_bytes(), b"1", &name])?;
        }
        for _ in 0..3 {
            let answer = site.get(0, &path).await?;
            assert_eq!(answer.status, 200, "{script}: {}", answer.headers_text());
            assert_eq!(answer.text(), "version 1", "{script}");
        }
        wire.ask(&[b"FLUSHALL"])?;
    }
    let alive = site.edge.workers.iter_mut().all(|worker| worker.daemon.is_running());
    assert!(alive, "a worker died");
    site.warm(0, "/afterwards").await?;
    Ok(())
}

/// An entry of another site, forged or moved here, is a miss: its text says whose it is.
#[tokio::test]
async fn other_sites_entries_do_not_come_out() -> Result<()> {
    let mut site = Site::strict(|seen| page(1).body(format!("of {}", seen.path)))?;
    let mut wire = site.wire()?;
    site.warm(0, "/mine").await?;
    let mine = wire.keys("*:e:*")?.pop().context("no entry")?;
    let whole = wire.value(&mine)?;
    let (own, other) = (b"http://site.test/mine", b"http://evil.test/mine");
    let at = whole.windows(own.len()).position(|part| part == own).context("no key's text")?;
    let mut forged = whole.clone();
    forged[at..at + own.len()].copy_from_slice(other);
    for value in [forged, whole.iter().rev().copied().collect()] {
        wire.ask(&[b"SET", &mine, &value])?;
        let answer = site.get(0, "/mine").await?;
        assert_eq!(answer.text(), "of /mine", "{}", answer.headers_text());
    }
    Ok(())
}

/// Whoever answers in Redis' place may say anything.
#[tokio::test]
async fn a_hostile_server_costs_no_answer() -> Result<()> {
    let deep = "*1\r\n".repeat(100_000) + ":1\r\n";
    let wide = format!("*200000\r\n{}", ":1\r\n".repeat(200_000));
    let liar = "$999999999999\r\nabc\r\n".to_owned();
    let nested = format!("{{\"result\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    let huge = format!("${}\r\n{}\r\n", 90 << 20, "x".repeat(90 << 20));
    let negative = "*-9223372036854775808\r\n".to_owned();
    for (name, reply) in [
        ("deep", deep),
        ("wide", wide),
        ("liar", liar),
        ("nested JSON", nested),
        ("huge", huge.clone()),
        ("unending", huge),
        ("negative", negative),
    ] {
        let store = Origin::start(move |_| match name {
            "unending" => Reply::ok(reply.clone()).drip(1 << 20, Duration::ZERO),
            _ => Reply::ok(reply.clone()),
        })?;
        let change = |spec| {
            let spec = Spec { shared: SharedTier::Off, ..one(spec) };
            let spec = set(spec, "REDIS_REST_TOKEN", "any");
            set(spec, "REDIS_REST_URL", &store.url())
        };
        let mut site = Site::with(|_| page(1), change)?;
        for _ in 0..4 {
            let answer = site.get(0, "/page").await?;
            assert_eq!(answer.status, 200, "{name}: {}", answer.headers_text());
            assert_eq!(answer.text(), "version 1", "{name}");
        }
        let told = site.get(0, ADMIN_PATH).await?.json()?;
        let refused = !told["data"]["counts"]["faults"]["redis too-large"].is_null();
        assert_eq!(refused, ["huge", "unending"].contains(&name), "{name}: {told}");
        let worker = site.edge.workers.first_mut().context("no worker")?;
        assert!(worker.daemon.is_running(), "{name} ended the worker");
    }
    Ok(())
}
