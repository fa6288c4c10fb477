//! The Upstash REST protocol over any Redis, Valkey, Sentinel group or Redis Cluster.
//!
//! A request takes this way: [`Gateway`] owns the threads and connections; `service` tells the
//! forms of a request apart (path, body, pipeline, transaction, subscription); `request` and
//! `command` read them, `access` admits them, `scripts` takes Upstash's own script flag out;
//! `backend` runs them on a server, the primary of a Sentinel group, or a cluster; `reply` and
//! `answer` write what came back.
//!
//! The protocol is described in <https://upstash.com/docs/redis/features/restapi>.

mod access;
mod address;
mod answer;
mod backend;
mod body;
mod catalog;
mod command;
mod metrics;
mod reply;
mod request;
mod scripts;
mod server;
mod service;
mod settings;
mod stream;

pub use address::{Address, AddressError, SentinelGroup};
pub use server::{Gateway, StartError};
pub use settings::{LogFormat, LogLevel, Settings, SettingsError};
