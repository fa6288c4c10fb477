//! The real Redis with the Worker's own scripts, and what is deliberately wrong with them.

use sha1::{Digest, Sha1};
use xtask::harness::{Redis, Value, Wire};

use super::bug::Bug;

/// A command's words.
pub type Command = Vec<Vec<u8>>;

/// A server that ends with it, and a connection.
pub struct Server {
    wire: Wire,
    _redis: Redis,
    loaded: Vec<Loaded>,
    /// Commands executed so far.
    pub commands: u64,
}

/// A script as the Worker names it and as the server knows it.
struct Loaded {
    verb: Verb,
    bug: Bug,
    /// The name that the Worker calls it by.
    called: Vec<u8>,
    /// The name of what is executed instead: the same text without its first line, or a wrong one.
    runs: Vec<u8>,
}

/// What a script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Acquire,
    Purge,
    Release,
    Renew,
    Store,
}

impl Server {
    /// Starts one and gives it the scripts in all variants.
    pub fn start() -> Self {
        let program = xtask::tools::redis_program().expect("a redis-server");
        let logs = xtask::places::test_run().expect("a directory for logs");
        let redis = Redis::start(&program, &logs).expect("redis-server starts");
        let wire = Wire::open(redis.port()).expect("it accepts");
        let mut server = Self { wire, _redis: redis, loaded: Vec::new(), commands: 0 };
        for bug in Bug::ALL {
            for (verb, text) in SCRIPTS {
                server.load(verb, bug, text);
            }
        }
        server
    }

    fn load(&mut self, verb: Verb, bug: Bug, text: &str) {
        let locking = format!("#!lua flags=allow-key-locking\n{text}");
        let called = name_of(&locking);
        let planted = bug.planted(verb, text);
        let loaded = self.wire.ask(&[b"SCRIPT", b"LOAD", planted.as_bytes()]);
        let Ok(Value::Text(runs)) = loaded else { panic!("{verb:?}: {loaded:?}") };
        self.loaded.push(Loaded { verb, bug, called: called.into_bytes(), runs });
    }

    /// Which script a command runs.
    pub fn verb(&self, command: &Command) -> Option<Verb> {
        let [word, sha, ..] = command.as_slice() else { return None };
        let script = self.loaded.iter().find(|script| script.called == *sha)?;
        (word == b"EVALSHA").then_some(script.verb)
    }

    /// Executes a command of the Worker, with so much room in a ledger.
    pub fn execute(&mut self, command: &Command, bug: Bug, room: &'static str) -> Value {
        let mut words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        let verb = self.verb(command);
        if let Some(verb) = verb {
            let runs = self.loaded.iter().find(|script| (script.verb, script.bug) == (verb, bug));
            words[1] = runs.map_or(&[], |script| script.runs.as_slice());
            if verb == Verb::Purge {
                words[5] = room.as_bytes();
            }
        }
        self.commands += 1;
        let reply = self.wire.call(&words).expect("Redis answers");
        bug.reported(verb, command, reply)
    }

    /// Executes a command of the schedule's own.
    pub fn ask(&mut self, words: &[&[u8]]) -> Value {
        self.commands += 1;
        self.wire.ask(words).expect("Redis answers")
    }
}

/// The name that Redis gives a script.
pub fn name_of(text: &str) -> String {
    Sha1::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

const SCRIPTS: [(Verb, &str); 5] = [
    (Verb::Acquire, include_str!("../../src/redis/scripts/acquire.lua")),
    (Verb::Purge, include_str!("../../src/redis/scripts/purge.lua")),
    (Verb::Release, include_str!("../../src/redis/scripts/release.lua")),
    (Verb::Renew, include_str!("../../src/redis/scripts/renew.lua")),
    (Verb::Store, include_str!("../../src/redis/scripts/store.lua")),
];
