//! A site whose objects change at random, at rates that are known, and a cache before it.
//!
//! As in the notes on algorithms: change intervals are lognormal (median an hour, sigma 2), a fifth
//! of the objects never changes, a quarter changes ten times as often or as seldom from noon on;
//! requests come by Zipf's law.

use std::time::Duration;

use breadbox::cache::tuning::{Bounds, Change, Check, History};

/// The site and its day.
#[derive(Clone, Debug)]
pub struct Site {
    pub seed: u64,
    /// Whether each change is purged.
    pub purges: bool,
}

/// How lifetimes are chosen.
#[derive(Clone, Copy, Debug)]
pub enum Policy {
    Auto(Bounds),
    Fixed(f64),
}

/// What came of a day.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    requests: u64,
    fetches: u64,
    stale: u64,
}

impl Outcome {
    /// The percentage of requests that the origin was asked for.
    pub fn fetched(&self) -> f64 {
        100.0 * self.fetches as f64 / self.requests as f64
    }

    /// The percentage of hits that were outdated.
    pub fn stale(&self) -> f64 {
        100.0 * self.stale as f64 / (self.requests - self.fetches) as f64
    }

    pub fn row(&self) -> String {
        format!("{:>12.1}{:>12.1}", self.fetched(), self.stale())
    }
}

/// The percentage of fetches of a fixed lifetime with such a percentage of outdated hits.
pub fn as_stale(fixed: &[Outcome], stale: f64) -> f64 {
    let pair = fixed.windows(2).find(|pair| pair[0].stale() <= stale && stale <= pair[1].stale());
    let Some([less, more]) = pair else { panic!("no fixed lifetime is {stale} % stale") };
    let part = (stale - less.stale()) / (more.stale() - less.stale());
    let (from, to) = (less.fetched().ln(), more.fetched().ln());
    (from + part * (to - from)).exp()
}

/// An object: how it changes, and what is stored of it.
#[derive(Clone, Debug)]
struct Object {
    chance: Chance,
    rates: [f64; 2],
    next: f64,
    version: u64,
    stored: Option<Stored>,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    version: u64,
    at: f64,
    lifetime: f64,
    history: History,
}

impl Site {
    pub fn new(seed: u64) -> Self {
        Self { seed, purges: false }
    }

    pub fn run(&self, policy: Policy) -> Outcome {
        let mut chance = Chance(self.seed);
        let mut objects: Vec<Object> = (0..OBJECTS).map(|_| Object::new(&mut chance)).collect();
        let sums: Vec<f64> = (1..=OBJECTS)
            .scan(0.0, |sum, rank| {
                *sum += 1.0 / rank as f64;
                Some(*sum)
            })
            .collect();
        let (mut now, mut outcome) = (0.0, Outcome::default());
        loop {
            now += chance.exponential(RATE);
            if now > DAY {
                return outcome;
            }
            let at = chance.part() * sums[OBJECTS - 1];
            let object = &mut objects[sums.partition_point(|&sum| sum <= at).min(OBJECTS - 1)];
            object.live_until(now);
            self.request(object, policy, now, &mut outcome);
        }
    }

    fn request(&self, object: &mut Object, policy: Policy, now: f64, outcome: &mut Outcome) {
        outcome.requests += 1;
        let changed = object.stored.is_some_and(|stored| stored.version != object.version);
        if let Some(stored) = object.stored
            && now - stored.at < stored.lifetime
            && !(self.purges && changed)
        {
            outcome.stale += u64::from(changed);
            return;
        }
        outcome.fetches += 1;
        let before = object.stored.map_or_else(History::default, |stored| stored.history);
        let seconds = Duration::from_secs_f64;
        let check = object.stored.map(|stored| Check {
            after: seconds(now - stored.at),
            granted: seconds(stored.lifetime),
            change: match (changed, self.purges) {
                (false, _) => Change::None,
                (true, false) => Change::Silent,
                (true, true) => Change::Announced,
            },
        });
        let (history, lifetime) = match policy {
            Policy::Fixed(lifetime) => (before, lifetime),
            Policy::Auto(bounds) => {
                let history = check.map_or(before, |check| before.after(&check, bounds));
                (history, history.lifetime(bounds).as_secs_f64())
            }
        };
        object.stored = Some(Stored { version: object.version, at: now, lifetime, history });
    }
}

impl Object {
    fn new(chance: &mut Chance) -> Self {
        let mut own = Chance(chance.next());
        let interval = HOUR * (2.0 * own.normal()).exp();
        let rate = if own.part() < 0.2 { 0.0 } else { 1.0 / interval };
        let later = match own.part() {
            part if part < 0.125 => rate * 10.0,
            part if part < 0.25 => rate / 10.0,
            _ => rate,
        };
        let mut object =
            Self { chance: own, rates: [rate, later], next: 0.0, version: 0, stored: None };
        object.next = object.change_after(0.0);
        object
    }

    /// When the next change comes; the rate is another from noon on.
    fn change_after(&mut self, now: f64) -> f64 {
        let noon = DAY / 2.0;
        let at = now + self.chance.exponential(self.rates[usize::from(now >= noon)]);
        match now < noon && at > noon {
            true => noon + self.chance.exponential(self.rates[1]),
            false => at,
        }
    }

    fn live_until(&mut self, now: f64) {
        while self.next <= now {
            self.version += 1;
            self.next = self.change_after(self.next);
        }
    }
}

/// The same numbers for the same seed (splitmix64).
#[derive(Clone, Debug)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self, rate: f64) -> f64 {
        -(1.0 - self.part()).ln() / rate
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.part(), self.part());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}

/// A build without optimisation has a fifth of the site, asked as often for each object.
const PART: usize = if cfg!(debug_assertions) { 5 } else { 1 };

const OBJECTS: usize = 3000 / PART;
const RATE: f64 = 40.0 / PART as f64;
const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;
