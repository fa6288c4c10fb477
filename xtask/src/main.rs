//! Set-up and orchestration of Breadbox: tools, builds, servers.

fn main() {}
