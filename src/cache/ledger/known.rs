//! What a mirror knows: the records, and what they say of a stored response.

use std::collections::BTreeMap;

use super::place::Span;
use super::{Bucket, Epoch, Mode, Place, Record, Selector, Sequence, Subject};
use crate::cache::glob::Glob;
use crate::cache::key::{Key, without_query};

/// The newest sequence with which something was purged, by mode; zero is never.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    pub hard: Sequence,
    pub soft: Sequence,
}

impl Marks {
    pub fn raise(&mut self, mode: Mode, sequence: Sequence) {
        let mark = match mode {
            Mode::Hard => &mut self.hard,
            Mode::Soft => &mut self.soft,
        };
        *mark = sequence.max(*mark);
    }

    fn merge(&mut self, other: Self) {
        self.raise(Mode::Hard, other.hard);
        self.raise(Mode::Soft, other.soft);
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub epoch: Epoch,
    pub sequence: Sequence,
    pub floor: Sequence,
    pub all: Marks,
    hosts: BTreeMap<String, Marks>,
    keys: BTreeMap<String, Marks>,
    tags: BTreeMap<String, Marks>,
    urls: BTreeMap<String, Marks>,
    globs: BTreeMap<String, (Glob, Marks)>,
    prefixes: BTreeMap<String, Marks>,
    pub changes: BTreeMap<Bucket, Sequence>,
}

impl Known {
    pub fn of(epoch: Epoch) -> Self {
        Self { epoch, ..Self::default() }
    }

    pub fn size(&self) -> usize {
        let exact = [&self.hosts, &self.keys, &self.tags, &self.urls, &self.prefixes];
        exact.map(BTreeMap::len).into_iter().fold(self.globs.len(), usize::saturating_add)
    }

    pub fn newest(&self, except: &str) -> Sequence {
        let tags = self.tags.iter().filter(|(tag, _)| *tag != except).map(|(_, marks)| marks);
        let exact = [&self.hosts, &self.keys, &self.urls, &self.prefixes];
        let exact = exact.into_iter().flat_map(BTreeMap::values);
        let globs = self.globs.values().map(|(_, marks)| marks);
        let all = tags.chain(exact).chain(globs).chain([&self.all]);
        all.map(|marks| marks.hard).fold(self.floor, Ord::max)
    }

    pub fn absorb(&mut self, top: Sequence, floor: Sequence, records: Vec<(Record, Sequence)>) {
        self.sequence = top;
        self.floor = self.floor.max(floor);
        for (Record { mode, selector }, sequence) in records {
            let marks = match selector {
                Selector::All => &mut self.all,
                Selector::Glob(glob) => {
                    let new = || (glob.clone(), Marks::default());
                    &mut self.globs.entry(glob.as_str().to_owned()).or_insert_with(new).1
                }
                Selector::Host(host) => self.hosts.entry(host).or_default(),
                Selector::Key(key) => self.keys.entry(key).or_default(),
                Selector::Prefix(prefix) => self.prefixes.entry(prefix).or_default(),
                Selector::Tag(tag) => self.tags.entry(tag).or_default(),
                Selector::Url(url) => self.urls.entry(Place::of(&url).bare.to_owned()).or_default(),
            };
            marks.raise(mode, sequence);
        }
    }

    pub fn collect(&self, subject: &Subject<'_>, marks: &mut Marks) {
        if self.size() == 0 {
            return;
        }
        let place = Place::of_key(subject.key);
        if place.span == Span::Any {
            self.collect_named(&place, marks);
        }
        let exact =
            [self.keys.get(subject.key), self.urls.get(place.bare), self.hosts.get(place.host())];
        let tagged = subject.tags.iter().map(|tag| self.tags.get(tag));
        for found in exact.into_iter().chain(tagged).flatten() {
            marks.merge(*found);
        }
        for (prefix, found) in &self.prefixes {
            if place.begins_with(prefix) {
                marks.merge(*found);
            }
        }
        for (glob, found) in self.globs.values() {
            if place.matches(glob) || subject.tags.iter().any(|tag| glob.matches(tag)) {
                marks.merge(*found);
            }
        }
    }

    /// What is said by their names of any URLs that a response to several queries may answer.
    fn collect_named(&self, place: &Place<'_>, marks: &mut Marks) {
        let [url, bare] = [place.url, place.bare].map(without_query);
        let key = Key::of_url(url);
        for (named, path) in [(&self.urls, bare), (&self.keys, key.as_str())] {
            let [first, last] = ["?", "@"].map(|end| format!("{path}{end}"));
            let others = named.range(first..last).map(|(_, found)| found);
            named.get(path).into_iter().chain(others).for_each(|found| marks.merge(*found));
        }
    }
}
