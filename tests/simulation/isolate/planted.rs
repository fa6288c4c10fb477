//! The planted bugs about what the origin says.

use http::HeaderValue;

use super::super::site::{Ending, Sent};
use super::super::stage::Bug;
use super::Driver;

impl Driver {
    pub(super) fn mislead(&self, sent: &mut Sent) {
        let headers = &mut sent.head.headers;
        match self.stage.bug {
            Bug::VaryDropped => drop(headers.remove(http::header::VARY)),
            Bug::PrivacyForgotten => {
                headers.remove(http::header::SET_COOKIE);
                headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("max-age=9"));
            }
            Bug::TruncationOverlooked => sent.ending = Ending::Clean,
            _ => {}
        }
    }
}
