//! The values of header fields: one type each, decoded leniently where HTTP says so and never with
//! a panic, encoded strictly.
//!
//! A decoder never lets one malformed part take its neighbours along: a prohibition survives
//! whatever stands beside it.

mod range;
mod vary;

pub use range::ByteRange;
pub use vary::Vary;
