//! Purges that a response asks for, on the stage.

use breadbox::cache::exchange::{Charge, Fault, Outcome};
use breadbox::cache::ledger::{Epoch, Receipt, Record, Sequence, Stamp};

use super::{Stage, StoreState};

/// Whether the origin may still purge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit {
    #[default]
    Free,
    Spent,
}

impl Stage {
    pub(super) fn purges(&mut self, records: Vec<Record>, charge: Charge) -> Outcome<String> {
        let members: Vec<String> = records.iter().map(Record::member).collect();
        let about = format!("purge {}", members.join(", "));
        if self.store == StoreState::Down {
            return self.note(about, Outcome::Failed(Fault::Unreachable));
        }
        if (self.limit, charge) == (Limit::Spent, Charge::Counted) {
            return self.note(about, Outcome::Overspent);
        }
        self.sequence += 1;
        let score = Sequence(self.sequence);
        self.sync(records.into_iter().map(|record| (record, score)).collect());
        let stamp = Stamp { epoch: Epoch(1), sequence: score };
        self.note(about, Outcome::Purged(Receipt::new(vec![stamp])))
    }
}
