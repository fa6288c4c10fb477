//! In which coding a client gets a response (RFC 9110 §8.4, RFC 9110 §12.5.3).

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, header};

use super::negotiated;
use crate::cache::field::{AcceptEncoding, CacheControl, Coding, ContentEncoding, EntityTag};
use crate::cache::{Octets, RequestHead, ResponseHead};

/// The form in which a response suits a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    AsIs,
    /// As we have compressed it: another representation of the same resource.
    Compressed,
    /// With the origin's coding taken off: another representation of the same resource.
    Decoded(Coding),
    /// With our coding taken off: octet by octet as the origin sent it.
    Restored,
    /// None that can be made of it.
    Unsuitable,
}

impl Form {
    /// The coding that has to be taken off the stored octets.
    pub fn taken_off(self) -> Option<Coding> {
        match self {
            Self::Decoded(coding) => Some(coding),
            Self::Restored => Some(Coding::Gzip),
            Self::AsIs | Self::Compressed | Self::Unsuitable => None,
        }
    }
}

/// In which form a client can take a response (RFC 9110 §12.5.3).
///
/// A client that says nothing of codings takes any that the origin has chosen, but is not given
/// ours. `no-transform` forbids to take one off or to add one (RFC 9111 §5.2.2.6).
pub fn form(request: &RequestHead, response: &ResponseHead, octets: Octets) -> Form {
    let transformable = || !CacheControl::parse(&response.headers).no_transform;
    let accepted = || AcceptEncoding::parse(&request.headers);
    if octets == Octets::Compressed {
        let asked = accepted().asks_for(Coding::Gzip) && transformable();
        return if asked { Form::Compressed } else { Form::Restored };
    }
    if !response.headers.contains_key(header::CONTENT_ENCODING) {
        return Form::AsIs;
    }
    let codings = ContentEncoding::parse(&response.headers);
    if accepted().takes(&codings) || !accepted().takes_identity() {
        return Form::AsIs;
    }
    match codings.removable() {
        Some(coding) if transformable() => Form::Decoded(coding),
        Some(_) | None => Form::Unsuitable,
    }
}

/// The head of a response in a form.
///
/// One with a coding of its own is another representation: its strong tag becomes weak
/// (RFC 9110 §8.8.3.3), so that conditions work and parts of the two are never mixed; what is known
/// of the octets is not of these; it depends on what the client takes (RFC 9110 §12.5.5). So does
/// what is restored, of which all else is true as the origin said it; parts are cut of neither.
pub fn formed(response: &ResponseHead, form: Form) -> Cow<'_, ResponseHead> {
    let mut head = match form {
        Form::AsIs | Form::Unsuitable => return Cow::Borrowed(response),
        Form::Compressed | Form::Decoded(_) | Form::Restored => response.clone(),
    };
    negotiated(&mut head);
    if form == Form::Restored {
        head.headers.remove(header::ACCEPT_RANGES);
        return Cow::Owned(head);
    }
    for name in OF_OCTETS {
        head.headers.remove(name);
    }
    if form == Form::Compressed {
        head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(tag) = EntityTag::field(&head.headers).filter(EntityTag::is_strong)
        && let Ok(weak) = HeaderValue::try_from(format!("W/{tag}"))
    {
        head.headers.insert(header::ETAG, weak);
    }
    Cow::Owned(head)
}

/// What holds for the octets as they were received only.
const OF_OCTETS: [HeaderName; 7] = [
    header::ACCEPT_RANGES,
    HeaderName::from_static("content-digest"),
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];
