//! Redis spoken to directly, past the gateway.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A connection to a Redis on this machine.
#[derive(Debug)]
pub struct Wire {
    from: BufReader<TcpStream>,
    to: BufWriter<TcpStream>,
}

/// A reply of RESP2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// What Redis complains of.
    Error(String),
    /// Elements in order.
    List(Vec<Value>),
    /// Nothing.
    Nil,
    /// An integer.
    Number(i64),
    /// A string, simple or bulk.
    Text(Vec<u8>),
}

impl Wire {
    /// Connects to a port of this machine.
    pub fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("Redis is not there")?;
        stream.set_nodelay(true)?;
        Ok(Self { from: BufReader::new(stream.try_clone()?), to: BufWriter::new(stream) })
    }

    /// Executes one command; an error reply is an error.
    pub fn ask(&mut self, words: &[&[u8]]) -> Result<Value> {
        match self.call(words)? {
            Value::Error(line) => bail!("Redis says {line}"),
            value => Ok(value),
        }
    }

    /// Executes one command, whatever the reply.
    pub fn call(&mut self, words: &[&[u8]]) -> Result<Value> {
        self.send(words)?;
        self.reply()
    }

    /// Writes a command whose reply is read later, so that many can be under way.
    pub fn send(&mut self, words: &[&[u8]]) -> Result<()> {
        write!(self.to, "*{}\r\n", words.len())?;
        for word in words {
            write!(self.to, "${}\r\n", word.len())?;
            self.to.write_all(word)?;
            self.to.write_all(b"\r\n")?;
        }
        Ok(())
    }

    /// Reads the reply to the oldest command that has none.
    pub fn reply(&mut self) -> Result<Value> {
        self.to.flush()?;
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

    /// How many keys there are.
    pub fn size(&mut self) -> Result<u64> {
        match self.ask(&[b"DBSIZE"])? {
            Value::Number(size) => Ok(size.unsigned_abs()),
            other => bail!("DBSIZE answered {other:?}"),
        }
    }

    /// A figure of `INFO`.
    pub fn figure(&mut self, section: &str, name: &str) -> Result<u64> {
        let info = self.info(section)?;
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let figure = line.with_context(|| format!("INFO {section} has no {name}"))?;
        figure.trim().parse().with_context(|| format!("{name} is {figure}"))
    }

    /// How often each command has been called, scripts' calls included.
    pub fn calls(&mut self) -> Result<BTreeMap<String, u64>> {
        let info = self.info("commandstats")?;
        let line = |line: &str| {
            let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let calls = stats.strip_prefix("calls=")?.split(',').next()?;
            Some((name.to_owned(), calls.parse().ok()?))
        };
        Ok(info.lines().filter_map(line).collect())
    }

    /// How long a command has run, all its calls together.
    pub fn spent(&mut self, command: &str) -> Result<Duration> {
        let info = self.info("commandstats")?;
        let line = info.lines().find_map(|line| {
            let stats = line.strip_prefix("cmdstat_")?.strip_prefix(command)?.strip_prefix(':')?;
            stats.split(',').find_map(|part| part.strip_prefix("usec="))?.parse().ok()
        });
        Ok(Duration::from_micros(line.unwrap_or(0)))
    }

    fn info(&mut self, section: &str) -> Result<String> {
        let Value::Text(info) = self.ask(&[b"INFO", section.as_bytes()])? else {
            bail!("INFO answered no text")
        };
        Ok(String::from_utf8(info)?)
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).context("an empty reply")?;
        Ok(match (kind, rest) {
            ("$" | "*", "-1") => Value::Nil,
            ("+", text) => Value::Text(text.as_bytes().to_vec()),
            ("-", text) => Value::Error(text.to_owned()),
            (":", number) => Value::Number(number.parse()?),
            ("$", length) => {
                let length: usize = length.parse()?;
                let mut bytes = vec![0; length + 2];
                self.from.read_exact(&mut bytes)?;
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

impl Value {
    /// The reply as RESP2, with errors as such.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Error(line) => out.extend(format!("-{line}\r\n").bytes()),
            Self::List(items) => {
                out.extend(format!("*{}\r\n", items.len()).bytes());
                items.iter().for_each(|item| item.encode(out));
            }
            Self::Nil => out.extend(b"$-1\r\n"),
            Self::Number(number) => out.extend(format!(":{number}\r\n").bytes()),
            Self::Text(bytes) => {
                out.extend(format!("${}\r\n", bytes.len()).bytes());
                out.extend(bytes);
                out.extend(b"\r\n");
            }
        }
    }
}
