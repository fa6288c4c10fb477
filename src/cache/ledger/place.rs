//! Where a stored response belongs, as purges name places.

use crate::cache::glob::Glob;
use crate::cache::key::{spans_queries, url_of, without_query};

/// A URL in the forms that selectors name it.
pub(crate) struct Place<'a> {
    pub url: &'a str,
    pub bare: &'a str,
    pub path: &'a str,
    /// Whether it stands for all queries of its path, and so ends where they begin.
    pub span: Span,
}

/// Which queries a response answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// Any that its path may be asked with.
    Any,
    /// That of its URL.
    One,
}

impl<'a> Place<'a> {
    /// The place that a key's text names.
    pub fn of_key(key: &'a str) -> Self {
        let span = if spans_queries(key) { Span::Any } else { Span::One };
        Self { span, ..Self::of(url_of(key)) }
    }

    /// The place of a URL.
    pub fn of(url: &'a str) -> Self {
        let bare = url.split_once("://").map_or(url, |(_, bare)| bare);
        let path = bare.find('/').and_then(|slash| bare.get(slash..)).unwrap_or("");
        Self { url, bare, path, span: Span::One }
    }

    /// Its host, with its port where that is not the scheme's own.
    pub fn host(&self) -> &'a str {
        self.bare.split_once('/').map_or(self.bare, |(host, _)| host)
    }

    /// Whether a prefix selects it. Of several queries one is enough: too much may be purged, too
    /// little never.
    pub fn begins_with(&self, prefix: &str) -> bool {
        let form = if prefix.starts_with('/') { self.path } else { self.bare };
        form.starts_with(prefix) || (self.span == Span::Any && prefix.starts_with(form))
    }

    /// Whether a glob selects it, or one of its queries.
    pub fn matches(&self, glob: &Glob) -> bool {
        [self.url, self.bare, self.path].into_iter().any(|form| match self.span {
            Span::Any => glob.matches(without_query(form)) || glob.matches_from(form),
            Span::One => glob.matches(form),
        })
    }
}
