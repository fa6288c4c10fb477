//! Setting, showing and clearing rules that stand for the site's own.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use breadbox::config::{Rules, toml_to_json};
use clap::Subcommand;
use serde_json::{Value, json};

use super::edge::Edge;

/// What is to be done with the override.
#[derive(Debug, Subcommand)]
pub enum Order {
    /// Set rules from a breadbox.toml, or take the cache out of service
    Set {
        /// The file
        #[arg(required_unless_present = "bypass", conflicts_with = "bypass")]
        file: Option<PathBuf>,
        /// The kill switch: everything goes to the origin
        #[arg(long, value_parser = ["everything"])]
        bypass: Option<String>,
    },
    /// What is set (any token)
    Show,
    /// Return to the rules that were deployed
    Clear,
}

/// Carries an order out: the edge's answer, and the same in words.
pub fn carry_out(edge: &Edge, order: &Order) -> Result<(Value, String)> {
    match order {
        Order::Set { file, bypass } => {
            let rules = match (file, bypass) {
                (Some(file), _) => {
                    let name = file.display();
                    let text = fs::read_to_string(file).with_context(|| name.to_string())?;
                    let rules = toml_to_json(&text).with_context(|| name.to_string())?;
                    Rules::overriding(&rules).with_context(|| name.to_string())?;
                    rules
                }
                (None, Some(word)) => json!({ "bypass": word }),
                (None, None) => bail!("name a file, or --bypass everything"),
            };
            let told = edge.order("/override", &rules)?;
            let words = format!("set       version {}{}", told["version"], seen(&told));
            Ok((told, words))
        }
        Order::Show => {
            let told = edge.ask("/override", &[])?;
            let words = match (told["configured"] == true, told["set"] == true) {
                (false, _) => "override  not configured (OVERRIDE_SECRET, Redis)\n".to_owned(),
                (true, false) => "override  none\n".to_owned(),
                (true, true) => {
                    format!("override  version {}\n{:#}\n", told["version"], told["rules"])
                }
            };
            let ignored = &told["ignored"];
            let more = match ignored["count"].as_u64() {
                None | Some(0) => String::new(),
                Some(count) => format!("ignored   {count}, last: {}\n", ignored["last"]),
            };
            Ok((told.clone(), words + &more))
        }
        Order::Clear => {
            let told = edge.delete("/override")?;
            let words = format!("cleared   version {}{}", told["version"], seen(&told));
            Ok((told, words))
        }
    }
}

fn seen(told: &Value) -> String {
    format!(", everywhere within {} ms\n", told["visible_in_ms"])
}
