//! What an isolate publishes beside its counts: what is hot, and what it did last.
//!
//! A sheet replaces the isolate's sheet before. Readers put the sheets of all isolates together.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use super::sketch::{Row, Sketch};
use crate::cache::sort::sort_by;
use crate::cache::{Time, Verdict};

/// An isolate's sheet in the making.
#[derive(Clone, Debug)]
pub struct Sheet {
    since: Time,
    sampled: Time,
    sketches: [Sketch; 3],
    requests: VecDeque<Event>,
    purges: VecDeque<Event>,
}

/// What a sketch is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// URLs.
    Urls,
    /// Tags.
    Tags,
    /// Rules, by their number.
    Rules,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Time,
    /// What, in the order of [`REQUEST`] or [`PURGE`].
    pub words: Vec<String>,
}

/// The names of a request's words.
pub const REQUEST: &[&str] = &["verdict", "reason", "source", "status", "took", "rule", "url"];

/// The names of a purge's words.
pub const PURGE: &[&str] = &["token", "sequence", "records"];

impl Event {
    /// Something that happened, in words; none of them holds a control character.
    pub fn new<'a>(at: Time, words: impl IntoIterator<Item = &'a str>) -> Self {
        let clean = |word: &str| word.chars().filter(|c| !c.is_control()).take(WORD_MAX).collect();
        Self { at, words: words.into_iter().map(clean).collect() }
    }
}

impl Sheet {
    /// An empty sheet.
    pub fn new(now: Time) -> Self {
        Self {
            since: now,
            sampled: Time(0),
            sketches: [ROWS_MAX; 3].map(Sketch::new),
            requests: VecDeque::new(),
            purges: VecDeque::new(),
        }
    }

    /// Counts a request for something. What is hot is counted for an hour, then anew.
    pub fn count(&mut self, subject: Subject, label: &str, verdict: Verdict, bytes: u64) {
        if let Some(sketch) = self.sketches.get_mut(subject as usize) {
            sketch.add(label, verdict, bytes);
        }
    }

    /// Starts the sketches anew when they have counted for an hour.
    pub fn turn(&mut self, now: Time) {
        if now.since(self.since) >= SPAN {
            self.sketches = [ROWS_MAX; 3].map(Sketch::new);
            self.since = now;
        }
    }

    /// Whether a request at this time is to be noted: a few a second are.
    pub fn samples(&mut self, now: Time) -> bool {
        let due = now.since(self.sampled) >= SAMPLE;
        if due {
            self.sampled = now;
        }
        due
    }

    /// Notes a request.
    pub fn note_request(&mut self, event: Event) {
        note(&mut self.requests, event);
    }

    /// Notes a purge.
    pub fn note_purge(&mut self, event: Event) {
        note(&mut self.purges, event);
    }

    /// The sheet as text: a line for each row and event.
    pub fn to_text(&self, now: Time) -> String {
        let mut text = format!("{VERSION}\t{}\t{}\n", now.0, self.since.0);
        for (mark, sketch) in MARKS.iter().zip(&self.sketches) {
            for row in leading(sketch) {
                let _ = write!(text, "{mark}\t{}\t{}", row.label, row.bytes);
                for count in row.verdicts {
                    let _ = write!(text, "\t{count}");
                }
                text.push('\n');
            }
        }
        for (mark, events) in [("q", &self.requests), ("p", &self.purges)] {
            for event in events {
                let _ = writeln!(text, "{mark}\t{}\t{}", event.at.0, event.words.join("\t"));
            }
        }
        text
    }
}

fn note(events: &mut VecDeque<Event>, event: Event) {
    if events.len() >= EVENTS_MAX {
        events.pop_front();
    }
    events.push_back(event);
}

