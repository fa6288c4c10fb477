//! The sample application: a catalogue of game character builds, as an origin behind Breadbox.
//!
//! A request goes through `site` (counting, latency, conditions) to `pages` or `api`, which read
//! the `catalogue` or make one of the `writes` in the `database`. Each write names the tags it
//! touched (`purge`), and `edge` sends them to the edges until they are acknowledged.

mod api;
mod assets;
mod catalogue;
mod database;
mod draft;
mod edge;
mod fault;
mod latency;
mod listing;
mod moment;
mod pages;
mod purge;
mod reader;
mod representation;
mod seed;
mod serve;
mod site;
mod sitemap;
mod words;
mod writes;

pub use latency::Latency;
pub use seed::{BUILDS, USERS};
pub use serve::{Running, Settings};
