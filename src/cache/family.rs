//! The variants of one URL (RFC 9111 §4.1): which of them live, and how many may.
//!
//! A variant is stored under a key of its own, so deleting a URL's primary key does not reach it.
//! Each is therefore only good together with the family that it was stored in. To forget the
//! family is to forget all its members, those on their way included; a family that was lost is
//! unknown, so its members are dead.

use std::fmt;

use super::key::Id;

/// One life of a family: what is stored in it carries this number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation of what lies under a primary key, which needs none: it can be deleted.
    pub const NONE: Self = Self(0);

    /// Reads the 16 hex digits that stores hold.
    pub fn parse(text: &str) -> Option<Self> {
        let whole = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| whole).map(Self)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The living variants of one URL, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Which life of it this is.
    pub generation: Generation,
    members: Vec<Id>,
}

impl Family {
    /// A family without members.
    pub fn new(generation: Generation) -> Self {
        Self { generation, members: Vec::new() }
    }

    /// Reads what a store holds: the generation, then 32 hex digits for each member.
    pub fn parse(text: &str) -> Option<Self> {
        let (generation, mut rest) = text.split_at_checked(DIGITS)?;
        let generation = Generation::parse(generation)?;
        let mut members = Vec::new();
        while !rest.is_empty() {
            let (member, after) = rest.split_at_checked(ID_DIGITS)?;
            members.push(Id(u128::from_str_radix(member, 16).ok()?));
            rest = after;
        }
        Some(Self { generation, members })
    }

    /// Takes a variant in as the newest. The oldest is returned if it has to make room.
    pub fn admit(&mut self, id: Id) -> Option<Id> {
        self.members.retain(|member| *member != id);
        self.members.push(id);
        (self.members.len() > MEMBERS_MAX).then(|| self.members.remove(0))
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.generation)?;
        self.members.iter().try_for_each(|member| write!(f, "{member}"))
    }
}

/// The most variants of a URL besides the one under its primary key: whoever varies a field at
/// will fills no store.
pub const MEMBERS_MAX: usize = 32;

const DIGITS: usize = 16;
const ID_DIGITS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay() {
        let mut family = Family::new(Generation(7));
        let count = MEMBERS_MAX as u128;
        for number in 0..count {
            assert_eq!(family.admit(Id(number)), None);
        }
        assert_eq!(family.admit(Id(0)), None, "a member that is stored anew");
        assert_eq!(family.admit(Id(count)), Some(Id(1)));
        assert_eq!(Family::parse(&family.to_string()), Some(family));
    }

    #[test]
    fn a_damaged_family_is_none() {
        for text in ["", "0", "00000000000000z0", "+000000000000000", "00000000000000000"] {
            assert_eq!(Family::parse(text), None, "{text}");
        }
        assert_eq!(Family::parse("000000000000000a"), Some(Family::new(Generation(10))));
    }
}
