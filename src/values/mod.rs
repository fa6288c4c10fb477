//! Values that a program computes, kept by the machine that keeps responses: for authors of Rust
//! Workers and of native services.
//!
//! ```
//! use std::io::Error;
//!
//! use breadbox::values::{Cache, Failed, mins};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Failed<Error>> {
//! # async fn load() -> Result<Vec<u64>, Error> { Ok(vec![1]) }
//! let cache = Cache::connect("http://127.0.0.1:8079", "token", |work| {
//!     tokio::spawn(work);
//! });
//! let builds = cache
//!     .get("builds:all")
//!     .tags(["builds"])
//!     .fresh(mins(5))
//!     .stale(mins(10))
//!     .fetch(|| async { load().await })
//!     .await?;
//! println!("{} builds, a {} from {}", builds.value.len(), builds.verdict, builds.source);
//! # Ok(())
//! # }
//! ```
//!
//! A stale value is returned at once and fetched anew behind it, by one process of all; who asks
//! for what is being fetched waits for that; what was purged does not come back; and without Redis
//! each process keeps what it has fetched itself.

mod ask;
mod driver;
mod figures;
mod flights;
mod near;
mod place;
mod purge;

pub use ask::{Ask, Cached, Failed, Source};
pub use figures::Figures;
pub use place::{Movable, Work};
pub use purge::Unpurged;

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::{RedisDialect, RedisSettings};
use crate::redis::{Copied, Shared};
use figures::Counter;
use flights::Flights;
use near::Near;
use place::{Background, Handle, Spawn};

/// A cache of values. Clones are handles of the same one; make it once and keep it.
#[derive(Clone, Debug)]
pub struct Cache {
    inner: Handle<Inner>,
    background: Handle<Background>,
}

#[derive(Debug)]
struct Inner {
    shared: Shared<Copied>,
    near: Near,
    flights: Flights,
    counter: Counter,
}

impl Cache {
    /// A cache over the REST endpoint of a Redis; nothing is sent yet.
    ///
    /// `background` is given what is left to do when a value has been returned, and has to see to
    /// it that it is done: `tokio::spawn`, or the `wait_until` of a Worker's context.
    pub fn connect(url: &str, token: &str, background: impl Spawn) -> Self {
        let settings = RedisSettings {
            url: url.to_owned(),
            token: token.to_owned(),
            dialect: RedisDialect::Auto,
            timeout: TIMEOUT,
            grace: GRACE,
            namespace: "values".to_owned(),
            shards: 1,
        };
        Self::over(&settings, VISIBILITY, background)
    }

    /// The same with every setting; `visibility` is the time in which a purge reaches all.
    pub fn over(settings: &RedisSettings, visibility: Duration, background: impl Spawn) -> Self {
        let inner = Inner {
            shared: Shared::over(Copied::default(), settings, visibility, place::now),
            near: Near::default(),
            flights: Flights::default(),
            counter: Counter::default(),
        };
        let background = Handle::new(Background::new(background));
        Self { inner: Handle::new(inner), background }
    }

    /// The same cache with another background. A Worker's request has a context of its own, whose
    /// `wait_until` has to see to what that request leaves.
    #[must_use]
    pub fn behind(&self, background: impl Spawn) -> Self {
        let background = Handle::new(Background::new(background));
        Self { inner: Handle::clone(&self.inner), background }
    }

    /// Asks for the value of this name; any text is a name.
    pub fn get(&self, name: &str) -> Ask {
        Ask::new(self.clone(), name)
    }

    /// What this process has counted since it began.
    pub fn figures(&self) -> Figures {
        self.inner.counter.figures()
    }
}

/// So many seconds.
pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// So many minutes.
pub const fn mins(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(60))
}

/// So many hours.
pub const fn hours(count: u64) -> Duration {
    mins(count.saturating_mul(60))
}

/// The URL under which a name is kept: the machine knows resources by their URLs.
fn url(name: &str) -> String {
    format!("{ROOT}{}", utf8_percent_encode(name, ESCAPED))
}

/// The same for a pattern, in which `*` stands for any characters.
fn pattern_url(pattern: &str) -> String {
    let parts = pattern.split('*').map(|part| utf8_percent_encode(part, ESCAPED).to_string());
    format!("{ROOT}{}", parts.collect::<Vec<_>>().join("*"))
}

const ROOT: &str = "https://values.invalid/";
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~').remove(b':');

const TIMEOUT: Duration = Duration::from_millis(250);
const GRACE: Duration = Duration::from_secs(60);
const VISIBILITY: Duration = Duration::from_secs(1);
