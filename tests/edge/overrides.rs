//! Rules that are set while the edge runs, and documents that are not believed.

use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};
use xtask::harness::{ADMIN, PURGER, PlatformTier, READER, Spec, VISIBILITY, Wire, eventually};
use xtask::origin::Seen;

use crate::site::{Answer, PATIENCE, Site, answer, asked_exactly, one, page, set};

const OVERRIDE: &str = "/api/v1/cache/override";
const SECRET: &str = "the-secret-of-the-tests-is-so-long";
const KEY: &[u8] = b"{breadbox:0}:override";

fn live(change: impl FnOnce(Spec) -> Spec) -> Result<Site> {
    let script = |_: &Seen| page(1);
    Site::with(script, |spec| change(set(spec, "OVERRIDE_SECRET", SECRET)))
}

async fn send(site: &Site, isolate: usize, token: &str, rules: &Value) -> Result<Answer> {
    let asked = site.request("POST", isolate, OVERRIDE).bearer_auth(token);
    answer(asked.body(rules.to_string())).await
}

async fn order(site: &Site, rules: &Value) -> Result<Value> {
    let told = send(site, 0, ADMIN, rules).await?;
    assert_eq!(told.status, 200, "{}", told.text());
    Ok(told.json()?["data"].clone())
}

async fn clear(site: &Site) -> Result<Value> {
    let told = answer(site.request("DELETE", 0, OVERRIDE).bearer_auth(ADMIN)).await?;
    assert_eq!(told.status, 200, "{}", told.text());
    Ok(told.json()?["data"].clone())
}

async fn shown(site: &Site, isolate: usize) -> Result<Value> {
    let told = answer(site.request("GET", isolate, OVERRIDE).bearer_auth(READER)).await?;
    Ok(told.json()?["data"].clone())
}

/// The kill switch holds in every isolate within the bound, and so does its end. What was stored is
/// there when it is lifted.
#[tokio::test]
async fn the_kill_switch_is_seen_everywhere_within_the_bound() -> Result<()> {
    let site = live(|spec| spec)?;
    let isolates = site.edge.urls().len();
    for isolate in 0..isolates {
        site.warm(isolate, "/page").await?;
    }
    let told = order(&site, &json!({"bypass": "everything"})).await?;
    assert_eq!(told["visible_in_ms"], 1000);
    tokio::time::sleep(VISIBILITY).await;
    for isolate in 0..isolates {
        let passed = site.get(isolate, "/page").await?;
        assert!(passed.says("detail=rule"), "{isolate}: {}", passed.headers_text());
    }
    clear(&site).await?;
    for isolate in 0..isolates {
        site.warm(isolate, "/page").await?;
    }
    Ok(())
}

/// An isolate that answers from memory, and asks nobody, learns of it all the same.
#[tokio::test]
async fn the_kill_switch_reaches_what_memory_answers() -> Result<()> {
    let mut site = live(|spec| Spec { isolates: 2, processes: 1, ..spec })?;
    let mut wire = site.wire()?;
    let mut reads = || wire.calls().map(|calls| calls.get("get").copied().unwrap_or(0));
    site.warm(1, "/page").await?;
    eventually("isolate 1 answers from memory", PATIENCE, async || {
        let before = reads().unwrap_or(0);
        for _ in 0..20 {
            let _ = site.get(1, "/page").await;
        }
        reads().is_ok_and(|after| after == before)
    })
    .await?;
    order(&site, &json!({"bypass": "everything"})).await?;
    let ordered = Instant::now();
    loop {
        let late = ordered.elapsed() >= VISIBILITY;
        let answered = site.get(1, "/page").await?;
        if answered.says("detail=rule") {
            break;
        }
        assert!(!late, "after {:?}: {}", ordered.elapsed(), answered.headers_text());
        assert!(answered.is_hit(), "{}", answered.headers_text());
    }
    assert!(site.get(1, "/page").await?.says("detail=rule"));
    Ok(())
}

/// A hit costs what it costs without: nothing is read but when the ledger says so.
#[tokio::test]
async fn it_costs_hits_nothing() -> Result<()> {
    let quiet = |spec| set(set(one(spec), "VISIBILITY", "1h"), "NEAR", "off");
    let mut site = live(quiet)?;
    let mut wire = site.wire()?;
    site.warm(0, "/page").await?;
    order(&site, &json!({"rule": [{"match": "/**", "ttl": "1h"}]})).await?;
    site.warm(0, "/page").await?;
    let before = wire.calls()?;
    for _ in 0..20 {
        assert!(site.get(0, "/page").await?.is_hit());
    }
    let after = wire.calls()?;
    let more = |name: &str| after.get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0);
    assert_eq!((more("get"), more("zrange"), more("evalsha")), (20, 0, 0), "{after:?}");
    Ok(())
}

/// Rules are those of the document as long as it stands, on all that comes after.
#[tokio::test]
async fn rules_are_replaced_and_return() -> Result<()> {
    let rules = "[[rule]]\nmatch = \"/own/*\"\ncache = \"bypass\"\n";
    let site = live(|spec| set(Spec { rules: rules.into(), ..one(spec) }, "VISIBILITY", "0s"))?;
    let passes =
        async |path: &str| -> Result<bool> { Ok(site.get(0, path).await?.says("detail=rule")) };
    assert!(passes("/own/a").await? && !passes("/new/a").await?);
    order(&site, &json!({"rule": [{"match": "/new/*", "cache": "bypass"}]})).await?;
    assert!(!passes("/own/a").await? && passes("/new/a").await?);
    order(&site, &json!({"preset": "wordpress"})).await?;
    assert!(passes("/wp-admin/x").await? && !passes("/new/a").await?);
    clear(&site).await?;
    // What passes looks nothing up: it learns of the end behind its reply.
    eventually("the site's own rules are back", PATIENCE, async || {
        passes("/own/a").await.unwrap_or(false) && !passes("/wp-admin/x").await.unwrap_or(true)
    })
    .await
}

