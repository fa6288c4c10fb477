//! The house rules, held to by a test. Each complaint names file and line.

#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::Path;

use source::Source;

/// Fails with all complaints at once.
fn report(rule: &str, complaints: Vec<String>) {
    let count = complaints.len();
    assert!(complaints.is_empty(), "{rule}\n  {}\n{count} in all", complaints.join("\n  "));
}

fn rust() -> Vec<Source> {
    let sources = Source::all(&["rs"]);
    assert!(sources.len() > 100, "only {} Rust files found: is the walk broken?", sources.len());
    sources
}

#[test]
fn files_functions_and_lines_are_short() {
    let mut complaints = Vec::new();
    for source in Source::all(&["rs", "lua"]) {
        let length = source.text.lines().count();
        if length > FILE_MAX {
            complaints.push(format!("{}:{length}: the file has {length} lines", source.path));
        }
        for (line, name, length) in source.functions() {
            if length > FUNCTION_MAX {
                complaints.push(format!("{}:{line}: fn {name} has {length} lines", source.path));
            }
        }
        for (line, text) in source.lines() {
            let columns = text.chars().count();
            if columns > COLUMNS_MAX {
                complaints.push(format!("{}:{line}: {columns} columns", source.path));
            }
        }
    }
    let rule = format!(
        "files have at most {FILE_MAX} lines, functions {FUNCTION_MAX}, lines {COLUMNS_MAX} columns"
    );
    report(&rule, complaints);
}

#[test]
fn the_core_neither_waits_nor_knows_the_world() {
    let mut complaints = Vec::new();
    for source in rust().iter().filter(|source| source.path.starts_with("src/cache/")) {
        for (line, code) in source.shipped() {
            for word in WORLDLY.iter().filter(|word| names(code, word)) {
                complaints.push(format!("{}:{line}: {word}", source.path));
            }
        }
    }
    report("src/cache is pure: no I/O, clock, randomness, async or platform", complaints);
}

#[test]
fn nothing_a_request_reaches_can_panic() {
    let mut complaints = Vec::new();
    for source in rust().iter().filter(|source| source.path.starts_with("src/")) {
        for (line, code) in source.shipped() {
            for word in PANICS.iter().filter(|word| names(code, word)) {
                complaints.push(format!("{}:{line}: {word}", source.path));
            }
            if indexes(code) {
                complaints.push(format!("{}:{line}: indexing; take .get(…)", source.path));
            }
        }
    }
    report("src has no unwrap, expect, panic or indexing outside of tests", complaints);
}

/// V8 forgets which request made such a promise once it has optimised the code around it, and
/// workerd then runs one request's code in another's: docs/reliability.md.
#[test]
fn requests_share_only_promises_that_know_their_request() {
    let edge = rust().into_iter().filter(|source| source.path.starts_with("src/"));
    let complaints = edge.flat_map(|source| {
        let bare = source.shipped().into_iter().filter(|(_, code)| code.contains("Promise::new("));
        bare.map(|(line, _)| format!("{}:{line}: Promise::new", source.path)).collect::<Vec<_>>()
    });
    report("promises that requests share are not made by `new Promise`", complaints.collect());
}

#[test]
fn nothing_is_left_for_later_and_names_say_what_things_are() {
    let mut complaints = Vec::new();
    for source in Source::all(&["rs", "lua", "toml", "md", "js", "css", "html", "txt"]) {
        if source.path == "tests/tidy.rs" {
            continue;
        }
        for (line, text) in source.lines() {
            for word in LATER.iter().filter(|word| names(text, word)) {
                complaints.push(format!("{}:{line}: {word}: do it or open an issue", source.path));
            }
        }
    }
    for source in rust() {
        for (index, code) in source.code.lines().enumerate() {
            let declared = declared(code);
            let vague = VAGUE.iter().any(|ending| declared.is_some_and(|n| n.ends_with(ending)));
            // A package manager is called so.
            let package = source.path == "xtask/src/tools/system.rs";
            if (vague && !package) || code.contains("fn get_") {
                let path = &source.path;
                complaints.push(format!("{path}:{}: vague name: {}", index + 1, code.trim()));
            }
        }
    }
    report("no TODO, no get_, no Manager, Helper, Util or Handler", complaints);
}

