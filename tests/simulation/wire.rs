//! The way to Redis: latency, loss, and a server that may be away.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use breadbox::cache::exchange::Fault;
use breadbox::redis::{Failure, Wire};
use bytes::Bytes;
use http::HeaderMap;

use super::model::{Answer, Command, Model};
use super::real::Real;
use super::stage::{Bug, Stage};
use super::world::{self, Promise};

/// The store behind the wire: the model, and a real server beside it that must agree.
pub struct Store {
    pub model: Model,
    pub real: Option<Real>,
}

impl Store {
    /// Executes a command.
    pub fn execute(&mut self, command: &Command) -> Answer {
        let now = world::elapsed();
        let gone = self.model.expire(now);
        let answer = self.model.execute(command, now);
        if let Some(real) = &mut self.real {
            real.forget(&gone);
            real.agree(command, &answer, |key| self.model.left(key, now));
        }
        answer
    }

    /// Takes a key away without its owner's doing.
    pub fn evict(&mut self, key: &[u8]) {
        self.model.evict(key, world::elapsed());
        if let Some(real) = &mut self.real {
            real.forget(&[key.to_vec()]);
        }
    }
}

/// One isolate's connection.
pub struct Line {
    stage: Rc<Stage>,
    isolate: usize,
    /// For the planted bug: when the isolate last read, and its ledger's epoch.
    used: Cell<i64>,
    before: Cell<i64>,
    epoch: Rc<RefCell<Option<Vec<u8>>>>,
}

impl Line {
    pub fn new(stage: &Rc<Stage>, isolate: usize) -> Self {
        let long_ago = Cell::new(i64::MIN / 2);
        let (stage, epoch) = (Rc::clone(stage), Rc::default());
        Self { stage, isolate, used: long_ago.clone(), before: long_ago, epoch }
    }

    /// What a mirror that use renews would believe instead of asking.
    fn believed(&self, command: &Command) -> Option<Answer> {
        let now = world::elapsed();
        match command.as_slice() {
            [verb, _] if verb == b"GET" => {
                self.before.set(self.used.replace(now));
                None
            }
            [verb, _, cursor, ..] if verb == b"ZRANGE" => {
                let epoch = self.epoch.borrow().clone()?;
                let used = now - self.before.get() < self.stage.bound;
                let pair = [Answer::Bulk(epoch), Answer::Bulk(cursor.clone())];
                used.then(|| Answer::Array(pair.to_vec()))
            }
            _ => None,
        }
    }
}

impl Wire for Line {
    async fn post(
        &self,
        url: String,
        _headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<(u16, Bytes), Failure> {
        let command = parse(&url, body);
        if self.stage.bug == Bug::MirrorRenewedByUse
            && let Some(answer) = self.believed(&command)
        {
            return Ok((200, encoded(&answer)));
        }
        let reply = Rc::new(Promise::default());
        let (stage, to) = (Rc::clone(&self.stage), Rc::clone(&reply));
        let (isolate, epoch) = (self.isolate, Rc::clone(&self.epoch));
        world::spawn(None, async move {
            let result = carry(&stage, isolate, &command).await;
            if let Ok(Some(Answer::Array(items))) = &result
                && let [.., Answer::Bulk(member), Answer::Bulk(_)] = items.as_slice()
            {
                *epoch.borrow_mut() = Some(member.clone());
            }
            match result {
                Ok(Some(answer)) => to.resolve(Ok((200, encoded(&answer)))),
                Ok(None) => {}
                Err(failure) => to.resolve(Err(failure)),
            }
        });
        let limit = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let late = || Err(Failure::new(Fault::Timeout, "no reply in time"));
        reply.within(limit).await.unwrap_or_else(late)
    }
}

/// Carries a command there and its reply back; `None` if either is lost.
async fn carry(
    stage: &Stage,
    isolate: usize,
    command: &Command,
) -> Result<Option<Answer>, Failure> {
    let weather = stage.weather.get();
    let slow = || if world::once_in(weather.slow) { 600 } else { 4 };
    let words = || {
        let what = stage.store.borrow().model.describe(command);
        format!("isolate {isolate} -> {what}")
    };
    world::sleep(1 + world::random(slow()) as i64).await;
    if stage.away_until.get() > world::elapsed() {
        return Err(Failure::new(Fault::Unreachable, "connection refused"));
    }
    if world::once_in(weather.lost) {
        world::note(|| format!("{} (lost on its way)", words()));
        return Ok(None);
    }
    let answer = stage.store.borrow_mut().execute(command);
    if world::once_in(weather.lost) {
        world::note(|| format!("{} (applied, reply lost)", words()));
        return Ok(None);
    }
    world::sleep(1 + world::random(slow()) as i64).await;
    Ok(Some(answer))
}

fn encoded(answer: &Answer) -> Bytes {
    if let Answer::Error(line) = answer {
        return format!("{{\"error\":\"{line}\"}}").into();
    }
    let mut bytes = Vec::new();
    answer.encode(&mut bytes);
    bytes.into()
}

/// A request of the Upstash protocol: words in a JSON list, or in the path with the last as body.
fn parse(url: &str, body: Vec<u8>) -> Command {
    let path = url.strip_prefix(ROOT).expect("the configured endpoint");
    if path == "/" {
        let words: Vec<String> = serde_json::from_slice(&body).expect("a list of words");
        return words.into_iter().map(String::into_bytes).collect();
    }
    let words = path.trim_start_matches('/').split('/').map(|word| word.as_bytes().to_vec());
    words.chain([body]).collect()
}

/// The endpoint that isolates are told of.
pub const ROOT: &str = "http://redis.sim";
