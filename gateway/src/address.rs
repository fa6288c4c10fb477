//! `REDIS_URL`: one server, a Sentinel group, or a Redis Cluster.

use std::fmt;

use redis::sentinel::SentinelNodeConnectionInfo;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, TlsMode};
use url::Url;

/// Where the data is. Never printed with its credentials.
#[derive(Clone)]
pub enum Address {
    /// A Redis Cluster, by some of its nodes.
    Cluster(Vec<ConnectionInfo>),
    /// The primary that a Sentinel group names.
    Sentinel(SentinelGroup),
    /// One server.
    Server(ConnectionInfo),
}

/// A group of Sentinels and the primary that they watch.
#[derive(Clone)]
pub struct SentinelGroup {
    /// The Sentinels.
    pub sentinels: Vec<ConnectionInfo>,
    /// The name under which they watch the primary.
    pub primary: String,
    /// How to connect to the primary.
    pub node: SentinelNodeConnectionInfo,
}

impl Address {
    /// Reads a `REDIS_URL`:
    /// - `redis://[user:password@]host:port[/db]`, `rediss://…` with TLS, `unix:///path`;
    /// - `redis+sentinel://[user:password@]host:port,host:port/primary[/db]`, `rediss+…`;
    /// - `redis+cluster://host:port,host:port`, `rediss+cluster://…`, or a list of several
    ///   `redis://` URLs with commas.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        match text.split_once("://") {
            Some(("redis+sentinel", rest)) => sentinel(rest, Encryption::None),
            Some(("rediss+sentinel", rest)) => sentinel(rest, Encryption::Tls),
            Some(("redis+cluster", rest)) => cluster(rest, Encryption::None),
            Some(("rediss+cluster", rest)) => cluster(rest, Encryption::Tls),
            Some(("rediss" | "valkeys", rest)) if rest.contains(',') => {
                cluster(rest, Encryption::Tls)
            }
            _ if text.contains(',') => cluster(text, Encryption::None),
            _ => Ok(Self::Server(connection_info(text)?)),
        }
    }

    /// What kind of place it is, as one word for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "cluster",
            Self::Sentinel(_) => "sentinel",
            Self::Server(_) => "server",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = match self {
            Self::Cluster(seeds) => seeds.as_slice(),
            Self::Sentinel(group) => group.sentinels.as_slice(),
            Self::Server(server) => std::slice::from_ref(server),
        };
        let nodes: Vec<_> = nodes.iter().map(|node| node.addr().to_string()).collect();
        write!(f, "{} {}", self.kind(), nodes.join(","))
    }
}

/// What is wrong with a `REDIS_URL`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is empty.
    #[error("it is empty; expected for example redis://127.0.0.1:6379")]
    Empty,
    /// A Sentinel group without the name of a primary.
    #[error("a Sentinel group needs the primary's name: redis+sentinel://host:port/name")]
    NoPrimary,
    /// Part of it is not the URL of a server.
    #[error(
        "expected redis://, rediss://, unix://, redis+sentinel:// or redis+cluster:// with \
         host and port: {0}"
    )]
    NotAnAddress(String),
}

/// Whether connections are encrypted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encryption {
    None,
    Tls,
}

impl Encryption {
    fn scheme(self) -> &'static str {
        match self {
            Self::None => "redis",
            Self::Tls => "rediss",
        }
    }
}

fn cluster(list: &str, encryption: Encryption) -> Result<Address, AddressError> {
    let list = list.trim_end_matches('/');
    let (credentials, _) = list.rsplit_once('@').map_or(("", list), |(first, rest)| {
        (first.split_once("://").map_or(first, |(_, credentials)| credentials), rest)
    });
    let seeds = list.split(',').map(str::trim).filter(|seed| !seed.is_empty()).map(|seed| {
        let (scheme, rest) = seed.split_once("://").unwrap_or((encryption.scheme(), seed));
        let rest = match rest.contains('@') || credentials.is_empty() {
            true => rest.to_owned(),
            false => format!("{credentials}@{rest}"),
        };
        connection_info(&format!("{scheme}://{rest}"))
    });
    Ok(Address::Cluster(seeds.collect::<Result<_, _>>()?))
}

