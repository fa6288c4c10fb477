//! Warming over many invocations: what is to be asked for, how fast, and how far it has come.
//!
//! A job lies in the store: its line, which says how far it is, and its list, of which it takes a
//! few items at a time. Whoever works on it claims it first, so that nobody asks for more than was
//! allowed, and a claim ends by itself, so that the next one goes on where somebody was killed.

mod item;
mod job;
mod order;
mod sitemap;

pub use item::Item;
pub use job::{Job, Outcome, RATE_MAX};
pub use order::{Order, Other, read};
pub use sitemap::{Sitemap, sitemap};
