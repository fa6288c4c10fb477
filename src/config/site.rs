//! Several sites in one deployment.

use super::fields::Fields;
use super::rule::Rule;
use super::rules::noted;
use super::{ConfigError, PLAIN, base_url, is_plain};

/// One `[[site]]`: hosts with an origin and a namespace of their own.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub hosts: Vec<Host>,
    pub origin: String,
    pub namespace: String,
    /// The authority that stands for all its hosts.
    pub name: Option<String>,
    /// Its own rules, then those of all sites.
    pub rules: Vec<Rule>,
}

/// A host, with its port where that is unusual, or all hosts below one: `*.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host(String);

impl Site {
    /// The settings that there are.
    pub const SETTINGS: &[&str] = &["hosts", "origin", "namespace", "name", "preset", "rule"];

    /// The sites of the file.
    pub fn list(fields: &Fields<'_>, general: &[Rule], errors: &mut Vec<ConfigError>) -> Vec<Self> {
        let mut sites: Vec<Self> = Vec::new();
        let list = noted(fields.tables("site"), errors).unwrap_or_default();
        for (index, value) in list.iter().enumerate() {
            let place = format!("site {}", index.saturating_add(1));
            let table = noted(Fields::of(value, &place, Self::SETTINGS), errors);
            let Some(fields) = table else { continue };
            let mut rules = Rule::list(&fields, errors);
            rules.extend_from_slice(general);
            sites.extend(noted(Self::read(&fields, rules, &sites), errors));
        }
        sites
    }

    fn read(fields: &Fields<'_>, rules: Vec<Rule>, others: &[Self]) -> Result<Self, ConfigError> {
        let host =
            |text: String| Host::parse(&text).ok_or_else(|| fields.wrong("hosts", &text, HOSTS));
        let hosts: Vec<Host> =
            fields.texts("hosts")?.into_iter().map(host).collect::<Result<_, _>>()?;
        if hosts.is_empty() {
            return Err(fields.wrong("hosts", "nothing", HOSTS));
        }
        if let Some(host) = hosts.iter().find(|host| others.iter().any(|o| o.hosts.contains(host)))
        {
            return Err(fields.wrong("hosts", &host.0, "each host in one site"));
        }
        let namespace = fields.needed("namespace", PLAIN)?.to_owned();
        if !is_plain(&namespace) {
            return Err(fields.wrong("namespace", &namespace, PLAIN));
        }
        if others.iter().any(|other| other.namespace == namespace) {
            return Err(fields.wrong("namespace", &namespace, "another one for each site"));
        }
        let name = fields.text("name")?.map(str::to_owned);
        Ok(Self {
            origin: base_url(&fields.path("origin"), fields.text("origin")?.map(str::to_owned))?,
            name: name.map(|name| super::site(&fields.path("name"), name)).transpose()?,
            hosts,
            namespace,
            rules,
        })
    }

    /// Whether it answers under an authority.
    pub fn is_at(&self, authority: &str) -> bool {
        self.name.as_deref() == Some(authority) || self.hosts.iter().any(|h| h.is(authority))
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix("*.").unwrap_or(text);
        let authority = bare.parse::<http::uri::Authority>().ok()?;
        let plain = !bare.contains(['@', '*']) && !authority.host().is_empty();
        plain.then(|| Self(text.to_ascii_lowercase()))
    }

    /// Without a port it means every port.
    fn is(&self, authority: &str) -> bool {
        let with_port = self.0.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if !with_port && !port.ends_with(']') => host,
            _ => authority,
        };
        match self.0.strip_prefix('*') {
            Some(below) => host.strip_suffix(below).is_some_and(|start| !start.is_empty()),
            None => host == self.0,
        }
    }
}

const HOSTS: &str = "hosts such as shop.example.com, or *.example.com for all below it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart() {
        for (pattern, authority, expected) in [
            ("a.test", "a.test", true),
            ("A.test", "a.test:8080", true),
            ("a.test:8080", "a.test:8080", true),
            ("a.test:8080", "a.test", false),
            ("*.a.test", "b.a.test", true),
            ("*.a.test", "c.b.a.test:1", true),
            ("*.a.test", "a.test", false),
            ("*.a.test", ".a.test", false),
            ("*.a.test", "b-a.test", false),
            ("[::1]", "[::1]:80", true),
            ("[::1]", "[::1]", true),
        ] {
            assert_eq!(
                Host::parse(pattern).unwrap().is(authority),
                expected,
                "{pattern} {authority}"
            );
        }
        for wrong in ["", "*", "*.", "a.*.test", "a.test/x", "me@a.test", "a b"] {
            assert_eq!(Host::parse(wrong), None, "{wrong}");
        }
    }
}