#[test]
fn every_cite_is_well_formed() {
    let mut complaints = Vec::new();
    for source in Source::all(&["rs", "md", "txt", "lua"]) {
        if source.path.starts_with("tests/tidy") {
            continue;
        }
        for (line, text) in source.lines() {
            for fault in cite_faults(text) {
                complaints.push(format!("{}:{line}: {fault}", source.path));
            }
        }
    }
    report("cites read `RFC 9111 §4.2.1`, of RFCs that tests/tidy.rs knows", complaints);
}

#[test]
fn the_map_shows_every_file_and_no_other() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let map = fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; it must exist and show every file under src", path.display())
    });
    let mut complaints = Vec::new();
    let sources = Source::all(&["rs", "lua"]);
    for source in sources.iter().filter(|source| source.path.starts_with("src/")) {
        if !shows(&map, &source.path) {
            complaints.push(format!("ARCHITECTURE.md: {} is not mentioned", source.path));
        }
    }
    for word in map.split(|c: char| c.is_whitespace() || "`()[],;:|".contains(c)) {
        let named = word.trim_end_matches('.');
        let exists = sources
            .iter()
            .any(|source| source.path == named || source.path.ends_with(&format!("/{named}")));
        let pattern = named.contains(['*', '{', '<', '…']);
        if (named.ends_with(".rs") || named.ends_with(".lua")) && !pattern && !exists {
            complaints.push(format!("ARCHITECTURE.md: {named} does not exist"));
        }
    }
    report("ARCHITECTURE.md is a true map of src", complaints);
}

/// Whether the map names a file: by its path from anywhere below the root, by its bare name, or
/// by its directory, unless that is one of those that hold many concerns.
fn shows(map: &str, path: &str) -> bool {
    let within = path.strip_prefix("src/").unwrap_or(path);
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let bare = match MANY_CONCERNS.contains(&directory) {
        true => last(within).to_owned(),
        false => format!("{}/", last(directory)),
    };
    [path, within, bare.as_str()].iter().any(|name| {
        map.match_indices(name).any(|(at, _)| {
            let before = map[..at].chars().next_back();
            let after = map[at + name.len()..].chars().next();
            let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
            !before.is_some_and(inside) && (name.ends_with('/') || !after.is_some_and(inside))
        })
    })
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether `word` stands in `text` as a word of its own.
fn names(text: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(inside);
        let after = text[at + word.len()..].chars().next().is_some_and(inside);
        let open = word.starts_with(inside);
        let shut = word.ends_with(inside);
        !(before && open || after && shut)
    })
}

/// Whether a bracket follows a value: an index, unlike an attribute, a type or a list.
fn indexes(code: &str) -> bool {
    code.match_indices('[').any(|(at, _)| {
        let before = code[..at].trim_end_matches('?');
        let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next();
        let keyword = word.is_some_and(|word| ["in", "mut", "return", "else"].contains(&word));
        let adjoins = before
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ')' || c == ']');
        let lifetime = before.rsplit_once('\'').is_some_and(|(_, name)| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        });
        adjoins && !keyword && !lifetime
    })
}

/// The name of the type that a line declares.
fn declared(code: &str) -> Option<&str> {
    let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.find(|word| ["struct", "enum", "trait", "mod", "type"].contains(word))?;
    words.next()
}

