//! A place for one connection, which is made when it is first needed and again when it broke.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::fault::Fault;

/// Holds a connection that any number of requests share.
pub(super) struct Slot<C> {
    live: RefCell<Option<Live<C>>>,
    dialing: Mutex<Dialing>,
}

/// A connection and which of the slot's connections it is.
#[derive(Clone)]
pub(super) struct Live<C> {
    pub(super) connection: C,
    pub(super) made: Instant,
}

#[derive(Default)]
struct Dialing {
    failed: Option<(Instant, Fault)>,
}

impl<C: Clone> Slot<C> {
    pub(super) fn new() -> Self {
        Self { live: RefCell::new(None), dialing: Mutex::new(Dialing::default()) }
    }

    /// The connection, made with `dial` if there is none. Requests that wait for the same attempt
    /// share its failure, so that none waits for two.
    pub(super) async fn connection(
        &self,
        dial: impl AsyncFnOnce() -> Result<C, Fault>,
    ) -> Result<Live<C>, Fault> {
        if let Some(live) = self.live() {
            return Ok(live);
        }
        let asked = Instant::now();
        let mut dialing = self.dialing.lock().await;
        if let Some(live) = self.live() {
            return Ok(live);
        }
        if let Some((at, fault)) = dialing.failed
            && at > asked
        {
            return Err(fault);
        }
        match dial().await {
            Ok(connection) => {
                dialing.failed = None;
                let live = Live { connection, made: Instant::now() };
                *self.live.borrow_mut() = Some(live.clone());
                Ok(live)
            }
            Err(fault) => {
                dialing.failed = Some((Instant::now(), fault));
                Err(fault)
            }
        }
    }

    /// Has another connection take the place of one on which nothing comes back, if one can be had.
    /// What waits on the old one goes on waiting. An attempt that takes long is given up, so that
    /// the next one is not kept from finding the server back; false if there is no other now.
    pub(super) async fn renew(&self, dial: impl AsyncFnOnce() -> Result<C, Fault>) -> bool {
        let Ok(_dialing) = self.dialing.try_lock() else { return false };
        let Ok(Ok(connection)) = timeout(RENEWAL, dial()).await else { return false };
        *self.live.borrow_mut() = Some(Live { connection, made: Instant::now() });
        true
    }

    /// Gives up `broken`, unless it has been replaced already.
    pub(super) fn discard(&self, broken: &Live<C>) {
        let mut live = self.live.borrow_mut();
        if live.as_ref().is_some_and(|live| live.made == broken.made) {
            *live = None;
        }
    }

    fn live(&self) -> Option<Live<C>> {
        self.live.borrow().clone()
    }
}

/// How long a connection may take that is to replace another.
const RENEWAL: Duration = Duration::from_millis(250);
