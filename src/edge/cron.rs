//! What the cron trigger sees to, once a minute: the purge path is tried, pages are warmed or what
//! was purged is deleted, and counts go to the store.
//!
//! An event may send so many subrequests and no more. So it sees to as many sites as they are
//! enough for, and the next one begins where it stopped.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::js;
use super::state::Edge;
use super::warm::{By, LEAST, Left, Went};

thread_local! {
    /// The site that the next event begins with; another isolate begins anywhere.
    static TURN: Cell<u64> = Cell::new(js::random());
}

/// What became of a site.
enum Seen {
    /// It took so many subrequests at the most.
    To(u64),
    /// What was left is not enough for its job.
    Short,
}

/// Sees to as many sites as one event may, each in its turn.
pub(super) async fn tick(edges: &[Rc<Edge>]) {
    let sites = edges.len() as u64;
    let Some(first) = TURN.get().checked_rem(sites) else { return };
    let began = js::now();
    let mut left = edges.first().map_or(0, |edge| edge.allowance());
    let mut seen = 0;
    let from = usize::try_from(first).unwrap_or(0);
    for edge in edges.iter().cycle().skip(from).take(edges.len()) {
        if seen == 0 {
            // Whatever its shards take, whose turn it is gets somewhere.
            left = left.max(edge.upkeep().saturating_add(LEAST));
        } else if left < edge.least() || js::now().since(began) > SPAN {
            break;
        }
        let Seen::To(spent) = edge.see_to(left).await else { break };
        left = left.saturating_sub(spent);
        seen = u64::saturating_add(seen, 1);
    }
    // Where all had their turn, none shall always be the last.
    let turns = if seen == sites { 1 } else { seen.max(1) };
    TURN.set(first.saturating_add(turns));
}

impl Edge {
    /// Sees to the site with so many subrequests.
    async fn see_to(self: &Rc<Self>, most: u64) -> Seen {
        self.try_purging().await;
        let rest = most.saturating_sub(self.upkeep());
        let seen = match self.go_on(By::Cron(rest)).await {
            Went { left: Left::Nothing, spent: 0 } => {
                // What was purged is not deleted as long as it may tell what carries a tag.
                Seen::To(self.reclaim(rest).await.saturating_add(self.upkeep()))
            }
            Went { left: Left::Something, spent: 0 } => Seen::Short,
            Went { spent, .. } => Seen::To(spent.saturating_add(self.upkeep())),
        };
        self.flush().await;
        seen
    }

    /// How many subrequests an event has for its sites.
    pub fn allowance(&self) -> u64 {
        self.config.subrequests.saturating_sub(LOADING)
    }

    /// What a site takes in any case: the canary is looked for twice and written to each shard, a
    /// job is looked for, and a flush may have to find out what became of the one before.
    pub fn upkeep(&self) -> u64 {
        if self.shared.is_some() { self.shards().saturating_add(6) } else { 0 }
    }

    /// What a site takes that has nothing to warm or to delete.
    fn least(&self) -> u64 {
        self.upkeep().saturating_add(self.shards().saturating_mul(2))
    }

    fn shards(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.shards() as u64)
    }
}

/// After so long no further site is begun with: the next event is due soon.
const SPAN: Duration = Duration::from_secs(45);

/// What it takes more where Redis has forgotten the scripts.
const LOADING: u64 = 8;
