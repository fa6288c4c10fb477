//! The configuration: variables and rules, parsed once and checked whole.

mod cookies;
mod deployment;
mod duration;
mod fields;
mod logs;
mod pattern;
mod preset;
mod query;
mod request;
mod rule;
mod rules;
mod seal;
mod signature;
mod site;
mod token;
mod warming;

use std::fmt;
use std::time::Duration;

pub use deployment::Deployment;
pub use logs::{Level, Logs};
#[cfg(not(target_arch = "wasm32"))]
pub use rules::toml_to_json;
pub use rules::{Basis, Rules, Ruling};
pub use seal::{Distrust, Override, Seal};
pub use signature::Signature;
pub use token::{Scope, Token, Tokens};
pub use warming::Warming;

use crate::cache::Tier;
use crate::cache::policy::{Doubt, OriginPurges, TagFields};
use crate::cache::purge::Limit;
use deployment::Hosts;
use duration::{DURATIONS, duration};

/// Everything an operator can set.
#[derive(Clone, Debug)]
pub struct Config {
    /// The origin's base URL without a trailing slash.
    pub origin: String,
    /// The shared tier; none means that the platform's cache is the first.
    pub redis: Option<RedisSettings>,
    /// The authority that stands for every one under which this edge is asked, if they are all
    /// one site.
    pub site: Option<String>,
    /// The rules.
    pub rules: Rules,
    /// The tokens that open the operator's API.
    pub tokens: Tokens,
    /// How long after its acknowledgement a purge may go unseen (the bound B).
    pub visibility: Duration,
    /// The name under which stores keep what is ours.
    pub namespace: String,
    /// The tiers that are asked before Redis, where no rule says otherwise.
    pub near: Vec<Tier>,
    /// Whether clients of other caches may purge in their own words.
    pub purge_clients: PurgeClients,
    /// How many new selectors a token, or the origin, may have recorded; none means any number.
    pub purge_limit: Option<Limit>,
    /// Whether responses may purge by a field.
    pub origin_purges: OriginPurges,
    /// Whether clients see the fields that name tags.
    pub tag_fields: TagFields,
    /// How much is logged.
    pub logs: Logs,
    /// What overrides of the rules are sealed with; without it there are none.
    pub seal: Option<Seal>,
    /// How the Worker warms pages by itself.
    pub warming: Warming,
    /// How many subrequests one event may send.
    pub subrequests: u64,
    hosts: Hosts,
}

/// Whether clients of Cloudflare, Fastly and Varnish may purge in their own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurgeClients {
    /// They may.
    Answered,
    /// Their paths are the site's own, and `PURGE` and `BAN` are refused.
    Refused,
}

/// How to reach Redis.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// The REST endpoint's URL.
    pub url: String,
    /// Its bearer token.
    pub token: String,
    /// Which protocol it speaks.
    pub dialect: RedisDialect,
    /// How long a command may take, reply included.
    pub timeout: Duration,
    /// For how long beyond the bound a data centre that can't reach it serves what it has.
    pub grace: Duration,
    /// Under which name our keys are.
    pub namespace: String,
    /// Over how many cluster slots they spread.
    pub shards: u32,
}

/// Which form of the REST protocol a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedisDialect {
    /// Found out with the first command.
    #[default]
    Auto,
    /// JSON and base64, for servers that know nothing else.
    Compat,
    /// RESP2 replies and raw request bodies.
    Upstash,
}

/// A setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Which one.
    pub setting: String,
    /// What it holds.
    pub found: String,
    /// What it may hold.
    pub allowed: String,
}

impl ConfigError {
    fn new(
        setting: impl Into<String>,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Self { setting: setting.into(), found: found.into(), allowed: allowed.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, found, allowed } = self;
        write!(f, "{setting}: found {found}; allowed: {allowed}")
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the configuration of a deployment that is one site; `built_in` are the rules in JSON
    /// that were built into the Worker, which `BREADBOX_CONFIG` replaces.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        built_in: &str,
    ) -> Result<Self, ConfigError> {
        let rules = Rules::configured(&variable, built_in)?;
        Self::with(&variable, rules)
    }

