//! What is measured: classes of requests, sizes, and who takes part in which.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, bail};

use super::field::{
    Contestant, Field, JS_FETCH, JS_HELLO, JS_MAP, JS_UPSTASH, MEMORY, NGINX, PLATFORM, REDIS,
    TOKEN, VARNISH,
};
use super::load::{self, Answer, Load};
use crate::progress::step;

/// One comparison.
pub struct Case {
    /// The kind of request.
    pub class: &'static str,
    /// The body's size in bytes.
    pub size: usize,
    /// Who takes part; ratios are to the first.
    pub entrants: Vec<&'static str>,
    /// Requests a second, where the pace is set.
    pub rate: Option<u32>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Brief,
    Condition,
    Head,
    Hit,
    Miss,
    Purge,
    Range,
    Spread,
}

/// Every case whose entrants run.
pub fn all(field: &Field) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |class, kind, sizes: &[usize], names: &[&'static str]| {
        let runs = |name: &&&str| field.contestant(name).is_some();
        let entrants: Vec<_> = names.iter().filter(runs).copied().collect();
        cases.extend(sizes.iter().map(|&size| {
            let rate = (kind == Kind::Brief).then_some(BRIEF_RATE);
            Case { class, size, entrants: entrants.clone(), rate, kind }
        }));
    };
    add("memory hit", Kind::Hit, &SIZES, &[MEMORY, JS_MAP, JS_HELLO, NGINX, VARNISH]);
    add("redis hit", Kind::Hit, &SIZES, &[REDIS, JS_UPSTASH, JS_FETCH]);
    add("redis hits of 64 keys", Kind::Spread, &SIZES[..2], &[REDIS, JS_UPSTASH, JS_FETCH]);
    add("platform hit", Kind::Hit, &SIZES, &[PLATFORM, REDIS]);
    add("stale hit", Kind::Brief, &[KB10], &[MEMORY, REDIS, JS_UPSTASH]);
    add("304", Kind::Condition, &[KB10], &[MEMORY, REDIS, JS_UPSTASH, NGINX, VARNISH]);
    add("HEAD", Kind::Head, &[KB10], &[MEMORY, REDIS, JS_UPSTASH, NGINX, VARNISH]);
    add("range", Kind::Range, &[KB10], &[MEMORY, REDIS, NGINX, VARNISH]);
    add("miss", Kind::Miss, &[KB10], &[REDIS, JS_UPSTASH, NGINX, VARNISH]);
    add("purge", Kind::Purge, &[0], &[REDIS, JS_UPSTASH]);
    cases
}

impl Case {
    /// Class and size, as in tables.
    pub fn name(&self) -> String {
        let size = match self.size {
            0 => String::new(),
            size if size >= 1 << 20 => format!(" {} MB", size >> 20),
            size => format!(" {} KB", size >> 10),
        };
        format!("{}{size}", self.class)
    }

