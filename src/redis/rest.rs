//! The Upstash REST protocol as a client speaks it: commands out, replies back.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::answer::{JSON_INSTEAD, accepted, bulks, listed, read};
use super::breaker::{Admit, Breaker};
use super::resp::Reply;
use super::script::{Locking, Script, Scripts};
use super::wire::{Blob, Http, Wire};
use crate::cache::Time;
use crate::cache::exchange::Fault;
use crate::cache::json;
use crate::config::{RedisDialect, RedisSettings};

/// A REST endpoint that executes Redis commands.
#[derive(Debug)]
pub struct Rest<W = Http> {
    wire: W,
    root: String,
    headers: HeaderMap,
    /// URL and headers of reads.
    reading: String,
    asking: HeaderMap,
    timeout: Duration,
    dialect: AtomicU8,
    breaker: Mutex<Breaker>,
    commands: AtomicU64,
    openings: AtomicU64,
    locking: Scripts,
    plain: Scripts,
}

/// Why a command got no usable reply, with a line for the log that holds no values.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The kind of failure.
    pub fault: Fault,
    /// The server's or the transport's own words.
    pub detail: String,
}

impl Failure {
    /// A failure with its words.
    pub fn new(fault: Fault, detail: impl Into<String>) -> Self {
        Self { fault, detail: detail.into() }
    }

    pub(super) fn malformed(what: &str) -> Self {
        Self::new(Fault::Malformed, format!("unexpected reply to {what}"))
    }
}

/// What a command's last argument is made of.
#[derive(Clone, Debug)]
pub(super) enum Last {
    Binary(Vec<u8>),
    None,
}

/// Who waits for a reply, and so how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// Nobody, and the breaker is neither asked nor told.
    Anyway,
    /// Nobody: the client has its answer, or asked for a certain one.
    Background,
    /// A client, for whom another tier may be faster.
    Reply,
}

/// A clock, so that waiting for replies can be measured and the breaker can tell time.
pub type Clock = fn() -> Time;

impl<W: Wire> Rest<W> {
    /// An endpoint as configured, over a wire; nothing is sent yet.
    pub fn new(settings: &RedisSettings, wire: W) -> Self {
        let mut headers = HeaderMap::new();
        if let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", settings.token)) {
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (name, form) = FORMAT;
        let mut asking = headers.clone();
        asking.insert(HeaderName::from_static(name), HeaderValue::from_static(form));
        let root = settings.url.trim_end_matches('/');
        Self {
            wire,
            root: root.to_owned(),
            headers,
            reading: format!("{root}/"),
            asking,
            timeout: settings.timeout,
            dialect: AtomicU8::new(match settings.dialect {
                RedisDialect::Auto => AUTO,
                RedisDialect::Compat => COMPAT,
                RedisDialect::Upstash => KEYS,
            }),
            breaker: Mutex::default(),
            commands: AtomicU64::default(),
            openings: AtomicU64::default(),
            locking: Scripts::new(Locking::Keys),
            plain: Scripts::new(Locking::Database),
        }
    }

    /// The breaker's state.
    pub fn breaker(&self) -> Breaker {
        *self.locked()
    }

    /// What was spent since this was asked last: commands as Upstash bills them, and how often the
    /// breaker opened.
    pub fn spent(&self) -> (u64, u64) {
        (self.commands.swap(0, RELAXED), self.openings.swap(0, RELAXED))
    }

    /// Executes one command.
    pub async fn command(
        &self,
        args: &[&str],
        haste: Haste,
        clock: Clock,
    ) -> Result<Reply, Failure> {
        let body = json::list(args).into_bytes();
        accepted(self.guarded("/", body, 1, haste, clock).await?)
    }

    /// The values that one command reads, such as `GET`; large ones stay where the wire put them.
    pub async fn values(
        &self,
        words: &[&str],
        clock: Clock,
    ) -> Result<Vec<Option<W::Blob>>, Failure> {
        if matches!(self.dialect.load(RELAXED), AUTO | COMPAT) {
            return listed(self.command(words, Haste::Reply, clock).await?);
        }
        self.admitted(clock)?;
        self.commands.fetch_add(1, RELAXED);
        let command = json::list(words);
        let answer = self.wire.read(&self.reading, &self.asking, command, self.timeout).await;
        let answer = answer.and_then(|(status, blob)| match bulks(status, &blob) {
            Some(values) => Ok(Ok(values)),
            None => read(status, &blob.copy(0..blob.len()), false).map(Err),
        });
        match self.settled(answer, clock)? {
            Ok(values) => Ok(values),
            Err(reply) => listed(accepted(reply)?),
        }
    }

    /// Executes a script by its name, and gives the server its text if it has forgotten it.
    pub(super) async fn script(
        &self,
        pick: fn(&Scripts) -> &Script,
        keys: &[&str],
        args: &[&str],
        last: Last,
        haste: Haste,
        clock: Clock,
    ) -> Result<Reply, Failure> {
        for _ in 0..SCRIPT_TRIES {
            let script = pick(self.scripts());
            let reply = self.evalsha(script, keys, args, &last, haste, clock).await?;
            match &reply {
                Reply::Error(line) if line.starts_with("NOSCRIPT") => {
                    let load = self.command(&["SCRIPT", "LOAD", &script.text], haste, clock).await;
                    self.learn_from(load)?;
                }
                _ => return accepted(reply),
            }
        }
        Err(Failure::new(Fault::Refused, "the server keeps forgetting the script"))
    }

