//! Schedules: what happens in which order, drawn from a seed, and made shorter when it fails.

use breadbox::cache::glob::Glob;
use breadbox::cache::ledger::{Mode, Record, Selector};

use super::stage::{HOST, PAGES};

/// One thing that happens. A choice is taken modulo what there is to choose from, so that a
/// schedule without one of its steps is a schedule, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Redis can't be reached from now on, or can be again.
    Cut,
    /// An isolate's clock is set.
    Clock { isolate: usize, millis: i64 },
    /// A key is gone, as after an eviction.
    Evict(Loss),
    /// An effect that is under way is done, or its outcome arrives.
    Go { choice: usize },
    /// An effect that is under way, or its outcome, is lost.
    Lose { choice: usize },
    /// The origin fails from now on, or is well again.
    Origin,
    /// Time passes.
    Pass { millis: i64 },
    /// Somebody publishes what is selected and purges it.
    Purge { isolate: usize, selects: usize, page: usize, mode: Mode },
    /// A client asks for a page.
    Read { isolate: usize, page: usize },
    /// An isolate ends with all that it does and knows, and another starts.
    Restart { isolate: usize },
    /// A task goes on alone, for so many steps.
    Run { choice: usize, most: usize },
}

/// What may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Entry(usize),
    Everything,
    Lease(usize),
    Ledger,
}

/// A schedule's constant part.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The visibility bound in milliseconds.
    pub bound: i64,
    /// Over how many ledgers the keys spread.
    pub shards: u32,
    /// Members of a ledger, its head and floor included: so few that a schedule makes it overflow.
    pub room: &'static str,
}

/// Chance, as a seed decides it.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number of 64 bits.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.number() >> 33) as usize % bound.max(1)
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

impl Setting {
    /// What a seed plays under.
    pub fn of(seed: u64) -> Self {
        let bound = [1000, 1000, 1000, 0][seed as usize % 4];
        let room = ["4", "6"][seed as usize % 2];
        Self { bound, shards: 1 + u32::from(seed.is_multiple_of(3)), room }
    }
}

/// The schedule of a seed.
pub fn steps(seed: u64) -> Vec<Step> {
    let mut chance = Chance::new(seed);
    let length = 30 + chance.below(50);
    let mut steps: Vec<Step> = (0..length).map(|_| step(&mut chance)).collect();
    // Mishaps are for some schedules, so that the others get far.
    if seed.is_multiple_of(2) {
        steps.retain(|step| !matches!(step, Step::Cut | Step::Clock { .. } | Step::Lose { .. }));
    }
    steps
}

fn step(chance: &mut Chance) -> Step {
    let isolate = chance.below(ISOLATES);
    let page = chance.below(PAGES.len());
    let choice = chance.below(1 << 16);
    match chance.below(100) {
        0..=21 => Step::Read { isolate, page },
        22..=31 => {
            let mode = if chance.below(3) == 0 { Mode::Soft } else { Mode::Hard };
            Step::Purge { isolate, selects: chance.below(8), page, mode }
        }
        32..=60 => Step::Go { choice },
        61..=76 => Step::Run { choice, most: chance.of(&[1, 2, 5, 6, 7, 8, 9, 99, 99]) },
        77..=88 => Step::Pass { millis: chance.of(&[1, 40, 200, 300, 600, 999, 1000, 1400]) },
        89..=90 => Step::Lose { choice },
        91 => Step::Cut,
        92 => Step::Origin,
        93 => Step::Clock { isolate, millis: chance.of(&[-3000, -400, 400, 3000]) },
        94 => Step::Restart { isolate },
        95..=96 => Step::Evict(Loss::Lease(page)),
        97 => Step::Evict(Loss::Entry(page)),
        98 => Step::Evict(Loss::Ledger),
        _ => Step::Evict(Loss::Everything),
    }
}

/// What a purge records, and whether it means each page.
pub fn record(selects: usize, page: usize, mode: Mode) -> (Record, Vec<bool>) {
    let path = PAGES[page].path;
    let url = format!("{HOST}{path}");
    let (selector, all) = match selects {
        0 => (Selector::All, true),
        1 => (Selector::Host("site.test".to_owned()), true),
        2 => (Selector::Tag("all".to_owned()), true),
        3 => (Selector::Url(url), false),
        4 => (Selector::Prefix(path.to_owned()), false),
        5 => (Selector::Glob(Glob::new(format!("*{path}"))), false),
        6 => (Selector::Key(format!("GET {url}")), false),
        _ => (Selector::Tag(format!("page:{path}")), false),
    };
    let hits = (0..PAGES.len()).map(|other| all || other == page).collect();
    (Record { mode, selector }, hits)
}

/// The shortest schedule that still fails: parts are left out as long as that is so.
pub fn shorten(mut steps: Vec<Step>, fails: impl Fn(&[Step]) -> bool) -> Vec<Step> {
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            match fails(&fewer) {
                true => steps = fewer,
                false => at += size,
            }
        }
        size /= 2;
    }
    steps
}

pub const ISOLATES: usize = 4;
