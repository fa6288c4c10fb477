//! What is forgotten together: a URL's entry, its variants, and the fills on their way.

use super::{Answer, Model};

impl Model {
    /// Takes keys away; how many there were.
    pub(super) fn unlink(&mut self, keys: &[&[u8]], now: i64) -> usize {
        let held = keys.iter().filter(|key| self.strings.remove(**key).is_some());
        let gone: Vec<_> = held.map(|key| (now, key.to_vec())).collect();
        let count = gone.len();
        self.lost.extend(gone);
        count
    }

    /// Whether a family is there and of this generation.
    pub(super) fn lives(&self, family: &[u8], generation: &[u8]) -> bool {
        self.strings.get(family).is_some_and(|(text, _)| text.starts_with(generation))
    }

    /// A lease is given back for nothing.
    pub(super) fn give_up(&mut self, [lease, token]: [&[u8]; 2]) -> Answer {
        if self.strings.get(lease).is_some_and(|(holder, _)| holder == token) {
            self.strings.remove(lease);
        }
        Answer::Integer(0)
    }

    /// Takes a variant in as its family's newest.
    pub(super) fn join(&mut self, family: &[u8], id: &[u8], most: usize, until: i64) -> Answer {
        let (text, before) = self.strings[family].clone();
        if most == 0 {
            self.set(family, &text, until.max(before));
            return Answer::Integer(1);
        }
        let (generation, rest) = text.split_at(16);
        let mut members: Vec<&[u8]> = rest.chunks(32).filter(|member| *member != id).collect();
        members.push(id);
        let oldest = (members.len() > most).then(|| members.remove(0).to_vec());
        let text = [generation, &members.concat()].concat();
        self.set(family, &text, until.max(before));
        oldest.map_or(Answer::Integer(1), Answer::Bulk)
    }

    pub(super) fn forget(
        &mut self,
        forgotten: &[&[u8]],
        change: &[u8],
        token: &[u8],
        [keep, ttl]: [u64; 2],
        now: i64,
    ) -> Answer {
        let before = self.strings.contains_key(change);
        self.set(change, token, now + keep as i64);
        self.unlink(forgotten, now);
        let taken = !before && ttl > 0;
        if taken {
            self.set(forgotten[1], token, now + ttl as i64);
        }
        Answer::Integer(i64::from(taken))
    }
}
