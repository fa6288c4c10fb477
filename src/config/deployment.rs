//! All sites of a deployment, each with a configuration of its own.

use super::rules::Rules;
use super::site::Site;
use super::{Config, ConfigError};

/// The sites of a deployment: those that `breadbox.toml` names, and one for all other hosts.
#[derive(Clone, Debug)]
pub struct Deployment {
    sites: Vec<Config>,
}

/// The hosts of a site.
#[derive(Clone, Debug, Default)]
pub(super) enum Hosts {
    /// All.
    #[default]
    Any,
    /// Those that none of these names.
    But(Vec<Site>),
    /// Those that this one names.
    Of(Box<Site>),
}

impl Deployment {
    /// Reads the variables, and the rules in JSON that were built into the Worker, which
    /// `BREADBOX_CONFIG` replaces.
    ///
    /// A site's own settings stand for the variables `ORIGIN`, `NAMESPACE` and `SITE`. Without
    /// `ORIGIN` hosts that no site names are nobody's.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        built_in: &str,
    ) -> Result<Self, ConfigError> {
        let rules = Rules::configured(&variable, built_in)?;
        let mut sites = Vec::new();
        for site in rules.sites() {
            let own = |name: &str| match name {
                "ORIGIN" => Some(site.origin.clone()),
                "NAMESPACE" => Some(site.namespace.clone()),
                "SITE" => site.name.clone(),
                other => variable(other),
            };
            let config = Config::with(&own, rules.of_site(site))?;
            sites.push(Config { hosts: Hosts::Of(Box::new(site.clone())), ..config });
        }
        let named = rules.sites().to_vec();
        let origin = variable("ORIGIN").is_some_and(|origin| !origin.trim().is_empty());
        if named.is_empty() || origin {
            let rest = Config { hosts: Hosts::But(named), ..Config::with(&variable, rules)? };
            if sites.iter().any(|site| site.namespace == rest.namespace) {
                let allowed = "another one than those of the sites in breadbox.toml";
                return Err(ConfigError::new("NAMESPACE", rest.namespace, allowed));
            }
            sites.push(rest);
        }
        Ok(Self { sites })
    }

    /// The sites; the one for all other hosts is the last.
    pub fn sites(&self) -> &[Config] {
        &self.sites
    }
}

impl Config {
    /// Whether a host, with its port where that is unusual, is one of this site's.
    pub fn is_at(&self, authority: &str) -> bool {
        match &self.hosts {
            Hosts::Any => true,
            Hosts::But(others) => !others.iter().any(|other| other.is_at(authority)),
            Hosts::Of(site) => site.is_at(authority),
        }
    }
}