/// Only an administrator sets rules, and only such that make sense.
#[tokio::test]
async fn what_makes_no_sense_is_not_set() -> Result<()> {
    let site = live(one)?;
    for (token, rules, status, code) in [
        (READER, json!({"bypass": "everything"}), 403, "forbidden"),
        (PURGER, json!({"bypass": "everything"}), 403, "forbidden"),
        ("nobody", json!({}), 401, "unauthorized"),
        (ADMIN, json!({"bypass": "some"}), 400, "invalid-rules"),
        (ADMIN, json!({"rule": [{"match": "/a", "ttl": "5x"}]}), 400, "invalid-rules"),
        (ADMIN, json!({"site": []}), 400, "invalid-rules"),
    ] {
        let told = send(&site, 0, token, &rules).await?;
        let error = told.json()?["error"].clone();
        assert_eq!((told.status, error["code"].as_str()), (status, Some(code)), "{error}");
    }
    let error = send(&site, 0, ADMIN, &json!({"rule": [{"match": "/a", "ttl": "5x"}]})).await?;
    let error = error.json()?["error"].clone();
    assert_eq!(error["field"], "rule 1: ttl");
    assert!(error["message"].as_str().unwrap_or_default().contains("allowed: a duration"));
    assert_eq!(shown(&site, 0).await?["version"], 0);
    let closed = Site::start(|_| page(1))?;
    let told = send(&closed, 0, ADMIN, &json!({})).await?;
    assert_eq!(
        (told.status, told.json()?["error"]["code"].as_str()),
        (409, Some("not-configured"))
    );
    Ok(())
}

/// Has every isolate look at what lies in Redis.
async fn point_to(site: &Site, wire: &mut Wire, text: &str) -> Result<()> {
    match text {
        "" => wire.call(&[b"DEL", KEY])?,
        text => wire.call(&[b"SET", KEY, text.as_bytes()])?,
    };
    site.purge(r#"{"tags":["breadbox:override"]}"#).await?;
    Ok(())
}

/// Whoever can write to Redis, and has not the secret, makes no rules: what is unsigned, made for
/// another version, older or missing is ignored, counted and told, and what was set stays.
#[tokio::test]
async fn what_is_not_sealed_or_older_is_ignored() -> Result<()> {
    let mut site = live(|spec| set(one(spec), "VISIBILITY", "0s"))?;
    let mut wire = site.wire()?;
    site.warm(0, "/page").await?;
    order(&site, &json!({"rule": []})).await?;
    let first = String::from_utf8(wire.value(KEY)?)?;
    let set = order(&site, &json!({"rule": [{"match": "/a", "cache": "bypass"}]})).await?;
    let sealed = String::from_utf8(wire.value(KEY)?)?;
    let later = sealed.replacen(&set["version"].to_string(), "9999999999999999", 1);
    let forged = sealed.replace("/a", "/b");
    let bare = "9999999999999999\n00\n{\"bypass\":\"everything\"}";
    let documents = [
        ("older", first.as_str()),
        ("not sealed", later.as_str()),
        ("not sealed", forged.as_str()),
        ("unreadable", bare),
        ("unreadable", "nonsense"),
        ("missing", ""),
    ];
    for (number, (why, text)) in documents.into_iter().enumerate() {
        point_to(&site, &mut wire, text).await?;
        let answered = site.get(0, "/page").await?;
        assert!(!answered.says("detail=rule"), "{why}: {}", answered.headers_text());
        let told = shown(&site, 0).await?;
        assert_eq!(told["version"], set["version"]);
        assert!(told["ignored"]["count"].as_u64() > Some(number as u64), "{told}");
        assert!(told["ignored"]["last"].as_str().unwrap_or_default().contains(why), "{told}");
        assert!(site.get(0, "/a").await?.says("detail=rule"), "{why}: what was set stays");
    }
    point_to(&site, &mut wire, &sealed).await?;
    assert!(
        order(&site, &json!({"rule": []})).await?["version"].as_u64() > set["version"].as_u64()
    );
    assert!(!site.get(0, "/a").await?.says("detail=rule"));
    let log = std::fs::read_to_string(site.edge.logs().join("workerd-0.log")).unwrap_or_default();
    assert!(log.contains("older than what is known"), "it is logged: {log}");
    let metrics = site.get(0, "/api/v1/cache/metrics").await?.text();
    assert!(metrics.contains("corrupt"), "it is counted: {metrics}");
    Ok(())
}

/// An isolate that starts while Redis is out of reach has what its data centre knew.
#[tokio::test]
async fn a_data_centre_remembers_what_was_set() -> Result<()> {
    let mut site = live(|spec| {
        let spec = Spec { isolates: 2, processes: 1, platform: PlatformTier::Common, ..spec };
        set(set(spec, "VISIBILITY", "0s"), "REDIS_TIMEOUT", "250ms")
    })?;
    order(&site, &json!({"bypass": "everything"})).await?;
    eventually("it is remembered", PATIENCE, async || !site.edge.colos[0].is_empty()).await?;
    site.edge.redis()?.daemon.kill();
    let passed = site.get(1, "/page").await?;
    assert!(passed.says("detail=rule"), "{}", passed.headers_text());
    asked_exactly(&site, "/page", 1);
    Ok(())
}
