//! The clients: who asks for what, how fast, and what the answers were.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Client;
use tokio::time::sleep_until;

use super::chance::Chance;
use super::mischief::Past;
use crate::faults::{Published, Wrong, tag_of};
use crate::harness::ADMIN;

/// Everybody who asks.
pub(super) struct Load<'a> {
    site: &'a Published,
    urls: Vec<String>,
    seed: u64,
    past: &'a Past,
    client: Client,
    fresh: AtomicUsize,
}

/// How fast the clients ask.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// As fast as they are answered.
    Flat,
    /// So many requests a second altogether.
    Rate(f64),
}

/// What came of all requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// How long the answers took, in milliseconds.
    pub took: Vec<f64>,
    /// Good answers by what `Cache-Status` says of them.
    pub verdicts: BTreeMap<String, usize>,
    /// Answers that the origin's or a worker's trouble excuses.
    pub excused: BTreeMap<String, usize>,
    /// What must not be.
    pub violations: Vec<String>,
    pub purges: usize,
    pub purges_refused: usize,
    /// Requests that reached the origin.
    pub fetches: usize,
}

enum Got {
    Answer { status: u16, verdict: String, body: Vec<u8> },
    Lost(String),
}

impl<'a> Load<'a> {
    pub fn new(site: &'a Published, urls: Vec<String>, seed: u64, past: &'a Past) -> Self {
        let builder = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = builder.timeout(GIVE_UP).build().unwrap_or_default();
        Self { site, urls, seed, past, client, fresh: AtomicUsize::new(0) }
    }

    /// Asks for `span`.
    pub async fn run(&self, pace: Pace, span: Duration) -> Tally {
        self.site.origin.forget();
        let end = Instant::now() + span;
        let readers = join_all((0..CLIENTS).map(|n| self.read(n, pace, end)));
        let (parts, purged) = tokio::join!(readers, self.purge(end));
        let mut tally = purged;
        for part in parts {
            tally.add(part);
        }
        tally.fetches = self.site.origin.requests().len();
        tally
    }

    async fn read(&self, number: usize, pace: Pace, end: Instant) -> Tally {
        let mut chance = Chance::new(self.seed ^ (number as u64) << 32);
        let mut tally = Tally::default();
        let mut due = Instant::now();
        while due < end && !self.past.is_cut_short() {
            sleep_until(due.into()).await;
            let worker = chance.below(self.urls.len());
            let path = self.path(&mut chance);
            self.page(worker, &path, &mut tally).await;
            due = match pace {
                Pace::Flat => Instant::now(),
                Pace::Rate(rate) => {
                    // A client that was held up does not make up for it in a burst.
                    let step = Duration::from_secs_f64(CLIENTS as f64 / rate.max(1.0));
                    (due + step).max(Instant::now())
                }
            };
        }
        tally
    }

    /// Few pages often, many seldom, and some that nobody has asked for.
    fn path(&self, chance: &mut Chance) -> String {
        match chance.below(20) {
            0 => format!("/new/{}", self.fresh.fetch_add(1, Ordering::Relaxed)),
            1..=5 => format!("/page/{}", chance.below(PAGES)),
            _ => format!("/page/{}", chance.below(HOT)),
        }
    }

