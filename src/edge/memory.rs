//! The memory tier: stored responses of this isolate, ready to be sent again.
//!
//! A body is JavaScript's `Uint8Array` from the moment it arrives, and the fields of a reply are
//! prepared once; a plain hit then costs the look-up and one `Response`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use js_sys::Uint8Array;
use web_sys::{Headers, Response, ResponseInit};

use super::served::Told;
use super::state::{Edge, Ruled};
use super::{js, reply, request};
use crate::cache::entry::{Entry, Kind};
use crate::cache::exchange::{Again, Found};
use crate::cache::field::Vary;
use crate::cache::key::{Id, Key};
use crate::cache::ledger::{Bucket, Stamp};
use crate::cache::memory::Memory;
use crate::cache::policy::{Pace, Standing};
use crate::cache::{RequestHead, ResponseHead, Time};
use crate::redis::Trust;

/// What this isolate holds.
#[derive(Debug)]
pub(super) struct Local {
    held: RefCell<Memory<Rc<Kept>>>,
    ready: RefCell<BTreeMap<String, Vec<Rc<Ready>>>>,
    /// How often this isolate has forgotten a URL, by its group.
    forgotten: RefCell<BTreeMap<Bucket, u32>>,
}

/// A moment as this isolate knows it: how far it knew the ledger, and what it had forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AsOf {
    stamp: Stamp,
    forgotten: u32,
}

/// A stored response.
#[derive(Debug)]
pub(super) struct Kept {
    pub entry: Entry,
    pub body: Uint8Array,
    id: Id,
    bucket: Bucket,
    /// When it was what the tier behind held.
    as_of: AsOf,
    /// What was said of it, as of which revision of the mirror and what was forgotten by then.
    judged: Cell<Option<(u64, u32, Standing)>>,
    pace: Cell<Pace>,
}

/// A reply that was made with one, to be made again.
#[derive(Debug)]
struct Ready {
    id: Id,
    held: Weak<Kept>,
    again: Again,
    varies: Vec<HeaderName>,
    headers: Headers,
    init: ResponseInit,
    /// The `Cache-Status` of caches nearer to the origin.
    before: String,
    /// The age and the ttl that the fields tell.
    told: Cell<(u64, i64)>,
    url: String,
    ruled: Ruled,
}

/// A request whose reply may be made again.
#[derive(Debug)]
pub(super) struct Served<'a> {
    /// Its URL as it came.
    pub raw: String,
    /// Its URL in the one form that is counted.
    pub url: &'a str,
    /// The rule that has settled it.
    pub ruled: Ruled,
}

impl Local {
    /// An empty one that holds up to `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self {
            held: RefCell::new(Memory::new(budget)),
            ready: RefCell::default(),
            forgotten: RefCell::default(),
        }
    }

    /// What is held under a key.
    pub fn look(&self, id: Id) -> Option<Rc<Kept>> {
        let kept = self.held.borrow_mut().get(id).cloned()?;
        let Pace { requests, since } = kept.pace.get();
        kept.pace.set(Pace { requests: requests.saturating_add(1), since });
        Some(kept)
    }

    /// How often what is held under a key was asked for here.
    pub fn pace(&self, id: Id) -> Pace {
        let mut held = self.held.borrow_mut();
        held.get(id).map(|kept| kept.pace.get()).unwrap_or_default()
    }

    /// Keeps a stored response that was read or written on a request's behalf, if it is one that
    /// is asked for again.
    pub fn offer(&self, key: &Key, entry: &Entry, body: &Uint8Array, as_of: AsOf) {
        let (id, weight) = (key.id(), body.length() as usize);
        let mut held = self.held.borrow_mut();
        if entry.kind != Kind::Pass && held.admits(id, weight) {
            let (entry, body, bucket) = (entry.clone(), body.clone(), Bucket::of(key));
            let judged = Cell::default();
            let pace = Cell::new(Pace { requests: 0, since: js::now() });
            let kept = Kept { entry, body, id, bucket, as_of, judged, pace };
            held.insert(id, weight, Rc::new(kept));
        }
    }

    /// The same for one that was come across: it may only replace what is held under its key.
    pub fn update(&self, key: &Key, found: &Found<Uint8Array>, as_of: AsOf) {
        let is_held = self.held.borrow().holds(key.id());
        if is_held {
            self.offer(key, &found.entry, &found.body, as_of);
        }
    }

    /// Drops what is held under a key.
    pub fn drop(&self, id: Id) {
        self.held.borrow_mut().remove(id);
    }

    /// Takes note that a URL was changed: what is held of it, and what comes of reads that began
    /// before, is outdated (RFC 9111 §4.4).
    pub fn forget(&self, key: &Key) {
        let mut forgotten = self.forgotten.borrow_mut();
        let count = forgotten.entry(Bucket::of(key)).or_default();
        *count = count.wrapping_add(1);
    }

    /// Now, as this isolate knows it.
    pub fn as_of(&self, key: &Key, stamp: Stamp) -> AsOf {
        AsOf { stamp, forgotten: self.forgotten(Bucket::of(key)) }
    }

    fn forgotten(&self, bucket: Bucket) -> u32 {
        self.forgotten.borrow().get(&bucket).copied().unwrap_or(0)
    }

    /// Prepares a reply to be made again for the same URL, in the form in which it came.
    pub fn prepare(&self, of: Served<'_>, kept: &Rc<Kept>, again: Again, head: &ResponseHead) {
        let varies = match Vary::parse(&kept.entry.head.headers) {
            Vary::Fields(names) => names,
            Vary::None => Vec::new(),
            Vary::Any => return,
        };
        let (headers, init) = reply::prepared(head);
        let id = kept.id;
        let ready = Rc::new(Ready {
            id,
            held: Rc::downgrade(kept),
            again,
            varies,
            headers,
            init,
            before: status_of_others(&head.headers),
            told: Cell::new((0, i64::MIN)),
            url: of.url.to_owned(),
            ruled: of.ruled,
        });
        let held = self.held.borrow();
        let mut all = self.ready.borrow_mut();
        if all.len() > held.len().saturating_add(held.len() / 8).saturating_add(SPARE) {
            all.retain(|_, list| list.iter().any(|ready| held.holds(ready.id)));
        }
        let list = all.entry(of.raw).or_default();
        list.retain(|other| other.id != id);
        list.truncate(VARIANTS.saturating_sub(1));
        list.insert(0, ready);
    }

    /// Whether any reply is prepared.
    pub fn is_ready(&self) -> bool {
        !self.ready.borrow().is_empty()
    }

    /// Answers a GET request if a reply that was made before is the right one, with nothing but
    /// what this isolate knows now.
    pub fn hit(&self, edge: &Edge, url: &str, fields: &str, headers: &Headers) -> Option<Response> {
        let ready = self.ready.borrow();
        let list = ready.get(url)?;
        let now = js::now();
        let told = HeaderMap::new();
        let mut request = RequestHead { method: Method::GET, url: String::new(), headers: told };
        read(&mut request.headers, fields);
        list.iter().find_map(|ready| ready.response(edge, &mut request, headers, now))
    }

    /// How much is held: things, and bytes.
    pub fn size(&self) -> (usize, usize) {
        let held = self.held.borrow();
        (held.len(), held.weight())
    }
}

