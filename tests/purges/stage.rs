//! The scene of a schedule: tasks, what they wait for, and a time that passes when it is told to.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use breadbox::cache::Time;
use breadbox::cache::key::{Id, Key};
use breadbox::cache::ledger::Mode;
use bytes::Bytes;

use super::bug::Bug;
use super::effect::{Effect, Gone, What};
use super::isolate::{Isolate, Request};
use super::laws::Laws;
use super::schedule::{Chance, ISOLATES, Loss, Setting, Step, record};
use super::server::Server;

/// What all tasks of a schedule share.
pub struct Stage {
    pub setting: Setting,
    pub bug: Bug,
    pub server: Rc<RefCell<Server>>,
    pub laws: RefCell<Laws>,
    /// The platform's cache of each data centre.
    pub colos: [RefCell<HashMap<Id, Bytes>>; 2],
    pub isolates: RefCell<Vec<Rc<Isolate>>>,
    pub chance: RefCell<Chance>,
    pub effects: RefCell<Vec<Effect>>,
    pub tasks: RefCell<BTreeMap<u64, Task>>,
    skews: RefCell<[i64; ISOLATES]>,
    pub versions: RefCell<[u64; PAGES.len()]>,
    next: Cell<u64>,
    pub running: Cell<Option<(u64, usize)>>,
    pub cut: Cell<bool>,
    pub failing: Cell<bool>,
    trace: RefCell<Option<Vec<String>>>,
}

pub struct Task {
    pub isolate: usize,
    work: Pin<Box<dyn Future<Output = ()>>>,
}

/// Where a page lies and how long it is good.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub path: &'static str,
    pub control: &'static str,
}

/// What a schedule is played with.
pub struct Script<'a> {
    pub seed: u64,
    pub setting: Setting,
    pub bug: Bug,
    pub steps: &'a [Step],
}

/// Plays a schedule to its end, and then looks at what is left in the cache.
pub fn play(
    script: &Script<'_>,
    server: &Rc<RefCell<Server>>,
    traced: bool,
) -> (Laws, Vec<String>) {
    server.borrow_mut().ask(&[b"FLUSHALL"]);
    let stage = Rc::new(Stage {
        setting: script.setting,
        bug: script.bug,
        server: Rc::clone(server),
        laws: RefCell::default(),
        colos: Default::default(),
        isolates: RefCell::default(),
        chance: RefCell::new(Chance::new(script.seed ^ 0x5eed)),
        effects: RefCell::default(),
        tasks: RefCell::default(),
        skews: RefCell::default(),
        versions: RefCell::new([1; PAGES.len()]),
        next: Cell::default(),
        running: Cell::default(),
        cut: Cell::default(),
        failing: Cell::default(),
        trace: RefCell::new(traced.then(Vec::new)),
    });
    NOW.set(BEGINNING);
    for number in 0..ISOLATES {
        stage.isolates.borrow_mut().push(Isolate::new(&stage, number));
    }
    for step in script.steps {
        stage.take(*step);
    }
    stage.settle();
    // The tasks hold the stage; dropping them lets it go.
    let (tasks, effects) = (stage.tasks.take(), stage.effects.take());
    drop((tasks, effects));
    stage.isolates.take();
    (stage.laws.take(), stage.trace.take().unwrap_or_default())
}

impl Stage {
    fn take(self: &Rc<Self>, step: Step) {
        match step {
            Step::Cut => self.cut.set(!self.cut.get()),
            Step::Clock { isolate, millis } => {
                self.skews.borrow_mut()[isolate] += millis;
                self.laws.borrow_mut().set_back(isolate, millis);
            }
            Step::Evict(loss) => self.evict(loss),
            Step::Go { choice } => self.go_on(choice),
            Step::Lose { choice } => self.lose(choice),
            Step::Origin => self.failing.set(!self.failing.get()),
            Step::Pass { millis } => self.pass(millis),
            Step::Purge { isolate, selects, page, mode } => {
                self.purge(isolate, selects, page, mode);
            }
            Step::Read { isolate, page } => drop(self.read(isolate, page)),
            Step::Restart { isolate } => self.restart(isolate),
            Step::Run { choice, most } => {
                let chosen = {
                    let tasks = self.tasks.borrow();
                    tasks.keys().nth(choice % tasks.len().max(1)).copied()
                };
                chosen.into_iter().for_each(|task| self.run(task, most));
            }
        }
    }

    /// Everything comes to its end in good order, the bound passes, and clients look.
    fn settle(self: &Rc<Self>) {
        self.cut.set(false);
        self.failing.set(false);
        for _ in 0..200 {
            if self.effects.borrow().is_empty() {
                break;
            }
            self.pass(300);
            for choice in 0..4 {
                self.go_on(choice);
            }
        }
        self.pass(self.setting.bound.max(TIMEOUT));
        // Not that a breaker keeps somebody from looking.
        self.pass(20_000);
        for isolate in [self.number() as usize % ISOLATES, self.number() as usize % ISOLATES] {
            for page in 0..PAGES.len() {
                let task = self.read(isolate, page);
                self.run(task, ALL);
            }
        }
    }

    fn read(self: &Rc<Self>, isolate: usize, page: usize) -> u64 {
        let isolate = Rc::clone(&self.isolates.borrow()[isolate]);
        let request = Request::new(self, &isolate, page);
        self.note(|| format!("{} asks isolate {} for {}", request.name(), isolate.number, page));
        self.spawn(isolate.number, request.run())
    }

