//! The tables in the documentation.

use anyhow::{Context, Result};

use crate::place::Place;
use crate::results::Results;

/// Passed cases of each edition, by kind and place.
pub fn of_kinds(editions: &[(&str, &Results)]) -> String {
    let heads = Place::ALL.map(|place| format!(" {place} |")).concat();
    let mut table = format!("| edition | cases |{heads}\n|---|---|---|---|---|\n");
    for (edition, results) in editions {
        for (kind, name) in KINDS {
            let counts = Place::ALL.map(|place| format!(" {} |", results.count(kind, place)));
            table.push_str(&format!("| {edition} | {name} |{}\n", counts.concat()));
        }
    }
    table
}

/// Breadbox among the caches whose results are published with the suite.
pub fn of_caches(editions: &[(&str, &Results)]) -> String {
    let mut table = "| cache | required | optimal |\n|---|---|---|\n".to_owned();
    for (edition, results) in editions {
        let [required, optimal] =
            ["required", "optimal"].map(|kind| results.count(kind, Place::Platform));
        table.push_str(&format!("| Breadbox, {edition} edition | {required} | {optimal} |\n"));
    }
    for (cache, required, optimal) in OTHERS {
        table.push_str(&format!("| {cache} | {required} of 160 | {optimal} of 105 |\n"));
    }
    table
}

/// The page with the table in place of what stands between the marks.
pub fn marked(page: &str, table: &str) -> Result<String> {
    let missing = || format!("a page lacks its marks {BEGIN} and {END}");
    let (before, rest) = page.split_once(BEGIN).with_context(missing)?;
    let (_, after) = rest.split_once(END).with_context(missing)?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

const BEGIN: &str = "<!-- conformance:begin -->";
const END: &str = "<!-- conformance:end -->";

const KINDS: [(&str, &str); 3] = [
    ("required", "required, passed"),
    ("optimal", "optimal, passed"),
    ("check", "behaviour checks, \"yes\""),
];

/// Passed cases of the edition that these results are published with.
const OTHERS: [(&str, usize, usize); 7] = [
    ("Apache Traffic Server", 132, 70),
    ("Apache httpd", 131, 68),
    ("Squid", 122, 59),
    ("Caddy with Souin", 121, 44),
    ("Varnish", 119, 45),
    ("nginx", 99, 59),
    ("Fastly", 96, 49),
];
