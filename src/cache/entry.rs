//! Stored responses and their form in a store.
//!
//! An entry is one binary string: a header of fixed size from which freshness and standing can be
//! told, then key, tags, selecting fields and response head, then the body as received, or
//! compressed by us.
//! The checksum covers all but the body; a truncated body shows in its length. What a store
//! returns is hostile until decoded: an unknown version, a bad checksum or a foreign key is a miss.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::family::Generation;
use super::ledger::{Epoch, Sequence, Stamp};
use super::tuning::History;
use super::{Lifetime, Octets, ResponseHead, Time, checksum, millis};

/// A stored response without its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Whether it answers requests or only tells that its key is not cacheable.
    pub kind: Kind,
    /// Up to which purge it is known to be newer.
    pub stamp: Stamp,
    /// The family in which it was stored, for a variant.
    pub generation: Generation,
    /// When the origin generated it: the time from which its age counts (RFC 9111 §4.2.3).
    pub generated: Time,
    /// How long it serves which purpose, counted from `generated`.
    pub lifetime: Lifetime,
    /// How long the origin took to answer.
    pub fetch: Duration,
    /// Its key's text.
    pub key: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The selecting fields of the request that it answered, normalised (RFC 9111 §4.1).
    pub selecting: Vec<(HeaderName, String)>,
    /// Status and fields as they are served.
    pub head: ResponseHead,
    /// The body's length in bytes.
    pub body_len: u64,
    /// What was learnt of how often it changes.
    pub history: History,
}

/// What an entry stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stored response whose body we have compressed with gzip.
    Compressed {
        /// The body's length before, in bytes.
        plain: u64,
    },
    /// A mark that the key's responses are not storable, so that nobody waits for one.
    Pass,
    /// A stored response as it was received.
    Response,
}

/// Why bytes are not a usable entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The checksum does not match.
    Checksum,
    /// A part is missing or a length is wrong.
    Length,
    /// The bytes do not begin as an entry of this version does.
    Version,
    /// A part is not what it should be.
    Value,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checksum => "checksum mismatch",
            Self::Length => "wrong length",
            Self::Version => "unknown version",
            Self::Value => "invalid value",
        })
    }
}

impl Entry {
    /// Whether its body is as it was received.
    pub fn octets(&self) -> Octets {
        match self.kind {
            Kind::Compressed { .. } => Octets::Compressed,
            Kind::Pass | Kind::Response => Octets::Received,
        }
    }

    /// The length of its body as it was received.
    pub fn received_len(&self) -> u64 {
        match self.kind {
            Kind::Compressed { plain } => plain,
            Kind::Pass | Kind::Response => self.body_len,
        }
    }

    /// How many bytes shorter its body is than it was received.
    pub fn saved(&self) -> u64 {
        self.received_len().saturating_sub(self.body_len)
    }

    /// Writes all but the body, which follows as it is.
    pub fn encode(&self) -> Vec<u8> {
        let mut rest = Vec::with_capacity(512);
        rest.push(match self.kind {
            Kind::Pass => 0,
            Kind::Response => 1,
            Kind::Compressed { .. } => 2,
        });
        let Lifetime { fresh, stale, rescue, keep } = self.lifetime;
        let numbers = [self.stamp.epoch.0, self.stamp.sequence.0, self.generated.0.cast_unsigned()];
        let spans = [fresh, stale, rescue, keep, self.fetch].map(|s| millis(s).cast_unsigned());
        for number in numbers.into_iter().chain(spans).chain([self.generation.0, self.body_len]) {
            rest.extend_from_slice(&number.to_le_bytes());
        }
        rest.extend_from_slice(&self.head.status.to_le_bytes());
        put(&mut rest, self.key.as_bytes());
        put_count(&mut rest, self.tags.len());
        self.tags.iter().for_each(|tag| put(&mut rest, tag.as_bytes()));
        put_count(&mut rest, self.selecting.len());
        for (name, value) in &self.selecting {
            put(&mut rest, name.as_str().as_bytes());
            put(&mut rest, value.as_bytes());
        }
        put_count(&mut rest, self.head.headers.len());
        for (name, value) in &self.head.headers {
            put(&mut rest, name.as_str().as_bytes());
            put(&mut rest, value.as_bytes());
        }
        if let Kind::Compressed { plain } = self.kind {
            rest.extend_from_slice(&plain.to_le_bytes());
        }
        put_history(&mut rest, &self.history);
        let mut bytes = Vec::with_capacity(rest.len().saturating_add(PREFIX));
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&checksum(&rest).to_le_bytes());
        put_count(&mut bytes, rest.len());
        bytes.extend_from_slice(&rest);
        bytes
    }

    /// Reads an entry; the second value is where in `bytes` its body begins.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), Damage> {
        Self::decode_head(bytes, bytes.len())
    }

    /// The same of an entry of `whole` bytes of which these are the first; those of the body need
    /// not be among them.
    pub fn decode_head(bytes: &[u8], whole: usize) -> Result<(Self, usize), Damage> {
        let mut prefix = Reader(bytes);
        if prefix.take(MAGIC.len())? != MAGIC {
            return Err(Damage::Version);
        }
        let expected = prefix.number32()?;
        let length = prefix.count()?;
        let rest = prefix.take(length)?;
        if checksum(rest) != expected {
            return Err(Damage::Checksum);
        }
        let entry = Self::decode_rest(&mut Reader(rest))?;
        let body = PREFIX.saturating_add(length);
        match whole.checked_sub(body) {
            Some(left) if left as u64 == entry.body_len => Ok((entry, body)),
            _ => Err(Damage::Length),
        }
    }

    /// How many bytes precede the body of the entry that begins with these; `None` if they are too
    /// few to tell.
    pub fn head_len(bytes: &[u8]) -> Option<usize> {
        let length = Reader(bytes.get(8..PREFIX)?).count().ok()?;
        Some(PREFIX.saturating_add(length))
    }

    fn decode_rest(reader: &mut Reader<'_>) -> Result<Self, Damage> {
        let mut kind = match reader.take(1)? {
            [0] => Kind::Pass,
            [1] => Kind::Response,
            [2] => Kind::Compressed { plain: 0 },
            _ => return Err(Damage::Value),
        };
        let epoch = Epoch(reader.number64()?);
        let sequence = Sequence(reader.number64()?);
        let generated = Time(reader.number64()?.cast_signed());
        let lifetime = Lifetime {
            fresh: reader.span()?,
            stale: reader.span()?,
            rescue: reader.span()?,
            keep: reader.span()?,
        };
        let fetch = reader.span()?;
        let generation = Generation(reader.number64()?);
        let body_len = reader.number64()?;
        let status = reader.number16()?;
        let key = reader.text()?;
        let tags = reader.list(Reader::text)?;
        let selecting = reader.list(|reader| Ok((reader.name()?, reader.text()?)))?;
        let mut headers = HeaderMap::new();
        for (name, value) in reader.list(|reader| Ok((reader.name()?, reader.value()?)))? {
            headers.try_append(name, value).map_err(|_| Damage::Value)?;
        }
        if let Kind::Compressed { plain } = &mut kind {
            *plain = reader.number64()?;
        }
        let history = reader.history()?;
        if !reader.0.is_empty() {
            return Err(Damage::Length);
        }
        let stamp = Stamp { epoch, sequence };
        let head = ResponseHead { status, headers };
        Ok(Self {
            kind,
            stamp,
            generation,
            generated,
            lifetime,
            fetch,
            key,
            tags,
            selecting,
            head,
            body_len,
            history,
        })
    }
}

