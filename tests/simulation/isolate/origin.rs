//! Asking the origin, and reading what it sends.

use std::pin::pin;
use std::rc::Rc;

use breadbox::cache::exchange::{Fault, Fetch, Outcome};
use bytes::Bytes;
use futures_util::future::{Either, select};

use super::super::site::{self, Ending, unasked};
use super::super::world;
use super::Driver;

impl Driver {
    pub(super) async fn fetch(&mut self, fetch: Fetch) -> Outcome<Bytes> {
        world::spend(1);
        let stage = Rc::clone(&self.stage);
        stage.laws.borrow_mut().asks(&self.seen, &stage, &fetch, self.leased.as_ref());
        self.seen.passed = fetch.passes;
        let limit = fetch.deadline.map_or(i64::MAX / 4, |d| d.as_millis() as i64);
        let asked = pin!(site::ask(&stage, &fetch, &self.head));
        let result = match select(asked, pin!(world::sleep(limit))).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(Fault::Timeout),
        };
        stage.laws.borrow_mut().asked(&self.seen);
        match result {
            Ok(mut sent) => {
                self.mislead(&mut sent);
                if sent.head.status >= 500 || unasked(&fetch, &sent) {
                    self.seen.origin_faults += 1;
                    stage.laws.borrow_mut().failed(&self.seen);
                }
                let (response, length) = (sent.head.clone(), sent.length);
                self.sent = Some(sent);
                Outcome::Answered { response, length }
            }
            Err(fault) => {
                self.seen.origin_faults += 1;
                stage.laws.borrow_mut().failed(&self.seen);
                Outcome::Failed(fault)
            }
        }
    }

    pub(super) async fn collect(&mut self, max: u64) -> Outcome<Bytes> {
        let Some(sent) = self.sent.take() else { return Outcome::Failed(Fault::Truncated) };
        world::sleep(sent.takes).await;
        let length = sent.body.len() as u64;
        match sent.ending {
            Ending::Clean if length > max => Outcome::Failed(Fault::TooLarge),
            Ending::Clean => Outcome::Collected { body: sent.body, length },
            Ending::Early => Outcome::Failed(Fault::Truncated),
        }
    }
}
