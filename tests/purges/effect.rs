//! What tasks wait for: commands, the origin, each other. Each is done in two steps, and may be
//! lost before either of them.

use std::cell::Cell;
use std::rc::Rc;

use breadbox::cache::exchange::Fault;
use breadbox::cache::key::Id;
use breadbox::redis::Failure;
use xtask::harness::Value;

use super::server::Command;
use super::stage::{NOW, Stage, now};

/// Something that a task waits for.
pub struct Effect {
    pub task: u64,
    pub what: What,
    /// Until when its outcome is waited for.
    pub until: i64,
    pub gone: Gone,
}

/// What has become of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It is on its way, or its outcome is on the way back.
    No,
    /// Nothing more comes of it, but that is not known yet.
    Lost,
    /// Nobody waits for it any more; it may still arrive.
    Orphan,
}

pub enum What {
    Command { words: Command, reply: Option<Value>, to: Slot<Result<Value, Failure>> },
    Origin { page: usize, known: Option<u64>, sent: Option<Sent>, to: Slot<Result<Sent, Fault>> },
    Pause { id: Id, to: Slot<()> },
}

/// What the origin answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Error,
    NotModified(u64),
    Version(u64),
}

pub type Slot<T> = Rc<Cell<Option<T>>>;

impl Stage {
    /// Lets an effect happen, or its outcome arrive.
    pub fn go_on(&self, choice: usize) {
        let mut effects = self.effects.borrow_mut();
        let movable: Vec<usize> =
            (0..effects.len()).filter(|at| effects[*at].gone != Gone::Lost).collect();
        let Some(&at) = movable.get(choice % movable.len().max(1)) else { return };
        let task = effects[at].task;
        let done = self.proceed(&mut effects[at]);
        if done {
            effects.remove(at);
        }
        drop(effects);
        if done {
            self.poll(task);
        }
    }

    /// One half of an effect; true after the second.
    fn proceed(&self, effect: &mut Effect) -> bool {
        match &mut effect.what {
            What::Command { words, reply: reply @ None, to } => {
                if self.cut.get() {
                    let refused = Failure::new(Fault::Unreachable, "connection refused");
                    to.set(Some(Err(refused)));
                    return true;
                }
                let told = self.server.borrow_mut().execute(words, self.bug, self.setting.room);
                self.note(|| {
                    format!("  task {}: {} -> {}", effect.task, words_of(words), text(&told))
                });
                *reply = Some(told);
                effect.gone == Gone::Orphan
            }
            What::Command { reply, to, .. } => {
                to.set(reply.take().map(Ok));
                true
            }
            What::Origin { page, known, sent: sent @ None, .. } => {
                let version = self.versions.borrow()[*page];
                *sent = Some(match *known {
                    _ if self.failing.get() => Sent::Error,
                    Some(known) if known == version => Sent::NotModified(version),
                    _ => Sent::Version(version),
                });
                self.note(|| format!("  task {}: the origin answers {sent:?}", effect.task));
                false
            }
            What::Origin { sent, to, .. } => {
                to.set(sent.take().map(Ok));
                true
            }
            What::Pause { to, .. } => {
                to.set(Some(()));
                true
            }
        }
    }

    pub fn lose(&self, choice: usize) {
        let mut effects = self.effects.borrow_mut();
        let at = choice % effects.len().max(1);
        let Some(effect) = effects.get_mut(at) else { return };
        let task = effect.task;
        match &effect.what {
            What::Command { words, reply, .. } => {
                let what = if reply.is_some() { "reply" } else { "command" };
                self.note(|| format!("  task {task}: {what} lost: {}", words_of(words)));
                effect.gone = Gone::Lost;
            }
            What::Origin { to, .. } => {
                to.set(Some(Err(Fault::Unreachable)));
                effects.remove(at);
                drop(effects);
                self.poll(task);
            }
            What::Pause { .. } => {}
        }
    }

