//! Breadbox: an HTTP edge cache.
//!
//! [`cache`] decides, purely; [`config`] is what an operator can set; [`redis`] is the tier that
//! all data centres share; `edge` (only in Wasm) is the Worker that drives them; [`values`] is the
//! same machine for values that a program computes.

// A panic in the Worker ends every request in flight, so nothing here may.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod cache;
pub mod config;
pub mod redis;
#[cfg(not(target_arch = "wasm32"))]
pub mod replay;
pub mod values;

#[cfg(all(target_arch = "wasm32", feature = "worker"))]
mod edge;
#[cfg(target_arch = "wasm32")]
mod isolate;
