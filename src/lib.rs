//! Breadbox: an HTTP edge cache.
pub mod cache;
