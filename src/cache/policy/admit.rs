//! Whether a response may be stored, and for how long (RFC 9111 §3).

use http::{HeaderMap, HeaderName, Method, header};

use super::lifetime::{Basis, Freshness};
use super::status_code::is_understood;
use super::{Caching, ClientDirectives, Prohibition, Treatment, hop, initial_age, uri};
use crate::cache::field::{CacheControl, Directives, Scope, Vary, single, trim};
use crate::cache::sort::sort_unique;
use crate::cache::{Lifetime, Reason, RequestHead, ResponseHead, Time};

/// How a response is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// For how long, counted from the response's generation.
    pub lifetime: Lifetime,
    /// Fields that the client of this exchange gets but the store must not have
    /// (RFC 9111 §3.1).
    pub strip: Vec<HeaderName>,
}

/// When a response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it was asked for.
    pub asked: Time,
    /// When its head arrived.
    pub received: Time,
}

/// Whether `response` may be stored for others than the client that asked for it, for how long
/// and without which fields (RFC 9111 §3).
///
/// The origin's prohibitions come before every lifetime; the operator's rule lifts those only that
/// it names.
pub fn admit(
    request: &RequestHead,
    response: &ResponseHead,
    arrival: Arrival,
    treatment: &Treatment,
) -> Result<Admission, Reason> {
    let directives = Directives::parse(&response.headers);
    let basis = Basis {
        response,
        directives: &directives,
        treatment,
        age: initial_age(response, arrival.asked, arrival.received),
        received: arrival.received,
    };
    permit_request(request, treatment)?;
    permit_method(request, &basis)?;
    permit_status(&basis)?;
    let control = &directives.control;
    permit_control(control, response.status, &treatment.caching)?;
    permit_authorization(request, control, &treatment.caching)?;
    let strip = strip(&response.headers, control, &treatment.caching);
    permit_fields(&response.headers, &strip, treatment)?;
    let lifetime = basis.lifetime().ok_or(Reason::NoLifetime)?;
    if lifetime.rescue.is_zero() && !has_validator(&response.headers) {
        let always = control.no_cache == Scope::Whole;
        return Err(if always { Reason::NoCache } else { Reason::NoLifetime });
    }
    Ok(Admission { lifetime, strip })
}

/// The operator's and the client's word (RFC 9111 §5.2.1.5).
fn permit_request(request: &RequestHead, treatment: &Treatment) -> Result<(), Reason> {
    if treatment.caching == Caching::Bypass {
        return Err(Reason::Rule);
    }
    let obeyed = treatment.client_directives == ClientDirectives::Obey;
    match obeyed && CacheControl::parse(&request.headers).no_store {
        true => Err(Reason::RequestNoStore),
        false => Ok(()),
    }
}

/// Methods whose responses we understand. A response to POST stands for the GET of the same URI if
/// it says so and for how long (RFC 9110 §9.3.3).
fn permit_method(request: &RequestHead, basis: &Basis<'_>) -> Result<(), Reason> {
    let method = &request.method;
    if *method == Method::GET || basis.treatment.methods.contains(method) {
        return Ok(());
    }
    let represents = *method == Method::POST
        && basis.response.status == 200
        && matches!(basis.freshness(), Freshness::Explicit(_))
        && is_at(&basis.response.headers, &request.url, basis.treatment.origin.as_deref());
    if represents { Ok(()) } else { Err(Reason::Method) }
}

/// Final status codes that we understand, and unknown ones with an explicit lifetime and without
/// `must-understand` (RFC 9111 §3, RFC 9111 §5.2.2.3); what is beyond 599 is no status code
/// (RFC 9110 §15). Errors of the origin need the origin's
/// explicit word or the operator's; `501` may be kept on a guess, for it is about what the server
/// can do and not about its state (RFC 9110 §15.6.2).
fn permit_status(basis: &Basis<'_>) -> Result<(), Reason> {
    let status = basis.response.status;
    let control = &basis.directives.control;
    let freshness = basis.freshness();
    let explicit = matches!(freshness, Freshness::Explicit(_));
    match status {
        ..200 | 304 | 600.. => Err(Reason::Status),
        206 => Err(Reason::Partial),
        _ if is_understood(status) && status < 500 => Ok(()),
        _ if control.must_understand && !is_understood(status) => Err(Reason::Status),
        501 if matches!(freshness, Freshness::Heuristic(_)) => Ok(()),
        _ if explicit || control.public || basis.treatment.negative.is_some() => Ok(()),
        _ => Err(Reason::Status),
    }
}

