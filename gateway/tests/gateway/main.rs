//! The gateway against real servers and the published clients.

mod clients;
mod cluster;
mod contract;
mod failover;
mod failures;
mod http;
mod limits;
mod place;
mod start;
mod streams;
