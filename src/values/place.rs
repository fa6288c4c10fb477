//! What differs between a native service and a Worker: threads, clocks, timers and chance.

use std::fmt;
use std::pin::Pin;

/// What is left to do when a value has been returned.
#[cfg(not(target_arch = "wasm32"))]
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is left to do when a value has been returned.
#[cfg(target_arch = "wasm32")]
pub type Work = Pin<Box<dyn Future<Output = ()>>>;

/// What may go to another thread, where there are threads.
#[cfg(not(target_arch = "wasm32"))]
pub trait Movable: Send {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send> Movable for T {}

/// What may go to another thread, where there are threads: in a Worker anything.
#[cfg(target_arch = "wasm32")]
pub trait Movable {}
#[cfg(target_arch = "wasm32")]
impl<T> Movable for T {}

/// What sees to it that work is done.
#[cfg(not(target_arch = "wasm32"))]
pub trait Spawn: Fn(Work) + Send + Sync + 'static {}
#[cfg(not(target_arch = "wasm32"))]
impl<F: Fn(Work) + Send + Sync + 'static> Spawn for F {}

/// What sees to it that work is done.
#[cfg(target_arch = "wasm32")]
pub trait Spawn: Fn(Work) + 'static {}
#[cfg(target_arch = "wasm32")]
impl<F: Fn(Work) + 'static> Spawn for F {}

#[cfg(not(target_arch = "wasm32"))]
pub(super) type Handle<T> = std::sync::Arc<T>;
#[cfg(target_arch = "wasm32")]
pub(super) type Handle<T> = std::rc::Rc<T>;

#[cfg(not(target_arch = "wasm32"))]
type Boxed = Box<dyn Fn(Work) + Send + Sync>;
#[cfg(target_arch = "wasm32")]
type Boxed = Box<dyn Fn(Work)>;

/// Where work goes.
pub(super) struct Background(Boxed);

impl Background {
    pub fn new(spawn: impl Spawn) -> Self {
        Self(Box::new(spawn))
    }

    pub fn spawn(&self, work: Work) {
        (self.0)(work);
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Background")
    }
}

pub(super) use here::{Landing, now, random, sleep};

#[cfg(not(target_arch = "wasm32"))]
mod here {
    use std::hash::{BuildHasher, RandomState};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use tokio::sync::watch;

    use super::Background;
    use crate::cache::{Time, millis};

    pub fn now() -> Time {
        Time(millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    /// 64 random bits: the keys of the standard library's hashes are drawn by chance.
    pub fn random() -> u64 {
        RandomState::new().hash_one(0)
    }

    pub async fn sleep(span: Duration) {
        tokio::time::sleep(span).await;
    }

    /// The end of a fetch, for those who wait for it.
    #[derive(Clone, Debug)]
    pub struct Landing(watch::Sender<bool>);

    impl Landing {
        pub fn new() -> Self {
            Self(watch::Sender::new(false))
        }

        pub fn land(&self) {
            self.0.send_replace(true);
        }

        /// Waits for it, but not for ever.
        pub async fn within(&self, at_most: Duration, _: &Background) {
            let mut landed = self.0.subscribe();
            let _ = tokio::time::timeout(at_most, landed.wait_for(|landed| *landed)).await;
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod here {
    use std::time::Duration;

    use js_sys::{Function, Promise};
    use wasm_bindgen::JsValue;
    use worker::Delay;

    use super::Background;
    pub(crate) use crate::isolate::{now, random};

    pub async fn sleep(span: Duration) {
        Delay::from(span).await;
    }

    /// The end of a fetch, for those who wait for it: a promise, for each waits in its own request.
    #[derive(Clone, Debug)]
    pub struct Landing {
        promise: Promise,
        land: Function,
    }

    impl Landing {
        pub fn new() -> Self {
            let (promise, land) = crate::isolate::shared_promise();
            Self { promise, land }
        }

        pub fn land(&self) {
            let _ = self.land.call1(&JsValue::UNDEFINED, &JsValue::TRUE);
        }

        /// Waits for it, but not for ever.
        pub async fn within(&self, at_most: Duration, background: &Background) {
            let promise = self.promise.clone();
            crate::isolate::resolved(promise, at_most, |work| background.spawn(work)).await;
        }
    }
}