    /// The kinds of answers that are told apart.
    pub fn kinds(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Brief => &["fresh", "stale"],
            _ => &["all"],
        }
    }

    /// Has what is to be hit stored in every entrant, and looks whether it is.
    pub fn warm(&self, field: &Field) -> Result<()> {
        if self.entrants.contains(&JS_FETCH) {
            self.set_bare(field)?;
        }
        for name in &self.entrants {
            let Some(contestant) = field.contestant(name) else { continue };
            if self.kind == Kind::Miss || self.kind == Kind::Purge {
                continue;
            }
            step(&format!("{}: {name} warms up", self.name()), || {
                let warm = Load { rate: None, ..self.load(contestant, WARM, 4) };
                let sample = load::run(&Load { sort: Rc::new(|_| Some(0)), ..warm })?;
                let check = self.load(contestant, CHECK, 1);
                let seen = load::run(&Load { rate: None, ..check })?;
                if seen.requests() == 0 || seen.wrong > seen.requests() / 2 {
                    let head = seen.example.or(sample.example).unwrap_or_default();
                    bail!("{name} does not answer {} as expected:\n{head}", self.name());
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The load for one contestant.
    pub fn load(&self, contestant: &Contestant, span: Duration, connections: usize) -> Load {
        let (kind, size, name) = (self.kind, self.size, contestant.name);
        let salt = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        Load {
            port: contestant.port,
            connections,
            span,
            count: None,
            rate: self.rate,
            message: Rc::new(move |number| kind.message(name, number, salt, size)),
            sort: Rc::new(move |answer| kind.sort(name, answer, size)),
        }
    }

    /// What the bare fetch reads: as many bytes as an entry has.
    fn set_bare(&self, field: &Field) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = crate::harness::client();
            for page in (0..SPREAD_PAGES).map(|page| page.to_string()).chain(["p".to_owned()]) {
                let key = format!("bare:%2Ffresh%2F{page}%2F{}", self.size);
                let url = format!("{}/set/{key}", field.gateway.url());
                let body = vec![b'x'; self.size + ENTRY_HEAD];
                client.post(url).bearer_auth(TOKEN).body(body).send().await?.error_for_status()?;
            }
            Ok(())
        })
    }
}

impl Kind {
    fn message(self, name: &str, number: u64, salt: u128, size: usize) -> Vec<u8> {
        let (method, path, more) = match self {
            Self::Hit => ("GET", format!("/fresh/p/{size}"), ""),
            Self::Condition => ("GET", format!("/fresh/p/{size}"), "if-none-match: \"5f2b7c\"\r\n"),
            Self::Head => ("HEAD", format!("/fresh/p/{size}"), ""),
            Self::Range => ("GET", format!("/fresh/p/{size}"), "range: bytes=1000-1999\r\n"),
            Self::Spread => ("GET", format!("/fresh/{}/{size}", number % SPREAD_PAGES), ""),
            Self::Brief => ("GET", format!("/brief/{}/{size}", number % BRIEF_PAGES), ""),
            Self::Miss => ("GET", format!("/fresh/{salt}-{number}/{size}"), ""),
            Self::Purge => return purge(name),
        };
        format!("{method} {path} HTTP/1.1\r\nhost: bench.test\r\n{BROWSER}{more}\r\n").into_bytes()
    }

    fn sort(self, name: &str, answer: &Answer<'_>, size: usize) -> Option<usize> {
        let ours = name.starts_with("breadbox");
        let says = |word: &str| !ours || answer.head.contains(word);
        let right = match self {
            Self::Hit if name == JS_HELLO => answer.status == 200,
            Self::Hit | Self::Spread if name == JS_FETCH => answer.length == size + ENTRY_HEAD,
            Self::Hit | Self::Spread => {
                answer.status == 200
                    && answer.length == size
                    && (says("detail=hit") || says("detail=collapsed"))
            }
            Self::Condition => answer.status == 304 && says("; hit;"),
            Self::Head => answer.status == 200 && says("; hit;"),
            Self::Range => answer.status == 206 && answer.length == 1000 && says("; hit;"),
            Self::Miss => answer.status == 200 && answer.length == size && says("fwd="),
            Self::Purge => answer.status == 200,
            Self::Brief => {
                let stale = answer.head.contains("detail=stale");
                return (answer.status == 200 && answer.length == size).then_some(stale.into());
            }
        };
        right.then_some(0)
    }
}

fn purge(name: &str) -> Vec<u8> {
    let path = if name == JS_UPSTASH { "/purge" } else { "/api/v1/cache/purge" };
    let body = "{\"tags\":[\"nothing-has-it\"]}";
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench.test\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What a browser sends along.
const BROWSER: &str = "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 \
    Firefox/140.0\r\naccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    accept-language: en-GB,en;q=0.5\r\naccept-encoding: gzip, deflate, br, zstd\r\n";

const KB10: usize = 10 << 10;
const SIZES: [usize; 4] = [1 << 10, KB10, 100 << 10, 1 << 20];

/// About what an entry has before its body.
const ENTRY_HEAD: usize = 400;

/// Many enough that several are stale at any time, few enough to be asked often.
const BRIEF_PAGES: u64 = 50;
/// More than connections, so that no two ask for the same at once and share what they read.
const SPREAD_PAGES: u64 = 64;
/// Slow enough that latencies are not queues.
const BRIEF_RATE: u32 = 200;

const WARM: Duration = Duration::from_millis(400);
const CHECK: Duration = Duration::from_millis(100);
