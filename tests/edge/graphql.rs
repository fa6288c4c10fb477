//! Query results: GraphQL endpoints, and JSON that means the same.

use anyhow::Result;
use serde_json::{Value, json};
use xtask::harness::{Spec, eventually};
use xtask::origin::{Reply, Seen};

use crate::site::{Answer, PATIENCE, Site, answer, asked_exactly, one, page, set};

fn endpoint(more: &str) -> Result<Site> {
    let rules = format!("[[rule]]\nmatch = \"/graphql\"\nttl = \"10m\"\n{more}\n");
    Site::with(resolve, |spec| set(Spec { rules, ..one(spec) }, "VISIBILITY", "0s"))
}

/// Answers with what was asked, or as it is told to.
fn resolve(seen: &Seen) -> Reply {
    let text = String::from_utf8_lossy(&seen.body).into_owned();
    let asked: Value = serde_json::from_str(&text).unwrap_or_default();
    let data = json!({"node": {"__typename": "Product", "id": 7, "asked": asked}});
    let reply = Reply::ok("").header("content-type", "application/json");
    match &text {
        text if text.contains("fail") => {
            reply.body(json!({"errors": [{"message": "no"}]}).to_string())
        }
        text if text.contains("part") => {
            reply.body(json!({"data": data, "errors": [{"message": "no"}]}).to_string())
        }
        _ => {
            reply.body(json!({"data": data, "coding": seen.header("accept-encoding")}).to_string())
        }
    }
}

async fn post(site: &Site, body: &Value) -> Result<Answer> {
    let asked = site.request("POST", 0, "/graphql").header("content-type", "application/json");
    answer(asked.body(body.to_string())).await
}

async fn warm(site: &Site, body: &Value) -> Result<Answer> {
    let mut last = None;
    eventually(&format!("{body} is a hit"), PATIENCE, async || {
        last = post(site, body).await.ok();
        last.as_ref().is_some_and(Answer::is_hit)
    })
    .await?;
    last.ok_or_else(|| anyhow::anyhow!("no answer"))
}

/// What means the same is fetched once, whatever its spaces and the order of its variables.
#[tokio::test]
async fn queries_are_keyed_by_what_they_mean() -> Result<()> {
    let site = endpoint("graphql = true")?;
    let query = json!({"query": "query A($a: Int) { node(a: $a) }", "variables": {"a": 1, "b": 2}});
    let first = warm(&site, &query).await?;
    assert!(first.text().contains("identity"), "{}", first.text());
    let text = r#"{"variables":{"b":2,"a":1},"query":"query A ( $a:Int ) {\n node(a:$a)\n}"}"#;
    let asked = site.request("POST", 0, "/graphql").header("content-type", "application/json");
    assert!(answer(asked.body(text)).await?.is_hit());
    asked_exactly(&site, "/graphql", 1);
    let other = json!({"query": "query A($a: Int) { node(a: $a) }", "variables": {"a": 2, "b": 2}});
    assert!(!post(&site, &other).await?.says("hit"));
    asked_exactly(&site, "/graphql", 2);
    Ok(())
}

/// Mutations, subscriptions and what can't be told pass; a mutation has what was stored forgotten,
/// unless the rule says that purges are by tag.
#[tokio::test]
async fn mutations_pass() -> Result<()> {
    for keep in [false, true] {
        let more = if keep { "graphql = { changes = \"keep\" }" } else { "graphql = true" };
        let site = endpoint(more)?;
        let query = json!({"query": "{ node }"});
        warm(&site, &query).await?;
        for passes in [
            json!({"query": "mutation { node }"}),
            json!({"query": "query A { node } mutation B { node }", "operationName": "A"}),
            json!({"query": "subscription { node }"}),
            json!([{"query": "{ node }"}]),
            json!({"extensions": {"persistedQuery": {"sha256Hash": "ab"}}}),
        ] {
            let before = site.fetches("/graphql");
            for _ in 0..2 {
                let passed = post(&site, &passes).await?;
                assert!(passed.says("fwd=method"), "{passes}: {}", passed.headers_text());
            }
            asked_exactly(&site, "/graphql", before + 2);
        }
        assert_eq!(post(&site, &query).await?.says("hit"), keep, "{more}");
        let by_url = answer(site.request("GET", 0, "/graphql?query=mutation{a}")).await?;
        assert!(by_url.says("detail=rule"), "{}", by_url.headers_text());
    }
    Ok(())
}

