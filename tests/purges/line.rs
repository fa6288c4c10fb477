//! An isolate's way to Redis.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use breadbox::redis::{Failure, Wire};
use bytes::Bytes;
use http::HeaderMap;
use xtask::harness::Value;

use super::bug::Bug;
use super::server::Command;
use super::stage::{Stage, now};

/// An isolate's connection to Redis.
pub struct Line {
    stage: Rc<Stage>,
    /// For the planted bug: when the isolate read last, before that, and the ledger's head.
    used: Cell<i64>,
    before: Cell<i64>,
    head: RefCell<HashMap<Vec<u8>, Value>>,
}

impl Line {
    pub fn new(stage: &Rc<Stage>) -> Self {
        let long_ago = Cell::new(i64::MIN / 2);
        let stage = Rc::clone(stage);
        Self { stage, used: long_ago.clone(), before: long_ago, head: RefCell::default() }
    }

    /// What a mirror that use renews would believe instead of asking.
    fn believed(&self, command: &Command) -> Option<Value> {
        match command.as_slice() {
            [verb, _] if verb == b"GET" => {
                self.before.set(self.used.replace(now()));
                None
            }
            [verb, ledger, cursor, ..] if verb == b"ZRANGE" => {
                let head = self.head.borrow().get(ledger).cloned()?;
                let used = now() - self.before.get() < self.stage.setting.bound;
                used.then(|| Value::List(vec![head, Value::Text(cursor.clone())]))
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
        let command = parse(&url, body);
        if self.stage.bug == Bug::MirrorRenewedByUse
            && let Some(reply) = self.believed(&command)
        {
            return Ok((200, encoded(&reply)));
        }
        let reply = self.stage.command(command.clone(), timeout.as_millis() as i64).await?;
        if let (Value::List(items), true) = (&reply, command[0] == b"ZRANGE")
            && let [.., head, _] = items.as_slice()
        {
            self.head.borrow_mut().insert(command[1].clone(), head.clone());
        }
        Ok((200, encoded(&reply)))
    }
}

pub fn encoded(reply: &Value) -> Bytes {
    if let Value::Error(line) = reply {
        return serde_json::json!({ "error": line }).to_string().into();
    }
    let mut bytes = Vec::new();
    reply.encode(&mut bytes);
    bytes.into()
}

/// A request of the Upstash protocol: words in a JSON list, or in the path with the last as body.
pub fn parse(url: &str, body: Vec<u8>) -> Command {
    let path = url.strip_prefix(ROOT).expect("the configured endpoint");
    if path == "/" {
        let words: Vec<String> = serde_json::from_slice(&body).expect("a list of words");
        return words.into_iter().map(String::into_bytes).collect();
    }
    let words = path.trim_start_matches('/').split('/').map(|word| word.as_bytes().to_vec());
    words.chain([body]).collect()
}

/// The endpoint that isolates are told of.
pub const ROOT: &str = "http://redis.model";
