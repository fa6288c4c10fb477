//! The gateway's settings: flags, and environment variables of the same meaning.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::address::{Address, AddressError};

/// Serves the Upstash REST protocol over a Redis, Valkey, Sentinel group or Redis Cluster.
#[derive(Parser, Clone)]
#[command(name = "breadbox-gateway", version, about, max_term_width = 100)]
pub struct Settings {
    /// Where the data is: `redis://[user:password@]host:port[/db]`, rediss:// (TLS), unix:///path,
    /// redis+sentinel://host:port,host:port/primary[/db], or several cluster nodes with commas
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    #[arg(default_value = "redis://127.0.0.1:6379")]
    pub redis_url: String,

    /// The token that allows every command [at least 8 visible characters]
    #[arg(long, env = "REDIS_REST_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    #[arg(default_value = "", hide_default_value = true)]
    pub token: String,

    /// A token that allows only commands that read; empty = none
    #[arg(long, env = "REDIS_REST_READONLY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    #[arg(default_value = "", hide_default_value = true)]
    pub readonly_token: String,

    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8079", value_name = "HOST:PORT")]
    pub listen: String,

    /// Worker threads; 0 = one for each processor
    #[arg(long, env = "GATEWAY_THREADS", default_value_t = 0, value_name = "N")]
    pub threads: usize,

    /// Connections to Redis, shared out among the threads (at least one each, and one more for
    /// long or binary commands); made when the others stall
    #[arg(long, env = "GATEWAY_CONNECTIONS", default_value_t = 8, value_name = "N")]
    pub connections: usize,

    /// Longest time to connect to Redis
    #[arg(long, env = "GATEWAY_CONNECT_TIMEOUT", default_value = "2s", value_name = "TIME")]
    #[arg(value_parser = humantime::parse_duration)]
    pub connect_timeout: Duration,

    /// Longest time to wait for a reply of Redis
    #[arg(long, env = "GATEWAY_RESPONSE_TIMEOUT", default_value = "10s", value_name = "TIME")]
    #[arg(value_parser = humantime::parse_duration)]
    pub response_timeout: Duration,

    /// Longest time for a request's body to arrive
    #[arg(long, env = "GATEWAY_BODY_TIMEOUT", default_value = "60s", value_name = "TIME")]
    #[arg(value_parser = humantime::parse_duration)]
    pub body_timeout: Duration,

    /// How long requests in flight may take after SIGTERM
    #[arg(long, env = "GATEWAY_SHUTDOWN_TIMEOUT", default_value = "20s", value_name = "TIME")]
    #[arg(value_parser = humantime::parse_duration)]
    pub shutdown_timeout: Duration,

    /// Largest request body
    #[arg(long, env = "GATEWAY_MAX_REQUEST", default_value_t = 10 << 20, value_name = "BYTES")]
    pub max_request: usize,

    /// Memory for the bodies of all requests together
    #[arg(long, env = "GATEWAY_BODY_MEMORY", default_value_t = 256 << 20, value_name = "BYTES")]
    pub body_memory: usize,

    /// Most commands in one pipeline or transaction
    #[arg(long, env = "GATEWAY_MAX_BATCH", default_value_t = 1000, value_name = "N")]
    pub max_batch: usize,

    /// Most subscriptions (SSE) at a time
    #[arg(long, env = "GATEWAY_MAX_STREAMS", default_value_t = 1000, value_name = "N")]
    pub max_streams: usize,

    /// Which log lines are written to standard error
    #[arg(long, env = "GATEWAY_LOG", value_enum, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,

    /// How log lines are written
    #[arg(long, env = "GATEWAY_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The least important log lines that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Each request.
    Debug,
    /// What fails because of the gateway.
    Error,
    /// Connections made, start and stop.
    Info,
    /// Nothing.
    Off,
    /// What is lost, refused or retried.
    Warn,
}

/// The shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// One line of `key=value` pairs.
    Text,
}

impl Settings {
    /// The address in `REDIS_URL`.
    pub fn address(&self) -> Result<Address, SettingsError> {
        Address::parse(&self.redis_url).map_err(SettingsError::RedisUrl)
    }

