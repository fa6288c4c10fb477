//! What is to be purged.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value};

/// What is purged, and how.
#[derive(Args, Clone, Debug)]
pub struct Selection {
    /// Responses with this tag
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// A URL in all its variants
    #[arg(long, value_name = "URL")]
    url: Vec<String>,
    /// Everything below, such as example.com/shop/ or /shop/
    #[arg(long, value_name = "START")]
    prefix: Vec<String>,
    /// Everything of a host
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    /// What a pattern matches, such as 'user:*'
    #[arg(long, value_name = "PATTERN")]
    pattern: Vec<String>,
    /// One key exactly
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// Everything
    #[arg(long)]
    everything: bool,
    /// Never serve it again; otherwise it is served once more while it is refreshed
    #[arg(long)]
    hard: bool,
}

impl Selection {
    /// The order as the API takes it.
    pub fn body(&self) -> Result<Value> {
        let mut body = Map::new();
        for (name, flag, list) in [
            ("tags", "tag", &self.tag),
            ("urls", "url", &self.url),
            ("prefixes", "prefix", &self.prefix),
            ("hosts", "host", &self.host),
            ("patterns", "pattern", &self.pattern),
            ("keys", "key", &self.key),
        ] {
            crate::named(list, flag)?;
            if !list.is_empty() {
                body.insert(name.to_owned(), Value::from(list.clone()));
            }
        }
        if self.everything {
            body.insert("everything".to_owned(), true.into());
        }
        if body.is_empty() {
            bail!("nothing to purge; see breadbox purge --help");
        }
        body.insert("soft".to_owned(), (!self.hard).into());
        Ok(Value::Object(body))
    }
}
