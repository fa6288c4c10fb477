//! Where the edge runs while the suite asks it.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use xtask::harness::{Edge, SharedTier, Spec, free_port, parts};
use xtask::servers::{Gateway, Redis, Tokens, Wrangler, WranglerSpec};
use xtask::tools;

/// What the edge consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// workerd, a Redis behind a gateway and the platform tier.
    Redis,
    /// workerd and the platform tier.
    Platform,
    /// `wrangler dev` and a Redis behind a gateway.
    Wrangler,
}

impl Place {
    /// Every place, in the order of the tables' columns.
    pub const ALL: [Self; 3] = [Self::Redis, Self::Platform, Self::Wrangler];

    /// The places that are asked with every `cargo test`.
    pub const USUAL: [Self; 2] = [Self::Redis, Self::Platform];
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis => "with Redis",
            Self::Platform => "on the platform tier alone",
            Self::Wrangler => "under wrangler dev",
        })
    }
}

/// A running edge; dropping it ends all of it.
#[derive(Debug)]
pub enum Running {
    Workerd(Box<Edge>),
    Wrangler(Box<(Wrangler, Gateway, Redis)>),
}

impl Running {
    /// Starts an edge without any rule in front of `origin`.
    pub fn start(place: Place, origin: &str, logs: &Path) -> Result<Self> {
        let shared = match place {
            Place::Redis => SharedTier::Redis,
            Place::Platform => SharedTier::Off,
            Place::Wrangler => return wrangler(origin, &logs.join("wrangler-dev")),
        };
        let variables = vec![patient()];
        let edge = Edge::start(Spec { shared, variables, ..Spec::of(origin) })?;
        Ok(Self::Workerd(Box::new(edge)))
    }

    /// The edge's URL.
    pub fn url(&self) -> &str {
        match self {
            Self::Workerd(edge) => edge.url(0),
            Self::Wrangler(parts) => parts.0.url(),
        }
    }
}

fn wrangler(origin: &str, logs: &Path) -> Result<Running> {
    let (parts, npm) = (parts()?, tools::npm()?);
    let redis = Redis::start(&parts.redis, logs)?;
    let tokens = Tokens { standard: "gateway-secret".to_owned(), read_only: String::new() };
    let gateway = Gateway::start(&parts.gateway, &redis.url(), tokens, logs)?;
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let variables = vec![
        text("ORIGIN", origin),
        text("REDIS_REST_URL", &gateway.url()),
        text("REDIS_REST_TOKEN", &gateway.tokens().standard),
        patient(),
    ];
    let (node, script) = (npm.node, npm.wrangler);
    let spec = WranglerSpec { node, script, port: free_port()?, variables };
    let wrangler = Wrangler::start(&spec, logs)?;
    Ok(Running::Wrangler(Box::new((wrangler, gateway, redis))))
}

/// A hundred cases at once are not to be taken for a Redis that fails.
fn patient() -> (String, String) {
    ("REDIS_TIMEOUT".to_owned(), "5s".to_owned())
}
