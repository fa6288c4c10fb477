//! Virtual time: tasks that sleep, a seeded source of chance, and a record of what happened.
//!
//! One thread is one world. Nothing here reads a real clock, so a seed is a schedule.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use breadbox::cache::Time;

/// Whose task it is: an isolate by its number, or the rest of the world.
pub type Owner = Option<usize>;

type Work = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
struct World {
    now: i64,
    skew: i64,
    random: u64,
    next: u64,
    tasks: BTreeMap<u64, (Owner, Option<Work>)>,
    timers: BinaryHeap<Reverse<(i64, u64, u64)>>,
    wakers: BTreeMap<u64, Waker>,
    skews: BTreeMap<usize, i64>,
    trace: Option<Vec<String>>,
}

type Ready = Arc<Mutex<VecDeque<u64>>>;

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
    static READY: Ready = Arc::default();
}

fn with<T>(use_it: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(use_it)
}

/// Whether a record is kept. It costs more than the rest, so a breach is replayed with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    Kept,
    None,
}

/// Begins another world on this thread.
pub fn begin(seed: u64, record: Record) {
    let old = with(|world| {
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let trace = (record == Record::Kept).then(Vec::new);
        std::mem::replace(world, World { now: BEGINNING, random, trace, ..World::default() })
    });
    // Dropping tasks may call back into the world.
    drop(old);
    ready(VecDeque::clear);
}

/// Milliseconds since the beginning.
pub fn elapsed() -> i64 {
    with(|world| world.now - BEGINNING)
}

/// The time that nobody's clock shows exactly, in milliseconds since the Unix epoch.
pub fn true_time() -> u64 {
    with(|world| world.now.unsigned_abs())
}

/// The clock of the isolate whose task is running; each is wrong in its own way.
pub fn clock() -> Time {
    with(|world| Time(world.now + world.skew))
}

/// Sets how wrong an isolate's clock is.
pub fn skew(isolate: usize, millis: i64) {
    with(|world| world.skews.insert(isolate, millis));
}

/// A number below `bound`.
pub fn random(bound: u64) -> u64 {
    with(|world| {
        world.random ^= world.random << 13;
        world.random ^= world.random >> 7;
        world.random ^= world.random << 17;
        world.random % bound.max(1)
    })
}

/// True once in `times`; never for 0.
pub fn once_in(times: u64) -> bool {
    times > 0 && random(times) == 0
}

/// Adds a line to the record.
pub fn note(line: impl FnOnce() -> String) {
    if with(|world| world.trace.is_none()) {
        return;
    }
    let line = format!("{:>7} {}", elapsed(), line());
    with(|world| world.trace.get_or_insert_default().push(line));
}

/// The record so far.
pub fn trace() -> Vec<String> {
    with(|world| world.trace.clone().unwrap_or_default())
}

/// Starts a task.
pub fn spawn(owner: Owner, work: impl Future<Output = ()> + 'static) -> u64 {
    let id = with(|world| {
        world.next += 1;
        world.tasks.insert(world.next, (owner, Some(Box::pin(work))));
        world.next
    });
    ready(|ready| ready.push_back(id));
    id
}

/// Ends tasks between two of their steps, without a chance to tidy up after themselves.
pub fn kill(which: impl Fn(u64, Owner) -> bool) {
    let killed = with(|world| {
        let doomed: Vec<u64> = world
            .tasks
            .iter()
            .filter(|(id, (owner, _))| which(**id, *owner))
            .map(|(id, _)| *id)
            .collect();
        doomed.iter().filter_map(|id| world.tasks.remove(id)).collect::<Vec<_>>()
    });
    // A killed request runs no destructors either.
    killed.into_iter().for_each(std::mem::forget);
}

/// How many tasks are not at their end.
pub fn tasks() -> usize {
    with(|world| world.tasks.len())
}

/// Runs until nothing is left to do or the time has come.
pub fn run(until: i64) {
    loop {
        while let Some(id) = ready(VecDeque::pop_front) {
            step(id);
        }
        let next = with(|world| match world.timers.peek() {
            Some(Reverse((at, _, _))) if *at <= BEGINNING + until => {
                let Reverse((at, number, _)) = world.timers.pop()?;
                world.now = world.now.max(at);
                Some(world.wakers.remove(&number))
            }
            _ => None,
        });
        match next {
            Some(waker) => waker.into_iter().for_each(Waker::wake),
            None => return,
        }
    }
}

fn step(id: u64) {
    let taken = with(|world| {
        let (owner, work) = world.tasks.get_mut(&id)?;
        let owner = *owner;
        let work = work.take()?;
        world.skew = owner.and_then(|isolate| world.skews.get(&isolate).copied()).unwrap_or(0);
        Some(work)
    });
    let Some(mut work) = taken else { return };
    let waker = Waker::from(Arc::new(Alarm { id, ready: READY.with(Arc::clone) }));
    match work.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(()) => drop(with(|world| world.tasks.remove(&id))),
        Poll::Pending => {
            let orphan = with(|world| match world.tasks.get_mut(&id) {
                Some((_, place)) => place.replace(work),
                None => Some(work),
            });
            std::mem::forget(orphan);
        }
    }
}

struct Alarm {
    id: u64,
    ready: Ready,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().expect("one thread is one world");
        if !ready.contains(&self.id) {
            ready.push_back(self.id);
        }
    }
}

fn ready<T>(use_it: impl FnOnce(&mut VecDeque<u64>) -> T) -> T {
    READY.with(|ready| use_it(&mut ready.lock().expect("one thread is one world")))
}

/// Sleeps for so many milliseconds.
pub async fn sleep(millis: i64) {
    let at = with(|world| world.now.saturating_add(millis.max(0)));
    let mut asleep = false;
    std::future::poll_fn(|context| {
        if asleep && with(|world| world.now >= at) {
            return Poll::Ready(());
        }
        asleep = true;
        with(|world| {
            world.next += 1;
            world.timers.push(Reverse((at, world.next, 0)));
            world.wakers.insert(world.next, context.waker().clone());
        });
        Poll::Pending
    })
    .await;
}

/// A value that one task hands to others; it stays for whoever comes later.
pub struct Promise<T> {
    value: RefCell<Option<T>>,
    waiting: RefCell<Vec<Waker>>,
}

impl<T> Default for Promise<T> {
    fn default() -> Self {
        Self { value: RefCell::new(None), waiting: RefCell::default() }
    }
}

impl<T: Clone> Promise<T> {
    /// Hands the value over.
    pub fn resolve(&self, value: T) {
        *self.value.borrow_mut() = Some(value);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Waits for the value, but not longer than so many milliseconds.
    pub async fn within(&self, millis: i64) -> Option<T> {
        let value = std::future::poll_fn(|context| {
            if let Some(value) = &*self.value.borrow() {
                return Poll::Ready(value.clone());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        });
        let limit = std::pin::pin!(sleep(millis));
        match futures_util::future::select(std::pin::pin!(value), limit).await {
            futures_util::future::Either::Left((value, _)) => Some(value),
            futures_util::future::Either::Right(_) => None,
        }
    }
}

const BEGINNING: i64 = 1_800_000_000_000;
