//! A model of Redis: what our scripts and commands mean, written a second time.

mod family;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sha1::{Digest, Sha1};

/// A command's words.
pub type Command = Vec<Vec<u8>>;

/// A reply of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Array(Vec<Self>),
    Bulk(Vec<u8>),
    Error(String),
    Integer(i64),
    Nil,
}

/// A store with strings that expire and ledgers that don't.
#[derive(Clone, Debug, Default)]
pub struct Model {
    strings: BTreeMap<Vec<u8>, (Vec<u8>, i64)>,
    ledgers: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, u64>>,
    scripts: BTreeMap<Vec<u8>, Verb>,
    /// Keys that went without their owner's doing, with the time: leases that others may take.
    pub lost: Vec<(i64, Vec<u8>)>,
    /// What each key was before it changed, and until when: what a replica that lags still has.
    past: VecDeque<(i64, Vec<u8>, Past)>,
}

/// A key's value.
#[derive(Clone, Debug)]
enum Past {
    Ledger(Option<BTreeMap<Vec<u8>, u64>>),
    String(Option<(Vec<u8>, i64)>),
}

#[derive(Clone, Copy, Debug)]
enum Verb {
    Acquire,
    Forget,
    Purge,
    Release,
    Renew,
    Store,
}

impl Model {
    /// Does what a command says, at a time in milliseconds.
    pub fn execute(&mut self, command: &[Vec<u8>], now: i64) -> Answer {
        self.expire(now);
        self.remember(command, now);
        let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        match words.as_slice() {
            [b"GET", key] => self.get(key),
            [b"MGET", keys @ ..] => Answer::Array(keys.iter().map(|key| self.get(key)).collect()),
            [b"UNLINK", keys @ ..] => Answer::Integer(self.unlink(keys, now) as i64),
            [b"ZRANGE", key, from, b"+inf", b"BYSCORE", b"WITHSCORES"] => {
                listed(&self.range(key, number(from)))
            }
            [b"SCRIPT", b"LOAD", text] => self.load(text),
            [b"EVALSHA", sha, count, rest @ ..] => {
                let Some(verb) = self.scripts.get(*sha).copied() else {
                    return Answer::Error("NOSCRIPT No matching script.".to_owned());
                };
                let (keys, args) = rest.split_at(number(count) as usize);
                self.run(verb, keys, args, now)
            }
            _ => panic!("the model knows no {:?}", command.first().map(|w| lossy(w))),
        }
    }

    /// Answers a read as of a time; `None` for what only the primary does.
    pub fn behind(&self, command: &[Vec<u8>], time: i64) -> Option<Answer> {
        let [verb, key, ..] = command else { return None };
        if verb != b"GET" && verb != b"ZRANGE" {
            return None;
        }
        let mut replica = Self { strings: self.strings.clone(), ..Self::default() };
        replica.ledgers = self.ledgers.clone();
        for (_, _, past) in self.past.iter().rev().filter(|(at, name, _)| at > &time && name == key)
        {
            match past.clone() {
                Past::Ledger(Some(members)) => drop(replica.ledgers.insert(key.clone(), members)),
                Past::Ledger(None) => drop(replica.ledgers.remove(key)),
                Past::String(Some(value)) => drop(replica.strings.insert(key.clone(), value)),
                Past::String(None) => drop(replica.strings.remove(key)),
            }
        }
        Some(replica.execute(command, time))
    }

    /// Keeps, for a while, what the keys of a script were before it.
    fn remember(&mut self, command: &[Vec<u8>], now: i64) {
        let written = command.first().is_some_and(|verb| verb == b"EVALSHA" || verb == b"UNLINK");
        for key in command.iter().filter(|word| written && word.starts_with(b"{")) {
            let past = match key.ends_with(b"ledger") {
                true => Past::Ledger(self.ledgers.get(key).cloned()),
                false => Past::String(self.strings.get(key).cloned()),
            };
            self.past.push_back((now, key.clone(), past));
        }
        while self.past.front().is_some_and(|(at, ..)| *at < now - PAST) {
            self.past.pop_front();
        }
    }

    /// Forgets all scripts.
    pub fn forget_scripts(&mut self) {
        self.scripts.clear();
    }

    fn load(&mut self, text: &[u8]) -> Answer {
        if text.starts_with(b"#!lua") {
            let line = "ERR Unexpected flag in script shebang: allow-key-locking";
            return Answer::Error(line.to_owned());
        }
        let verb = SCRIPTS.iter().find(|(script, _)| script.as_bytes() == text);
        let (_, verb) = verb.expect("a script of src/redis/scripts");
        let sha: String = Sha1::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        self.scripts.insert(sha.clone().into_bytes(), *verb);
        Answer::Bulk(sha.into_bytes())
    }

