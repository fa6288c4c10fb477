//! A schedule as a list of events, drawn from a seed; what is left of a list is a schedule, too.

use super::site::{Mood, RESOURCES, Resource};
use super::stage::{Bug, Weather};
use super::wire::Nonsense;
use super::world::{self, Stream};

/// What a schedule is made of besides its events.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// What is deliberately wrong.
    pub bug: Bug,
    /// How often things go wrong.
    pub weather: Weather,
    /// The visibility bound in milliseconds.
    pub bound: i64,
    /// For how many virtual seconds clients come.
    pub seconds: i64,
    /// How the origin feels when nothing else happens to it.
    pub mood: Mood,
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When, in milliseconds.
    pub at: i64,
    /// What.
    pub what: What,
    /// Its chance, and whether it is spared from mishaps.
    pub stream: Stream,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A client asks an isolate.
    Ask(Asked),
    /// Something goes wrong.
    Mishap(Mishap),
    /// A resource is published, and purged unless `None`.
    Publish(&'static str, Option<Purging>),
}

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub isolate: usize,
    pub resource: Resource,
    /// Which of the languages or users.
    pub who: usize,
    pub wish: Wish,
    /// After how long the client goes away, if it does.
    pub patience: Option<i64>,
}

/// How a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To change the resource.
    Change,
    Head,
    OnlyIfCached,
    Part,
    Plain,
    Reload,
    Unless,
}

/// How a purge is sent.
#[derive(Clone, Copy, Debug)]
pub struct Purging {
    pub isolate: usize,
    pub selector: u64,
    pub soft: bool,
}

/// What goes wrong besides lost and slow commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// A data centre's cache is emptied.
    Colo(usize),
    /// An isolate's clock jumps.
    Clock(usize, i64),
    /// One key of Redis is evicted, whatever it is.
    Evict(u64),
    /// The ledger is evicted.
    EvictLedger,
    /// Redis accepts commands and does not answer for so long.
    Hang(i64),
    /// An isolate ends with all its requests, and a successor starts.
    Kill(usize),
    /// Reads come from a replica that is so far behind, for so long.
    Lag(i64, i64),
    /// The next command is lost, before or after it was executed.
    Lose(bool),
    /// The origin feels like this for so long.
    Mood(Mood, i64),
    /// Something else answers instead of Redis for so long.
    Nonsense(Nonsense, i64),
    /// Redis restarts with or without its data and is away for so long.
    Restart(bool, i64),
    /// Redis forgets its scripts.
    ScriptFlush,
}

/// Draws the events of a seed, in the order of their times.
pub fn plan(seed: u64, script: &Script) -> Vec<Event> {
    world::draw_from(seed.wrapping_mul(0xd134_2543_de82_ef95));
    let mut events = Vec::new();
    let end = script.seconds * 1000;
    for _ in 0..CLIENTS {
        let mut at = 0;
        while at < end {
            at += random(900);
            let crowd = if world::once_in(25) { 8 } else { 1 };
            let resource = RESOURCES[random(RESOURCES.len() as i64) as usize];
            for _ in 0..crowd {
                events.push(event(at, What::Ask(asked(resource, script))));
            }
        }
    }
    for _ in 0..2 {
        let mut at = 0;
        while at < end {
            at += 300 + random(3000);
            let path = RESOURCES[random(RESOURCES.len() as i64) as usize].path;
            let isolate = random(ISOLATES as i64) as usize;
            let (selector, soft) = (world::random(6), world::once_in(8));
            let purging = Purging { isolate, selector, soft };
            let purging = (!world::once_in(4)).then_some(purging);
            events.push(event(at, What::Publish(path, purging)));
        }
    }
    for second in 1..=script.seconds {
        if world::once_in(script.weather.mishap) {
            events.push(event(second * 1000 + random(999), What::Mishap(mishap())));
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

fn event(at: i64, what: What) -> Event {
    Event { at, what, stream: Stream { state: world::random(u64::MAX), calm: false } }
}

fn asked(resource: Resource, script: &Script) -> Asked {
    let wish = match world::random(18) {
        16 | 17 => Wish::Change,
        0 => Wish::Head,
        1 => Wish::OnlyIfCached,
        2 => Wish::Part,
        3 => Wish::Reload,
        4 => Wish::Unless,
        _ => Wish::Plain,
    };
    let gone = world::once_in(script.weather.gone);
    let patience = gone.then(|| if world::once_in(2) { random(60) } else { random(6000) });
    let (isolate, who) = (random(ISOLATES as i64) as usize, random(3) as usize);
    Asked { isolate, resource, who, wish, patience }
}

fn mishap() -> Mishap {
    let isolate = random(ISOLATES as i64) as usize;
    match world::random(20) {
        0 => Mishap::Restart(false, random(2000)),
        1 | 2 => Mishap::Restart(true, random(6000)),
        3..=5 => Mishap::Evict(world::random(1 << 20)),
        6 => Mishap::EvictLedger,
        7 => Mishap::ScriptFlush,
        8 | 9 => Mishap::Hang(random(4000)),
        10 | 11 => {
            let which = world::random(Nonsense::ALL.len() as u64) as usize;
            Mishap::Nonsense(Nonsense::ALL[which], random(3000))
        }
        12 => Mishap::Lag(LAG_MAX.min(20 + random(LAG_MAX)), random(5000)),
        13 | 14 => Mishap::Kill(isolate),
        15 => Mishap::Colo(isolate),
        16 => Mishap::Clock(isolate, random(8000) - 4000),
        _ => {
            let mood = Mood::AILING[random(Mood::AILING.len() as i64) as usize];
            Mishap::Mood(mood, random(6000))
        }
    }
}

fn random(bound: i64) -> i64 {
    world::random(bound.unsigned_abs()) as i64
}

pub const ISOLATES: usize = 4;
const CLIENTS: usize = 4;

/// No replica is further behind.
pub const LAG_MAX: i64 = 400;