    async fn page(&self, worker: usize, path: &str, tally: &mut Tally) {
        let asked = Instant::now();
        let got = self.get(worker, path).await;
        let answered = Instant::now();
        let took = answered - asked;
        let origin = self.past.origin_failed(asked, answered);
        let away = self.past.worker_failed(worker, asked, answered);
        let (what, excused) = match got {
            Got::Lost(why) => (format!("no answer: {why}"), origin || away),
            Got::Answer { status: 200, verdict, body } => {
                match self.site.check(path, &body, asked, answered) {
                    Ok(()) => {
                        tally.took.push(took.as_secs_f64() * 1e3);
                        *tally.verdicts.entry(verdict).or_default() += 1;
                        (String::new(), true)
                    }
                    Err(wrong) => {
                        let page = wrong == Wrong::Foreign && body.starts_with(HTML);
                        (format!("{wrong}, {verdict}"), origin && page)
                    }
                }
            }
            Got::Answer { status, verdict, .. } => {
                let given_up = status == 504 && self.past.origin_was_given_up(asked, answered);
                (format!("{status}, {verdict}"), origin || given_up)
            }
        };
        if !what.is_empty() && excused {
            *tally.excused.entry(what).or_default() += 1;
        } else if !excused {
            tally.violations.push(format!("{path} from worker {worker}: {what}"));
        }
        if took > DEADLINES && !origin {
            tally.violations.push(format!("{path} from worker {worker} took {took:?}"));
        }
    }

    async fn get(&self, worker: usize, path: &str) -> Got {
        let lost = |error: reqwest::Error| {
            Got::Lost(if error.is_timeout() { "in time" } else { "a cut connection" }.to_owned())
        };
        match self.client.get(format!("{}{path}", self.urls[worker])).send().await {
            Err(error) => lost(error),
            Ok(response) => {
                let status = response.status().as_u16();
                let field = response.headers().get("cache-status");
                let field = field.and_then(|value| value.to_str().ok()).unwrap_or_default();
                let detail = field.split("detail=").nth(1).unwrap_or("no Cache-Status");
                let verdict = detail.split(';').next().unwrap_or_default().to_owned();
                match response.bytes().await {
                    Ok(body) => Got::Answer { status, verdict, body: body.to_vec() },
                    Err(error) => lost(error),
                }
            }
        }
    }

    /// Publishes pages anew and purges most of them.
    async fn purge(&self, end: Instant) -> Tally {
        let mut chance = Chance::new(!self.seed);
        let mut tally = Tally::default();
        while Instant::now() + PURGE_PAUSE < end && !self.past.is_cut_short() {
            tokio::time::sleep(PURGE_PAUSE).await;
            let path = format!("/page/{}", chance.below(HOT));
            let worker = chance.below(self.urls.len());
            let version = self.site.publish(&path);
            if chance.below(4) == 0 {
                continue;
            }
            let url = format!("{}/api/v1/cache/purge", self.urls[worker]);
            let body = format!("{{\"tags\":[\"{}\"]}}", tag_of(&path));
            let asked = Instant::now();
            let sent = self.client.post(url).bearer_auth(ADMIN).body(body).send().await;
            let answered = Instant::now();
            tally.purges += 1;
            match sent.map(|response| response.status().as_u16()) {
                Ok(200) => self.site.purged(&path, version, answered),
                Ok(503) => tally.purges_refused += 1,
                Ok(status) => tally.violations.push(format!("a purge was answered {status}")),
                Err(_) if self.past.worker_failed(worker, asked, answered) => {
                    tally.purges_refused += 1;
                }
                Err(error) => tally.violations.push(format!("a purge was lost: {error}")),
            }
        }
        tally
    }
}

impl Tally {
    /// How many good answers there were.
    pub fn answers(&self) -> usize {
        self.took.len()
    }

    fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.violations.extend(other.violations);
        for (mine, others) in
            [(&mut self.verdicts, other.verdicts), (&mut self.excused, other.excused)]
        {
            for (what, count) in others {
                *mine.entry(what).or_default() += count;
            }
        }
    }
}

const CLIENTS: usize = 24;
/// The pages that most requests are for.
const HOT: usize = 40;
const PAGES: usize = 400;
const PURGE_PAUSE: Duration = Duration::from_millis(100);
const HTML: &[u8] = b"<!doctype html>";
/// What all that a request may wait for adds up to while the origin answers: two looks into Redis
/// and one at its lease at twice their timeout, two at the platform's cache, the patience with
/// another request's fetch, and the fetch.
const DEADLINES: Duration = Duration::from_secs(18);
const GIVE_UP: Duration = Duration::from_secs(40);
