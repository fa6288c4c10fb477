//! What comes out of the edge is what the origin sent: a few hundred generated responses, compared
//! octet by octet direct, through a Worker that does nothing but pass, and through the edge.
//!
//! What the platform changes is written down in [`by_platform`], which turns each direct response
//! into the one that comes through the empty Worker; what Breadbox adds and takes away is written
//! down in [`by_edge`]. Nothing else may differ. `docs/conformance.md` lists both.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use xtask::harness::{Edge, Spec, free_port, parts};
use xtask::places;
use xtask::servers::{Workerd, WorkerdSpec};

use crate::plain::{Message, Plain, ask};
use crate::responses::{self, CASES};
use crate::site::{PATIENCE, set};

#[test]
fn responses_come_through_as_they_were_sent() -> Result<()> {
    let origin = Plain::start(responses::octets)?;
    let spec = set(Spec::of(origin.url()), "REDIS_TIMEOUT", "10s");
    let (edge, empty) = (Edge::start(spec)?, Empty::start(origin.url())?);
    let (mut complaints, mut stored) = (Vec::new(), Vec::new());
    for number in 0..CASES {
        let path = format!("/{number}");
        let direct = Seen::of(&ask(origin.url(), "GET", &path, &[])?);
        let passed = Seen::of(&ask(empty.url(), "GET", &path, &[])?);
        complaints.extend(by_platform(&direct).differs(&passed, &format!("empty Worker {path}")));
        let first = Seen::of(&ask(edge.url(0), "GET", &path, &[])?);
        complaints.extend(by_edge(&passed, &first).differs(&first, &format!("first {path}")));
        // What was stale when it came is asked for again each time.
        if first.says("; stored") && !first.says("; ttl=-") {
            stored.push((path, passed));
        }
    }
    ensure!(stored.len() > CASES / 4, "only {} responses were stored", stored.len());
    for (path, passed) in stored {
        again(edge.url(0), &path, &passed, &mut complaints)?;
    }
    ensure!(complaints.is_empty(), "{} differences\n{}", complaints.len(), complaints.join("\n"));
    Ok(())
}

/// A response once it is stored: a hit, its head, and a `304` for who has it.
fn again(edge: &str, path: &str, passed: &Seen, complaints: &mut Vec<String>) -> Result<()> {
    let begun = Instant::now();
    let mut hit = Seen::of(&ask(edge, "GET", path, &[])?);
    while !hit.says("; hit") && begun.elapsed() < PATIENCE {
        hit = Seen::of(&ask(edge, "GET", path, &[])?);
    }
    complaints.extend(by_edge(passed, &hit).differs(&hit, &format!("hit {path}")));
    let head = Seen::of(&ask(edge, "HEAD", path, &[])?);
    let expected = Seen { body: Vec::new(), ..by_edge(passed, &head) };
    complaints.extend(expected.differs(&head, &format!("HEAD {path}")));
    let tag = passed.fields.get("etag").and_then(|lines| String::from_utf8(lines.concat()).ok());
    let one = |tag: &String| !tag.contains(", ") && (200..300).contains(&passed.status);
    let Some(tag) = tag.filter(one) else { return Ok(()) };
    let confirmed = Seen::of(&ask(edge, "GET", path, &[&format!("If-None-Match: {tag}")])?);
    let expected = by_edge(passed, &confirmed);
    let mut expected = Seen { status: 304, body: Vec::new(), ..expected };
    expected.fields.retain(|name, _| !CONTENT.contains(&name.as_str()));
    complaints.extend(expected.differs(&confirmed, &format!("304 {path}")));
    Ok(())
}

/// What of a message has a meaning: not the case of names, nor the order of fields of different
/// names, nor whether the values of one stand on several lines (RFC 9110 §5.3), cookies excepted;
/// not the phrase of the status line, and not how the body is framed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    fields: BTreeMap<String, Vec<Vec<u8>>>,
    body: Vec<u8>,
    trailers: Vec<String>,
}

impl Seen {
    fn of(message: &Message) -> Self {
        let mut fields = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in &message.fields {
            let name = name.to_ascii_lowercase();
            if !FRAMING.contains(&name.as_str()) {
                fields.entry(name).or_default().push(value.clone());
            }
        }
        for (_, lines) in fields.iter_mut().filter(|(name, _)| *name != "set-cookie") {
            *lines = vec![lines.join(b", ".as_slice())];
        }
        let (body, trailers) = (message.body.clone(), message.trailers.clone());
        Self { status: message.status(), fields, body, trailers }
    }