    pub fn pass(&self, millis: i64) {
        NOW.set(NOW.get() + millis);
        self.note(|| format!("{millis} ms pass"));
        let mut late = Vec::new();
        self.effects.borrow_mut().retain_mut(|effect| {
            if effect.until > now() || effect.gone == Gone::Orphan {
                return true;
            }
            late.push(effect.task);
            match &effect.what {
                What::Command { reply, to, .. } => {
                    to.set(Some(Err(Failure::new(Fault::Timeout, "no reply in time"))));
                    let on_its_way = reply.is_none() && effect.gone == Gone::No;
                    effect.gone = Gone::Orphan;
                    on_its_way
                }
                What::Origin { to, .. } => {
                    to.set(Some(Err(Fault::Timeout)));
                    false
                }
                What::Pause { to, .. } => {
                    to.set(Some(()));
                    false
                }
            }
        });
        late.into_iter().for_each(|task| self.poll(task));
    }

    /// Lets a task do what it can do without waiting for another.
    pub fn run(&self, task: u64, most: usize) {
        for _ in 0..most {
            let mut effects = self.effects.borrow_mut();
            let own = |effect: &Effect| {
                let waits = matches!(effect.what, What::Pause { .. });
                effect.task == task && effect.gone == Gone::No && !waits
            };
            let Some(at) = effects.iter().position(own) else { return };
            if self.proceed(&mut effects[at]) {
                effects.remove(at);
                drop(effects);
                self.poll(task);
            }
        }
    }

    /// Sends a command to Redis.
    pub async fn command(&self, words: Command, timeout: i64) -> Result<Value, Failure> {
        let to = Slot::default();
        let what = What::Command { words, reply: None, to: Rc::clone(&to) };
        self.begin(what, timeout);
        arrived(to).await
    }

    /// Asks the origin for a page, conditionally if a version is known.
    pub async fn origin(&self, page: usize, known: Option<u64>, most: i64) -> Result<Sent, Fault> {
        let to = Slot::default();
        self.begin(What::Origin { page, known, sent: None, to: Rc::clone(&to) }, most);
        arrived(to).await
    }

    /// Waits for a key's fetch in this isolate.
    pub async fn pause(&self, id: Id, at_most: i64) {
        let to = Slot::default();
        self.begin(What::Pause { id, to: Rc::clone(&to) }, at_most);
        arrived(to).await;
    }

    /// A key's fetch in an isolate has ended.
    pub fn landed(&self, isolate: usize, id: Id) {
        let tasks = self.tasks.borrow();
        let mut effects = self.effects.borrow_mut();
        for effect in effects.iter_mut() {
            let here = tasks.get(&effect.task).is_some_and(|task| task.isolate == isolate);
            if here && matches!(&effect.what, What::Pause { id: other, .. } if *other == id) {
                effect.until = i64::MIN;
            }
        }
    }

    fn begin(&self, what: What, most: i64) {
        let task = self.running.get().map_or(0, |(task, _)| task);
        let until = now().saturating_add(most);
        self.effects.borrow_mut().push(Effect { task, what, until, gone: Gone::No });
    }
}

async fn arrived<T>(slot: Slot<T>) -> T {
    std::future::poll_fn(|_| match slot.take() {
        Some(value) => std::task::Poll::Ready(value),
        None => std::task::Poll::Pending,
    })
    .await
}

fn words_of(command: &Command) -> String {
    command.iter().map(|word| short(word)).collect::<Vec<_>>().join(" ")
}

fn text(value: &Value) -> String {
    match value {
        Value::Error(line) => line.clone(),
        Value::List(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Nil => "nil".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Text(bytes) => short(bytes),
    }
}

/// An entry in the trace says that it is one.
fn short(bytes: &[u8]) -> String {
    match bytes.starts_with(b"BBX") {
        true => "<entry>".to_owned(),
        false => String::from_utf8_lossy(bytes).chars().take(46).collect(),
    }
}
