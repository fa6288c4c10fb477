//! What may be stored, and what may be read in an answer.

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{Content, Reply};
use breadbox::cache::key::Key;
use breadbox::cache::{Verdict, checksum};
use bytes::Bytes;
use http::header;

use super::super::coding::{decoded, is_coded};
use super::super::site::{Audience, BODY_MAX, resource};
use super::super::stage::Stage;
use super::super::world;
use super::{LATENCY, Laws, PATIENT_LOOK, Purge, Seen};

impl Laws {
    /// Something is stored: never what is for one alone, or not whole.
    pub fn stores(&mut self, seen: &Seen, entry: &Entry, body: &Bytes) {
        let private =
            matches!(resource(&seen.url).audience, Audience::User | Audience::Credentials);
        if entry.kind == Kind::Pass {
            return;
        }
        if private || entry.head.headers.contains_key(header::SET_COOKIE) {
            self.breach(seen, "L4", format!("stores {:?}", entry.head));
        }
        if body.len() as u64 > BODY_MAX || entry.tags.len() > 9 {
            self.breach(seen, "L6", format!("stores {} bytes", body.len()));
        }
        let plain = match entry.kind {
            Kind::Compressed { .. } => decoded(body),
            _ => Some(body.clone()),
        };
        let Some(plain) = plain.filter(|plain| plain.len() as u64 == entry.received_len()) else {
            return self.breach(seen, "L5", format!("stores bytes that are not {:?}", entry.kind));
        };
        if !plain.ends_with(b".") {
            self.breach(seen, "L5", "stores what is not whole".to_owned());
        }
        if entry.history.digest.is_some_and(|digest| digest != checksum(&plain)) {
            self.breach(seen, "L5", "stores another body's digest".to_owned());
        }
    }

    /// What a client reads: a body without its coding, which has to be the one that is told and one
    /// that the client takes.
    pub(super) fn reads(&mut self, seen: &Seen, reply: &Reply<Bytes>, body: Bytes) -> Bytes {
        let told = reply.head.headers.contains_key(header::CONTENT_ENCODING);
        let has = is_coded(&body);
        let bodiless = matches!(reply.content, Content::Empty | Content::Head(_));
        if !bodiless && told != has {
            self.breach(seen, "L5", format!("a coding is told: {told}, the body has it: {has}"));
        }
        if has && !seen.takes_gzip {
            self.breach(seen, "L5", "a coding that its client does not take".to_owned());
        }
        if has { decoded(&body).unwrap_or_default() } else { body }
    }

    /// A change has succeeded, and its client knows it.
    pub(super) fn changed(&mut self, seen: &Seen, text: &str) {
        let version = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let (path, acknowledged) = (resource(&seen.url).path, world::elapsed());
        let change = Purge { path, version, acknowledged };
        // Who could not tell the shared tier of it could not have it forgotten.
        self.changes.extend((seen.store_faults == 0).then_some((seen.isolate, change)));
    }

    /// Judges a body: `path version whom`.
    pub(super) fn read(&mut self, seen: &Seen, stage: &Stage, verdict: Verdict, text: &str) {
        let resource = resource(&seen.url);
        let [path, version, whom, ..] = text.split(' ').collect::<Vec<_>>()[..] else {
            return self.breach(seen, "L5", format!("{text} is not whole"));
        };
        let version = version.parse::<u64>().unwrap_or(0);
        if path != resource.path || whom != seen.whom {
            self.breach(seen, "L4", format!("got {text}, which is another's"));
        }
        // A request that began in time may be answered late; only a rescue is then old.
        let lag = stage.wiring.borrow().lag();
        let ignored = |since| world::trusted_until(seen.isolate, since) + stage.bound + lag;
        let floor_at = |time: i64| {
            let seen = |purge: &&Purge| purge.path == path && ignored(purge.acknowledged) < time;
            self.purges.iter().filter(seen).map(|purge| purge.version).max().unwrap_or(0)
        };
        let (floor, late) = (floor_at(seen.began), floor_at(world::elapsed() - 2 * PATIENT_LOOK));
        if version < floor && seen.store_faults > 0 {
            self.blind += 1;
        } else if version < floor {
            self.breach(seen, "L1", format!("{version} ({verdict}), {floor} was purged for"));
        } else if version < late && verdict == Verdict::Rescue {
            self.late_rescues += 1;
        }
        // The isolate that made the change forgets at once, the others within the bound.
        let newer = |(by, change): &&(usize, Purge)| {
            let known = match *by == seen.isolate {
                true => change.acknowledged + lag,
                false => ignored(change.acknowledged),
            };
            change.path == path && known < seen.began
        };
        let changed = self.changes.iter().filter(newer).map(|(_, change)| change.version).max();
        // Two changes that overtake each other are told apart by a mark, unless it is evicted.
        let mark = format!("{{s:0}}:c:{}", Key::of_url(&seen.url).id()).into_bytes();
        let marked = !stage.store.borrow().model.lost.iter().any(|(_, key)| *key == mark);
        if changed.is_some_and(|changed| version < changed) && seen.store_faults == 0 && marked {
            self.breach(seen, "L5", format!("{version} ({verdict}), {changed:?} came of a change"));
        }
        let confirmed = stage.site.borrow().confirmed(path, version);
        let age = seen.began - confirmed.unwrap_or(i64::MIN / 2);
        let window = match verdict {
            Verdict::Hit | Verdict::Collapsed => resource.fresh,
            Verdict::Stale => resource.fresh + resource.stale,
            Verdict::Rescue if resource.control.contains("must-revalidate") => resource.fresh,
            _ => i64::MAX / 4000,
        };
        if age > window * 1000 + LATENCY + 2 * world::skew_max() {
            self.breach(seen, "L5", format!("{verdict} at the age of {age} ms"));
        }
    }
}
