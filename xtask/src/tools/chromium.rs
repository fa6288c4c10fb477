//! A browser for the tests of pages.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::system;
use crate::places::{Alone, on_path};

/// Chromium: `CHROMIUM_BIN`, else the system's, else one from its package manager.
pub fn chromium() -> Result<PathBuf> {
    if let Some(browser) = std::env::var_os("CHROMIUM_BIN") {
        return Ok(PathBuf::from(browser));
    }
    let _alone = Alone::claim()?;
    if let Some(browser) = NAMES.iter().find_map(|name| on_path(name)) {
        return Ok(browser);
    }
    system::install(&["chromium", "chromium-browser"])
        .context("the browser tests need Chromium: install it, or set CHROMIUM_BIN")?;
    NAMES.iter().find_map(|name| on_path(name)).with_context(|| {
        format!("the package manager installed none of {}; set CHROMIUM_BIN", NAMES.join(", "))
    })
}

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