    fn run(&mut self, verb: Verb, keys: &[&[u8]], args: &[&[u8]], now: i64) -> Answer {
        match (verb, keys, args) {
            (Verb::Acquire, [entry, lease, ledger, family @ ..], [token, ttl, epoch, cursor]) => {
                let mut page = self.range(ledger, number(cursor));
                if page.is_empty() {
                    page = self.top(ledger).into_iter().collect();
                }
                if page.is_empty() {
                    page = vec![self.start(ledger, epoch, 0)];
                }
                let free = !self.strings.contains_key(*lease);
                if free {
                    self.set(lease, token, now + number(ttl) as i64);
                }
                let holder = self.strings.get(*lease).map_or(&b""[..], |(holder, _)| holder);
                let failed = holder.strip_prefix(b"!").map(|status| -(number(status) as i64));
                let granted = Answer::Integer(failed.unwrap_or(i64::from(free)));
                let mut generation = Vec::new();
                if let [family] = family {
                    if !self.strings.contains_key(*family) {
                        self.set(family, token, now + number(ttl) as i64);
                    }
                    generation.extend(self.strings[*family].0.iter().take(16));
                }
                let generation = Answer::Bulk(generation);
                Answer::Array(vec![granted, self.get(entry), listed(&page), generation])
            }
            (Verb::Forget, [forgotten @ .., change, ledger, family], [token, keep, ttl, a, b]) => {
                self.change(ledger, [a, b]);
                self.strings.remove(*family);
                self.forget(forgotten, change, token, [number(keep), number(ttl)], now)
            }
            (Verb::Purge, [ledger], [epoch, max, _each, _whole, records @ ..]) => {
                self.purge(ledger, epoch, number(max) as usize, records)
            }
            (Verb::Release, [lease], [token, pause, status]) => {
                self.release(lease, token, (number(pause), status), now)
            }
            (Verb::Renew, [ledger], [epoch, seen, sequence]) => {
                let lost = self.top(ledger).is_none_or(|(member, score)| {
                    &member[1..] == *seen && score < number(sequence)
                });
                if lost {
                    self.ledgers.remove(*ledger);
                    self.start(ledger, epoch, 0);
                }
                listed(&self.range(ledger, 0))
            }
            (
                Verb::Store,
                [entry, lease, ledger, family @ ..],
                [token, keep, epoch, sequence, generation, id, most, bytes],
            ) => {
                let known = (*epoch, number(sequence));
                let until = now + number(keep) as i64;
                let family = family.first().copied();
                if family.is_some_and(|family| !self.lives(family, generation)) {
                    return self.give_up([lease, token]);
                }
                let answer = self.store([entry, lease, ledger], token, known, (bytes, until));
                match (answer, family) {
                    (Answer::Integer(1), Some(family)) => {
                        self.join(family, id, number(most) as usize, until)
                    }
                    (answer, _) => answer,
                }
            }
            _ => panic!("{verb:?} with {} keys and {} arguments", keys.len(), args.len()),
        }
    }

    fn change(&mut self, ledger: &[u8], [one, other]: [&[u8]; 2]) {
        if let Some((top, score)) = self.top(ledger) {
            let members = self.ledgers.entry(ledger.to_vec()).or_default();
            members.extend([top, one.to_vec(), other.to_vec()].map(|member| (member, score + 1)));
        }
    }

    fn purge(&mut self, ledger: &[u8], epoch: &[u8], max: usize, records: &[&[u8]]) -> Answer {
        let (top, score) = self.top(ledger).unwrap_or_else(|| self.start(ledger, epoch, 0));
        let sequence = score + 1;
        let members = self.ledgers.entry(ledger.to_vec()).or_default();
        members.insert(top.clone(), sequence);
        let mut new = 0;
        for record in records {
            new += i64::from(members.insert(record.to_vec(), sequence).is_none());
        }
        let excess = members.len().saturating_sub(max);
        if excess > 0 {
            let oldest: Vec<_> = self.range(ledger, 0).into_iter().take(excess).collect();
            let members = self.ledgers.entry(ledger.to_vec()).or_default();
            for (member, _) in &oldest {
                members.remove(member);
            }
            let floor = oldest.last().map_or(0, |(_, score)| *score);
            members.insert(b"!".to_vec(), floor);
        }
        let [sequence, new] = [sequence as i64, new].map(Answer::Integer);
        Answer::Array(vec![Answer::Bulk(top[1..].to_vec()), sequence, new])
    }

    fn release(
        &mut self,
        lease: &[u8],
        token: &[u8],
        (pause, status): (u64, &[u8]),
        now: i64,
    ) -> Answer {
        if self.strings.get(lease).is_none_or(|(holder, _)| holder != token) {
            return Answer::Integer(0);
        }
        match pause {
            0 => drop(self.strings.remove(lease)),
            _ => self.set(lease, &[b"!", status].concat(), now + pause as i64),
        }
        Answer::Integer(1)
    }

