//! How old a response was when it arrived (RFC 9111 §4.2.3).

use std::time::Duration;

use http::{HeaderValue, header};

use crate::cache::field::{Age, HttpDate};
use crate::cache::{ResponseHead, Time};

/// The corrected initial age of a response (RFC 9111 §4.2.3).
///
/// The greater of what its `Date` and what its `Age`, with the time it took to arrive, say.
/// `request_time` is when it was asked for, `response_time` when its head arrived. A `Date` says
/// no more than the second: what was generated in the second of its arrival is not old, or a
/// lifetime of one second would be over at once.
pub fn initial_age(response: &ResponseHead, request_time: Time, response_time: Time) -> Duration {
    let date = HttpDate::field(&response.headers, header::DATE);
    let second = HttpDate::at(response_time).time();
    let apparent = date.map_or(Duration::ZERO, |date| second.since(date.time()));
    let stated = Age::parse(&response.headers).unwrap_or_default();
    let corrected = Duration::from(stated.0).saturating_add(response_time.since(request_time));
    apparent.max(corrected)
}

/// Gives a response that has no valid `Date` the one of its receipt (RFC 9110 §6.6.1).
///
/// To be called on every response of the origin before anything else looks at it.
pub fn dated(response: &mut ResponseHead, response_time: Time) {
    if HttpDate::field(&response.headers, header::DATE).is_some() {
        return;
    }
    if let Ok(date) = HeaderValue::try_from(HttpDate::at(response_time).to_string()) {
        response.headers.insert(header::DATE, date);
    }
}
