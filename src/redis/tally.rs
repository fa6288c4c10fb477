//! The counts of all isolates in Redis. Each verb is one plain command, so that it is billed once.
//!
//! The counts are 64-bit integers in one string. Behind them lie marks: an isolate's `BITFIELD`
//! adds its counts and leaves a mark at the isolate's place, in one step. Where the reply was
//! lost, the mark tells whether the counts have arrived.

use super::{Failure, Haste, Reply, Shared, Wire};
use crate::cache::Time;
use crate::cache::tally::Tally;

/// Where an isolate leaves its marks, and which it left last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The place among the marks.
    pub place: u32,
    /// What lies there; 0 if the isolate has left nothing yet.
    pub value: i64,
}

impl Mark {
    /// A place of one's own, most likely.
    pub fn somewhere(seed: u64) -> Self {
        let place = u32::try_from(seed % MARKS).unwrap_or(0);
        Self { place, value: 0 }
    }

    /// The next mark at the same place; never 0.
    pub fn next(self, seed: u64) -> Self {
        Self { value: (seed >> 1).max(1).cast_signed(), ..self }
    }

    fn cell(self) -> String {
        format!("#{}", Tally::SIZE.saturating_add(self.place as usize))
    }
}

/// How long a bucket of the time series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// A minute; kept for a day.
    Minute,
    /// An hour; kept for a month.
    Hour,
}

impl Span {
    /// The number of the bucket that a time lies in.
    pub fn bucket(self, at: Time) -> i64 {
        at.0.div_euclid(self.millis())
    }

    /// A bucket's length in milliseconds.
    pub fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
        }
    }

    /// How many buckets are kept.
    pub fn kept(self) -> u32 {
        match self {
            Self::Minute => 24 * 60,
            Self::Hour => 31 * 24,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Minute => 'm',
            Self::Hour => 'h',
        }
    }
}

