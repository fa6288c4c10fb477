//! The tables in the documentation.

use anyhow::{Context, Result};

use crate::results::Results;

/// Passed cases by kind and tier.
pub fn of_kinds(results: &Results) -> String {
    let mut table = "| cases | with Redis | platform tier alone |\n|---|---|---|\n".to_owned();
    for (kind, name) in KINDS {
        let (redis, platform) =
            (results.count(kind, |e| e.redis), results.count(kind, |e| e.platform));
        table.push_str(&format!("| {name} | {redis} | {platform} |\n"));
    }
    table
}

/// Breadbox among the caches whose results are published with the suite.
pub fn of_caches(results: &Results) -> String {
    let (required, optimal) =
        (results.count("required", |e| e.redis), results.count("optimal", |e| e.redis));
    let mut table = "| cache | required | optimal |\n|---|---|---|\n".to_owned();
    table.push_str(&format!("| Breadbox, edition 0.4.5 | {required} | {optimal} |\n"));
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