    fn with(variable: &dyn Fn(&str) -> Option<String>, rules: Rules) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let namespace = set("NAMESPACE").unwrap_or_else(|| "breadbox".into());
        if !is_plain(&namespace) {
            return Err(ConfigError::new("NAMESPACE", namespace, PLAIN));
        }
        Ok(Self {
            origin: base_url("ORIGIN", set("ORIGIN"))?,
            redis: redis(&set, &namespace)?,
            rules,
            site: set("SITE").map(|name| site("SITE", name)).transpose()?,
            tokens: Tokens::parse(&set("BREADBOX_TOKENS").unwrap_or_default())?,
            visibility: span("VISIBILITY", set("VISIBILITY"), Duration::from_secs(1))?,
            near: near("NEAR", set("NEAR").as_deref())?,
            namespace,
            purge_clients: either(
                "PURGE_CLIENTS",
                set("PURGE_CLIENTS"),
                [("on", PurgeClients::Answered), ("off", PurgeClients::Refused)],
            )?,
            purge_limit: purge_limit(set("PURGE_RATE"), set("PURGE_BURST"))?,
            origin_purges: either(
                "ORIGIN_PURGES",
                set("ORIGIN_PURGES"),
                [("on", OriginPurges::Heeded), ("off", OriginPurges::Ignored)],
            )?,
            tag_fields: either(
                "TAG_FIELDS",
                set("TAG_FIELDS"),
                [("strip", TagFields::Stripped), ("show", TagFields::Shown)],
            )?,
            logs: Logs::read(&set)?,
            seal: set("OVERRIDE_SECRET").map(Seal::parse).transpose()?,
            warming: Warming::read(&set)?,
            subrequests: number(&set, "SUBREQUESTS", 50, [50, 10_000])?.into(),
            hosts: Hosts::Any,
        })
    }
}

impl Config {
    /// Whether what may have been purged stands in for an origin that fails: not where a data
    /// centre that can't reach Redis is given no time.
    pub fn doubt(&self) -> Doubt {
        match &self.redis {
            Some(redis) if redis.grace.is_zero() => Doubt::Withheld,
            _ => Doubt::StandsIn,
        }
    }
}

/// Whether a text may be part of the stores' names.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !text.is_empty() && text.len() <= 64 && text.chars().all(plain)
}

const PLAIN: &str = "up to 64 letters, digits, hyphens and underscores";

/// The tiers before Redis, in the order in which they are asked; memory alone unless said
/// otherwise.
fn near(setting: &str, value: Option<&str>) -> Result<Vec<Tier>, ConfigError> {
    match value {
        None | Some("memory") => Ok(vec![Tier::Memory]),
        Some("off") => Ok(Vec::new()),
        Some("platform") => Ok(vec![Tier::Platform]),
        Some("memory, platform") => Ok(vec![Tier::Memory, Tier::Platform]),
        Some(other) => {
            let allowed = "memory, platform, \"memory, platform\" or off";
            Err(ConfigError::new(setting, other, allowed))
        }
    }
}

fn redis(
    set: &impl Fn(&str) -> Option<String>,
    namespace: &str,
) -> Result<Option<RedisSettings>, ConfigError> {
    let either = |name: &str| set(name).or_else(|| set(&format!("UPSTASH_{name}")));
    let Some(url) = either("REDIS_REST_URL") else { return Ok(None) };
    let Some(token) = either("REDIS_REST_TOKEN") else {
        let allowed = "the bearer token of the server at REDIS_REST_URL";
        return Err(ConfigError::new("REDIS_REST_TOKEN", "nothing", allowed));
    };
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        let allowed = "printable ASCII without spaces";
        return Err(ConfigError::new("REDIS_REST_TOKEN", "other characters", allowed));
    }
    let dialect = match set("REDIS_DIALECT").as_deref() {
        None | Some("auto") => RedisDialect::Auto,
        Some("compat") => RedisDialect::Compat,
        Some("upstash") => RedisDialect::Upstash,
        Some(other) => {
            return Err(ConfigError::new("REDIS_DIALECT", other, "auto, upstash or compat"));
        }
    };
    let shards = number(set, "REDIS_SHARDS", 1, [1, 256])?;
    Ok(Some(RedisSettings {
        url: base_url("REDIS_REST_URL", Some(url))?,
        token,
        dialect,
        timeout: span("REDIS_TIMEOUT", set("REDIS_TIMEOUT"), Duration::from_millis(250))?,
        grace: span("REDIS_GRACE", set("REDIS_GRACE"), Duration::from_secs(60))?,
        namespace: namespace.to_owned(),
        shards,
    }))
}

