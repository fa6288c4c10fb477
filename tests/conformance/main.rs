//! HTTP as the public suite for caches measures it: the npm package `http-cache-tests` against
//! the real Worker, with Redis and on the platform tier alone, without any rule.
//!
//! What became of each case is in `results.json`; a change in either direction fails until
//! `UPDATE_EXPECT=1 cargo test --test conformance` has rewritten that file and the tables made
//! of it. `docs/conformance.md` gives the reason for each case that is not passed.

mod results;
mod suite;
mod table;

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;
use xtask::harness::SharedTier;
use xtask::places::{read, root, write};
use xtask::progress::line;

use results::Results;
use suite::Suite;

#[test]
fn every_case_ends_as_the_results_say() -> Result<()> {
    let suite = Suite::install()?;
    let with_redis = suite.run(SharedTier::Redis)?;
    let without = suite.run(SharedTier::Off)?;
    let measured = Results::of(&suite.cases()?, &with_redis, &without)?;
    for why in measured.explanations(&with_redis, &without) {
        line(&format!("       {why}"));
    }
    if env::var_os("UPDATE_EXPECT").is_some() {
        write(&results_file(), measured.to_json()?)?;
        return each_page(write);
    }
    let changes = expected()?.changes(&measured);
    assert!(
        changes.is_empty(),
        "{} cases ended otherwise than tests/conformance/results.json says; if that is meant, \
         run `UPDATE_EXPECT=1 cargo test --test conformance`\n  {}",
        changes.len(),
        changes.join("\n  ")
    );
    Ok(())
}

#[test]
fn the_tables_count_what_the_results_say() -> Result<()> {
    // The other test is writing them.
    if env::var_os("UPDATE_EXPECT").is_some() {
        return Ok(());
    }
    each_page(|page, marked| {
        let same = read(page)? == marked;
        let name = page.display();
        assert!(same, "{name} is out of date: UPDATE_EXPECT=1 cargo test --test conformance");
        Ok(())
    })
}

#[test]
fn every_case_not_passed_and_every_choice_has_its_reason() -> Result<()> {
    let complaints = expected()?.unexplained(&read(&root().join("docs/conformance.md"))?);
    assert!(complaints.is_empty(), "docs/conformance.md\n  {}", complaints.join("\n  "));
    Ok(())
}

fn each_page(visit: impl Fn(&Path, String) -> Result<()>) -> Result<()> {
    let results = expected()?;
    for (page, table) in [
        ("docs/conformance.md", table::of_kinds(&results)),
        ("README.md", table::of_caches(&results)),
    ] {
        let page = root().join(page);
        visit(&page, table::marked(&read(&page)?, &table)?)?;
    }
    Ok(())
}

fn expected() -> Result<Results> {
    Results::from_json(&read(&results_file())?)
}

fn results_file() -> PathBuf {
    directory().join("results.json")
}

fn directory() -> PathBuf {
    root().join("tests/conformance")
}