fn sentinel(rest: &str, encryption: Encryption) -> Result<Address, AddressError> {
    let (hosts, path) = rest.split_once('/').ok_or(AddressError::NoPrimary)?;
    let (credentials, hosts) = hosts.rsplit_once('@').unwrap_or(("", hosts));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (primary, db) = path.split_once('/').unwrap_or((path, "0"));
    if primary.is_empty() {
        return Err(AddressError::NoPrimary);
    }
    let own = sentinel_credentials(query);
    let sentinels = hosts.split(',').map(str::trim).map(|host| {
        let host = if has_port(host) { host.to_owned() } else { format!("{host}:26379") };
        connection_info(&format!("{}://{own}{host}", encryption.scheme()))
    });
    let at = if credentials.is_empty() { "" } else { "@" };
    let node = connection_info(&format!("redis://{credentials}{at}primary/{db}"))?;
    let mut info = SentinelNodeConnectionInfo::default()
        .set_redis_connection_info(node.redis_settings().clone());
    if encryption == Encryption::Tls {
        info = info.set_tls_mode(TlsMode::Secure);
    }
    Ok(Address::Sentinel(SentinelGroup {
        sentinels: sentinels.collect::<Result<_, _>>()?,
        primary: primary.to_owned(),
        node: info,
    }))
}

/// `sentinel_username=…&sentinel_password=…` as the credentials part of a URL.
fn sentinel_credentials(query: &str) -> String {
    let part = |name: &str| {
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or("")
    };
    match (part("sentinel_username"), part("sentinel_password")) {
        ("", "") => String::new(),
        (username, password) => format!("{username}:{password}@"),
    }
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

fn connection_info(text: &str) -> Result<ConnectionInfo, AddressError> {
    let not_an_address = |reason: String| AddressError::NotAnAddress(reason);
    let url = redis::parse_redis_url(text).ok_or_else(|| {
        let reason = match Url::parse(text) {
            Ok(url) => format!("the scheme is {}", url.scheme()),
            Err(error) => error.to_string(),
        };
        not_an_address(reason)
    })?;
    let info = url
        .into_connection_info()
        .map_err(|error| not_an_address(error.detail().unwrap_or(error.category()).to_owned()))?;
    let settings: RedisConnectionInfo =
        info.redis_settings().clone().set_protocol(redis::ProtocolVersion::RESP2);
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    match info.addr() {
        ConnectionAddr::Unix(_) => Ok(info.set_redis_settings(settings)),
        _ => Ok(info.set_redis_settings(settings).set_tcp_settings(tcp)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_place() {
        let shown = |text| Address::parse(text).unwrap().to_string();
        assert_eq!(shown("redis://u:p@localhost:1/2"), "server localhost:1");
        assert_eq!(shown("rediss://localhost:1"), "server localhost:1");
        assert_eq!(shown("redis://:p@a:1,b:2"), "cluster a:1,b:2");
        assert_eq!(shown("redis://a:1,redis://b:2"), "cluster a:1,b:2");
        assert_eq!(shown("a:1,b:2"), "cluster a:1,b:2");
        assert_eq!(shown("rediss+cluster://a:1"), "cluster a:1");
        assert_eq!(shown("redis+sentinel://u:p@a:1,b/main/3"), "sentinel a:1,b:26379");
    }

    #[test]
    fn credentials_reach_every_seed() {
        let Address::Cluster(seeds) = Address::parse("redis://u:p@a:1,b:2").unwrap() else {
            panic!("not a cluster");
        };
        for seed in seeds {
            assert_eq!(seed.redis_settings().username(), Some("u"));
            assert_eq!(seed.redis_settings().password(), Some("p"));
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        assert_eq!(Address::parse(" ").err(), Some(AddressError::Empty));
        assert_eq!(Address::parse("redis+sentinel://a:1").err(), Some(AddressError::NoPrimary));
        let scheme = Address::parse("http://user:pass@a:1").err().unwrap().to_string();
        assert!(scheme.contains("the scheme is http") && !scheme.contains("pass"), "{scheme}");
        assert!(Address::parse("redis://a:1/x").is_err());
    }
}
