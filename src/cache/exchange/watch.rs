//! What an exchange tells of how often content changes.

use http::{HeaderValue, header};

use super::action::Found;
use super::course::Course;
use crate::cache::policy::{self, Admission, Arrival, Standing};
use crate::cache::tuning::{Change, Check, History};
use crate::cache::{Lifetime, Reason, ResponseHead, Time};

/// What was stored before: what the origin's answer is compared with.
#[derive(Clone, Debug)]
pub(super) struct Before {
    generated: Time,
    lifetime: Lifetime,
    standing: Standing,
    validators: Validators,
}

/// `ETag` and `Last-Modified`.
type Validators = [Option<HeaderValue>; 2];

/// Whether two contents are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    Different,
    Same,
}

/// Whether a response has nothing but its body to tell it from others.
pub(super) fn is_bare(head: &ResponseHead) -> bool {
    validators(head) == [None, None]
}

fn validators(head: &ResponseHead) -> Validators {
    [header::ETAG, header::LAST_MODIFIED].map(|name| head.headers.get(name).cloned())
}

fn likeness<T: PartialEq>(a: T, b: T) -> Likeness {
    if a == b { Likeness::Same } else { Likeness::Different }
}

/// An entity tag without what says that it is weak: that is no matter of content.
fn opaque(tag: &HeaderValue) -> &[u8] {
    tag.as_bytes().strip_prefix(b"W/").unwrap_or(tag.as_bytes())
}

impl Course {
    /// Takes note of what is stored, before the origin is asked.
    pub(super) fn remember<B>(&mut self, found: &Found<B>) {
        let entry = &found.entry;
        self.history = entry.history;
        self.before = Some(Before {
            generated: entry.generated,
            lifetime: entry.lifetime,
            standing: found.standing,
            validators: validators(&entry.head),
        });
    }

    /// Compares a whole response with what was stored, by its validators.
    pub(super) fn compare(&mut self, response: &ResponseHead, now: Time) {
        let Some(before) = &self.before else { return };
        let found = match (&before.validators, &validators(response)) {
            ([Some(a), _], [Some(b), _]) => likeness(opaque(a), opaque(b)),
            ([_, Some(a)], [_, Some(b)]) => likeness(a, b),
            _ => return,
        };
        self.check(found, now);
    }

    /// Compares a body with that which was stored, by their digests.
    pub(super) fn compare_body(&mut self, digest: u32, now: Time) {
        if let Some(before) = self.history.digest {
            self.check(likeness(before, digest), now);
        }
        self.history.digest = Some(digest);
    }

    /// Takes note of what became of the content since it was stored.
    pub(super) fn check(&mut self, found: Likeness, now: Time) {
        let Some(before) = self.before.take() else { return };
        let change = match (found, before.standing) {
            (Likeness::Same, _) => Change::None,
            (Likeness::Different, Standing::Dead | Standing::Soft) => Change::Announced,
            (Likeness::Different, Standing::Clean | Standing::Unknown) => Change::Silent,
        };
        let after = now.since(before.generated);
        let check = Check { after, granted: before.lifetime.fresh, change };
        let bounds = self.plan.treatment.tuning.unwrap_or_default();
        self.history = self.history.after(&check, bounds);
        self.checked = Some(check);
    }

    /// What was learnt, as it is stored with a response.
    pub(super) fn learnt(&self, head: &ResponseHead) -> History {
        let digest = self.history.digest.filter(|_| is_bare(head));
        match self.plan.treatment.tuning {
            Some(_) => History { digest, ..self.history },
            // The counts of the rule are all that is wanted.
            None => History { digest, ..History::default() },
        }
    }

    /// Whether a response may be stored, and for how long: where the rule leaves that to how often
    /// the content changes, by what is known of that.
    pub(super) fn admit_as_learnt(
        &self,
        response: &ResponseHead,
        arrival: Arrival,
    ) -> Result<Admission, Reason> {
        let treatment = &self.plan.treatment;
        match treatment.tuning {
            None => policy::admit(&self.asked(), response, arrival, treatment),
            Some(bounds) => {
                let mut treatment = treatment.clone();
                treatment.fresh = Some(self.history.lifetime(bounds));
                policy::admit(&self.asked(), response, arrival, &treatment)
            }
        }
    }
}
