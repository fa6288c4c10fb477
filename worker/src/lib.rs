//! The Worker as a file of its own: its events are those of `breadbox`.
//!
//! A library that is also a `cdylib` has one file name whatever it was built with, so that one
//! build replaces what another links.

extern crate breadbox as _;
