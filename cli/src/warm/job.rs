//! Jobs that the edge itself works on, an invocation after the other.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use super::{Order, Progress};
use crate::edge::Edge;

/// What the edge is to do by itself.
#[derive(Args, Debug)]
pub struct Wish {
    /// Have the edge do it, and go on until it is done; without anything to warm, go on with what
    /// is under way (a token that may purge everything)
    #[arg(long)]
    job: bool,
    /// Pages that carry a tag, or did before they were purged: the edge finds them
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only begin the job: the edge's cron goes on with it
    #[arg(long)]
    detach: bool,
    /// In place of the job that is under way
    #[arg(long)]
    replace: bool,
    /// End the job that is under way
    #[arg(long)]
    stop: bool,
}

impl Wish {
    /// Whether the edge is to do anything by itself.
    pub fn is_one(&self) -> bool {
        self.job || self.detach || self.replace || self.stop || !self.tag.is_empty()
    }
}

/// Begins, goes on with or ends a job; how it stands afterwards.
pub fn work(edge: &Edge, order: &Order) -> Result<Value> {
    let wish = &order.wish;
    if wish.stop {
        return Ok(edge.delete("/warm")?["job"].clone());
    }
    let body = body(order)?;
    let mut job = match body.as_object().is_some_and(|named| !named.is_empty()) {
        true => {
            let mut body = body;
            body["rate"] = order.rate.into();
            body["max"] = order.max.into();
            body["replace"] = wish.replace.into();
            edge.order("/warm", &body)?["job"].clone()
        }
        false => edge.ask("/warm", &[])?["job"].clone(),
    };
    let mut progress = Progress::new(0);
    while !wish.detach && job["state"] != "done" && job != Value::Null {
        // Somebody else may be at it; then there is nothing to do but to look again.
        if job["state"] == "working" {
            sleep(PAUSE);
        }
        job = edge.order("/warm/next", &json!({}))?["job"].clone();
        let number = |name: &str| job[name].as_u64().and_then(|n| usize::try_from(n).ok());
        progress.all = number("known").unwrap_or(0);
        progress.tell(number("done").unwrap_or(0), number("failed").unwrap_or(0));
    }
    Ok(job)
}

/// Whether nothing of a job has failed.
pub fn is_good(job: &Value) -> bool {
    job["failed"].as_u64().unwrap_or(0) == 0
}

/// How a job stands, for people.
pub fn words(job: &Value) -> String {
    if *job == Value::Null {
        return "warming   nothing is under way\n".to_owned();
    }
    let counts: BTreeMap<&str, u64> = ["stored", "found", "passed", "failed", "foreign"]
        .into_iter()
        .filter_map(|name| Some((name, job[name].as_u64().filter(|count| *count > 0)?)))
        .collect();
    let counts: Vec<String> =
        counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let [state, by] = ["state", "by"].map(|name| job[name].as_str().unwrap_or("?"));
    let (done, known) = (&job["done"], &job["known"]);
    format!("warming   {done} of {known}, {state} ({}), begun by {by}\n", counts.join(", "))
}

/// What is named.
fn body(order: &Order) -> Result<Value> {
    let mut body = json!({});
    let mut urls = order.urls.clone();
    if let Some(file) = &order.file {
        let text = match file.to_str() {
            Some("-") => std::io::read_to_string(std::io::stdin()),
            _ => fs::read_to_string(file),
        };
        let text = text.with_context(|| format!("--file {}", file.display()))?;
        urls.extend(text.lines().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned));
    }
    if !urls.is_empty() {
        body["urls"] = urls.into();
    }
    if let Some(sitemap) = &order.sitemap {
        body["sitemaps"] = json!([sitemap]);
    }
    if let Some(top) = order.top {
        body["top"] = top.into();
    }
    if !order.wish.tag.is_empty() {
        body["tags"] = order.wish.tag.clone().into();
    }
    Ok(body)
}

const PAUSE: Duration = Duration::from_secs(1);
