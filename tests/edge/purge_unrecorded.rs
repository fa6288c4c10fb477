//! A purge that Redis does not take is not acknowledged, in whatever words it was asked for; it may
//! be repeated when Redis is well again, and hits go on meanwhile.

use anyhow::Result;
use serde_json::{Value, json};
use xtask::harness::{ADMIN, Wire, eventually, free_port};

use crate::site::{PATIENCE, PURGE, Site, answer, one, page, set};

type Case = (&'static str, &'static str, &'static str, &'static str, Value);

/// The same purge in each dialect, where the word of its refusal stands, and the word.
fn dialects() -> [Case; 5] {
    let word = || json!("ledger-unreachable");
    [
        ("POST", PURGE, "authorization", "/error/code", word()),
        ("POST", "/client/v4/zones/0/purge_cache", "authorization", "/errors/0/code", json!(1000)),
        ("POST", "/service/s/purge/shown", "fastly-key", "/msg", word()),
        ("PURGE", "/page", "authorization", "/msg", word()),
        ("BAN", "/", "authorization", "/msg", word()),
    ]
}

async fn all_refuse(site: &Site, about: &str) -> Result<()> {
    for (method, path, credentials, place, word) in dialects() {
        let told = ask(site, method, path, credentials).await?;
        let about = format!("{about}: {method} {path}: {}", told.text());
        assert_eq!(told.status, 503, "{about}");
        assert_eq!(told.json()?.pointer(place), Some(&word), "{about}");
        assert_eq!(told.header("retry-after"), "1", "{about}");
        assert!(told.json()?["success"] != true, "{about}");
    }
    Ok(())
}

async fn all_purge(site: &Site, about: &str) -> Result<()> {
    for (method, path, credentials, ..) in dialects() {
        eventually(&format!("{about} over: {method} {path}"), PATIENCE, async || {
            ask(site, method, path, credentials).await.is_ok_and(|told| told.status == 200)
        })
        .await?;
    }
    Ok(())
}

async fn ask(
    site: &Site,
    method: &str,
    path: &str,
    credentials: &str,
) -> Result<crate::site::Answer> {
    let bearer = format!("Bearer {ADMIN}");
    let secret = if credentials == "fastly-key" { ADMIN } else { &bearer };
    let request = site.request(method, 0, path).header(credentials, secret);
    let request = request.header("x-ban-url", "^/page").body(r#"{"tags":["shown"]}"#);
    answer(request).await
}

fn tell(wire: &mut Wire, command: &str) -> Result<()> {
    let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
    wire.ask(&words).map(drop)
}

/// Full, read-only after a failover, or without the replicas that make writes safe.
#[tokio::test]
async fn a_redis_that_refuses_writes_has_no_purge_acknowledged() -> Result<()> {
    let mut site = Site::with(
        |_| page(1).header("cache-tag", "shown"),
        |spec| set(one(spec), "VISIBILITY", "0s"),
    )?;
    let mut wire = site.wire()?;
    let nobody = free_port()?.to_string();
    for (about, make, mend) in [
        ("full", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        (
            "without replicas",
            "CONFIG SET min-replicas-to-write 1",
            "CONFIG SET min-replicas-to-write 0",
        ),
        ("read-only", &format!("REPLICAOF 127.0.0.1 {nobody}"), "REPLICAOF NO ONE"),
    ] {
        site.warm(0, "/page").await?;
        tell(&mut wire, make)?;
        all_refuse(&site, about).await?;
        let kept = site.get(0, "/page").await?;
        assert!(kept.is_hit(), "{about}: {}", kept.headers_text());
        tell(&mut wire, mend)?;
        all_purge(&site, about).await?;
    }
    Ok(())
}

/// Gone altogether: the gateway can't reach Redis, then nobody can reach the gateway.
#[tokio::test]
async fn a_redis_that_is_out_of_reach_has_no_purge_acknowledged() -> Result<()> {
    let mut site = Site::with(|_| page(1), |spec| set(one(spec), "REDIS_TIMEOUT", "250ms"))?;
    site.warm(0, "/page").await?;
    site.edge.redis()?.daemon.stop();
    all_refuse(&site, "Redis is stopped").await?;
    site.edge.gateway()?.daemon.kill();
    all_refuse(&site, "the gateway is killed").await?;
    site.edge.redis()?.daemon.start_again()?;
    site.edge.gateway()?.daemon.start_again()?;
    all_purge(&site, "the outage").await
}
