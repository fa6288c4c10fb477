//! `breadbox`: looks into a running edge, purges and warms.

mod advice;
mod edge;
mod overrides;
mod purge;
mod show;
mod tail;
mod warm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use breadbox::replay::{Replay, replay};
use clap::{Parser, Subcommand, ValueEnum};
use serde_json::Value;

use edge::Edge;
use purge::Selection;

/// Looks into a running Breadbox, purges and warms.
///
/// Ends with 0 if all is well, 1 if not (Redis is down, the URL is not cached, the replay differs,
/// a page can't be warmed), 2 if the command line is wrong, and 3 if the edge can't be reached or
/// refuses.
#[derive(Debug, Parser)]
#[command(name = "breadbox", version)]
struct Options {
    /// The edge: any address of the site
    #[arg(long, global = true, env = "BREADBOX_EDGE", default_value = "http://127.0.0.1:8787")]
    edge: String,
    /// The token that opens the operator's API
    #[arg(long, global = true, env = "BREADBOX_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print what the edge answered, as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Whether the cache is healthy, and what it saves
    Status,
    /// How often each rule's content changes, and which `ttl` suits that
    Advise,
    /// What is hot: URLs, tags or rules (any token)
    Top {
        /// What
        #[arg(value_enum, default_value_t = Subject::Urls)]
        subject: Subject,
        /// In which order
        #[arg(long, value_enum, default_value_t = Rank::Requests)]
        by: Rank,
        /// How many
        #[arg(short = 'n', long, default_value_t = 20)]
        count: u16,
    },
    /// Why a URL is cached, or why not (any token)
    Explain {
        /// A complete URL, or a path of the edge's site
        url: String,
        /// A field of the request, such as 'Accept-Language: de'
        #[arg(long)]
        header: Vec<String>,
        /// The request's method
        #[arg(long, default_value = "GET")]
        method: String,
        /// Do not ask the origin, even if nothing usable is stored
        #[arg(long)]
        no_probe: bool,
        /// Keep the record of the decision in this file
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
    /// Repeat a decision here from its record
    Replay {
        /// What `explain --save` or the dashboard has kept
        record: PathBuf,
    },
    /// Purge, softly unless said otherwise (a token that may purge)
    Purge(Selection),
    /// Rules that stand for the site's own while it runs, and the kill switch (an admin token)
    Override {
        #[command(subcommand)]
        order: overrides::Order,
    },
    /// Ask for URLs before clients do, so that they find them cached
    Warm(warm::Order),
    /// Show requests (some of them) and purges as they happen (any token)
    Tail {
        /// Look every so many seconds
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
        every: u64,
        /// End after so many looks
        #[arg(long, value_name = "N")]
        looks: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Subject {
    Urls,
    Tags,
    Rules,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rank {
    Requests,
    Misses,
    Bytes,
}

/// What a command has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    Bad,
    Good,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(Finding::Good) => ExitCode::SUCCESS,
        Ok(Finding::Bad) => ExitCode::from(1),
        Err(error) => {
            eprintln!("breadbox: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn run(options: &Options) -> Result<Finding> {
    let edge = Edge::new(&options.edge, options.token.as_deref())?;
    let print = |told: &Value, words: String| match options.json {
        true => println!("{told:#}"),
        false => print!("{words}"),
    };
    match &options.command {
        Command::Status => {
            let told = edge.ask("", &[])?;
            print(&told, show::status(&told));
            Ok(health(&told))
        }
        Command::Advise => {
            let (told, words) = advice::of(&edge)?;
            print(&told, words);
            Ok(Finding::Good)
        }
        Command::Top { subject, by, count } => {
            let (rows, words) = top(&edge, *subject, *by, *count)?;
            print(&rows, words);
            Ok(Finding::Good)
        }
        Command::Explain { url, header, method, no_probe, save } => {
            let url = edge.complete(url);
            let probe = if *no_probe { "never" } else { "absent" };
            let mut query = vec![("url", url.as_str()), ("method", method), ("probe", probe)];
            query.extend(header.iter().map(|line| ("header", line.as_str())));
            let told = edge.ask("/entries", &query)?;
            if let Some(file) = save {
                let text = format!("{:#}\n", told["record"]);
                fs::write(file, text).with_context(|| format!("{}", file.display()))?;
            }
            print(&told, show::explanation(&told));
            let cached = ["hit", "stale", "collapsed"].iter().any(|it| told["verdict"] == *it);
            Ok(if cached { Finding::Good } else { Finding::Bad })
        }
        Command::Replay { record } => {
            let replay = repeat(record)?;
            print(
                &serde_json::json!({
                    "agrees": replay.agrees(),
                    "recorded": replay.recorded,
                    "repeated": replay.repeated,
                }),
                show::replay(&replay),
            );
            Ok(if replay.agrees() { Finding::Good } else { Finding::Bad })
        }
        Command::Purge(selection) => {
            let told = edge.order("/purge", &selection.body()?)?;
            print(&told, show::receipt(&told));
            Ok(Finding::Good)
        }
        Command::Override { order } => {
            let (told, words) = overrides::carry_out(&edge, order)?;
            print(&told, words);
            Ok(Finding::Good)
        }
        Command::Warm(order) => {
            let (told, words, good) = warm::carry_out(&edge, order)?;
            print(&told, words);
            Ok(if good { Finding::Good } else { Finding::Bad })
        }
        Command::Tail { every, looks } => {
            tail::follow(&edge, Duration::from_secs(*every), *looks, options.json)?;
            Ok(Finding::Good)
        }
    }
}

/// Whether the shared tier answers and purges reach it.
fn health(told: &Value) -> Finding {
    let redis = &told["redis"];
    let well = redis["configured"] == false || redis["health"]["connected"] == true;
    let purges = told["purge"]["canary"] != "survived";
    if well && purges { Finding::Good } else { Finding::Bad }
}

fn top(edge: &Edge, subject: Subject, by: Rank, count: u16) -> Result<(Value, String)> {
    let query = [("minutes", "0"), ("top", &count.to_string())];
    let told = edge.ask("/stats", &query)?;
    let (subject, by) = (subject.word(), by.word());
    let rows = told["top"][subject][by].clone();
    let words = show::top(&rows, &told["rules"], subject);
    Ok((rows, words))
}

fn repeat(record: &Path) -> Result<Replay> {
    let text = fs::read_to_string(record).with_context(|| record.display().to_string())?;
    let record: Value = serde_json::from_str(&text).context("the record is not JSON")?;
    replay(&record).map_err(anyhow::Error::msg)
}

impl Subject {
    fn word(self) -> &'static str {
        match self {
            Self::Urls => "urls",
            Self::Tags => "tags",
            Self::Rules => "rules",
        }
    }
}

impl Rank {
    fn word(self) -> &'static str {
        match self {
            Self::Requests => "byRequests",
            Self::Misses => "byMisses",
            Self::Bytes => "byBytes",
        }
    }
}

/// A list that must name something.
fn named(list: &[String], what: &str) -> Result<()> {
    if list.iter().any(|item| item.trim().is_empty()) {
        bail!("--{what} must not be empty");
    }
    Ok(())
}
