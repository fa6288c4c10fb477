//! Virtual time: tasks that sleep, a seeded source of chance, and a record of what happened.
//!
//! One thread is one world. Nothing here reads a real clock, so a plan is a schedule. Each task
//! draws from a stream of its own, so that what is taken out of a plan changes nothing else.

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

struct Task {
    owner: Owner,
    work: Option<Work>,
    stream: Stream,
    /// How many requests it has made of others.
    spent: u32,
}

/// Where a task's chance comes from, and whether anything may go wrong with what it does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stream {
    /// Its state.
    pub state: u64,
    /// Whether it is spared.
    pub calm: bool,
}

#[derive(Default)]
struct World {
    now: i64,
    skew: i64,
    steps: u64,
    stream: Stream,
    /// Which task makes its step.
    running: u64,
    next: u64,
    tasks: BTreeMap<u64, Task>,
    timers: BinaryHeap<Reverse<(i64, u64, u64)>>,
    wakers: BTreeMap<u64, Waker>,
    skews: BTreeMap<usize, i64>,
    /// Whose clock has jumped, when and by how much.
    jumps: Vec<(usize, i64, i64)>,
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

/// Whether a world goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    Go,
    Stop,
}

/// Begins another world on this thread.
pub fn begin(record: Record) {
    let old = with(|world| {
        let trace = (record == Record::Kept).then(Vec::new);
        std::mem::replace(world, World { now: BEGINNING, trace, ..World::default() })
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

/// An isolate's clock jumps by so much, from the next step of each of its tasks on.
pub fn jump(isolate: usize, millis: i64) {
    with(|world| {
        *world.skews.entry(isolate).or_default() += millis;
        world.jumps.push((isolate, world.now - BEGINNING, millis));
    });
}

/// By how much an isolate's clock was set back since then.
pub fn set_back(isolate: usize, since: i64) -> i64 {
    jumped(isolate, since, |by| (-by).max(0))
}

/// By how much an isolate's clock was set forward since then.
pub fn set_forward(isolate: usize, since: i64) -> i64 {
    jumped(isolate, since, |by| by.max(0))
}

fn jumped(isolate: usize, since: i64, part: impl Fn(i64) -> i64) -> i64 {
    with(|world| {
        let since = world.jumps.iter().filter(|(of, at, _)| *of == isolate && *at >= since);
        since.map(|(.., by)| part(*by)).sum()
    })
}

/// Until when an isolate takes itself to know all that was before a time, but for the bound that
/// all its knowledge has: each time that its clock is set back, what it has learnt before that
/// seems newer than it is.
pub fn trusted_until(isolate: usize, time: i64) -> i64 {
    let times = with(|world| {
        let own = world.jumps.iter().filter(|(of, _, by)| *of == isolate && *by < 0);
        own.map(|(_, at, _)| *at).collect::<Vec<_>>()
    });
    let learnt_before = |at: i64| time.min(at) + set_back(isolate, at);
    times.into_iter().map(learnt_before).max().unwrap_or(time).max(time)
}

/// By how much older an isolate may take what another one has just fetched: what it says of its
/// own age is what its fetcher's clock says, but never less than nothing.
pub fn ahead(isolate: usize) -> i64 {
    with(|world| {
        let own = world.skews.get(&isolate).copied().unwrap_or(0);
        own - world.skews.values().copied().min().unwrap_or(0).min(0)
    })
}

/// How wrong the worst of all clocks is.
pub fn skew_max() -> i64 {
    with(|world| world.skews.values().map(|skew| skew.abs()).max().unwrap_or(0))
}

/// A number below `bound`.
pub fn random(bound: u64) -> u64 {
    with(|world| drawn(&mut world.stream)) % bound.max(1)
}

fn drawn(stream: &mut Stream) -> u64 {
    stream.state = stream.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (stream.state ^ (stream.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// True once in `times`; never for 0.
pub fn once_in(times: u64) -> bool {
    times > 0 && random(times) == 0
}

/// True once in `times` where things may go wrong.
pub fn mishap_in(times: u64) -> bool {
    once_in(times) && with(|world| !world.stream.calm)
}

/// How many steps tasks have made: from one wait to the next.
pub fn steps() -> u64 {
    with(|world| world.steps)
}

/// The running task makes so many requests of others.
pub fn spend(requests: u32) {
    with(|world| {
        if let Some(task) = world.tasks.get_mut(&world.running) {
            task.spent += requests;
        }
    });
}

/// How many requests of others the running task has made.
pub fn spent() -> u32 {
    with(|world| world.tasks.get(&world.running).map_or(0, |task| task.spent))
}

/// Draws from another stream from now on, outside of tasks.
pub fn draw_from(seed: u64) {
    with(|world| world.stream = Stream { state: seed, calm: false });
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

/// A number that nothing else has.
pub fn number() -> u64 {
    with(|world| {
        world.next += 1;
        world.next
    })
}

/// Starts a task whose chance derives from that of the running one.
pub fn spawn(owner: Owner, work: impl Future<Output = ()> + 'static) -> u64 {
    let (state, calm) = (random(u64::MAX), with(|world| world.stream.calm));
    spawn_from(Stream { state, calm }, owner, work)
}

/// Starts a task with a stream of its own.
pub fn spawn_from(stream: Stream, owner: Owner, work: impl Future<Output = ()> + 'static) -> u64 {
    let id = with(|world| {
        world.next += 1;
        let work: Work = Box::pin(work);
        world.tasks.insert(world.next, Task { owner, work: Some(work), stream, spent: 0 });
        world.next
    });
    ready(|ready| ready.push_back(id));
    id
}

/// Ends tasks between two of their steps, without a chance to tidy up after themselves.
pub fn kill(which: impl Fn(u64, Owner) -> bool) {
    let killed = with(|world| {
        let doomed = world.tasks.iter().filter(|(id, task)| which(**id, task.owner));
        let doomed: Vec<u64> = doomed.map(|(id, _)| *id).collect();
        doomed.iter().filter_map(|id| world.tasks.remove(id)).collect::<Vec<_>>()
    });
    // A killed request runs no destructors either.
    killed.into_iter().for_each(std::mem::forget);
}

/// How many tasks are not at their end.
pub fn tasks() -> usize {
    with(|world| world.tasks.len())
}

/// Runs until nothing is left to do or the time has come; `after` sees the world after each step
/// and may end it.
pub fn run(until: i64, mut after: impl FnMut() -> Onward) {
    loop {
        while let Some(id) = ready(VecDeque::pop_front) {
            step(id);
            if after() == Onward::Stop {
                return;
            }
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
        let task = world.tasks.get_mut(&id)?;
        let work = task.work.take()?;
        world.stream = task.stream;
        let skew = task.owner.and_then(|isolate| world.skews.get(&isolate).copied());
        (world.skew, world.steps) = (skew.unwrap_or(0), world.steps + 1);
        world.running = id;
        Some(work)
    });
    let Some(mut work) = taken else { return };
    let waker = Waker::from(Arc::new(Alarm { id, ready: READY.with(Arc::clone) }));
    match work.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(()) => drop(with(|world| world.tasks.remove(&id))),
        Poll::Pending => {
            let orphan = with(|world| match world.tasks.get_mut(&id) {
                Some(task) => {
                    task.stream = world.stream;
                    task.work.replace(work)
                }
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
