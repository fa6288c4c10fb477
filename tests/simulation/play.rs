//! One schedule: isolates, clients, publishers and mishaps, drawn from a seed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use breadbox::cache::RequestHead;
use breadbox::cache::ledger::{Mode, Record, Selector};
use http::Method;

use super::isolate::{Driver, Isolate};
use super::laws::Laws;
use super::model::Model;
use super::real::Real;
use super::site::{Audience, HOST, Mood, RESOURCES, Resource, headers};
use super::stage::{Bug, Stage, Weather};
use super::wire::Store;
use super::world;

/// What a schedule is made of.
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

/// What came of a schedule.
pub struct Course {
    /// Each breach of a law.
    pub breaches: Vec<String>,
    /// All that happened.
    pub trace: Vec<String>,
    /// Replies that a purge should have stopped, by isolates that could not know of it.
    pub blind: u64,
    /// Rescues with what was purged while the failing origin was waited for.
    pub late_rescues: u64,
    /// Replies by verdict.
    pub verdicts: std::collections::BTreeMap<&'static str, u64>,
}

/// Plays a schedule; a real Redis, if there is one, must agree with the model all the time.
pub fn play(
    seed: u64,
    script: Script,
    record: world::Record,
    real: Option<Real>,
) -> (Course, Option<Real>) {
    world::begin(seed, record);
    let stage = Rc::new(Stage {
        bound: script.bound,
        bug: script.bug,
        store: RefCell::new(Store { model: Model::default(), real }),
        away_until: Cell::new(0),
        weather: Cell::new(script.weather),
        site: RefCell::default(),
        mood: Cell::new(script.mood),
        colos: (0..ISOLATES / 2).map(|_| RefCell::default()).collect(),
        isolates: RefCell::default(),
        laws: RefCell::new(Laws::default()),
    });
    let skew = script.weather.skew;
    for number in 0..ISOLATES {
        world::skew(number, world::random(2 * skew + 1) as i64 - skew as i64);
        let isolate = Isolate::new(&stage, number);
        stage.isolates.borrow_mut().push(isolate);
    }
    for resource in RESOURCES {
        stage.site.borrow_mut().publish(resource.path);
    }
    let end = script.seconds * 1000;
    for _ in 0..CLIENTS {
        world::spawn(None, browse(Rc::clone(&stage), end));
    }
    for _ in 0..2 {
        world::spawn(None, publish(Rc::clone(&stage), end));
    }
    if script.weather.mishap > 0 {
        world::spawn(None, misfortune(Rc::clone(&stage), end));
    }
    world::run(end);
    stage.weather.set(Weather { skew, ..Weather::FAIR });
    stage.away_until.set(0);
    stage.mood.set(Mood::Well);
    world::run(end + DRAIN);
    let mut laws = stage.laws.take();
    laws.closed();
    if world::tasks() > 0 {
        laws.breaches.push(format!("L2: {} tasks never end", world::tasks()));
    }
    let Laws { breaches, verdicts, blind, late_rescues, .. } = laws;
    let trace = world::trace();
    let course = Course { breaches, trace, blind, late_rescues, verdicts };
    let real = stage.store.borrow_mut().real.take();
    (course, real)
}

/// A client that asks now and then; sometimes many ask at once.
async fn browse(stage: Rc<Stage>, end: i64) {
    while world::elapsed() < end {
        world::sleep(world::random(900) as i64).await;
        let crowd = if world::once_in(25) { 8 } else { 1 };
        let chosen = RESOURCES[world::random(RESOURCES.len() as u64) as usize];
        for _ in 0..crowd {
            ask(&stage, chosen);
        }
    }
}

fn ask(stage: &Rc<Stage>, resource: Resource) {
    let mut fields = Vec::new();
    match resource.audience {
        Audience::All => {}
        Audience::Language => {
            fields.push(("accept-language", ["de", "en", "fr"][world::random(3) as usize]));
        }
        Audience::User => {
            fields.push(("cookie", ["user=ada", "user=bob"][world::random(2) as usize]));
        }
    }
    let url = format!("{HOST}{}", resource.path);
    let head = RequestHead { method: Method::GET, url, headers: headers(&fields) };
    let isolates = stage.isolates.borrow();
    let isolate = &isolates[world::random(isolates.len() as u64) as usize];
    world::spawn(Some(isolate.number), Driver::new(isolate, head).run());
}

