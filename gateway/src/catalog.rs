//! What the server itself says about its commands (`COMMAND`): which only read, where keys stand.

use std::collections::HashMap;

use redis::Value;
use redis::cluster_routing::Slot;

use crate::command::{Command, Name};

/// The server's commands by name; empty until a server has been reached.
#[derive(Debug, Default)]
pub struct Catalog {
    traits: HashMap<Name, Traits>,
}

/// In which hash slots of a Redis Cluster a command's keys lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The command names no key.
    Anywhere,
    /// All its keys lie in one slot.
    In(Slot),
    /// Its keys lie in several slots, or cannot be told from its arguments.
    Scattered,
}

impl Catalog {
    /// Reads the reply of `COMMAND`; entries of a shape that is not known are left out.
    pub fn from_reply(reply: &Value) -> Self {
        let entries = items(reply).iter();
        Self { traits: entries.filter_map(Traits::from_entry).collect() }
    }

    /// Whether the server marks the command as one that only reads; false if it is unknown.
    pub fn only_reads(&self, command: &Command) -> bool {
        self.traits_of(command).is_some_and(|traits| traits.only_reads)
    }

    /// Where the command's keys lie.
    pub fn placement(&self, command: &Command) -> Placement {
        match self.traits_of(command) {
            Some(traits) => traits.placement(command),
            None => Placement::Scattered,
        }
    }

    /// Whether nothing has been learnt from a server so far.
    pub fn is_empty(&self) -> bool {
        self.traits.is_empty()
    }

    fn traits_of(&self, command: &Command) -> Option<&Traits> {
        let traits = self.traits.get(&command.name())?;
        if traits.subcommands.is_empty() {
            return Some(traits);
        }
        traits.subcommands.get(&command.subcommand()?)
    }
}

/// What the server says about one command or subcommand.
#[derive(Debug)]
struct Traits {
    only_reads: bool,
    keys: Keys,
    subcommands: HashMap<Name, Traits>,
}

/// Where a command's keys stand among its arguments; 0 is the name.
#[derive(Debug, Clone, Copy)]
enum Keys {
    None,
    /// The argument at this index says how many keys follow it.
    Counted(usize),
    /// Every `step`-th argument from `first` to `last`; a negative `last` counts from the end.
    Range {
        first: usize,
        last: i64,
        step: usize,
    },
    Unknown,
}

impl Traits {
    fn from_entry(entry: &Value) -> Option<(Name, Self)> {
        let fields = items(entry);
        let name = fields.first().and_then(text)?;
        let flags = items(fields.get(2)?);
        let number = |index| match fields.get(index) {
            Some(Value::Int(number)) => *number,
            _ => 0,
        };
        let movable = flags.iter().any(|flag| text(flag) == Some(b"movablekeys"));
        let short = name.rsplit(|byte| *byte == b'|').next().unwrap_or(name);
        let name = Name::new(short);
        let keys = match (counted(name), number(3)) {
            (Some(index), _) => Keys::Counted(index),
            (None, 0) if movable => Keys::Unknown,
            (None, first) if first <= 0 => Keys::None,
            (None, first) => Keys::Range {
                first: first as usize,
                last: number(4),
                step: usize::try_from(number(5)).unwrap_or(1).max(1),
            },
        };
        let subcommands = fields.get(9).map(items).unwrap_or_default();
        let traits = Self {
            only_reads: flags.iter().any(|flag| text(flag) == Some(b"readonly")),
            keys,
            subcommands: subcommands.iter().filter_map(Self::from_entry).collect(),
        };
        Some((name, traits))
    }

    fn placement(&self, command: &Command) -> Placement {
        let length = command.arguments().count();
        let (first, end, step) = match self.keys {
            Keys::None => return Placement::Anywhere,
            Keys::Unknown => return Placement::Scattered,
            Keys::Counted(index) => {
                let count = command.argument(index).and_then(number).unwrap_or(0);
                (index + 1, index.saturating_add(1).saturating_add(count), 1)
            }
            Keys::Range { first, last, step } if last >= 0 => (first, last as usize + 1, step),
            Keys::Range { first, last, step } => {
                (first, (length + 1).saturating_sub(last.unsigned_abs() as usize), step)
            }
        };
        let keys = command.arguments().take(end).skip(first).step_by(step);
        let mut slots = keys.map(Slot::for_key);
        match slots.next() {
            None => Placement::Anywhere,
            Some(slot) if slots.all(|other| other == slot) => Placement::In(slot),
            Some(_) => Placement::Scattered,
        }
    }
}

/// Commands whose keys follow their number, and where that number stands.
fn counted(name: Name) -> Option<usize> {
    match name.as_bytes() {
        b"EVAL" | b"EVALSHA" | b"EVAL_RO" | b"EVALSHA_RO" | b"FCALL" | b"FCALL_RO" => Some(2),
        b"LMPOP" | b"SINTERCARD" | b"ZDIFF" | b"ZINTER" | b"ZINTERCARD" | b"ZMPOP" | b"ZUNION" => {
            Some(1)
        }
        _ => None,
    }
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

fn text(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

fn number(argument: &[u8]) -> Option<usize> {
    std::str::from_utf8(argument).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, flags: &[&str], keys: [i64; 3], subcommands: Vec<Value>) -> Value {
        let flags = flags.iter().map(|flag| Value::SimpleString((*flag).into())).collect();
        let mut fields =
            vec![Value::BulkString(name.as_bytes().to_vec()), Value::Int(2), Value::Array(flags)];
        fields.extend(keys.map(Value::Int));
        fields.extend([Value::Nil, Value::Nil, Value::Nil, Value::Array(subcommands)]);
        Value::Array(fields)
    }

    fn command(words: &str) -> Command {
        Command::from_arguments(words.split(' ').map(str::as_bytes)).unwrap()
    }

    #[test]
    fn the_catalog_knows_reads_and_places() {
        let catalog = Catalog::from_reply(&Value::Array(vec![
            entry("get", &["readonly"], [1, 1, 1], vec![]),
            entry("mset", &["write"], [1, -1, 2], vec![]),
            entry("evalsha", &["movablekeys"], [0, 0, 0], vec![]),
            entry("xread", &["readonly", "movablekeys"], [0, 0, 0], vec![]),
            entry("ping", &[], [0, 0, 0], vec![]),
            entry(
                "object",
                &[],
                [0, 0, 0],
                vec![entry("object|encoding", &["readonly"], [2, 2, 1], vec![])],
            ),
        ]));
        let place = |words| catalog.placement(&command(words));
        let a = Placement::In(Slot::for_key("a"));
        assert!(catalog.only_reads(&command("get a")));
        assert!(catalog.only_reads(&command("OBJECT encoding a")));
        assert!(!catalog.only_reads(&command("mset a 1")));
        assert_eq!(place("get a"), a);
        assert_eq!(place("object encoding a"), a);
        assert_eq!(place("mset a b {a}c d"), a);
        assert_eq!(place("mset a b c d"), Placement::Scattered);
        assert_eq!(place("evalsha x 2 a {a}1 b"), a);
        assert_eq!(place("evalsha x 0 b"), Placement::Anywhere);
        assert_eq!(place("evalsha x 18446744073709551615 a"), a);
        assert_eq!(place("ping"), Placement::Anywhere);
        assert_eq!(place("xread streams a 0"), Placement::Scattered);
        assert_eq!(place("unheard a"), Placement::Scattered);
    }
}
