//! The field `Vary`.

use http::{HeaderMap, HeaderName, header};

use super::grammar::{lines, members};
use crate::cache::sort::sort_unique;

/// Which request fields a response depends on (RFC 9110 §12.5.5).
///
/// ```text
/// Vary = #( "*" / field-name )
/// ```
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
    /// The value in a response's fields; a member that is no field name counts as `*`.
    pub fn parse(headers: &HeaderMap) -> Self {
        let mut fields = Vec::new();
        for line in lines(headers, header::VARY) {
            for member in members(&line) {
                match HeaderName::from_bytes(member.as_bytes()) {
                    Ok(name) if member != "*" => fields.push(name),
                    Ok(_) | Err(_) => return Self::Any,
                }
            }
        }
        sort_unique(&mut fields, |a: &HeaderName, b| a.as_str().cmp(b.as_str()));
        if fields.is_empty() { Self::None } else { Self::Fields(fields) }
    }
}
