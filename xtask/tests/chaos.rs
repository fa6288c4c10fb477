//! A short run of `cargo xtask chaos`; the long one is for a person's command line.

use anyhow::Result;
use xtask::chaos::{Options, chaos};

#[test]
fn a_short_chaos_leaves_nothing_wrong() -> Result<()> {
    let report = chaos(&Options { seconds: 20, seed: 7, calibrate: 3 })?;
    assert!(report.holds(), "{report}");
    Ok(())
}
