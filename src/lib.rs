//! Breadbox: an HTTP edge cache.
//!
//! [`cache`] decides, purely; [`config`] is what an operator can set; [`redis`] is the tier that
//! all data centres share; `edge` (only in Wasm) is the Worker that drives them.

pub mod cache;
pub mod config;
pub mod redis;

#[cfg(target_arch = "wasm32")]
mod edge;
