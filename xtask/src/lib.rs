//! Set-up and orchestration of Breadbox: everything between a fresh clone and a running edge.
//!
//! | module | what it is for |
//! |---|---|
//! | [`tools`] | find or install the programs that build and run the Worker |
//! | [`build`] | `cargo xtask build`: the Worker in `build` |
//! | [`servers`] | Redis, the gateway, the sample origin, workerd and wrangler as typed processes |
//! | [`origin`] | an origin server whose answers a test scripts |
//! | [`harness`] | a whole edge for an integration test, in one call |
//! | [`faults`] | trouble between the parts, what it costs (`cargo xtask fault-matrix`) |
//! | [`chaos`] | `cargo xtask chaos`: all of it at random, every answer checked |
//! | [`dev`] | `cargo dev`: all of it on one machine, for a person |
//! | [`purges`] | `cargo xtask bench-purge`: what purges cost and when they are seen |
//! | [`mod@bench`] | `cargo bench-edge`: Breadbox measured beside its peers |
//! | [`nightly`] | the simulation at length and fuzzing: too long for every change |
//! | [`mutants`] | `cargo xtask mutants`: whether the tests notice when the core is changed |
//! | [`checking`] | `cargo xtask check-config`: whether a breadbox.toml can be used |
//! | [`count`] | `cargo xtask count`: the core's hit path in instructions |
//! | [`check`] | `cargo dev -- --check`: a smoke scenario and its table |
//!
//! No cache logic lives here.

pub mod bench;
pub mod benefit;
pub mod build;
pub mod chaos;
pub mod check;
pub mod checking;
pub mod compression;
pub mod count;
pub mod dev;
pub mod faults;
pub mod harness;
pub mod mutants;
pub mod nightly;
pub mod origin;
pub mod places;
pub mod process;
pub mod progress;
pub mod purges;
pub mod servers;
pub mod tools;

mod guard;
mod listener;
mod serving;