    /// What Breadbox says of itself: the last member of `Cache-Status`.
    fn told(&self) -> String {
        let lines = self.fields.get("cache-status").map(|lines| lines.concat());
        let text = String::from_utf8_lossy(&lines.unwrap_or_default()).into_owned();
        text.rsplit(", ").next().unwrap_or_default().to_owned()
    }

    fn says(&self, parameter: &str) -> bool {
        self.told().contains(parameter)
    }

    /// In what `found` is not this.
    fn differs(&self, found: &Self, what: &str) -> Vec<String> {
        let mut told = Vec::new();
        if self.status != found.status {
            told.push(format!("{what}: status {} for {}", found.status, self.status));
        }
        let names = self.fields.keys().chain(found.fields.keys());
        let names: BTreeSet<&String> = names.collect();
        for name in names {
            let (expected, got) = (self.fields.get(name), found.fields.get(name));
            if expected != got {
                let (expected, got) = (Lines(expected), Lines(got));
                told.push(format!("{what}: {name}: {got} for {expected}"));
            }
        }
        if self.body != found.body {
            let (expected, got) = (self.body.len(), found.body.len());
            told.push(format!("{what}: a body of {got} octets for {expected}"));
        }
        if self.trailers != found.trailers {
            told.push(format!("{what}: trailers {:?} for {:?}", found.trailers, self.trailers));
        }
        told
    }
}

/// A field's lines in a complaint.
struct Lines<'a>(Option<&'a Vec<Vec<u8>>>);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(lines) = self.0 else { return f.write_str("none") };
        let lines = lines.iter().map(|line| line.get(..40).unwrap_or(line).escape_ascii());
        write!(f, "[{}]", lines.map(|line| line.to_string()).collect::<Vec<_>>().join(" | "))
    }
}

/// What the platform makes of a response that a Worker only hands on: it refuses trailers.
fn by_platform(direct: &Seen) -> Seen {
    let mut seen = Seen { trailers: Vec::new(), ..direct.clone() };
    seen.fields.remove("trailer");
    seen
}

/// What Breadbox makes of it besides: it says what it did, and how old a stored response is.
/// What has no valid status code it can only hand on as it is (RFC 9110 §15).
fn by_edge(passed: &Seen, found: &Seen) -> Seen {
    let mut seen = passed.clone();
    if passed.status > 599 {
        return seen;
    }
    let lines = seen.fields.entry("cache-status".to_owned()).or_default();
    lines.push(found.told().into_bytes());
    *lines = vec![lines.join(b", ".as_slice())];
    if found.says("; hit") {
        let age = found.fields.get("age").cloned().unwrap_or_default();
        seen.fields.insert("age".to_owned(), age);
    }
    seen
}

/// A Worker that does nothing but pass.
struct Empty {
    workerd: Workerd,
    home: PathBuf,
}

impl Empty {
    fn start(origin: &str) -> Result<Self> {
        let home = places::test_run()?;
        places::write(&home.join("entry.js"), PASS)?;
        places::write(&home.join("index.js"), "")?;
        places::write(&home.join("index_bg.wasm"), b"\0asm\x01\0\0\0")?;
        let spec = WorkerdSpec {
            program: parts()?.workerd.clone(),
            worker: home.clone(),
            www: places::root().join("www"),
            ports: vec![free_port()?],
            colos: Vec::new(),
            variables: vec![("ORIGIN".to_owned(), origin.to_owned())],
            authority: None,
            analytics: None,
            name: "empty".to_owned(),
        };
        Ok(Self { workerd: Workerd::start(&spec, &home)?, home })
    }

    fn url(&self) -> &str {
        self.workerd.urls().first().map_or("", String::as_str)
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        self.workerd.daemon.kill();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

const PASS: &str = "export default { fetch(request, env) { \
    const url = new URL(request.url); \
    return fetch(env.ORIGIN + url.pathname + url.search, request) } }\n";

/// Fields of the connection.
const FRAMING: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

/// Fields of content, which a `304` has not.
const CONTENT: [&str; 6] = [
    "content-digest",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
];