/// The rows that lead by requests, misses or bytes.
fn leading(sketch: &Sketch) -> Vec<&Row> {
    let mut chosen: Vec<&Row> = Vec::new();
    let ranks: [fn(&Row) -> u64; 3] = [Row::requests, Row::misses, |row| row.bytes];
    for (rank, count) in ranks.into_iter().zip([ASKED, LEADING, LEADING]) {
        let mut rows: Vec<&Row> = sketch.rows().iter().collect();
        sort_by(&mut rows, |a, b| rank(b).cmp(&rank(a)));
        for row in rows.into_iter().take(count) {
            if !chosen.iter().any(|other| std::ptr::eq(*other, row)) {
                chosen.push(row);
            }
        }
    }
    chosen
}

/// The sheets of all isolates put together.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// How many sheets there are.
    pub isolates: usize,
    /// Since when the oldest of them counts.
    pub since: Option<Time>,
    /// Requests, the last first.
    pub requests: Vec<Event>,
    /// Purges, the last first.
    pub purges: Vec<Event>,
    sketches: [BTreeMap<String, Row>; 3],
}

impl Board {
    /// Adds an isolate's sheet; one that can't be read, or is too old, is passed over.
    pub fn add(&mut self, text: &str, now: Time) {
        let mut lines = text.lines();
        let mut head = lines.next().unwrap_or_default().split('\t');
        let known = head.next() == Some(VERSION);
        let mut time = || head.next().and_then(|text| text.parse().ok()).map(Time);
        let (Some(at), Some(since), true) = (time(), time(), known) else { return };
        if now.since(at) >= SPAN {
            return;
        }
        self.isolates = self.isolates.saturating_add(1);
        self.since = Some(self.since.map_or(since, |other| other.min(since)));
        for line in lines {
            let mut parts = line.split('\t');
            match parts.next() {
                Some("q") => self.requests.extend(event(parts)),
                Some("p") => self.purges.extend(event(parts)),
                Some(mark) => self.add_row(mark, parts),
                None => {}
            }
        }
    }

    /// What of a subject leads in a rank, in descending order.
    pub fn top(&self, subject: Subject, rank: fn(&Row) -> u64, count: usize) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self
            .sketches
            .get(subject as usize)
            .map(|rows| rows.values().collect())
            .unwrap_or_default();
        sort_by(&mut rows, |a, b| rank(b).cmp(&rank(a)));
        rows.truncate(count);
        rows
    }

    /// The URLs that were asked for most, of those that the cache had to do with. A name that may
    /// have been cut is none.
    pub fn pages(&self, count: usize) -> Vec<&str> {
        let rows = self.top(Subject::Urls, Row::cacheable, usize::MAX);
        let whole = rows.into_iter().filter(|row| row.cacheable() > 0 && row.is_whole());
        whole.map(|row| row.label.as_str()).take(count).collect()
    }

    /// Orders what happened, and keeps the last of it.
    pub fn settle(&mut self) {
        for events in [&mut self.requests, &mut self.purges] {
            sort_by(events, |a, b| b.at.cmp(&a.at));
            events.truncate(BOARD_EVENTS_MAX);
        }
    }

    fn add_row<'a>(&mut self, mark: &str, mut parts: impl Iterator<Item = &'a str>) {
        let place = MARKS.iter().position(|other| *other == mark);
        let Some(rows) = place.and_then(|place| self.sketches.get_mut(place)) else { return };
        let mut row = Row::new(parts.next().unwrap_or_default());
        let mut number = || parts.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        row.bytes = number();
        row.verdicts = Verdict::ALL.map(|_| number());
        match rows.get_mut(&row.label) {
            Some(known) => known.merge(&row),
            None => drop(rows.insert(row.label.clone(), row)),
        }
    }
}

fn event<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<Event> {
    let at = Time(parts.next()?.parse().ok()?);
    Some(Event::new(at, parts))
}

const MARKS: [&str; 3] = ["u", "t", "r"];

/// The form's version.
const VERSION: &str = "1";

/// The rows of each sketch in an isolate.
const ROWS_MAX: usize = 64;