/// Who has cookies is taken for somebody, unless the rule says what they mean.
#[tokio::test]
async fn users_get_answers_of_their_own() -> Result<()> {
    let query = json!({"query": "{ node }"}).to_string();
    for (more, shared) in [("", false), ("cookies = { keep = [] }", true)] {
        let site = endpoint(&format!("graphql = true\n{more}"))?;
        warm(&site, &json!({"query": "{ node }"})).await?;
        let asked = site.request("POST", 0, "/graphql").header("content-type", "application/json");
        let user = answer(asked.header("cookie", "sid=1").body(query.clone())).await?;
        assert_eq!(user.is_hit(), shared, "{}", user.headers_text());
        assert_eq!(user.says("detail=rule"), !shared, "{}", user.headers_text());
        let others = post(&site, &json!({"query": "{ node }"})).await?;
        assert!(others.is_hit(), "who only reads changes nothing: {}", others.headers_text());
        let asked = site.request("POST", 0, "/graphql").header("content-type", "application/json");
        let change = json!({"query": "mutation { node }"}).to_string();
        answer(asked.header("cookie", "sid=1").body(change)).await?;
        assert!(!post(&site, &json!({"query": "{ node }"})).await?.says("hit"));
    }
    Ok(())
}

/// What tells of errors is never stored, and not what holds but a part; the next one asks again.
#[tokio::test]
async fn errors_are_not_stored() -> Result<()> {
    let site = endpoint("graphql = true")?;
    for (number, text) in ["{ fail }", "{ part }"].into_iter().enumerate() {
        for times in 1..4 {
            let answered = post(&site, &json!({"query": text})).await?;
            assert!(!answered.says("hit"), "{}", answered.headers_text());
            asked_exactly(&site, "/graphql", number * 3 + times);
        }
    }
    Ok(())
}

/// Types are tags: a purge of a type, or of one object, reaches the answers that hold it.
#[tokio::test]
async fn answers_are_purged_by_their_types() -> Result<()> {
    let site = endpoint("graphql = { type_tags = \"type:\", persisted = \"queries\" }")?;
    let query = json!({"query": "{ node }"});
    let persisted = json!({"extensions": {"persistedQuery": {"sha256Hash": "ab"}}});
    for tag in ["type:Product", "type:Product:7"] {
        for asked in [&query, &persisted] {
            warm(&site, asked).await?;
        }
        site.purge(r#"{"tags":["type:Product:8","type:Shop"]}"#).await?;
        assert!(post(&site, &query).await?.is_hit());
        site.purge(&json!({"tags": [tag]}).to_string()).await?;
        for asked in [&query, &persisted] {
            assert!(!post(&site, asked).await?.says("hit"), "{tag} {asked}");
        }
    }
    Ok(())
}

/// JSON that means the same is one key where a rule says so, and content has its limit.
#[tokio::test]
async fn json_is_keyed_by_what_it_means() -> Result<()> {
    let rules = "[[rule]]\nmatch = \"/search\"\nmethods = [\"POST\"]\ncontent = \"json\"\n\
                 max_content = \"1KB\"\n";
    let script = |seen: &Seen| page(1).body(seen.body.clone());
    let site = Site::with(script, |spec| {
        set(Spec { rules: rules.into(), ..one(spec) }, "VISIBILITY", "0s")
    })?;
    let search = async |text: &str| {
        let asked = site.request("POST", 0, "/search").header("content-type", "application/json");
        answer(asked.body(text.to_owned())).await
    };
    let first = r#"{"a":1,"b":[2]}"#;
    eventually("it is a hit", PATIENCE, async || {
        search(first).await.is_ok_and(|found| found.is_hit())
    })
    .await?;
    let same = search("{ \"b\": [2],\n \"a\": 1 }").await?;
    assert!(same.is_hit() && same.text() == first, "{}", same.headers_text());
    assert!(!search(r#"{"a":1.0,"b":[2]}"#).await?.says("hit"));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1024));
    for _ in 0..2 {
        let passed = search(&long).await?;
        assert!(passed.says("fwd=method") && passed.text() == long, "{}", passed.headers_text());
    }
    Ok(())
}
