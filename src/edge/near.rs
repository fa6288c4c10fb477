//! Entries and the families of variants in the platform's cache.
//!
//! The platform has no transactions, so a fill looks at the family once more before it writes:
//! whoever forgets a URL leaves it another generation.

use std::time::Duration;

use futures_util::future::join;
use js_sys::Uint8Array;

use super::js;
use super::platform::Place;
use crate::cache::Time;
use crate::cache::entry::Entry;
use crate::cache::exchange::{CHANGE_KEEP, Lease, Outcome, Reach};
use crate::cache::family::{Family, Generation};
use crate::cache::key::{Id, Key};
use crate::redis::{self, Failure};

/// What is stored of one key and its family.
#[derive(Debug)]
pub(super) struct Near<'a> {
    namespace: &'a str,
    key: &'a Key,
    primary: Key,
}

impl<'a> Near<'a> {
    pub fn new(namespace: &'a str, key: &'a Key) -> Self {
        Self { namespace, key, primary: key.primary().unwrap_or_else(|| key.clone()) }
    }

    /// Reads the entry; a variant only as a member of its family.
    pub async fn read(&self) -> Result<Option<(Entry, Uint8Array)>, Failure> {
        let place = Place::of_entry(self.namespace, self.key);
        if !self.is_variant() {
            let bytes = place.read().await?;
            return bytes.map(|bytes| redis::open(&bytes)).transpose();
        }
        let (bytes, family) = join(place.read(), self.family()).await;
        let (Some(bytes), Some(family)) = (bytes?, family?) else { return Ok(None) };
        let (entry, body) = redis::open(&bytes)?;
        Ok((entry.generation == family.generation).then_some((entry, body)))
    }

    /// The generation that a fill is for; a variant's family begins if there is none.
    pub async fn generation(&self) -> Result<Generation, Failure> {
        match self.family().await? {
            Some(family) => Ok(family.generation),
            None if self.is_variant() => {
                let family = Family::new(fresh());
                self.write_family(&family, FAMILY_KEEP).await.map(|()| family.generation)
            }
            None => Ok(Generation::NONE),
        }
    }

    /// Writes an entry, unless its URL was forgotten since its lease was granted.
    pub async fn write(
        &self,
        lease: Lease,
        entry: &Entry,
        body: &Uint8Array,
        keep: Duration,
    ) -> Result<Outcome<Uint8Array>, Failure> {
        let mut displaced = None;
        if self.is_variant() || lease.reach == Reach::Isolate {
            let family = self.family().await?;
            let living = family.as_ref().map_or(Generation::NONE, |family| family.generation);
            if lease.reach == Reach::Isolate && living != lease.generation {
                return Ok(Outcome::Lost);
            }
            if self.is_variant() {
                // What the shared tier has decided holds here, too.
                let family = family.filter(|family| family.generation == lease.generation);
                let mut family = family.unwrap_or_else(|| Family::new(lease.generation));
                if self.key.is_counted() {
                    displaced = family.admit(self.key.id());
                }
                self.write_family(&family, keep.max(FAMILY_KEEP)).await?;
            }
        }
        let bytes = js::concat(&[js::bytes(&entry.encode()), body.clone()]);
        Place::of_entry(self.namespace, self.key).write(&bytes, keep).await?;
        match displaced {
            None => Ok(Outcome::Stored),
            Some(id) => self.place(id).remove().await.map(|()| Outcome::Displaced),
        }
    }

    /// Forgets the primary key and all its variants, and bars the fills on their way. What has come
    /// of the change may be stored under this generation; none if another change is too close.
    pub async fn forget(&self) -> Result<Option<Generation>, Failure> {
        let before = self.family().await?;
        let family = Family::new(fresh());
        let barred = self.write_family(&family, FAMILY_KEEP);
        let (removed, barred) = join(self.place(self.primary.id()).remove(), barred).await;
        removed.and(barred)?;
        let close =
            before.is_some_and(|before| js::now().since(begun(before.generation)) < CHANGE_KEEP);
        Ok((!close).then_some(family.generation))
    }

    fn is_variant(&self) -> bool {
        *self.key != self.primary
    }

    async fn family(&self) -> Result<Option<Family>, Failure> {
        let bytes = Place::of_family(self.namespace, &self.primary).read().await?;
        Ok(bytes.and_then(|bytes| Family::parse(std::str::from_utf8(&bytes.to_vec()).ok()?)))
    }

    async fn write_family(&self, family: &Family, keep: Duration) -> Result<(), Failure> {
        let place = Place::of_family(self.namespace, &self.primary);
        place.write(&js::bytes(family.to_string().as_bytes()), keep).await
    }

    fn place(&self, id: Id) -> Place {
        Place::of_id(self.namespace, &self.primary, id)
    }
}

/// A generation that tells when it began.
fn fresh() -> Generation {
    Generation((js::now().0.unsigned_abs() << CHANCE_BITS) | (js::random() >> (64 - CHANCE_BITS)))
}

fn begun(generation: Generation) -> Time {
    Time((generation.0 >> CHANCE_BITS).cast_signed())
}

/// Two that begin within one millisecond differ by these.
const CHANCE_BITS: u32 = 20;

/// For how long a family lives, and with it its variants, unless they are kept for longer.
const FAMILY_KEEP: Duration = Duration::from_secs(25 * 60 * 60);