fn base_url(setting: &str, value: Option<String>) -> Result<String, ConfigError> {
    let allowed = "a URL such as https://origin.example.com";
    let Some(value) = value else { return Err(ConfigError::new(setting, "nothing", allowed)) };
    let uri: http::Uri =
        value.parse().map_err(|_| ConfigError::new(setting, value.clone(), allowed))?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let bare = uri.query().is_none() && !value.contains('@');
    if !web || !bare || uri.host().is_none() {
        return Err(ConfigError::new(setting, value, allowed));
    }
    Ok(value.trim_end_matches('/').to_owned())
}

fn site(setting: &str, value: String) -> Result<String, ConfigError> {
    let allowed = "a host, with a port if need be, such as www.example.com";
    match value.parse::<http::uri::Authority>() {
        Ok(authority) if !value.contains('@') => Ok(authority.as_str().to_ascii_lowercase()),
        _ => Err(ConfigError::new(setting, value, allowed)),
    }
}

/// The limit of each purger: so many selectors a second, and so many at once.
fn purge_limit(rate: Option<String>, burst: Option<String>) -> Result<Option<Limit>, ConfigError> {
    let number = |setting: &str, value: String, most: u32| match value.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(ConfigError::new(setting, value, format!("a number from 1 to {most}"))),
    };
    let burst = burst.map_or(Ok(PURGE_BURST), |burst| number("PURGE_BURST", burst, 1_000_000))?;
    let rate = match rate {
        Some(word) if word == "off" => return Ok(None),
        Some(rate) => number("PURGE_RATE", rate, 1_000).map_err(|error| ConfigError {
            allowed: format!("off, or {}", error.allowed),
            ..error
        })?,
        None => PURGE_RATE,
    };
    Ok(Some(Limit { rate, burst }))
}

/// A number from the one to the other; without any it is the default.
fn number(
    set: &impl Fn(&str) -> Option<String>,
    setting: &str,
    default: u32,
    range: [u32; 2],
) -> Result<u32, ConfigError> {
    let Some(value) = set(setting) else { return Ok(default) };
    let [least, most] = range;
    let found = value.parse().ok().filter(|number| (least..=most).contains(number));
    let allowed = format!("a number from {least} to {most}");
    found.ok_or_else(|| ConfigError::new(setting, value, allowed))
}

/// One of two words; without any it is the first.
fn either<T: Copy>(
    setting: &str,
    value: Option<String>,
    words: [(&str, T); 2],
) -> Result<T, ConfigError> {
    let [(first, default), (second, _)] = words;
    let Some(value) = value else { return Ok(default) };
    let found = words.into_iter().find(|(word, _)| *word == value).map(|(_, meaning)| meaning);
    found.ok_or_else(|| ConfigError::new(setting, value, format!("{first} or {second}")))
}

fn span(setting: &str, value: Option<String>, default: Duration) -> Result<Duration, ConfigError> {
    let Some(value) = value else { return Ok(default) };
    duration(&value).ok_or_else(|| ConfigError::new(setting, value, DURATIONS))
}

/// With the burst a minute brings fewer new selectors than the ledger holds.
const PURGE_RATE: u32 = 20;

const PURGE_BURST: u32 = 2_000;
