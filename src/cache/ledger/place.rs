//! Where a stored response belongs, as purges name places.

use crate::cache::glob::Glob;
use crate::cache::key::url_of;

/// A URL in the forms that selectors name it.
pub(crate) struct Place<'a> {
    pub url: &'a str,
    pub bare: &'a str,
    pub path: &'a str,
}

impl<'a> Place<'a> {
    /// The place that a key's text names.
    pub fn of_key(key: &'a str) -> Self {
        Self::of(url_of(key))
    }

    /// The place of a URL.
    pub fn of(url: &'a str) -> Self {
        let bare = url.split_once("://").map_or(url, |(_, bare)| bare);
        let path = bare.find('/').and_then(|slash| bare.get(slash..)).unwrap_or("");
        Self { url, bare, path }
    }

    /// Its host, with its port where that is not the scheme's own.
    pub fn host(&self) -> &'a str {
        self.bare.split_once('/').map_or(self.bare, |(host, _)| host)
    }

    pub fn begins_with(&self, prefix: &str) -> bool {
        let form = if prefix.starts_with('/') { self.path } else { self.bare };
        form.starts_with(prefix)
    }

    pub fn matches(&self, glob: &Glob) -> bool {
        [self.url, self.bare, self.path].into_iter().any(|form| glob.matches(form))
    }
}
