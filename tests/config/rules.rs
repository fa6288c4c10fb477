//! Rules that make no sense, and what is said of them.

use std::time::Duration;

use breadbox::cache::tuning::Bounds;
use breadbox::config::{Rules, toml_to_json};

fn complaint(text: &str) -> String {
    Rules::from_toml(text).map_or_else(|error| error.to_string(), |_| String::new())
}

/// Each message names the setting, what it found and what is allowed.
#[test]
fn errors_name_setting_found_and_allowed() {
    let rule = |line: &str| format!("[[rule]]\nmatch = \"/*\"\n{line}\n");
    for (text, expected) in [
        ("rule = 3", "rule: found 3; allowed: [[rule]] tables"),
        ("[[rule]]\n", "rule 1: match: found nothing; allowed: a path such as"),
        ("[[rules]]\n", "breadbox.toml: found rules; allowed: preset, bypass, rule, site"),
        ("bypass = \"all\"", "bypass: found all; allowed: everything, or leave it out"),
        ("preset = \"wordpres\"", "preset: found wordpres; allowed: json-api, nextjs, "),
        ("preset = 1", "preset: found 1; allowed: a list of texts"),
        (&rule("ttl = 5"), "rule 1: ttl: found 5; allowed: a text in quotes"),
        (&rule("ttl = \"5\""), "rule 1: ttl: found 5; allowed: a duration"),
        (&rule("tll = \"5m\""), "rule 1: found tll; allowed: match, cache, "),
        (&rule("tags = [\"a{2}\"]"), "rule 1: tags: found a{2}; allowed: {1} to {1}"),
        (&rule("vary = [\"Cookie\"]"), "rule 1: vary: found Cookie; allowed: names of"),
        (&rule("vary = [\"a b\"]"), "rule 1: vary: found a b; allowed: names of"),
        (&rule("strict = \"yes\""), "rule 1: strict: found \"yes\"; allowed: true or false"),
        (
            &rule("cookies = { only = [] }"),
            "rule 1: cookies: found only; allowed: bypass, ignore, keep, key",
        ),
        (&rule("query = { sort = 1 }"), "rule 1: query: sort: found 1; allowed: true or false"),
        (&rule("max_body = \"17MB\""), "rule 1: max_body: found 17MB; allowed: a size"),
        (&rule("methods = [\"PUT\"]"), "rule 1: methods: found PUT; allowed: POST, QUERY"),
        (&rule("max_content = \"2MB\""), "rule 1: max_content: found 2MB; allowed: a size"),
        (
            &rule("graphql = true\ncontent = \"json\""),
            "rule 1: content: found json; allowed: nothing beside graphql",
        ),
        (
            &rule("graphql = { types = \"x\" }"),
            "rule 1: graphql: found types; allowed: persisted, changes, type_tags",
        ),
        (&rule("graphql = 1"), "rule 1: graphql: found 1; allowed: a table"),
        (
            &rule("ttl = \"5m\"\nmax_ttl = \"1h\""),
            "rule 1: max_ttl: found a bound; allowed: nothing, unless ttl = \"auto\"",
        ),
        (
            &rule("ttl = \"auto\"\nmin_ttl = \"0\""),
            "rule 1: min_ttl: found 0; allowed: a duration of more than 0",
        ),
        (
            &rule("ttl = \"auto\"\nmin_ttl = \"1m\"\nmax_ttl = \"30s\""),
            "rule 1: max_ttl: found 30s; allowed: no less than min_ttl",
        ),
        (
            &rule("ttl = \"auto\"\nstaleness = \"51%\""),
            "rule 1: staleness: found 51%; allowed: a percentage from 1% to 50%",
        ),
        (&rule("cache = \"force\""), "rule 1: ignore: found nothing; allowed: the prohibitions"),
    ] {
        let told = complaint(text);
        assert!(told.starts_with(expected), "{text}\n{told}\n{expected}");
    }
}

/// Whoever checks a file hears of all rules at once.
#[test]
fn every_rule_is_heard() {
    let text = "[[rule]]\nmatch = \"x\"\n[[rule]]\nmatch = \"/\"\n[[rule]]\nttl = \"1\"\n\
                [[site]]\nhosts = []\n[[site.rule]]\nmatch = \"/\"\nstale = \"x\"\n";
    let errors = Rules::errors(&toml_to_json(text).unwrap());
    let settings: Vec<&str> = errors.iter().map(|error| error.setting.as_str()).collect();
    let expected = ["rule 1: match", "rule 3: match", "site 1: rule 1: stale", "site 1: hosts"];
    assert_eq!(settings, expected);
}

/// One's own rule for a place comes before those of a preset, and a site's before those of all.
#[test]
fn ones_own_rules_come_first() {
    let text = "preset = [\"static\", \"wordpress\"]\n[[rule]]\nmatch = \"/assets/*\"\n";
    let rules = Rules::from_toml(text).unwrap();
    assert_eq!(rules.patterns()[..3], ["/assets/*", "/assets/**", "/static/**"]);
    assert_eq!(rules.ruling("a.test", "/assets/x").rule, Some(0));
    assert_eq!(rules.ruling("a.test", "/assets/x/y").rule, Some(1));
}

#[test]
fn the_kill_switch_is_for_everything() {
    let rules = Rules::from_toml("bypass = \"everything\"\n[[rule]]\nmatch = \"/a\"\n").unwrap();
    for url in ["https://a.test/a", "https://a.test/b"] {
        assert_eq!(super::settled(&rules, &format!("GET {url}"), &[]).key, None);
    }
}

/// What `auto` is between which bounds.
#[test]
fn lifetimes_may_follow_the_content() {
    let tuning = |lines: &str| {
        let rules = Rules::from_toml(&format!("[[rule]]\nmatch = \"/*\"\n{lines}\n")).unwrap();
        assert_eq!((rules.tuning(0), rules.tuning(2)), (None, None), "rules count from 1");
        rules.tuning(1)
    };
    assert_eq!(tuning("ttl = \"5m\""), None);
    assert_eq!(tuning("ttl = \"auto\""), Some(Bounds::default()));
    let secs = Duration::from_secs;
    assert_eq!(
        tuning("ttl = \"auto\"\nmin_ttl = \"10s\"\nmax_ttl = \"2h\"\nstaleness = \"8%\""),
        Some(Bounds { min: secs(10), max: secs(7200), staleness: 8 })
    );
    let long = Bounds { min: secs(7200), max: secs(7200), staleness: 5 };
    assert_eq!(tuning("ttl = \"auto\"\nmin_ttl = \"2h\""), Some(long));
}
