//! In which coding a client gets a response (RFC 9110 §8.4, RFC 9110 §12.5.3).

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, header};

use crate::cache::field::{AcceptEncoding, CacheControl, Coding, ContentEncoding, EntityTag, Vary};
use crate::cache::{RequestHead, ResponseHead};

/// The form in which a response suits a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    AsIs,
    /// With its coding taken off: another representation of the same resource.
    Decoded(Coding),
    /// None that can be made of it.
    Unsuitable,
}

/// In which form a client can take a response (RFC 9110 §12.5.3).
///
/// A client that says nothing of codings takes any. `no-transform` forbids to take one off
/// (RFC 9111 §5.2.2.6).
pub fn form(request: &RequestHead, response: &ResponseHead) -> Form {
    if !response.headers.contains_key(header::CONTENT_ENCODING) {
        return Form::AsIs;
    }
    let codings = ContentEncoding::parse(&response.headers);
    let accepted = AcceptEncoding::parse(&request.headers);
    if accepted.takes(&codings) || !accepted.takes_identity() {
        return Form::AsIs;
    }
    match codings.removable() {
        Some(coding) if !CacheControl::parse(&response.headers).no_transform => {
            Form::Decoded(coding)
        }
        Some(_) | None => Form::Unsuitable,
    }
}

/// The head of a response in a form.
///
/// A decoded one is another representation: its strong tag becomes weak (RFC 9110 §8.8.3.3), so
/// that conditions work and parts of the two are never mixed; its length is not known, and what is
/// known of the octets is not of these; it depends on what the client takes (RFC 9110 §12.5.5).
pub fn formed(response: &ResponseHead, form: Form) -> Cow<'_, ResponseHead> {
    let Form::Decoded(_) = form else { return Cow::Borrowed(response) };
    let mut head = response.clone();
    for name in OF_OCTETS {
        head.headers.remove(name);
    }
    if let Some(tag) = EntityTag::field(&head.headers).filter(EntityTag::is_strong)
        && let Ok(weak) = HeaderValue::try_from(format!("W/{tag}"))
    {
        head.headers.insert(header::ETAG, weak);
    }
    let named = match Vary::parse(&head.headers) {
        Vary::Any => true,
        Vary::Fields(names) => names.contains(&header::ACCEPT_ENCODING),
        Vary::None => false,
    };
    if !named {
        head.headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    Cow::Owned(head)
}

/// What holds for the coded octets only.
const OF_OCTETS: [HeaderName; 7] = [
    header::ACCEPT_RANGES,
    HeaderName::from_static("content-digest"),
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];