/// What is wrong with the cites in a line.
fn cite_faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, _) in text.match_indices("RFC") {
        let rest = &text[at + 3..];
        let Some(after) = rest.strip_prefix(' ') else {
            if rest.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                faults.push(format!("`RFC{}`", start(rest)));
            }
            continue;
        };
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = after.split_at(digits);
        if number.is_empty() {
            continue;
        }
        if !RFCS.contains(&number) {
            faults.push(format!("RFC {number} is none of those that we follow"));
        }
        let section = tail.strip_prefix(" §");
        let vague = [" section", " Section", " sec", ", §", "§", " § "];
        if section.is_some_and(|section| !is_section(section))
            || vague.iter().any(|word| tail.starts_with(word))
        {
            faults.push(format!("`RFC {}`", start(after)));
        }
    }
    let bare = text.match_indices('§').any(|(at, _)| {
        let before = text[..at].trim_end();
        !before.chars().next_back().is_some_and(|c| c.is_alphanumeric())
    });
    if bare {
        faults.push("a § without its document".to_owned());
    }
    faults
}

/// Whether a text begins with a section's number, as `4.2.1` or `A.1`.
fn is_section(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(text.len());
    let number = text[..end].trim_end_matches('.');
    !number.is_empty()
        && number.split('.').enumerate().all(|(depth, part)| {
            let numeral = !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
            numeral || (depth == 0 && part.len() == 1)
        })
}

fn start(text: &str) -> String {
    text.chars().take(16).collect()
}

#[test]
fn the_rules_see_what_they_are_for() {
    for (code, found) in [
        ("let a = list[0];", true),
        ("f(x)[1]", true),
        ("a[0][1]", true),
        ("fn f(a: &'a [u8]) -> [u8; 4] {", false),
        ("#[derive(Debug)]", false),
        ("vec![1, 2]", false),
        ("for x in [1, 2] {", false),
        ("let [a, b] = pair;", false),
        ("&mut [u8]", false),
    ] {
        assert_eq!(indexes(code), found, "{code}");
    }
    for (text, faults) in [
        ("(RFC 9111 §4.2.1)", 0),
        ("RFC 9111 §4.2.1, RFC 5861 §3.", 0),
        ("RFC9111 §4", 1),
        ("RFC 9111 section 4", 1),
        ("RFC 9111, §4", 2),
        ("RFC 9111 § 4", 1),
        ("RFC 9119 §4", 1),
        ("as §4 says", 0),
        ("(§4)", 1),
    ] {
        let found = cite_faults(text);
        assert_eq!(found.len(), faults, "{text}: {found:?}");
    }
    assert!(names("let x = async move {", "async"));
    assert!(!names("asynchronous", "async"));
    assert!(names("a.unwrap()", ".unwrap()"));
    assert!(!names("a.unwrap_or(0)", ".unwrap()"));
    assert!(shows("| `cache/age.rs` |", "src/cache/age.rs"));
    assert!(shows("`field/` parses", "src/cache/field/age.rs"));
    assert!(!shows("| `package.rs` |", "src/cache/age.rs"));
    assert!(!shows("| `src/cache/` |", "src/cache/age.rs"));
}

const FILE_MAX: usize = 400;
const FUNCTION_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

const WORLDLY: [&str; 18] = [
    "Date::now",
    "Instant",
    "Mutex",
    "RefCell",
    "SystemTime::now",
    "async",
    "await",
    "env!",
    "js_sys",
    "rand",
    "random",
    "reqwest",
    "std::env",
    "std::fs",
    "std::net",
    "std::thread",
    "web_sys",
    "worker",
];

const PANICS: [&str; 9] = [
    ".expect(",
    ".expect_err(",
    ".unwrap()",
    ".unwrap_err()",
    "assert_eq!",
    "panic!",
    "todo!",
    "unimplemented!",
    "unreachable!",
];

const LATER: [&str; 4] = ["FIXME", "HACK", "TODO", "XXX"];

const VAGUE: [&str; 5] = ["Handler", "Helper", "Manager", "Util", "Utils"];

/// Directories of which each file has a row of its own in the map.
const MANY_CONCERNS: [&str; 2] = ["src", "src/cache"];

/// The RFCs that we follow, or name to tell them apart.
const RFCS: [&str; 15] = [
    "3339", "3986", "5861", "6455", "7234", "8246", "8288", "9110", "9111", "9112", "9204", "9211",
    "9213", "9651", "9875",
];
