//! What operators write: variables, rules, tokens.

use breadbox::config::{Config, Rules, Tokens};

/// Variables become a configuration or an error that names one of them and no secret.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let variable = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    if let Ok(config) = Config::read(variable, "{}") {
        assert!(!config.origin.ends_with('/') && config.namespace.len() <= 64);
        assert!(config.redis.is_none_or(|redis| (1..=256).contains(&redis.shards)));
    }
    let Ok(tokens) = Tokens::parse(&text) else { return };
    assert!(tokens.find("").is_none() && tokens.find("short").is_none());
}

/// Rules are refused with a place, or fold queries into a form of their own, adding nothing.
pub fn rules(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (asked, written) = text.split_once('\n').unwrap_or(("", &text));
    let rules = match written.trim_start().starts_with('{') {
        true => Rules::from_json(written),
        false => Rules::from_toml(written),
    };
    let rules = match rules {
        Ok(rules) => rules,
        Err(error) => return assert!(!error.setting.is_empty() && !error.allowed.is_empty()),
    };
    let (place, query) = asked.split_once('?').unwrap_or((asked, ""));
    let slash = place.find('/').unwrap_or(place.len());
    let mut ruling = rules.ruling(&place[..slash], &place[slash..]);
    let once = ruling.fold(query);
    assert_eq!(ruling.fold(&once), once, "{query:?}");
    assert!(once.len() <= query.len());
    let mut kept = once.split('&').filter(|part| !part.is_empty());
    assert!(kept.all(|part| query.split('&').any(|asked| asked == part)));
}