    fn store(
        &mut self,
        [entry, lease, ledger]: [&[u8]; 3],
        token: &[u8],
        (epoch, sequence): (&[u8], u64),
        (bytes, until): (&[u8], i64),
    ) -> Answer {
        if self.strings.get(lease).is_none_or(|(holder, _)| holder != token) {
            return Answer::Integer(0);
        }
        let top = self.top(ledger).filter(|(top, score)| &top[1..] == epoch && *score >= sequence);
        let Some((_, score)) = top else {
            self.strings.remove(lease);
            return Answer::Integer(-1);
        };
        let since = if score > sequence { self.range(ledger, sequence + 1) } else { Vec::new() };
        let near = |member: &[u8]| member.starts_with(b"c:") || member.starts_with(b"~");
        if since.iter().any(|(member, _)| !near(member)) {
            return listed(&since);
        }
        self.set(entry, bytes, until);
        self.strings.remove(lease);
        Answer::Integer(1)
    }

    fn get(&self, key: &[u8]) -> Answer {
        self.strings.get(key).map_or(Answer::Nil, |(value, _)| Answer::Bulk(value.clone()))
    }

    fn set(&mut self, key: &[u8], value: &[u8], until: i64) {
        self.strings.insert(key.to_vec(), (value.to_vec(), until));
    }

    fn start(&mut self, ledger: &[u8], epoch: &[u8], score: u64) -> (Vec<u8>, u64) {
        let member = [b"~", epoch].concat();
        self.ledgers.entry(ledger.to_vec()).or_default().insert(member.clone(), score);
        (member, score)
    }

    /// The members with at least this score, lowest first.
    fn range(&self, ledger: &[u8], from: u64) -> Vec<(Vec<u8>, u64)> {
        let members = self.ledgers.get(ledger).into_iter().flatten();
        let ordered: BTreeSet<(u64, &Vec<u8>)> =
            members.map(|(member, score)| (*score, member)).filter(|(s, _)| *s >= from).collect();
        ordered.into_iter().map(|(score, member)| (member.clone(), score)).collect()
    }

    fn top(&self, ledger: &[u8]) -> Option<(Vec<u8>, u64)> {
        self.range(ledger, 0).pop()
    }

    /// Lets go what has had its time; what went is told.
    pub fn expire(&mut self, now: i64) -> Vec<Vec<u8>> {
        let due = self.strings.iter().filter(|(_, (_, until))| *until <= now);
        let gone: Vec<Vec<u8>> = due.map(|(key, _)| key.clone()).collect();
        for key in &gone {
            self.strings.remove(key);
            self.lost.push((now, key.clone()));
        }
        gone
    }

    /// A command in a few words.
    pub fn describe(&self, command: &[Vec<u8>]) -> String {
        let words: Vec<_> = command.iter().map(|word| lossy(word)).collect();
        match command.get(1).and_then(|sha| self.scripts.get(sha)) {
            Some(verb) => format!("{verb:?} {}", words.get(3).map_or("", String::as_str)),
            None => words.iter().take(2).cloned().collect::<Vec<_>>().join(" "),
        }
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.strings.keys().chain(self.ledgers.keys()).cloned().collect()
    }

    /// How long a string has left to live.
    pub fn left(&self, key: &[u8], now: i64) -> Option<i64> {
        self.strings.get(key).map(|(_, until)| until - now)
    }

    /// Takes a key away, as an eviction does.
    pub fn evict(&mut self, key: &[u8], now: i64) {
        self.strings.remove(key);
        self.ledgers.remove(key);
        self.lost.push((now, key.to_vec()));
    }

    /// The newest sequence of any ledger: what a careless fill might read.
    pub fn newest(&self) -> u64 {
        self.ledgers.values().flat_map(BTreeMap::values).copied().max().unwrap_or(0)
    }
}

impl Answer {
    /// The reply as RESP2.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Array(items) => {
                out.extend(format!("*{}\r\n", items.len()).bytes());
                items.iter().for_each(|item| item.encode(out));
            }
            Self::Bulk(bytes) => {
                out.extend(format!("${}\r\n", bytes.len()).bytes());
                out.extend(bytes);
                out.extend(b"\r\n");
            }
            Self::Error(line) => out.extend(format!("-{line}\r\n").bytes()),
            Self::Integer(number) => out.extend(format!(":{number}\r\n").bytes()),
            Self::Nil => out.extend(b"$-1\r\n"),
        }
    }
}

fn listed(page: &[(Vec<u8>, u64)]) -> Answer {
    let pairs = page.iter().flat_map(|(member, score)| {
        [Answer::Bulk(member.clone()), Answer::Bulk(score.to_string().into_bytes())]
    });
    Answer::Array(pairs.collect())
}

fn number(word: &[u8]) -> u64 {
    lossy(word).parse().unwrap_or_else(|_| panic!("{} is no number", lossy(word)))
}

fn lossy(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

/// How far back, in milliseconds, a replica may be.
const PAST: i64 = 1_000;

const SCRIPTS: [(&str, Verb); 6] = [
    (include_str!("../../src/redis/scripts/forget.lua"), Verb::Forget),
    (include_str!("../../src/redis/scripts/acquire.lua"), Verb::Acquire),
    (include_str!("../../src/redis/scripts/purge.lua"), Verb::Purge),
    (include_str!("../../src/redis/scripts/release.lua"), Verb::Release),
    (include_str!("../../src/redis/scripts/renew.lua"), Verb::Renew),
    (include_str!("../../src/redis/scripts/store.lua"), Verb::Store),
];
