//! What a response purges, changes and tells of others, on the stage.

use breadbox::cache::Tier;
use breadbox::cache::exchange::{Charge, Fault, Outcome, Reach, SearchNews};
use breadbox::cache::key::{Key, without_query};
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

    pub(super) fn invalidate(&mut self, keys: Vec<Key>, take: bool) -> Outcome<String> {
        let first = keys.first().filter(|_| take).cloned();
        for key in keys {
            self.trace.push(format!("  invalidate {}", key.as_str()));
            self.families.remove(Key::of_any_query(key.url()).as_str());
            for tier in [Tier::Shared, Tier::Platform] {
                self.entries.remove(&(tier, key.as_str().to_owned()));
            }
            self.leases.remove(key.as_str());
            self.families.remove(key.as_str());
        }
        first.map_or(Outcome::Done, |key| self.acquire(&key, Reach::Everywhere))
    }

    pub(super) fn search(&mut self, url: &str, news: SearchNews) {
        let path = without_query(url).to_owned();
        match news {
            SearchNews::Rule(rule) => drop(self.searches.insert(path, rule)),
            SearchNews::Over => drop(self.searches.remove(&path)),
            SearchNews::None => {}
        }
    }
}
