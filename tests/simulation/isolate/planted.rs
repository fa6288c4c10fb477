//! The planted bugs about what the origin says, and what clients and the machine are told.

use std::borrow::Cow;

use breadbox::cache::exchange::Reply;
use breadbox::cache::field::Coding;
use breadbox::cache::{ResponseHead, checksum};
use bytes::Bytes;
use http::{HeaderValue, header};

use super::super::coding::decoded;
use super::super::site::{Ending, Sent};
use super::super::stage::Bug;
use super::Driver;

impl Driver {
    pub(super) fn mislead(&self, sent: &mut Sent) {
        let headers = &mut sent.head.headers;
        match self.stage.bug {
            Bug::VaryDropped => drop(headers.remove(header::VARY)),
            Bug::PrivacyForgotten => {
                headers.remove(header::SET_COOKIE);
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=9"));
            }
            Bug::TruncationOverlooked => sent.ending = Ending::Clean,
            _ => {}
        }
    }

    pub(super) fn misreported<'a>(&self, reply: &'a Reply<Bytes>) -> Cow<'a, Reply<Bytes>> {
        let head = match self.stage.bug {
            Bug::StoreFaultsTold if self.seen.store_faults > 0 => {
                ResponseHead { status: 500, ..reply.head.clone() }
            }
            Bug::CodingUntold => {
                let mut head = reply.head.clone();
                head.headers.remove(header::CONTENT_ENCODING);
                head
            }
            _ => return Cow::Borrowed(reply),
        };
        Cow::Owned(Reply { head, ..reply.clone() })
    }

    /// A stored body, without the coding that is to be taken off.
    pub(super) fn decoded(&self, body: &Bytes, decode: Option<Coding>) -> Bytes {
        match decode {
            Some(_) if self.stage.bug != Bug::CodingKept => decoded(body).unwrap_or_default(),
            _ => body.clone(),
        }
    }

    pub(super) fn digest(&self, body: &Bytes) -> u32 {
        let little = self.stage.bug == Bug::DigestOfLittle;
        checksum(if little { &body[..body.len().min(5)] } else { body })
    }
}
