//! A real Redis beside the model: each command goes to both and both must answer alike.
//!
//! Its time to live runs on a real clock, so it is compared and then taken off; what expires in
//! virtual time is deleted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use xtask::harness::Redis;
use xtask::places::on_path;
use xtask::tools::{RedisServer, redis_server};

use super::model::{Answer, Command};

/// A connection to a server that ends with it.
pub struct Real {
    stream: BufReader<TcpStream>,
    _server: Redis,
}

impl Real {
    /// Starts a server.
    pub fn start() -> Self {
        let server = on_path("redis-server").unwrap_or_else(|| {
            match redis_server().expect("the machine can be asked for a Redis") {
                RedisServer::Program(server) => server,
                RedisServer::Missing(why) => panic!("this test needs a redis-server: {why}"),
            }
        });
        let logs = xtask::places::test_run().expect("a directory for logs");
        let server = Redis::start(&server, &logs).expect("redis-server starts");
        let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it accepts");
        Self { stream: BufReader::new(stream), _server: server }
    }

    /// Executes a command and holds the answer against the model's.
    pub fn agree(
        &mut self,
        command: &Command,
        expected: &Answer,
        left: impl Fn(&[u8]) -> Option<i64>,
    ) {
        let found = self.call(command);
        let same = match (&found, expected) {
            (Answer::Error(found), Answer::Error(expected)) => {
                ["NOSCRIPT", "shebang"].iter().any(|w| found.contains(w) && expected.contains(w))
            }
            _ => found == *expected,
        };
        let shown: Vec<_> = command.iter().map(|word| String::from_utf8_lossy(word)).collect();
        assert!(same, "Redis and its model differ on {shown:?}: {found:?}, not {expected:?}");
        let keys = command.iter().filter(|w| w.starts_with(b"{") && !w.ends_with(b"ledger"));
        for key in keys {
            let time = match self.call(&vec![b"PTTL".to_vec(), key.clone()]) {
                Answer::Integer(time) => time,
                other => panic!("PTTL answered {other:?}"),
            };
            match left(key) {
                None => assert_eq!(time, -2, "{shown:?} left a key behind"),
                Some(left) if time >= 0 => {
                    assert!((left - time).abs() < 1000, "{shown:?}: {time} ms left, not {left}");
                    self.call(&vec![b"PERSIST".to_vec(), key.clone()]);
                }
                Some(_) => assert_eq!(time, -1, "{shown:?} lost a key"),
            }
        }
    }

    /// Deletes what has had its time in virtual time, or was evicted.
    pub fn forget(&mut self, keys: &[Vec<u8>]) {
        for key in keys {
            self.call(&vec![b"DEL".to_vec(), key.clone()]);
        }
    }

    /// Forgets all scripts.
    pub fn forget_scripts(&mut self) {
        self.call(&vec![b"SCRIPT".to_vec(), b"FLUSH".to_vec()]);
    }

    /// Empties the server for another schedule.
    pub fn clear(&mut self) {
        self.call(&vec![b"FLUSHALL".to_vec()]);
        self.forget_scripts();
    }

    fn call(&mut self, command: &Command) -> Answer {
        let words = command.iter().map(|word| Answer::Bulk(word.clone()));
        let mut bytes = Vec::new();
        Answer::Array(words.collect()).encode(&mut bytes);
        self.stream.get_mut().write_all(&bytes).expect("Redis takes commands");
        self.reply()
    }

    fn reply(&mut self) -> Answer {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("Redis answers");
        let (kind, rest) = line.trim_end().split_at(1);
        let number = || rest.parse::<i64>().expect("a number");
        match kind {
            "+" => Answer::Bulk(rest.as_bytes().to_vec()),
            "-" => Answer::Error(rest.to_owned()),
            ":" => Answer::Integer(number()),
            "$" if number() < 0 => Answer::Nil,
            "*" if number() < 0 => Answer::Nil,
            "*" => Answer::Array((0..number()).map(|_| self.reply()).collect()),
            "$" => {
                let mut bytes = vec![0; usize::try_from(number()).expect("a length") + 2];
                self.stream.read_exact(&mut bytes).expect("a bulk string");
                bytes.truncate(bytes.len() - 2);
                Answer::Bulk(bytes)
            }
            _ => panic!("not a reply: {line:?}"),
        }
    }
}