impl Kept {
    /// What is known of it: dead, too, if its URL was changed since.
    pub fn standing(&self, edge: &Edge) -> Standing {
        let forgotten = edge.memory.forgotten(self.bucket);
        let revision = edge.revision(self.id);
        match self.judged.get() {
            Some((then, gone, standing)) if (then, gone) == (revision, forgotten) => standing,
            _ => {
                let outdated = forgotten != self.as_of.forgotten
                    || edge.outdates(self.id, self.bucket, self.as_of.stamp);
                let judged = edge.judge(self.id, &self.entry);
                let standing = if outdated { Standing::Dead } else { judged };
                self.judged.set(Some((revision, forgotten, standing)));
                standing
            }
        }
    }

    /// As a tier returns it.
    pub fn found(&self, standing: Standing) -> Found<Uint8Array> {
        Found { entry: self.entry.clone(), body: self.body.clone(), standing }
    }
}

impl Ready {
    fn response(
        &self,
        edge: &Edge,
        request: &mut RequestHead,
        headers: &Headers,
        now: Time,
    ) -> Option<Response> {
        let held = edge.memory.look(self.id)?;
        if !std::ptr::eq(Rc::as_ptr(&held), self.held.as_ptr())
            || edge.trust(self.id) != Trust::Holds
            || edge.live.version() != self.ruled.version
            || edge.may_be_overridden(self.id)
        {
            return None;
        }
        for name in &self.varies {
            if let Some(value) = headers.get(name.as_str()).ok()? {
                request.headers.insert(name, HeaderValue::try_from(value).ok()?);
            }
        }
        if !self.again.answers(request, &held.entry, held.standing(edge), held.pace.get(), now) {
            return None;
        }
        self.tell(&held.entry, now);
        let body = Some(&held.body);
        let response = Response::new_with_opt_js_u8_array_and_init(body, &self.init).ok()?;
        edge.tell(&Told::again(&self.url, self.ruled.rule, &held.entry));
        Some(response)
    }

    /// Brings the fields that change with time up to date; a `Response` copies them.
    fn tell(&self, entry: &Entry, now: Time) {
        let changes = Again::changes(entry, now);
        if self.told.replace(changes) == changes {
            return;
        }
        let (age, ttl) = changes;
        let status = format!("{}{}", self.before, self.again.member(ttl));
        let _ = self.headers.set(header::AGE.as_str(), &age.to_string());
        let _ = self.headers.set("cache-status", &status);
    }
}

/// The members of `Cache-Status` before ours, which is in the last line.
fn status_of_others(headers: &HeaderMap) -> String {
    let mut lines: Vec<_> = headers.get_all("cache-status").iter().collect();
    lines.pop();
    lines.iter().map(|line| format!("{}, ", String::from_utf8_lossy(line.as_bytes()))).collect()
}

/// Reads fields from alternating lines of names and values.
fn read(headers: &mut HeaderMap, fields: &str) {
    for (name, value) in request::pairs(fields) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
}

/// So many prepared replies may be left of things that are gone.
const SPARE: usize = 64;

/// For so many variants of a URL replies are prepared.
const VARIANTS: usize = 8;
