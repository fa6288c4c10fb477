//! What a token may purge.

use crate::cache::ledger::{Place, Selector};

/// The stored responses that a token may purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// All.
    Everything,
    /// Those with a tag that begins so, and those of a host.
    Within {
        /// The beginnings of tags.
        tags: Vec<String>,
        /// The hosts, with their ports where these are not the scheme's own.
        hosts: Vec<String>,
    },
}

impl Bounds {
    /// Whether everything that a selector can select, now or later, lies within.
    ///
    /// A selector of which that cannot be told by its text is refused: a pattern may match tags
    /// and addresses alike, and a path without a host is every host's.
    pub fn covers(&self, selector: &Selector) -> bool {
        let Self::Within { tags, hosts } = self else { return true };
        let at = |host: &str| hosts.iter().any(|allowed| allowed == host);
        match selector {
            Selector::All | Selector::Glob(_) => false,
            Selector::Host(host) => at(host),
            Selector::Key(key) => at(Place::of_key(key).host()),
            Selector::Prefix(prefix) => prefix.split_once('/').is_some_and(|(host, _)| at(host)),
            Selector::Tag(tag) => tags.iter().any(|start| tag.starts_with(start)),
            Selector::Url(url) => at(Place::of(url).host()),
        }
    }
}
