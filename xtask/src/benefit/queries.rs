//! How many of the questions that are asked by content reach the origin.

use anyhow::Result;
use serde_json::json;

use super::{Chance, percent};
use crate::harness::{Edge, Spec, client};
use crate::origin::{Origin, Reply};

/// Prints what reaches the origin by which rule; false if there is no benefit.
pub async fn show() -> Result<bool> {
    println!(
        "{ASKED} questions for {ITEMS} items, asked for as often as Zipf's law has it, and each \
         written in one of three ways:\n"
    );
    println!("| endpoint | rule | questions at the origin | spared |");
    println!("|---|---|---|---|");
    let rows = [
        ("/graphql", "none", ""),
        ("/graphql", "`graphql = true`", "graphql = true"),
        ("/search", "none", ""),
        ("/search", "`methods = [\"POST\"]`", "methods = [\"POST\"]"),
        ("/search", "the same, and `content = \"json\"`", JSON),
    ];
    let mut all = Vec::new();
    for (path, name, rule) in rows {
        let fetches = fetches(path, rule).await?;
        let spared = percent(ASKED.saturating_sub(fetches), ASKED);
        println!("| `{path}` | {name} | {fetches} | {spared:.1} % |");
        all.push(fetches);
    }
    println!();
    Ok(matches!(all.as_slice(), [a, b, c, d, e] if b < a && d < c && e < d))
}

async fn fetches(path: &str, rule: &str) -> Result<usize> {
    let origin = Origin::start(|_| {
        let reply = Reply::ok(r#"{"data":{"item":{"name":"a"}}}"#);
        reply.header("content-type", "application/json")
    })?;
    let rules = match rule {
        "" => String::new(),
        rule => format!("[[rule]]\nmatch = \"{path}\"\nttl = \"10m\"\n{rule}\n"),
    };
    let edge = Edge::start(Spec { rules, ..Spec::of(&origin.url()).as_site("site.test") })?;
    let mut chance = Chance::seeded();
    for _ in 0..ASKED {
        let (item, way) = (chance.rank(ITEMS), chance.below(3));
        let body = match path {
            "/graphql" => query(item, way),
            _ => search(item, way),
        };
        let asked = client().post(format!("{}{path}", edge.url(0)));
        let asked = asked.header("content-type", "application/json").body(body);
        asked.send().await?.error_for_status()?.bytes().await?;
    }
    Ok(origin.requests_for(path).len())
}

/// A GraphQL request as three libraries write it.
fn query(item: usize, way: usize) -> String {
    let document = match way {
        0 => "query Item($id: Int!) { item(id: $id) { name } }",
        1 => "query Item($id: Int!) {\n  item(id: $id) {\n    name\n  }\n}\n",
        _ => "query Item($id:Int!){item(id:$id){name}} # for the shop",
    };
    json!({ "query": document, "variables": { "id": item } }).to_string()
}

/// A search as three programs write it.
fn search(item: usize, way: usize) -> String {
    match way {
        0 => format!(r#"{{"text":"item {item}","page":1}}"#),
        1 => format!(r#"{{ "text": "item {item}", "page": 1 }}"#),
        _ => format!(r#"{{"page":1,"text":"item {item}"}}"#),
    }
}

const ITEMS: usize = 100;
const ASKED: usize = 2_000;
const JSON: &str = "methods = [\"POST\"]\ncontent = \"json\"";
