//! Redis spoken to directly, past the gateway.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail};

/// A connection to a Redis on this machine.
pub struct Wire(BufReader<TcpStream>);

/// A reply of RESP2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Nil,
    Number(i64),
    Text(Vec<u8>),
    List(Vec<Value>),
}

impl Wire {
    pub fn open(port: u16) -> Result<Self> {
        Ok(Self(BufReader::new(TcpStream::connect(("127.0.0.1", port))?)))
    }

    /// Executes one command; an error reply is an error.
    pub fn ask(&mut self, words: &[&[u8]]) -> Result<Value> {
        let mut message = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            message.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            message.extend_from_slice(word);
            message.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&message)?;
        self.read()
    }

    /// The names of the keys that match a pattern.
    pub fn keys(&mut self, pattern: &str) -> Result<Vec<Vec<u8>>> {
        let Value::List(names) = self.ask(&[b"KEYS", pattern.as_bytes()])? else {
            bail!("KEYS answered no list")
        };
        let name = |value| match value {
            Value::Text(name) => Ok(name),
            other => bail!("KEYS answered {other:?}"),
        };
        names.into_iter().map(name).collect()
    }

    /// The value of a key.
    pub fn value(&mut self, key: &[u8]) -> Result<Vec<u8>> {
        match self.ask(&[b"GET", key])? {
            Value::Text(value) => Ok(value),
            other => bail!("{} holds {other:?}", String::from_utf8_lossy(key)),
        }
    }

    /// How often each command has been called, scripts' calls included.
    pub fn calls(&mut self) -> Result<BTreeMap<String, u64>> {
        let Value::Text(info) = self.ask(&[b"INFO", b"commandstats"])? else {
            bail!("INFO answered no text")
        };
        let info = String::from_utf8(info)?;
        let line = |line: &str| {
            let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let calls = stats.strip_prefix("calls=")?.split(',').next()?;
            Some((name.to_owned(), calls.parse().ok()?))
        };
        Ok(info.lines().filter_map(line).collect())
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).context("an empty reply")?;
        Ok(match (kind, rest) {
            ("$" | "*", "-1") => Value::Nil,
            ("+", text) => Value::Text(text.as_bytes().to_vec()),
            (":", number) => Value::Number(number.parse()?),
            ("$", length) => {
                let length: usize = length.parse()?;
                let mut bytes = vec![0; length + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Value::Text(bytes)
            }
            ("*", length) => {
                let length: usize = length.parse()?;
                Value::List((0..length).map(|_| self.read()).collect::<Result<_>>()?)
            }
            _ => bail!("Redis says {line}"),
        })
    }
}
