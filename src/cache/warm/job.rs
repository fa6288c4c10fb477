//! How far a job has come.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cache::policy::Status;
use crate::cache::{Time, Verdict};

/// A job's line in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name, and its list's.
    pub id: u64,
    /// Who asked for it.
    pub by: String,
    /// How many requests a second it may send, one at a time.
    pub rate: u32,
    /// How many pages it may ask for.
    pub max: u32,
    /// When it began.
    pub begun: Time,
    /// Until when somebody works on it.
    pub claimed: Time,
    /// Before this moment nothing more may be asked for.
    pub due: Time,
    /// How many items were done.
    pub done: u32,
    /// How many items there are.
    pub known: u32,
    /// How many of them are pages.
    pub pages: u32,
    /// What became of them, in the order of [`Outcome`].
    pub outcomes: [u32; 5],
}

/// What became of something that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was fetched and stored.
    Stored,
    /// It was there already.
    Found,
    /// It is not for the cache.
    Passed,
    /// It could not be had.
    Failed,
    /// It is another site's, and was not asked for.
    Foreign,
}

impl Outcome {
    /// The words used in reports, in the order of the outcomes.
    pub const WORDS: &[&str] = &["stored", "found", "passed", "failed", "foreign"];

    /// What a reply comes to.
    pub fn of(code: u16, status: &Status) -> Self {
        match status.verdict {
            _ if code >= 500 => Self::Failed,
            Verdict::Error | Verdict::Rescue => Self::Failed,
            Verdict::Miss if !status.stored => Self::Passed,
            Verdict::Bypass => Self::Passed,
            Verdict::Miss | Verdict::Revalidated | Verdict::Stale => Self::Stored,
            Verdict::Hit | Verdict::Collapsed => Self::Found,
        }
    }
}

impl Job {
    /// A job with nothing in its list yet.
    pub fn new(id: u64, by: &str, rate: u32, max: u32, now: Time) -> Self {
        Self {
            id,
            by: by.to_owned(),
            rate: rate.clamp(1, RATE_MAX),
            max,
            begun: now,
            claimed: Time(0),
            due: now,
            done: 0,
            known: 0,
            pages: 0,
            outcomes: [0; 5],
        }
    }

    /// Reads a line; what is none is no job.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix(VERSION)?.split(' ');
        let mut number = || words.next()?.parse::<i64>().ok();
        let [id, rate, max, begun, claimed, due] = [(); 6].map(|()| number());
        let [done, known, pages] = [(); 3].map(|()| number());
        let outcomes = [(); 5].map(|()| number().and_then(|n| u32::try_from(n).ok()));
        let small = |n: Option<i64>| u32::try_from(n?).ok();
        Some(Self {
            id: id?.cast_unsigned(),
            by: words.next()?.to_owned(),
            rate: small(rate)?.clamp(1, RATE_MAX),
            max: small(max)?,
            begun: Time(begun?),
            claimed: Time(claimed?),
            due: Time(due?),
            done: small(done)?,
            known: small(known)?,
            pages: small(pages)?,
            outcomes: match outcomes {
                [Some(a), Some(b), Some(c), Some(d), Some(e)] => [a, b, c, d, e],
                _ => return None,
            },
        })
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.done >= self.known
    }

    /// The job in the hands of one who works on it until then; `None` if there is nothing to do, or
    /// somebody is at it.
    pub fn claim(&self, now: Time, span: Duration) -> Option<Self> {
        let free = !self.is_done() && self.claimed <= now;
        free.then(|| Self { claimed: now.after(span), ..self.clone() })
    }

    /// How long nothing may be asked for.
    pub fn pause(&self, now: Time) -> Duration {
        self.due.since(now)
    }

    /// How many pages may still be added.
    pub fn room(&self) -> usize {
        self.max.saturating_sub(self.pages) as usize
    }

    /// Takes note that an item has been dealt with.
    pub fn note(&mut self, outcome: Outcome) {
        if let Some(count) = self.outcomes.get_mut(outcome as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// Takes note that something is being asked for now, so that the next has to wait.
    pub fn spend(&mut self, now: Time) {
        let pause = Duration::from_secs(1).checked_div(self.rate.max(1)).unwrap_or_default();
        self.due = now.max(self.due).after(pause);
    }

    /// How it stands, for people and programs.
    pub fn told(&self, now: Time) -> Value {
        let [stored, found, passed, failed, foreign] = self.outcomes;
        let state = match (self.is_done(), self.claimed > now) {
            (true, _) => "done",
            (false, true) => "working",
            (false, false) => "waiting",
        };
        json!({
            "id": format!("{:016x}", self.id),
            "by": self.by,
            "state": state,
            "begun": self.begun.0,
            "rate": self.rate,
            "done": self.done,
            "known": self.known,
            "pages": self.pages,
            "stored": stored,
            "found": found,
            "passed": passed,
            "failed": failed,
            "foreign": foreign,
        })
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, rate, max, begun, claimed, due, .. } = self;
        let (id, begun, claimed, due) = (id.cast_signed(), begun.0, claimed.0, due.0);
        write!(f, "{VERSION}{id} {rate} {max} {begun} {claimed} {due}")?;
        write!(f, " {} {} {}", self.done, self.known, self.pages)?;
        for count in self.outcomes {
            write!(f, " {count}")?;
        }
        write!(f, " {}", self.by)
    }
}

