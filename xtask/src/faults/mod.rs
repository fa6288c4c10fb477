//! Trouble between the parts of an edge, made on purpose, and what it costs.
//!
//! A [`Proxy`] stands on a line between two parts and does to it what networks and servers do;
//! [`Published`] knows what the origin has published when, and checks every answer against it.

pub mod matrix;
mod message;
mod proxy;
mod record;
mod traffic;
mod trouble;

pub use proxy::{Proxy, Speech};
pub use record::{Published, Terms, Wrong, tag_of};
pub use traffic::{Class, End, Sample, page, purge, terms};
pub use trouble::Trouble;
