//! HTTP as the public suite for caches measures it, against the real Worker without any rule: with
//! Redis, on the platform tier alone, and under `wrangler dev`.
//!
//! The npm package `http-cache-tests` is an older edition; with Redis and on the platform tier it
//! is part of `cargo test`. The rest runs when asked for: `wrangler dev`, and the suite's current
//! edition, which is not published as a package, where there is a checkout of it.
//!
//! ```sh
//! cargo test --test conformance -- --ignored wrangler
//! CACHE_TESTS=/path/to/cache-tests cargo test --test conformance -- --ignored current
//! ```
//!
//! What became of each case is in `results.json` and `current.json`; a change in either direction
//! fails until `UPDATE_EXPECT=1` before the command has rewritten the file and the tables made of
//! it. `docs/conformance.md` gives the reason for each case that is not passed.

mod place;
mod results;
mod suite;
mod table;

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xtask::places::{read, root, write};
use xtask::progress::line;

use place::Place;
use results::Results;
use suite::Suite;

#[test]
fn every_case_ends_as_the_results_say() -> Result<()> {
    compare(&Suite::install()?, NPM, &Place::USUAL)
}

#[test]
#[ignore = "takes minutes; the difference is the platform's"]
fn every_case_ends_as_the_results_say_under_wrangler_dev() -> Result<()> {
    compare(&Suite::install()?, NPM, &[Place::Wrangler])
}

#[test]
#[ignore = "needs a checkout of the suite, named by CACHE_TESTS"]
fn every_case_of_the_current_edition_ends_as_the_results_say() -> Result<()> {
    let suite = Suite::checked_out()?;
    compare(&suite, CURRENT, &Place::USUAL)?;
    compare(&suite, CURRENT, &[Place::Wrangler])
}

#[test]
fn the_tables_count_what_the_results_say() -> Result<()> {
    // The other test is writing them.
    if is_updating() {
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
    let page = read(&root().join("docs/conformance.md"))?;
    for edition in [NPM, CURRENT] {
        let complaints = edition.expected()?.unexplained(&edition.part(&page)?);
        let name = edition.name;
        assert!(
            complaints.is_empty(),
            "docs/conformance.md, {name}\n  {}",
            complaints.join("\n  ")
        );
    }
    Ok(())
}

/// An edition of the suite as this repository knows it.
#[derive(Clone, Copy, Debug)]
struct Edition {
    name: &'static str,
    file: &'static str,
    /// The heading of the chapter in the page of reasons that does not concern it.
    other: &'static str,
}

const NPM: Edition =
    Edition { name: "0.4.5", file: "results.json", other: "## The current edition alone" };
const CURRENT: Edition =
    Edition { name: "current", file: "current.json", other: "## Edition 0.4.5 alone" };

impl Edition {
    fn expected(self) -> Result<Results> {
        Results::from_json(&read(&self.path())?).context(self.file)
    }

    fn path(self) -> PathBuf {
        directory().join(self.file)
    }

    /// The page without the chapter that is about the other edition alone.
    fn part(self, page: &str) -> Result<String> {
        let missing = || format!("the page lacks its chapter {:?}", self.other);
        let (before, rest) = page.split_once(self.other).with_context(missing)?;
        let after = rest.find("\n## ").and_then(|at| rest.get(at..)).unwrap_or_default();
        Ok(format!("{before}{after}"))
    }
}

fn compare(suite: &Suite, edition: Edition, places: &[Place]) -> Result<()> {
    let runs = suite.run(places)?;
    let measured = Results::of(&suite.cases()?, &runs)?;
    for why in measured.explanations(&runs) {
        line(&format!("       {why}"));
    }
    if is_updating() {
        write(&edition.path(), measured.and(&edition.expected()?).to_json()?)?;
        return each_page(write);
    }
    let changes = edition.expected()?.changes(&measured);
    assert!(
        changes.is_empty(),
        "{} cases ended otherwise than tests/conformance/{} says; if that is meant, run the \
         same with UPDATE_EXPECT=1\n  {}",
        changes.len(),
        edition.file,
        changes.join("\n  ")
    );
    Ok(())
}

fn each_page(visit: impl Fn(&Path, String) -> Result<()>) -> Result<()> {
    let (npm, current) = (NPM.expected()?, CURRENT.expected()?);
    let editions = [(CURRENT.name, &current), (NPM.name, &npm)];
    for (page, table) in [
        ("docs/conformance.md", table::of_kinds(&editions)),
        ("README.md", table::of_caches(&editions)),
    ] {
        let page = root().join(page);
        visit(&page, table::marked(&read(&page)?, &table)?)?;
    }
    Ok(())
}

fn is_updating() -> bool {
    env::var_os("UPDATE_EXPECT").is_some()
}

fn directory() -> PathBuf {
    root().join("tests/conformance")
}
