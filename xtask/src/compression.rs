//! `cargo xtask bench-compression`: what stored text saves when it is compressed, and what that
//! costs, with the sample site's pages and Akamai's popularity.
//!
//! The same pages are stored and asked for twice, by the sample's rules as they are and with
//! `compress = true` in each. Nothing is answered from memory, so that each hit reads Redis.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use reqwest::Client;

use crate::bench::cpu;
use crate::bench::workload::{Amount, ranks};
use crate::harness::{Edge, Spec, Wire, client, eventually};
use crate::places::{read, root, test_run};
use crate::progress::{line, step};
use crate::servers::Sample;
use crate::tools::{self, Profile};

/// The flags of `cargo xtask bench-compression`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The file popularity.txt of Akamai's traffic classes
    #[arg(long)]
    pub workload: PathBuf,
    /// Requests for what is stored
    #[arg(long, default_value_t = 10_000)]
    pub requests: usize,
}

/// Measures both ways and prints them side by side.
pub fn run(options: &Options) -> Result<()> {
    let built = tools::binaries(&[("builds", "builds")], Profile::Dev)?;
    let sample = built.into_iter().next().context("cargo built no sample origin")?;
    let rules = read(&root().join("examples/builds/breadbox.toml"))?;
    let logs = test_run()?;
    let origin = Sample::start(&sample, &[], "", &logs)?;
    let pages = pages();
    let amount = Amount { objects: pages.len(), requests: options.requests, seed: 7 };
    let requests = ranks(&options.workload, amount)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut columns = Vec::new();
    for (name, rules) in [
        ("as it came", rules.clone()),
        ("compressed", rules.replace("[[rule]]", "[[rule]]\ncompress = true")),
    ] {
        let spec = Spec { rules, ..Spec::of(&origin.url()) };
        let near = ("NEAR".to_owned(), "off".to_owned());
        let spec = Spec { variables: vec![near], ..spec };
        let measured = || runtime.block_on(measure(Edge::start(spec)?, &pages, &requests));
        columns.push(step(name, measured)?);
    }
    let [before, after] = columns.as_slice() else { return Ok(()) };
    line(&format!("\n{:<44}{:>14}{:>14}{:>9}", "", "as it came", "compressed", "saved"));
    for ((name, before), (_, after)) in before.iter().zip(after) {
        let saved = 100.0 * (1.0 - after / before);
        line(&format!("{name:<44}{before:>14.1}{after:>14.1}{saved:>8.1}%"));
    }
    Ok(())
}

/// Figures of one way, by name.
type Column = Vec<(&'static str, f64)>;

async fn measure(mut edge: Edge, pages: &[String], requests: &[usize]) -> Result<Column> {
    let (client, url) = (client(), edge.url(0).to_owned());
    let group = edge.workers.first().and_then(|worker| worker.daemon.id()).unwrap_or(0);
    let mut wire = Wire::open(edge.redis()?.port())?;
    // What starts once is not to be counted.
    ask(&client, &format!("{url}/classes/none"), "gzip").await?;
    let mut column = Column::new();
    let (used, spent) = (wire.figure("memory", "used_memory_dataset")?, cpu::spent(group));
    for page in pages {
        ask(&client, &format!("{url}{page}"), "gzip").await?;
    }
    eventually("all is stored", Duration::from_secs(20), async || {
        let left = wire.keys("*:l:*").map(|leases| leases.len());
        left.is_ok_and(|left| left == 0)
    })
    .await?;
    let each = |spent: Duration, count: usize| 1e6 * spent.as_secs_f64() / count as f64;
    column.push(("CPU of the Worker for a fill, us", each(cpu::spent(group) - spent, pages.len())));
    let keys = wire.keys("*:e:*")?;
    ensure!(keys.len() >= pages.len(), "{} of {} pages are stored", keys.len(), pages.len());
    let mut bytes = 0;
    for key in &keys {
        bytes += wire.value(key)?.len();
    }
    let more = wire.figure("memory", "used_memory_dataset")? - used;
    column.push(("bytes stored in Redis, KB", bytes as f64 / 1e3));
    column.push(("Redis' memory for them, KB", more as f64 / 1e3));
    for (accepted, names) in [("gzip", GZIP), ("identity", IDENTITY)] {
        let sent = wire.figure("stats", "total_net_output_bytes")?;
        let (mut body, mut took, spent) = (0, Vec::new(), cpu::spent(group));
        for &request in requests {
            let began = Instant::now();
            body += ask(&client, &format!("{url}{}", pages[request]), accepted).await?;
            took.push(began.elapsed());
        }
        took.sort();
        let at = |share: f64| 1e6 * took[(took.len() as f64 * share) as usize].as_secs_f64();
        let read = wire.figure("stats", "total_net_output_bytes")? - sent;
        let figures = [
            body as f64 / 1e3,
            read as f64 / 1e3,
            at(0.5),
            at(0.99),
            each(cpu::spent(group) - spent, requests.len()),
        ];
        column.extend(names.into_iter().zip(figures));
    }
    Ok(column)
}

/// A page's length as it was sent.
async fn ask(client: &Client, url: &str, accepted: &str) -> Result<usize> {
    let asked = client.get(url).header("accept-encoding", accepted).send().await?;
    Ok(asked.bytes().await?.len())
}

/// Pages of every kind that the sample site has, listings before details.
fn pages() -> Vec<String> {
    let listed =
        (1..=40).flat_map(|n| ["/builds?page=", "/api/builds?page="].map(|it| format!("{it}{n}")));
    let detailed =
        (1..=400).flat_map(|n| ["/builds/", "/api/builds/"].map(|it| format!("{it}{n}")));
    let fixed = ["/", "/classes", "/api/classes"].map(str::to_owned);
    fixed.into_iter().chain(listed).chain(detailed).collect()
}

const GZIP: [&str; 5] = [
    "sent to clients that ask for gzip, KB",
    "read from Redis for them, KB",
    "their hits, p50 us",
    "p99 us",
    "CPU of the Worker for a hit, us",
];
const IDENTITY: [&str; 5] = [
    "sent to clients that take no coding, KB",
    "read from Redis for them, KB",
    "their hits, p50 us",
    "p99 us",
    "CPU of the Worker for a hit, us",
];