    /// A server that refuses the locking line gets the scripts without it from then on.
    fn learn_from(&self, load: Result<Reply, Failure>) -> Result<(), Failure> {
        match load {
            Err(failure) if failure.detail.contains("shebang") => {
                let _ = self.dialect.compare_exchange(AUTO, PLAIN, RELAXED, RELAXED);
                let _ = self.dialect.compare_exchange(KEYS, PLAIN, RELAXED, RELAXED);
                Ok(())
            }
            other => other.map(drop),
        }
    }

    fn scripts(&self) -> &Scripts {
        match self.dialect.load(RELAXED) {
            COMPAT | PLAIN => &self.plain,
            _ => &self.locking,
        }
    }

    async fn evalsha(
        &self,
        script: &Script,
        keys: &[&str],
        args: &[&str],
        last: &Last,
        haste: Haste,
        clock: Clock,
    ) -> Result<Reply, Failure> {
        let count = keys.len().to_string();
        let words = ["EVALSHA", &script.sha, &count];
        let cost = script.calls.cost(keys.len());
        let words = words.iter().chain(keys).chain(args).copied();
        match last {
            Last::Binary(bytes) if self.dialect.load(RELAXED) != COMPAT => {
                let mut path = String::new();
                for word in words {
                    path.push('/');
                    path.push_str(word);
                }
                self.guarded(&path, bytes.clone(), cost, haste, clock).await
            }
            Last::Binary(bytes) => {
                let encoded = BASE64.encode(bytes);
                let list: Vec<&str> = words.chain([encoded.as_str()]).collect();
                let body = json::list(&list).into_bytes();
                self.guarded("/", body, cost, haste, clock).await
            }
            Last::None => {
                let list: Vec<&str> = words.collect();
                let body = json::list(&list).into_bytes();
                self.guarded("/", body, cost, haste, clock).await
            }
        }
    }

    async fn guarded(
        &self,
        path: &str,
        body: Vec<u8>,
        cost: u64,
        haste: Haste,
        clock: Clock,
    ) -> Result<Reply, Failure> {
        if haste == Haste::Anyway {
            return self.attempt(path, body, haste).await;
        }
        self.admitted(clock)?;
        self.commands.fetch_add(cost, RELAXED);
        let result = self.attempt(path, body, haste).await;
        self.settled(result, clock)
    }

    /// Whether the breaker lets a request through.
    fn admitted(&self, clock: Clock) -> Result<(), Failure> {
        match self.locked().admit(clock()) {
            Admit::Refuse => Err(Failure::new(Fault::Open, "the store failed a moment ago")),
            _ => Ok(()),
        }
    }

    /// Tells the breaker what came of one.
    fn settled<T>(&self, result: Result<T, Failure>, clock: Clock) -> Result<T, Failure> {
        match &result {
            Ok(_) => self.locked().succeeded(),
            Err(_) => {
                let opened = self.locked().failed(clock());
                self.openings.fetch_add(u64::from(opened), RELAXED);
            }
        }
        result
    }

    fn locked(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(&self, path: &str, body: Vec<u8>, haste: Haste) -> Result<Reply, Failure> {
        if self.dialect.load(RELAXED) != AUTO {
            return self.send(path, body, haste).await;
        }
        match self.send(path, body.clone(), haste).await {
            // JSON where RESP2 was asked for: the server does not know that form.
            Err(failure) if failure.detail == JSON_INSTEAD && path == "/" => {
                self.dialect.store(COMPAT, RELAXED);
                self.send(path, body, haste).await
            }
            Ok(reply) => {
                let _ = self.dialect.compare_exchange(AUTO, KEYS, RELAXED, RELAXED);
                Ok(reply)
            }
            failure => failure,
        }
    }

    /// How long a client may have to wait for a reply.
    pub fn patience(&self) -> Duration {
        self.timeout
    }

    fn timeout(&self, haste: Haste) -> Duration {
        match haste {
            Haste::Anyway | Haste::Background => self.timeout.max(BACKGROUND),
            Haste::Reply => self.timeout,
        }
    }

    async fn send(&self, path: &str, body: Vec<u8>, haste: Haste) -> Result<Reply, Failure> {
        let compat = self.dialect.load(RELAXED) == COMPAT;
        let (name, value) = if compat { ENCODING } else { FORMAT };
        let mut headers = self.headers.clone();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        let url = format!("{}{path}", self.root);
        let (status, bytes) = self.wire.post(url, headers, body, self.timeout(haste)).await?;
        read(status, &bytes, compat)
    }
}

const RELAXED: Ordering = Ordering::Relaxed;

/// The dialects: not known yet; RESP2 with scripts that lock keys; RESP2 with plain scripts;
/// JSON and base64.
const AUTO: u8 = 0;
const KEYS: u8 = 1;
const PLAIN: u8 = 2;
const COMPAT: u8 = 3;

const FORMAT: (&str, &str) = ("upstash-response-format", "resp2");
const ENCODING: (&str, &str) = ("upstash-encoding", "base64");

/// Where nobody waits, a slow store is given more time: giving up costs a fill or a lease.
const BACKGROUND: Duration = Duration::from_secs(2);

/// Once by name, once after loading, once more in the other form.
const SCRIPT_TRIES: u32 = 3;
