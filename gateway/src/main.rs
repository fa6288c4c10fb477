//! The Upstash REST protocol over any Redis, Valkey, Sentinel group or Redis Cluster.

fn main() {}