    /// The read-only token, if there is one.
    pub fn readonly_token(&self) -> Option<&str> {
        (!self.readonly_token.is_empty()).then_some(self.readonly_token.as_str())
    }

    /// The socket addresses in `LISTEN`.
    pub fn listen(&self) -> Result<Vec<SocketAddr>, SettingsError> {
        let invalid = || SettingsError::Listen(self.listen.clone());
        let addresses: Vec<_> = self.listen.to_socket_addrs().map_err(|_| invalid())?.collect();
        if addresses.is_empty() { Err(invalid()) } else { Ok(addresses) }
    }

    /// The worker threads to start.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// Checks what clap cannot check.
    pub fn check(&self) -> Result<(), SettingsError> {
        check_token("REDIS_REST_TOKEN (--token)", &self.token)?;
        if let Some(token) = self.readonly_token() {
            check_token("REDIS_REST_READONLY_TOKEN (--readonly-token)", token)?;
            if token == self.token {
                return Err(SettingsError::SameToken);
            }
        }
        let positive = [
            ("GATEWAY_CONNECTIONS (--connections)", self.connections),
            ("GATEWAY_MAX_BATCH (--max-batch)", self.max_batch),
            ("GATEWAY_MAX_REQUEST (--max-request)", self.max_request),
        ];
        if let Some((setting, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(SettingsError::Zero(setting));
        }
        self.listen()?;
        self.address().map(drop)
    }
}

/// A setting that the gateway cannot start with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nowhere to listen.
    #[error("LISTEN (--listen) is {0:?}; expected host:port, for example 127.0.0.1:8079")]
    Listen(String),
    /// No usable place for the data.
    #[error("REDIS_URL (--redis-url) is not usable: {0}")]
    RedisUrl(AddressError),
    /// Both tokens are the same.
    #[error("REDIS_REST_READONLY_TOKEN (--readonly-token) is the same as REDIS_REST_TOKEN")]
    SameToken,
    /// A token that is too weak or cannot stand in a header.
    #[error("{setting} {problem}; expected at least {MIN_TOKEN} visible ASCII characters")]
    Token {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// A limit of nothing.
    #[error("{0} is 0; expected at least 1")]
    Zero(&'static str),
}

fn check_token(setting: &'static str, token: &str) -> Result<(), SettingsError> {
    let problem = match token {
        "" => "is not set",
        _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => "has other characters",
        _ if token.len() < MIN_TOKEN => "is too short",
        _ => return Ok(()),
    };
    Err(SettingsError::Token { setting, problem })
}

/// The length of the shortest token, in characters.
const MIN_TOKEN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(flags: &[&str]) -> String {
        let flags = ["breadbox-gateway"].iter().chain(flags);
        match Settings::try_parse_from(flags) {
            Ok(settings) => settings.check().err().map_or(String::new(), |e| e.to_string()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_problem_names_its_setting() {
        let good = ["--token", "0123456789", "--redis-url", "redis://localhost"];
        let with = |more: &[&'static str]| problem(&[good.as_slice(), more].concat());
        assert_eq!(with(&[]), "");
        assert!(problem(&["--token", ""]).starts_with("REDIS_REST_TOKEN (--token) is not set"));
        assert!(problem(&["--token", "short"]).contains("is too short"));
        assert!(with(&["--readonly-token", "0123456789"]).contains("the same as"));
        assert!(with(&["--readonly-token", "a b c d e f"]).contains("READONLY_TOKEN"));
        assert!(with(&["--listen", "nowhere"]).contains("LISTEN (--listen) is \"nowhere\""));
        assert!(with(&["--max-batch", "0"]).contains("GATEWAY_MAX_BATCH"));
        assert!(with(&["--response-timeout", "soon"]).contains("--response-timeout"));
        let url = ["--token", "0123456789", "--redis-url", "ftp://localhost"];
        assert!(problem(&url).contains("REDIS_URL (--redis-url) is not usable"));
    }
}