/// How the line of this version begins.
const VERSION: &str = "1 ";

/// Nobody may ask for more a second.
pub const RATE_MAX: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Job { known: 3, pages: 2, ..Job::new(u64::MAX - 1, "ci", 4, 10, Time(1_000)) }
    }

    #[test]
    fn a_line_reads_back() {
        let mut job = job();
        job.note(Outcome::Foreign);
        job.note(Outcome::Stored);
        job.spend(Time(2_000));
        assert_eq!(Job::parse(&job.to_string()), Some(job));
        for line in ["", "1 ", "2 1 1", "1 1 1 1 1 1 1 1 1 1 1 1 1 1", "1 a b c"] {
            assert_eq!(Job::parse(line), None, "{line}");
        }
    }

    #[test]
    fn it_tells_how_it_stands() {
        let mut job = job();
        job.note(Outcome::Passed);
        assert_eq!(job.room(), 8, "two pages of ten are known");
        let claimed = job.claim(Time(5_000), Duration::from_secs(60)).expect("nobody is at it");
        let done = Job { done: 3, ..claimed.clone() };
        for (job, at, state) in [
            (&job, 5_000, "waiting"),
            (&claimed, 64_999, "working"),
            (&claimed, 65_000, "waiting"),
            (&done, 5_000, "done"),
        ] {
            let told = job.told(Time(at));
            assert_eq!((&told["state"], &told["id"]), (&state.into(), &"fffffffffffffffe".into()));
            assert_eq!((&told["passed"], &told["stored"]), (&1.into(), &0.into()));
        }
    }

    #[test]
    fn one_works_at_a_time_and_a_claim_ends() {
        let span = Duration::from_secs(60);
        let claimed = job().claim(Time(5_000), span).expect("nobody is at it");
        assert_eq!(claimed.claim(Time(64_999), span), None);
        assert!(claimed.claim(Time(65_000), span).is_some(), "its worker was killed");
        let done = Job { done: 3, ..job() };
        assert!(done.is_done() && done.claim(Time(5_000), span).is_none());
    }

    #[test]
    fn requests_keep_their_distance_over_invocations() {
        let mut job = job();
        assert_eq!(job.pause(Time(1_000)), Duration::ZERO);
        job.spend(Time(1_000));
        let mut job = Job::parse(&job.to_string()).expect("a line");
        assert_eq!(job.pause(Time(1_050)), Duration::from_millis(200));
        job.spend(Time(9_000));
        assert_eq!(job.due, Time(9_250), "what was not used is not made up for");
        assert_eq!(Job::new(1, "ci", 0, 1, Time(0)).rate, 1);
        assert_eq!(Job::new(1, "ci", u32::MAX, 1, Time(0)).rate, RATE_MAX);
    }

    #[test]
    fn a_reply_is_told_by_what_it_cost() {
        let of = |code, verdict| {
            Outcome::of(code, &Status { stored: verdict == Verdict::Miss, ..Status::new(verdict) })
        };
        assert_eq!(of(200, Verdict::Miss), Outcome::Stored);
        assert_eq!(Outcome::of(200, &Status::new(Verdict::Miss)), Outcome::Passed);
        assert_eq!(of(200, Verdict::Stale), Outcome::Stored);
        assert_eq!(of(404, Verdict::Hit), Outcome::Found);
        assert_eq!(of(200, Verdict::Bypass), Outcome::Passed);
        assert_eq!(of(200, Verdict::Rescue), Outcome::Failed);
        assert_eq!(of(503, Verdict::Miss), Outcome::Failed);
    }
}
