//! Every breadbox.toml in the documentation is one.

use std::fs;
use std::path::Path;

use breadbox::config::Rules;

/// The snippets of a page that are TOML, with the line of each.
fn snippets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        match &mut open {
            Some(_) if line.trim_start().starts_with("```") => found.extend(open.take()),
            Some((_, snippet)) => *snippet += &format!("{line}\n"),
            None if line.trim_start() == "```toml" => open = Some((index + 1, String::new())),
            None => {}
        }
    }
    found
}

#[test]
fn what_the_pages_show_can_be_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (page, least) in
        [("docs/migrating.md", 12), ("docs/rules.md", 4), ("docs/queries.md", 2), ("README.md", 1)]
    {
        let text = fs::read_to_string(root.join(page)).unwrap();
        let snippets = snippets(&text);
        let rules = snippets.iter().filter(|(_, snippet)| !snippet.contains("[vars]"));
        let rules: Vec<_> = rules.collect();
        assert!(rules.len() >= least, "{page}: only {} snippets", rules.len());
        for (line, snippet) in rules {
            if let Err(error) = Rules::from_toml(snippet) {
                panic!("{page}:{line}: {error}");
            }
        }
    }
}