    fn purge(self: &Rc<Self>, isolate: usize, selects: usize, page: usize, mode: Mode) {
        let (record, hits) = record(selects, page, mode);
        let mut versions = self.versions.borrow_mut();
        for (version, _) in versions.iter_mut().zip(&hits).filter(|(_, hit)| **hit) {
            *version += 1;
        }
        let published = *versions;
        drop(versions);
        self.note(|| format!("published {published:?}, isolate {isolate} purges {record:?}"));
        let (stage, by) = (Rc::clone(self), Rc::clone(&self.isolates.borrow()[isolate]));
        let task = self.spawn(isolate, async move {
            let seed = stage.number();
            let acknowledged = by.shared.purge(std::slice::from_ref(&record), seed).await;
            match acknowledged {
                Ok(receipt) => {
                    stage.note(|| format!("acknowledged {record:?} as {receipt}"));
                    stage.laws.borrow_mut().purged(mode, hits, published, now());
                }
                Err(failure) => stage.note(|| format!("refused {record:?}: {failure:?}")),
            }
        });
        // Most purges find nobody in their way.
        if !self.number().is_multiple_of(3) {
            self.run(task, ALL);
        }
    }

    fn restart(self: &Rc<Self>, isolate: usize) {
        let dead: Vec<u64> = {
            let tasks = self.tasks.borrow();
            tasks.iter().filter(|(_, task)| task.isolate == isolate).map(|(id, _)| *id).collect()
        };
        let dead: Vec<_> =
            dead.into_iter().filter_map(|id| self.tasks.borrow_mut().remove(&id)).collect();
        drop(dead);
        let tasks = self.tasks.borrow();
        let mut effects = self.effects.borrow_mut();
        effects.retain_mut(|effect| {
            if tasks.contains_key(&effect.task) || effect.gone == Gone::Orphan {
                return true;
            }
            effect.gone = Gone::Orphan;
            matches!(&effect.what, What::Command { reply: None, .. })
        });
        drop((effects, tasks));
        self.note(|| format!("isolate {isolate} restarts"));
        let new = Isolate::new(self, isolate);
        self.isolates.borrow_mut()[isolate] = new;
    }

    fn evict(&self, loss: Loss) {
        self.note(|| format!("{loss:?} is lost"));
        let isolates = self.isolates.borrow();
        let keys = isolates[0].shared.keys();
        let id = |page: usize| Key::of_url(&format!("{HOST}{}", PAGES[page].path)).id();
        let names: Vec<String> = match loss {
            Loss::Entry(page) => vec![keys.entry(id(page))],
            Loss::Lease(page) => vec![keys.lease(id(page))],
            Loss::Ledger => (0..self.setting.shards as usize).map(|s| keys.ledger(s)).collect(),
            Loss::Everything => {
                drop(self.server.borrow_mut().ask(&[b"FLUSHALL"]));
                return;
            }
        };
        for name in names {
            self.server.borrow_mut().ask(&[b"DEL", name.as_bytes()]);
        }
    }

    fn spawn(&self, isolate: usize, work: impl Future<Output = ()> + 'static) -> u64 {
        let task = self.next.get() + 1;
        self.next.set(task);
        self.tasks.borrow_mut().insert(task, Task { isolate, work: Box::pin(work) });
        self.poll(task);
        task
    }

    pub fn poll(&self, id: u64) {
        let Some(mut task) = self.tasks.borrow_mut().remove(&id) else { return };
        let before = self.running.replace(Some((id, task.isolate)));
        SKEW.set(self.skews.borrow()[task.isolate]);
        let done = task.work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        self.running.set(before);
        SKEW.set(before.map_or(0, |(_, isolate)| self.skews.borrow()[isolate]));
        if !done {
            self.tasks.borrow_mut().insert(id, task);
        }
    }

    /// A number by chance.
    pub fn number(&self) -> u64 {
        self.chance.borrow_mut().number()
    }

    /// Adds a line to the record, if there is one.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut *self.trace.borrow_mut() {
            trace.push(format!("{:>6} {}", now() - BEGINNING, line()));
        }
    }
}

/// The time, in milliseconds.
pub fn now() -> i64 {
    NOW.get()
}

/// The clock of the isolate whose task is running.
pub fn clock() -> Time {
    Time(NOW.get() + SKEW.get())
}

thread_local! {
    pub static NOW: Cell<i64> = const { Cell::new(0) };
    static SKEW: Cell<i64> = const { Cell::new(0) };
}

pub const HOST: &str = "https://site.test";

pub const PAGES: [Page; 3] = [
    Page { path: "/a", control: "max-age=600, stale-while-revalidate=600, stale-if-error=600" },
    Page { path: "/b", control: "max-age=1, stale-while-revalidate=600, stale-if-error=600" },
    Page { path: "/c", control: "max-age=1, stale-if-error=600" },
];

/// Within which an isolate gives a command up.
pub const TIMEOUT: i64 = 250;

/// For how long beyond the bound an isolate that can't reach Redis serves what it has.
pub const GRACE: i64 = 1200;

/// More steps than any task takes.
const ALL: usize = 80;

const BEGINNING: i64 = 1_800_000_000_000;
