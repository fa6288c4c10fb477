//! The values of header fields: one type each, decoded leniently where HTTP says so and never with
//! a panic, encoded strictly.
//!
//! A decoder never lets one malformed part take its neighbours along: a prohibition survives
//! whatever stands beside it.

mod age;
mod cache_control;
mod coding;
mod entity_tag;
mod expires;
mod grammar;
mod http_date;
mod link;
mod no_vary_search;
mod range;
mod seconds;
mod structured;
mod tags;
mod targeted;
mod vary;

pub use age::Age;
pub use cache_control::{CacheControl, Scope};
pub use coding::{AcceptEncoding, Coding, ContentEncoding, Weight};
pub use entity_tag::{EntityTag, IfNoneMatch, IfRange, IfTag, Strength};
pub use expires::Expires;
pub use http_date::HttpDate;
pub use link::{Link, links};
pub use no_vary_search::{KeyOrder, NoVarySearch, Params};
pub use range::{ByteRange, Range, Selection};
pub use seconds::Seconds;
pub use tags::{groups, invalidated_groups, purged_tags, tags};
pub use targeted::{Directives, Source};
pub use vary::Vary;

pub(crate) use cache_control::{SURROGATE_CONTROL, US};
pub(crate) use grammar::{lines, members, single, split, trim};
pub(crate) use tags::{PURGE, SOFT_PURGE, TAG_FIELDS};
