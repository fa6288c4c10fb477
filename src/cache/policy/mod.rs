//! What HTTP lets a shared cache do, as functions of fields, times and the operator's wishes
//! (RFC 9111, RFC 9110, RFC 5861, RFC 8246, RFC 9213).
//!
//! One file per question, in the order in which a request meets them: is it for the cache at all
//! ([`eligible`]), which stored response does it select ([`selecting`]), may that be used
//! ([`reuse`]), what is asked of the origin ([`forward`]), what comes of its answer ([`admit`],
//! [`freshen`], [`invalidates`]), and what is sent to the client ([`answer`], [`present`]).
//!
//! Where this departs from the sketch in the design: there is no "precondition failed" answer,
//! because `If-Match` and `If-Unmodified-Since` are not for caches to evaluate (RFC 9111 §4.3.2):
//! such requests are not [`eligible`]. [`Rescue`] has a third value for a stored response that may
//! only stand in for an origin that cannot be reached (RFC 9111 §4.2.4). [`admit`] takes the
//! times of an exchange, without which neither the operator's lifetimes nor the caps, which count
//! from receipt, can be turned into spans from generation. [`dated`] is to be called on whatever
//! the origin sends.

mod admit;
mod age;
mod answer;
mod compress;
mod content;
mod eligible;
mod form;
mod forward;
mod freshen;
mod hop;
mod invalidate;
mod lifetime;
mod prefetch;
mod present;
mod receipt;
mod reuse;
mod select;
mod status;
mod status_code;
mod treatment;
mod uri;

pub use admit::{Admission, Arrival, admit};
pub use age::{dated, initial_age};
pub use answer::{Answer, Multipart, answer};
pub use compress::{compressible, negotiated, pays};
pub use content::{heeds_changes, needs_content, reads, with_content};
pub use eligible::{eligible, only_if_cached};
pub use form::{Form, form, formed};
pub(crate) use forward::CONDITIONS;
pub use forward::{forward, pass};
pub use freshen::{Told, freshen, head_tells};
pub use invalidate::{group_tags, invalidates, purges, tags, widened};
pub use prefetch::prefetches;
pub use present::{age, convey, present, relay, withhold};
pub use receipt::{RECEIPT, receipt};
pub use reuse::{Rescue, Reuse, Standing, Stored, reuse};
pub use select::{selecting, selects};
pub use status::Status;
pub(crate) use status_code::blames_request;
pub use treatment::{
    Caching, ClientDirectives, Compression, ContentForm, Doubt, OriginPurges, Pace, Prohibition,
    Refresh, TagFields, Treatment,
};
