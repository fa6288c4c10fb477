//! What lies in Redis under our names is hostile until it has been checked.

use anyhow::{Context, Result};

use xtask::harness::{PlatformTier, Spec, Wire, eventually};
use xtask::origin::{Reply, Seen};

use crate::site::{PATIENCE, Site, asked_exactly, one, set};

#[tokio::test]
async fn a_damaged_entry_is_a_miss_and_is_replaced() -> Result<()> {
    let mut site = pages()?;
    site.warm(0, "/hurt").await?;
    let mut wire = site.wire()?;
    let key = only_entry(&mut wire)?;
    let whole = wire.value(&key)?;
    let mut damaged: Vec<(String, Vec<u8>)> = vec![
        ("garbage".into(), b"garbage".to_vec()),
        ("nothing".into(), Vec::new()),
        ("HTML".into(), b"<html>".repeat(100)),
        ("a byte too many".into(), [whole.as_slice(), b"!"].concat()),
        ("its magic alone".into(), whole[..4].to_vec()),
        ("an endless length".into(), [&whole[..8], &[0xff; 64]].concat()),
    ];
    for cut in [1, whole.len() / 2, whole.len() - 1] {
        damaged.push((format!("cut after {cut} bytes"), whole[..cut].to_vec()));
    }
    let head = whole.len() - BODY.len();
    for at in [0, 3, 4, 8, 13, 40, head / 2, head - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        damaged.push((format!("byte {at} flipped"), flipped));
    }
    for (name, bytes) in damaged {
        site.origin.forget();
        wire.ask(&[b"SET", &key, &bytes])?;
        let answer = site.get(0, "/hurt").await?;
        assert_eq!(answer.status, 200, "{name}: {}", answer.headers_text());
        assert_eq!(answer.text(), "the page /hurt", "{name}: {}", answer.headers_text());
        assert!(answer.says("stored"), "{name} was used: {}", answer.headers_text());
        let again = site.warm(0, "/hurt").await?;
        assert_eq!(again.text(), "the page /hurt", "{name}");
        asked_exactly(&site, "/hurt", 1);
    }
    Ok(())
}

/// A member of the ledger that is not even text has purged what is older; what is newer is a hit,
/// and the operator is told.
#[tokio::test]
async fn a_member_of_the_ledger_that_is_not_text_is_told_of_and_borne() -> Result<()> {
    let mut site = Site::with(page_of, |spec| Spec { isolates: 2, ..one(spec) })?;
    site.purge(r#"{"tags":["any"]}"#).await?;
    site.wire()?.ask(&[b"ZADD", b"{breadbox:0}:ledger", b"1", b"ht:caf\xff"])?;
    // This isolate reads the ledger from its beginning.
    assert_eq!(site.warm(1, "/page").await?.text(), "the page /page");
    assert!(site.get(1, "/page").await?.is_hit());
    eventually("it is counted", PATIENCE, async || {
        let report = site.get(1, "/api/v1/cache").await.and_then(|it| it.json());
        let counted =
            |it: &serde_json::Value| it["data"]["counts"]["faults"]["redis malformed"] == 1;
        report.is_ok_and(|it| counted(&it))
    })
    .await?;
    Ok(())
}

/// What is damaged in Redis may lie whole in the data centre.
#[tokio::test]
async fn the_platform_answers_for_a_damaged_entry() -> Result<()> {
    let strict = |spec| in_redis(set(one(spec), "VISIBILITY", "0s"));
    let mut site = Site::with(page_of, strict)?;
    site.warm(0, "/hurt").await?;
    let mut wire = site.wire()?;
    let key = only_entry(&mut wire)?;
    wire.ask(&[b"SET", &key, b"garbage"])?;
    for _ in 0..3 {
        let answer = site.get(0, "/hurt").await?;
        assert!(answer.is_hit(), "{}", answer.headers_text());
        assert_eq!(answer.text(), "the page /hurt");
    }
    asked_exactly(&site, "/hurt", 1);
    // A purge counts for it all the same.
    site.purge(r#"{"everything":true}"#).await?;
    assert!(!site.get(0, "/hurt").await?.is_hit());
    asked_exactly(&site, "/hurt", 2);
    Ok(())
}

/// Another type of value makes every command on the key fail.
#[tokio::test]
async fn a_value_of_another_type_costs_no_answer() -> Result<()> {
    let mut site = pages()?;
    site.warm(0, "/typed").await?;
    let mut wire = site.wire()?;
    let key = only_entry(&mut wire)?;
    wire.ask(&[b"DEL", &key])?;
    wire.ask(&[b"LPUSH", &key, b"x"])?;
    for _ in 0..5 {
        let answer = site.get(0, "/typed").await?;
        assert_eq!(answer.text(), "the page /typed", "{}", answer.headers_text());
    }
    Ok(())
}

/// An entry that lies under another's name answers nobody, whatever it says.
#[tokio::test]
async fn an_entry_of_another_key_is_not_served() -> Result<()> {
    let mut site = pages()?;
    let mut wire = site.wire()?;
    site.warm(0, "/mine").await?;
    let mine = only_entry(&mut wire)?;
    site.warm(0, "/theirs").await?;
    let theirs = wire.keys(ENTRIES)?.into_iter().find(|key| *key != mine);
    let foreign = wire.value(&theirs.context("the second entry is not stored")?)?;
    wire.ask(&[b"SET", &mine, &foreign])?;
    let answer = site.get(0, "/mine").await?;
    assert_eq!(answer.text(), "the page /mine", "{}", answer.headers_text());
    assert!(!answer.is_hit(), "{}", answer.headers_text());
    assert_eq!(site.warm(0, "/mine").await?.text(), "the page /mine");
    asked_exactly(&site, "/mine", 2);
    Ok(())
}

/// One isolate without mercy for stale ledgers and without a platform cache, pages that tell
/// their path.
fn pages() -> Result<Site> {
    Site::with(page_of, |spec| {
        let spec = Spec { platform: PlatformTier::Off, ..one(spec) };
        in_redis(set(spec, "VISIBILITY", "0s"))
    })
}

/// What lies in memory whole would answer for what is damaged.
fn in_redis(spec: Spec) -> Spec {
    set(spec, "NEAR", "off")
}

fn page_of(seen: &Seen) -> Reply {
    Reply::ok(format!("the page {}", seen.path)).header("cache-control", "max-age=600")
}

fn only_entry(wire: &mut Wire) -> Result<Vec<u8>> {
    let mut keys = wire.keys(ENTRIES)?;
    assert_eq!(keys.len(), 1, "one entry should be stored");
    keys.pop().context("no entry is stored")
}

const ENTRIES: &str = "*:e:*";
const BODY: &str = "the page /hurt";