impl<W: Wire> Shared<W> {
    /// Adds counts, and leaves the next mark. The answer is what lay at the mark's place before,
    /// and, if they are wanted, the counts of all isolates.
    pub async fn count(
        &self,
        counts: &Tally,
        next: Mark,
        totals: Totals,
    ) -> Result<(i64, Option<Tally>), Failure> {
        let mut args = vec!["BITFIELD".to_owned(), self.counts_key()];
        args.extend(["SET", "i64", &next.cell(), &next.value.to_string()].map(str::to_owned));
        args.extend(["OVERFLOW", "SAT"].map(str::to_owned));
        for (place, &count) in counts.cells().iter().enumerate() {
            let place = format!("#{place}");
            if count > 0 {
                args.extend(["INCRBY".into(), "i64".into(), place, count.to_string()]);
            } else if totals == Totals::Wanted {
                args.extend(["GET".into(), "i64".into(), place]);
            }
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let reply = self.rest.command(&args, Haste::Background, self.clock).await?;
        let Reply::Array(numbers) = reply else { return Err(Failure::malformed("BITFIELD")) };
        let mut numbers = numbers.iter().map(|number| match number {
            Reply::Integer(number) => Some(*number),
            _ => None,
        });
        let before = numbers.next().flatten().ok_or_else(|| Failure::malformed("BITFIELD"))?;
        let counts = numbers.map(|number| number.map_or(0, i64::cast_unsigned));
        Ok((before, (totals == Totals::Wanted).then(|| Tally::from_counts(counts))))
    }

    /// What lies at a mark's place.
    pub async fn mark(&self, mark: Mark) -> Result<i64, Failure> {
        let args = ["BITFIELD", &self.counts_key(), "GET", "i64", &mark.cell()];
        match self.rest.command(&args, Haste::Background, self.clock).await? {
            Reply::Array(numbers) => match numbers.as_slice() {
                [Reply::Integer(number)] => Ok(*number),
                _ => Err(Failure::malformed("BITFIELD")),
            },
            _ => Err(Failure::malformed("BITFIELD")),
        }
    }

    /// The counts of all isolates.
    pub async fn totals(&self) -> Result<Tally, Failure> {
        let end = Tally::SIZE.saturating_mul(8).saturating_sub(1).to_string();
        let args = ["GETRANGE", &self.counts_key(), "0", &end];
        match self.rest.command(&args, Haste::Reply, self.clock).await? {
            Reply::Bulk(bytes) => Ok(Tally::from_store(&bytes)),
            _ => Err(Failure::malformed("GETRANGE")),
        }
    }

    /// Keeps the counts as they were when a bucket began, unless somebody else has.
    pub async fn keep(&self, span: Span, at: Time, totals: &Tally) -> Result<(), Failure> {
        let key = format!("{}{}", self.buckets(span), span.bucket(at));
        let counts = totals.cells().iter().map(u64::to_string);
        let text: Vec<String> = [at.0.to_string()].into_iter().chain(counts).collect();
        let text = format!("[{}]", text.join(","));
        let kept = span.millis().saturating_mul(i64::from(span.kept()).saturating_add(2));
        let args = ["SET", &key, &text, "NX", "PX", &kept.to_string()];
        self.rest.command(&args, Haste::Background, self.clock).await.map(drop)
    }

    /// The counts as they were at the beginning of buckets, each a JSON list of the time in
    /// milliseconds and the cells; the last one up to now. Buckets without requests are missing.
    pub async fn series(&self, span: Span, now: Time, count: u32) -> Result<Vec<String>, Failure> {
        let last = span.bucket(now);
        let first = last.saturating_sub(i64::from(count.min(span.kept())));
        let buckets = self.buckets(span);
        let keys: Vec<String> = (first..=last).map(|n| format!("{buckets}{n}")).collect();
        let args: Vec<&str> = ["MGET"].into_iter().chain(keys.iter().map(String::as_str)).collect();
        match self.rest.command(&args, Haste::Background, self.clock).await? {
            Reply::Array(items) => {
                Ok(items.iter().filter_map(Reply::text).filter(|text| is_list(text)).collect())
            }
            _ => Err(Failure::malformed("MGET")),
        }
    }

    /// Publishes an isolate's sheet in the place of its last one.
    pub async fn publish(&self, mark: Mark, sheet: &str) -> Result<(), Failure> {
        let place = (mark.place % SHEETS).to_string();
        let args = ["HSET", &self.keys.tally("sheets"), &place, sheet];
        self.rest.command(&args, Haste::Background, self.clock).await.map(drop)
    }

    /// The sheets of all isolates.
    pub async fn sheets(&self) -> Result<Vec<String>, Failure> {
        let args = ["HVALS", &self.keys.tally("sheets")];
        match self.rest.command(&args, Haste::Background, self.clock).await? {
            Reply::Array(items) => Ok(items.iter().filter_map(Reply::text).collect()),
            _ => Err(Failure::malformed("HVALS")),
        }
    }

    /// Lets the sheets, or the counts, live on; without requests they end.
    pub async fn prolong(&self, part: Part) -> Result<(), Failure> {
        let (key, days) = match part {
            Part::Counts => (self.counts_key(), COUNTS_DAYS),
            Part::Sheets => (self.keys.tally("sheets"), 1),
        };
        let seconds = u64::from(days).saturating_mul(86_400).to_string();
        let args = ["EXPIRE", &key, &seconds];
        self.rest.command(&args, Haste::Background, self.clock).await.map(drop)
    }

    fn counts_key(&self) -> String {
        self.keys.tally(&format!("{:08x}", Tally::layout()))
    }

    /// How the keys of buckets begin.
    fn buckets(&self, span: Span) -> String {
        self.keys.tally(&format!("{:08x}:{}:", Tally::layout(), span.letter()))
    }
}

/// Whether the counts of all isolates are wanted in return for one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// They are.
    Wanted,
    /// They are not.
    Unwanted,
}

/// What has a life of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The counts.
    Counts,
    /// The sheets.
    Sheets,
}

/// Whether a text is a list of numbers: it goes into a report as it is.
fn is_list(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let number = |part: &str| {
        !part.is_empty() && part.len() < 20 && part.bytes().all(|b| b.is_ascii_digit())
    };
    inside.is_some_and(|inside| inside.split(',').all(number))
}

/// So many places for marks there are; more isolates than that would share some and notice it.
const MARKS: u64 = 4_096;

/// So many isolates' sheets are kept; of more, some at random.
const SHEETS: u32 = 128;

/// Counts that nobody adds to end after so long.
const COUNTS_DAYS: u32 = 400;