/// A publisher that changes a resource and then purges it, until it is told that it is done.
async fn publish(stage: Rc<Stage>, end: i64) {
    while world::elapsed() < end {
        world::sleep(300 + world::random(3000) as i64).await;
        let path = RESOURCES[world::random(RESOURCES.len() as u64) as usize].path;
        stage.site.borrow_mut().publish(path);
        world::note(|| format!("published {path}"));
        if world::once_in(4) {
            continue;
        }
        world::sleep(world::random(50) as i64).await;
        let isolates = stage.isolates.borrow();
        let isolate = Rc::clone(&isolates[world::random(isolates.len() as u64) as usize]);
        drop(isolates);
        let owner = Some(isolate.number);
        world::spawn(owner, purge(Rc::clone(&stage), isolate, path));
    }
}

async fn purge(stage: Rc<Stage>, isolate: Rc<Isolate>, path: &'static str) {
    let url = format!("{HOST}{path}");
    let selector = match world::random(6) {
        0 => Selector::All,
        1 => Selector::Url(url),
        2 => Selector::Prefix(path.to_owned()),
        3 => Selector::Host("site.test".to_owned()),
        _ => Selector::Tag(format!("page:{path}")),
    };
    let mode = if world::once_in(8) { Mode::Soft } else { Mode::Hard };
    let version = stage.site.borrow().version_at(path, world::elapsed());
    let record = Record { mode, selector };
    for _ in 0..20 {
        let result = isolate.shared.purge(std::slice::from_ref(&record), world::random(u64::MAX));
        if result.await.is_ok() {
            if mode == Mode::Hard {
                stage.laws.borrow_mut().purged(path, version);
            }
            return;
        }
        world::sleep(500).await;
    }
}

/// What goes wrong besides lost and slow commands.
async fn misfortune(stage: Rc<Stage>, end: i64) {
    while world::elapsed() < end {
        world::sleep(1000).await;
        if !world::once_in(stage.weather.get().mishap) {
            continue;
        }
        match world::random(8) {
            0 => {
                world::note(|| "Redis is emptied".to_owned());
                let keys = stage.store.borrow().model.keys();
                keys.iter().for_each(|key| stage.store.borrow_mut().evict(key));
            }
            1 | 2 => {
                let keys = stage.store.borrow().model.keys();
                let Some(key) = keys.get(world::random(keys.len() as u64) as usize) else {
                    continue;
                };
                world::note(|| format!("evicted {}", String::from_utf8_lossy(key)));
                stage.store.borrow_mut().evict(key);
            }
            3 => {
                let until = world::elapsed() + world::random(6000) as i64;
                world::note(|| format!("Redis is away until {until}"));
                stage.away_until.set(until);
            }
            4 => end_isolate(&stage),
            5 => {
                let colo = &stage.colos[world::random(stage.colos.len() as u64) as usize];
                colo.borrow_mut().clear();
            }
            _ => {
                let moods = [Mood::Slow, Mood::Failing, Mood::Away];
                let mood = moods[world::random(3) as usize];
                world::note(|| format!("the origin is {mood:?}"));
                stage.mood.set(mood);
                world::sleep(world::random(5000) as i64).await;
                stage.mood.set(Mood::Well);
            }
        }
    }
}

/// Ends an isolate with all its requests wherever they are, and starts its successor.
fn end_isolate(stage: &Rc<Stage>) {
    let number = world::random(ISOLATES as u64) as usize;
    world::note(|| format!("isolate {number} is killed"));
    world::kill(|_, owner| owner == Some(number));
    stage.laws.borrow_mut().killed(number);
    let successor = Isolate::new(stage, number);
    stage.isolates.borrow_mut()[number] = successor;
}

const ISOLATES: usize = 4;
const CLIENTS: usize = 4;

/// After the last request everything comes to its end within this time.
const DRAIN: i64 = 60_000;
