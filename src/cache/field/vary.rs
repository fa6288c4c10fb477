//! The field `Vary` (RFC 9110 §12.5.5).

use http::{HeaderMap, HeaderName};

/// Which request fields a response depends on (RFC 9110 §12.5.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Vary {
    /// On something that is not in the request's fields: no later request selects it.
    Any,
    /// On these fields, sorted, each once.
    Fields(Vec<HeaderName>),
    /// On none.
    #[default]
    None,
}

impl Vary {
    /// The value in a response's fields.
    pub fn parse(_headers: &HeaderMap) -> Self {
        Self::None
    }
}