/// What the ledger has to know of an entry: it stands at its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Up to which purge the entry is known to be newer.
    pub stamp: Stamp,
    /// Its key's text.
    pub key: String,
    /// Its tags.
    pub tags: Vec<String>,
}

impl Beginning {
    /// Reads the beginning of an entry's bytes; `None` if they are too few or none of ours.
    ///
    /// The checksum is not looked at: it covers more than this.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes.strip_prefix(&MAGIC)?);
        reader.take(BEFORE_STAMP).ok()?;
        let epoch = Epoch(reader.number64().ok()?);
        let sequence = Sequence(reader.number64().ok()?);
        reader.take(BEFORE_KEY).ok()?;
        let key = reader.text().ok()?;
        let tags = reader.list(Reader::text).ok()?;
        Some(Self { stamp: Stamp { epoch, sequence }, key, tags })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Damage::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        self.take(N)?.try_into().map_err(|_| Damage::Length)
    }

    fn number16(&mut self) -> Result<u16, Damage> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn number32(&mut self) -> Result<u32, Damage> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn number64(&mut self) -> Result<u64, Damage> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn count(&mut self) -> Result<usize, Damage> {
        usize::try_from(self.number32()?).map_err(|_| Damage::Length)
    }

    fn span(&mut self) -> Result<Duration, Damage> {
        Ok(Duration::from_millis(self.number64()?))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Damage> {
        let length = self.count()?;
        self.take(length)
    }

    /// An entry without a history ends before it.
    fn history(&mut self) -> Result<History, Damage> {
        if self.0.is_empty() {
            return Ok(History::default());
        }
        let mut number = || self.number64().map(f64::from_bits);
        let (changes, seconds) = (number()?, number()?);
        let digest = match self.take(1)? {
            [0] => None,
            _ => Some(self.number32()?),
        };
        let sound = |number: f64| number.is_finite() && number >= 0.0;
        match sound(changes) && sound(seconds) {
            true => Ok(History { changes, seconds, digest }),
            false => Err(Damage::Value),
        }
    }

    fn text(&mut self) -> Result<String, Damage> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| Damage::Value)
    }

    fn name(&mut self) -> Result<HeaderName, Damage> {
        HeaderName::from_bytes(self.bytes()?).map_err(|_| Damage::Value)
    }

    fn value(&mut self) -> Result<HeaderValue, Damage> {
        HeaderValue::from_bytes(self.bytes()?).map_err(|_| Damage::Value)
    }

    /// A counted list; the count is only believed as far as there are bytes.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, Damage>) -> Result<Vec<T>, Damage> {
        let count = self.count()?;
        let mut items = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

fn put_history(bytes: &mut Vec<u8>, history: &History) {
    if *history == History::default() {
        return;
    }
    for number in [history.changes, history.seconds] {
        bytes.extend_from_slice(&number.to_bits().to_le_bytes());
    }
    match history.digest {
        None => bytes.push(0),
        Some(digest) => {
            bytes.push(1);
            bytes.extend_from_slice(&digest.to_le_bytes());
        }
    }
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    put_count(bytes, part.len());
    bytes.extend_from_slice(part);
}

/// `BBX` and the version of the form.
const MAGIC: [u8; 4] = *b"BBX\x02";

/// Magic, checksum and length.
const PREFIX: usize = 12;

/// Checksum, length and kind lie between the magic and the stamp.
const BEFORE_STAMP: usize = 9;

/// Times, generation, the body's length and the status lie between the stamp and the key.
const BEFORE_KEY: usize = 66;

/// Where four bytes each lie that tell an entry from any other under its key: the checksum and the
/// quick part of the time.
pub const MARKS: [usize; 2] = [4, 29];
