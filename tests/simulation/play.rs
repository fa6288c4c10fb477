//! Performs a schedule: isolates, clients, publishers and mishaps in virtual time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use breadbox::cache::RequestHead;
use breadbox::cache::ledger::{Mode, Record, Selector};
use http::Method;

use super::isolate::{Driver, Isolate};
use super::laws::Laws;
use super::mishap::strike;
use super::model::Model;
use super::plan::{Asked, Event, ISOLATES, Mishap, Purging, Script, What, Wish};
use super::real::Real;
use super::site::{Audience, HOST, Mood, RESOURCES, headers};
use super::stage::{Stage, Weather};
use super::wire::{Store, Wiring};
use super::world::{self, Stream};

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
    pub verdicts: BTreeMap<&'static str, u64>,
    /// How many steps tasks have made.
    pub steps: u64,
}

/// Plays a schedule; a real Redis, if there is one, must agree with the model all the time.
///
/// `struck` happens after the step of that number, at whatever point the tasks are then.
pub fn play(
    events: &[Event],
    script: Script,
    struck: &[(u64, Mishap)],
    record: world::Record,
    real: Option<Real>,
) -> (Course, Option<Real>) {
    world::begin(record);
    world::draw_from(1);
    let stage = set(script, real);
    for event in events {
        let stage = Rc::clone(&stage);
        let Event { at, what, stream } = *event;
        world::spawn_from(stream, None, async move {
            world::sleep(at).await;
            happen(&stage, what, stream).await;
        });
    }
    let last = events.last().map_or(0, |event| event.at);
    let end = (script.seconds * 1000).max(last);
    let mut due = struck.iter();
    let mut next = due.next();
    let mut watched = || {
        while let Some((step, mishap)) = next.filter(|(step, _)| *step <= world::steps()) {
            world::note(|| format!("after step {step}: {mishap:?}"));
            strike(&stage, *mishap);
            next = due.next();
        }
        stage.laws.borrow_mut().after_step(&stage)
    };
    world::run(end, &mut watched);
    let skew = script.weather.skew;
    stage.weather.set(Weather { skew, ..Weather::FAIR });
    *stage.wiring.borrow_mut() = Wiring::default();
    stage.mood.set(Mood::Well);
    world::run(end + DRAIN, &mut watched);
    let mut laws = stage.laws.take();
    if laws.breaches.is_empty() {
        laws.closed();
    }
    if world::tasks() > 0 && laws.breaches.is_empty() {
        laws.breaches.push(format!("L2: {} tasks never end", world::tasks()));
    }
    let Laws { breaches, verdicts, blind, late_rescues, .. } = laws;
    let (trace, steps) = (world::trace(), world::steps());
    let course = Course { breaches, trace, blind, late_rescues, verdicts, steps };
    let real = stage.store.borrow_mut().real.take();
    (course, real)
}

fn set(script: Script, real: Option<Real>) -> Rc<Stage> {
    let stage = Rc::new(Stage {
        bound: script.bound,
        bug: script.bug,
        store: RefCell::new(Store { model: Model::default(), real }),
        wiring: RefCell::default(),
        weather: Cell::new(script.weather),
        site: RefCell::default(),
        mood: Cell::new(script.mood),
        colos: (0..ISOLATES / 2).map(|_| RefCell::default()).collect(),
        isolates: RefCell::default(),
        laws: RefCell::new(Laws::default()),
    });
    let skew = script.weather.skew as i64;
    for number in 0..ISOLATES {
        // Each is wrong in its own way, one of them not at all.
        world::skew(number, skew * (number as i64 - 1) / 2);
        let isolate = Isolate::new(&stage, number);
        stage.isolates.borrow_mut().push(isolate);
    }
    for resource in RESOURCES {
        stage.site.borrow_mut().publish(resource.path);
    }
    stage
}

async fn happen(stage: &Rc<Stage>, what: What, stream: Stream) {
    match what {
        What::Ask(asked) => ask(stage, asked, stream),
        What::Mishap(mishap) => {
            world::note(|| format!("{mishap:?}"));
            strike(stage, mishap);
        }
        What::Publish(path, purging) => {
            stage.site.borrow_mut().publish(path);
            world::note(|| format!("published {path}"));
            let Some(purging) = purging else { return };
            world::sleep(world::random(50) as i64).await;
            let isolate = Rc::clone(&stage.isolates.borrow()[purging.isolate]);
            let owner = Some(isolate.number);
            world::spawn(owner, purge(Rc::clone(stage), isolate, path, purging));
        }
    }
}

fn ask(stage: &Rc<Stage>, asked: Asked, stream: Stream) {
    let mut fields = Vec::new();
    match asked.resource.audience {
        Audience::All => {
            fields.extend(CODINGS[asked.who].map(|codings| ("accept-encoding", codings)));
        }
        Audience::Credentials => {
            fields.push(("authorization", ["Basic ada", "Basic bob"][asked.who % 2]));
        }
        Audience::Language => fields.push(("accept-language", ["de", "en", "fr"][asked.who])),
        Audience::User => fields.push(("cookie", ["user=ada", "user=bob"][asked.who % 2])),
    }
    let method = match asked.wish {
        Wish::Change => Method::POST,
        Wish::Head => Method::HEAD,
        _ => Method::GET,
    };
    match asked.wish {
        Wish::Change | Wish::Head | Wish::Plain => {}
        Wish::OnlyIfCached => fields.push(("cache-control", "only-if-cached")),
        Wish::Part => fields.push(("range", "bytes=0-3")),
        Wish::Reload => fields.push(("cache-control", "no-cache")),
        Wish::Unless => fields.push(("if-none-match", "\"none\", \"1-all\"")),
    }
    let url = format!("{HOST}{}", asked.resource.path);
    let head = RequestHead { method, url, headers: headers(&fields) };
    let isolate = Rc::clone(&stage.isolates.borrow()[asked.isolate]);
    let driver = Driver::new(&isolate, head, asked.wish);
    let number = driver.seen.number;
    let task = world::spawn_from(stream, Some(isolate.number), driver.run());
    if let Some(patience) = asked.patience {
        let stage = Rc::clone(stage);
        world::spawn(None, async move {
            world::sleep(patience).await;
            leave(&stage, &isolate, number, task);
        });
    }
}

/// A client goes away. Its request goes on if others wait for it or its answer is under way, and
/// else ends where it is.
fn leave(stage: &Stage, isolate: &Isolate, number: u64, task: u64) {
    if !stage.laws.borrow_mut().left(number) {
        return;
    }
    let pinned = isolate.is_pinned(number);
    world::note(|| format!("#{number}: its client has gone, {pinned}"));
    if !pinned {
        stage.laws.borrow_mut().dropped(number);
        world::kill(|id, _| id == task);
    }
}

/// Purges until it is told that it is done.
async fn purge(stage: Rc<Stage>, isolate: Rc<Isolate>, path: &'static str, purging: Purging) {
    let url = format!("{HOST}{path}");
    let selector = match purging.selector {
        0 => Selector::All,
        1 => Selector::Url(url),
        2 => Selector::Prefix(path.to_owned()),
        3 => Selector::Host("site.test".to_owned()),
        _ => Selector::Tag(format!("page:{path}")),
    };
    let mode = if purging.soft { Mode::Soft } else { Mode::Hard };
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

/// What those take to whom everybody's answers go.
const CODINGS: [Option<&str>; 3] = [None, Some("gzip"), Some("gzip;q=0, br")];

/// After the last request everything comes to its end within this time.
const DRAIN: i64 = 100_000;
