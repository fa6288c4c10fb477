//! How old a response was when it arrived (RFC 9111 §4.2.3).

use std::time::Duration;

use crate::cache::{ResponseHead, Time};

/// The corrected initial age of a response (RFC 9111 §4.2.3).
pub fn initial_age(_response: &ResponseHead, request_time: Time, response_time: Time) -> Duration {
    response_time.since(request_time)
}