/// `no-store` and `private` (RFC 9111 §5.2.2.5, RFC 9111 §5.2.2.7). Who understands the status
/// code obeys `must-understand` instead of `no-store` (RFC 9111 §5.2.2.3).
fn permit_control(control: &CacheControl, status: u16, caching: &Caching) -> Result<(), Reason> {
    let understood = control.must_understand && is_understood(status);
    if control.no_store && !understood && !caching.ignores(Prohibition::NoStore) {
        return Err(Reason::NoStore);
    }
    if control.private == Scope::Whole && !caching.ignores(Prohibition::Private) {
        return Err(Reason::Private);
    }
    Ok(())
}

/// Responses to requests with credentials need the origin's word that they are for all
/// (RFC 9111 §3.5).
fn permit_authorization(
    request: &RequestHead,
    control: &CacheControl,
    caching: &Caching,
) -> Result<(), Reason> {
    let shared = control.public || control.must_revalidate || control.s_maxage.is_some();
    let credentials = request.headers.contains_key(header::AUTHORIZATION);
    match credentials && !shared && !caching.ignores(Prohibition::Authorization) {
        true => Err(Reason::Authorization),
        false => Ok(()),
    }
}

/// `Vary: *`, cookies and size (RFC 9111 §4.1, RFC 9111 §7.3).
fn permit_fields(
    headers: &HeaderMap,
    strip: &[HeaderName],
    treatment: &Treatment,
) -> Result<(), Reason> {
    let ignores = |prohibition| treatment.caching.ignores(prohibition);
    if Vary::parse(headers) == Vary::Any && !ignores(Prohibition::VaryAny) {
        return Err(Reason::VaryAny);
    }
    if headers.contains_key(header::SET_COOKIE) && !strip.contains(&header::SET_COOKIE) {
        return Err(Reason::SetCookie);
    }
    let length = single(headers, header::CONTENT_LENGTH).and_then(|l| trim(&l).parse::<u64>().ok());
    match length.is_some_and(|length| length > treatment.body_max) {
        true => Err(Reason::TooLarge),
        false => Ok(()),
    }
}

/// What is not stored: fields of the connection (RFC 9111 §3.1), fields that the origin reserves
/// for one client or for validation (RFC 9111 §5.2.2.4, RFC 9111 §5.2.2.7), and the dangerous part
/// of what the operator forces.
fn strip(headers: &HeaderMap, control: &CacheControl, caching: &Caching) -> Vec<HeaderName> {
    let mut names = hop::fields(headers);
    names.extend_from_slice(control.no_cache.fields());
    names.extend_from_slice(control.private.fields());
    let personal = [
        Prohibition::SetCookie,
        Prohibition::Private,
        Prohibition::NoStore,
        Prohibition::Authorization,
    ];
    if personal.iter().any(|p| caching.ignores(*p)) {
        names.push(header::SET_COOKIE);
    }
    if caching.ignores(Prohibition::VaryAny) && Vary::parse(headers) == Vary::Any {
        names.push(header::VARY);
    }
    names.retain(|name| headers.contains_key(name));
    sort_unique(&mut names, |a, b| a.as_str().cmp(b.as_str()));
    names
}

/// Whether the response says that it represents this URI (RFC 9110 §8.7), be it by the name that
/// the origin itself has.
fn is_at(headers: &HeaderMap, url: &str, origin: Option<&str>) -> bool {
    let location = single(headers, header::CONTENT_LOCATION);
    let target = location.and_then(|l| uri::resolve(url, trim(&l)));
    let target = target.and_then(|target| match origin {
        Some(origin) => uri::seen_from(target, origin, url),
        None => Some(target),
    });
    target.is_some() && target == uri::resolve(url, "")
}

fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED)
}
