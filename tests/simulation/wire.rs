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

    /// Forgets all scripts, as `SCRIPT FLUSH` and a restart do.
    pub fn forget_scripts(&mut self) {
        self.model.forget_scripts();
        if let Some(real) = &mut self.real {
            real.forget_scripts();
        }
    }

    /// Answers a read as it was answered so long ago.
    fn execute_behind(&mut self, command: &Command, behind: i64) -> Answer {
        match self.model.behind(command, world::elapsed() - behind) {
            Some(answer) => answer,
            None => self.execute(command),
        }
    }

    /// Takes a key away without its owner's doing.
    pub fn evict(&mut self, key: &[u8]) {
        self.model.evict(key, world::elapsed());
        if let Some(real) = &mut self.real {
            real.forget(&[key.to_vec()]);
        }
    }
}

/// What is wrong on the way to the store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wiring {
    /// Until when it refuses connections.
    pub away_until: i64,
    /// Until when it executes commands and does not answer.
    pub hangs_until: i64,
    /// Until when reads are answered by a replica, and how far that is behind.
    pub lags_until: i64,
    pub behind: i64,
    /// Whether the next command is lost, and whether it is executed before.
    pub loses: Option<bool>,
    /// What answers instead, and until when.
    pub nonsense: Option<(Nonsense, i64)>,
}

impl Wiring {
    /// By how much reads may have been behind lately.
    pub fn lag(&self) -> i64 {
        if self.lags_until > world::elapsed() - RECENT { self.behind } else { 0 }
    }
}

/// What may answer instead of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonsense {
    /// A page of some proxy, with 200.
    Html,
    /// A page of some proxy, with 502.
    BadGateway,
    /// The reply, cut off somewhere.
    Cut,
    /// JSON of another kind.
    Json,
    /// Out of memory, in the server's own words.
    OutOfMemory,
    /// Too many requests.
    TooMany,
}

impl Nonsense {
    pub const ALL: [Self; 6] =
        [Self::Html, Self::BadGateway, Self::Cut, Self::Json, Self::OutOfMemory, Self::TooMany];

    /// What arrives, and whether the command was executed.
    fn answer(self, answer: &[u8]) -> (u16, Bytes) {
        let fixed = |text: &'static str| Bytes::from_static(text.as_bytes());
        let cut = world::random(answer.len() as u64) as usize;
        match self {
            Self::Html => (200, fixed("<!doctype html><p>It works!")),
            Self::BadGateway => (502, fixed("<html><h1>Bad Gateway</h1>")),
            Self::Cut => (200, Bytes::copy_from_slice(&answer[..cut])),
            Self::Json => (200, fixed("{\"hello\":\"world\"}")),
            Self::OutOfMemory => (400, fixed("{\"error\":\"OOM command not allowed\"}")),
            Self::TooMany => (429, fixed("{\"error\":\"ERR too many requests\"}")),
        }
    }

    fn executes(self) -> bool {
        matches!(self, Self::Cut | Self::Html)
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
    type Blob = Bytes;

    async fn post(
        &self,
        url: String,
        _headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<(u16, Bytes), Failure> {
        world::spend(1);
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
            match carry(&stage, isolate, &command, &epoch).await {
                Ok(Some(answer)) => to.resolve(Ok(answer)),
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
    epoch: &RefCell<Option<Vec<u8>>>,
) -> Result<Option<(u16, Bytes)>, Failure> {
    let weather = stage.weather.get();
    let slow = || if world::mishap_in(weather.slow) { 600 } else { 4 };
    let words = || {
        let what = stage.store.borrow().model.describe(command);
        format!("isolate {isolate} -> {what}")
    };
    world::sleep(1 + world::random(slow()) as i64).await;
    let now = world::elapsed();
    let wiring = *stage.wiring.borrow();
    let loses = stage.wiring.borrow_mut().loses.take();
    if wiring.away_until > now {
        return Err(Failure::new(Fault::Unreachable, "connection refused"));
    }
    if world::mishap_in(weather.lost) || loses == Some(false) {
        world::note(|| format!("{} (lost on its way)", words()));
        return Ok(None);
    }
    let nonsense = wiring.nonsense.filter(|(_, until)| *until > now).map(|(nonsense, _)| nonsense);
    if let Some(nonsense) = nonsense.filter(|nonsense| !nonsense.executes()) {
        return Ok(Some(nonsense.answer(&[])));
    }
    let answer = match wiring.lags_until > now {
        true => stage.store.borrow_mut().execute_behind(command, wiring.behind),
        false => stage.store.borrow_mut().execute(command),
    };
    if world::mishap_in(weather.lost) || loses == Some(true) || wiring.hangs_until > now {
        world::note(|| format!("{} (applied, reply lost)", words()));
        return Ok(None);
    }
    if let Answer::Array(items) = &answer
        && let [.., Answer::Bulk(member), Answer::Bulk(_)] = items.as_slice()
        && member.starts_with(b"~")
    {
        *epoch.borrow_mut() = Some(member.clone());
    }
    world::sleep(1 + world::random(slow()) as i64).await;
    let bytes = encoded(&answer);
    Ok(Some(nonsense.map_or((200, bytes.clone()), |nonsense| nonsense.answer(&bytes))))
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

/// A request lasts no longer.
const RECENT: i64 = 60_000;

/// The endpoint that isolates are told of.
pub const ROOT: &str = "http://redis.sim";