/// How many rows are published of those that were asked for most, which are what is warmed, and by
/// each other rank.
const ASKED: usize = 32;
const LEADING: usize = 12;

/// How many events of a kind an isolate remembers, and a board.
const EVENTS_MAX: usize = 16;
const BOARD_EVENTS_MAX: usize = 100;

/// So much of a word is kept, in characters.
const WORD_MAX: usize = 400;

/// For how long sketches count, and sheets are believed.
const SPAN: Duration = Duration::from_secs(60 * 60);

/// At most one request in so long is noted.
const SAMPLE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_add_up() {
        let mut board = Board::default();
        for n in 0..3 {
            let mut sheet = Sheet::new(Time(1_000 + n));
            sheet.count(Subject::Urls, "https://a.test/", Verdict::Hit, 10);
            sheet.count(Subject::Urls, "https://a.test/b", Verdict::Miss, 1_000);
            sheet.count(Subject::Tags, "news", Verdict::Hit, 10);
            let words = ["hit", "", "shared", "200", "1", "2", "https://a.test/\tx\n"];
            sheet.note_request(Event::new(Time(2_000 + n), words));
            sheet.note_purge(Event::new(Time(3_000 + n), ["ci", "7", "hard tag news"]));
            board.add(&sheet.to_text(Time(4_000)), Time(5_000));
        }
        board.add("nonsense\n\tq", Time(5_000));
        board.settle();
        assert_eq!((board.isolates, board.since), (3, Some(Time(1_000))));
        let urls = board.top(Subject::Urls, |row| row.bytes, 10);
        assert_eq!(urls[0].label, "https://a.test/b");
        assert_eq!((urls[0].misses(), urls[0].bytes), (3, 3_000));
        assert_eq!(board.top(Subject::Tags, Row::requests, 10)[0].requests(), 3);
        assert_eq!(board.requests[0].at, Time(2_002));
        assert_eq!(board.requests[0].words.len(), REQUEST.len());
        assert_eq!(board.purges[0].words, ["ci", "7", "hard tag news"]);
    }

    /// What is hot is so of the last hour; of requests a few a second are shown.
    #[test]
    fn old_counts_are_dropped_and_samples_are_few() {
        let hour = 3_600_000;
        for (at, kept) in [(hour - 1, true), (hour, false)] {
            let mut sheet = Sheet::new(Time(0));
            sheet.count(Subject::Urls, "https://a.test/", Verdict::Hit, 10);
            sheet.turn(Time(at));
            assert_eq!(sheet.to_text(Time(at)).contains("https://a.test/"), kept, "{at}");
        }
        let mut sheet = Sheet::new(Time(0));
        let step = i64::try_from(SAMPLE.as_millis()).expect("a short span");
        let taken = [step, step + 1, 2 * step - 1, 2 * step].map(|at| sheet.samples(Time(at)));
        assert_eq!(taken, [true, false, false, true]);
    }

    #[test]
    fn pages_are_what_the_cache_is_good_for() {
        let mut sheet = Sheet::new(Time(0));
        let long = format!("https://a.test/{}", "x".repeat(400));
        for (url, verdict, times) in [
            ("https://a.test/warm", Verdict::Hit, 2),
            ("https://a.test/hot", Verdict::Miss, 3),
            ("https://a.test/me", Verdict::Bypass, 9),
            (&long, Verdict::Hit, 9),
        ] {
            (0..times).for_each(|_| sheet.count(Subject::Urls, url, verdict, 1));
        }
        let mut board = Board::default();
        board.add(&sheet.to_text(Time(1)), Time(2));
        assert_eq!(board.pages(9), ["https://a.test/hot", "https://a.test/warm"]);
        assert_eq!(board.pages(1), ["https://a.test/hot"]);
    }

    #[test]
    fn what_is_old_is_passed_over() {
        let mut board = Board::default();
        let text = Sheet::new(Time(0)).to_text(Time(0));
        board.add(&text, Time(3_600_000));
        assert_eq!(board.isolates, 0);
    }
}
