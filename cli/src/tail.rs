//! Following what happens.

use std::collections::HashSet;
use std::io::{self, Write};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::edge::Edge;
use crate::show;

/// Prints what is new at each look, one line each; for so many looks, or until it is ended.
pub fn follow(edge: &Edge, every: Duration, looks: Option<u64>, json: bool) -> Result<()> {
    let mut seen = HashSet::new();
    let mut done = 0;
    loop {
        let told = edge.ask("/stats", &[("minutes", "0"), ("top", "1")])?;
        let mut fresh: Vec<(&str, &Value)> = Vec::new();
        for (kind, list) in [("request", &told["requests"]), ("purge", &told["purges"])] {
            for event in list.as_array().into_iter().flatten() {
                if seen.insert(format!("{kind}{event}")) {
                    fresh.push((kind, event));
                }
            }
        }
        fresh.sort_by_key(|(_, event)| event["at"].as_i64());
        let mut out = io::stdout().lock();
        for (kind, event) in fresh {
            match json {
                true => writeln!(out, "{event}")?,
                false => writeln!(out, "{}", show::event(kind, event))?,
            }
        }
        out.flush()?;
        done += 1;
        if looks.is_some_and(|looks| done >= looks) {
            return Ok(());
        }
        sleep(every);
    }
}
