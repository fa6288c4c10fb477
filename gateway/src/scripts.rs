//! Upstash's `allow-key-locking` script flag, which no other server knows: it is taken out of
//! scripts on their way to Redis, and clients keep using the hash of the text they sent.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use redis::Value;
use sha1::{Digest, Sha1};

use crate::command::{Command, Name};

/// Hashes of scripts as clients know them, and as Redis does. Lost on a restart: clients meet
/// `NOSCRIPT` then and send the text again.
#[derive(Debug, Default)]
pub struct Scripts {
    known: RwLock<HashMap<Sha, Sha>>,
}

/// A script's hash, 40 hexadecimal digits in lower case.
type Sha = [u8; 40];

impl Scripts {
    /// The command as Redis has to see it; nothing if it can go as it is.
    pub fn translated(&self, command: &Command) -> Option<Command> {
        match command.name().as_bytes() {
            b"EVAL" | b"EVAL_RO" => self.replaced_text(command, 1),
            b"EVALSHA" | b"EVALSHA_RO" => self.replaced_hashes(command, 1, 2),
            b"SCRIPT" if command.subcommand() == Some(Name::new(b"LOAD")) => {
                self.replaced_text(command, 2)
            }
            b"SCRIPT" if command.subcommand() == Some(Name::new(b"EXISTS")) => {
                self.replaced_hashes(command, 2, usize::MAX)
            }
            _ => None,
        }
    }

    /// The reply as the client has to see it: `SCRIPT LOAD` answers the hash of the text sent.
    pub fn restored(&self, sent: &Command, reply: Value) -> Value {
        let load = sent.name().as_bytes() == b"SCRIPT"
            && sent.subcommand() == Some(Name::new(b"LOAD"))
            && matches!(reply, Value::BulkString(_));
        match sent.argument(2) {
            Some(text) if load => Value::BulkString(sha(text).to_vec()),
            _ => reply,
        }
    }

    fn replaced_text(&self, command: &Command, at: usize) -> Option<Command> {
        let text = command.argument(at)?;
        let stripped = without_key_locking(text)?;
        self.learn(sha(text), sha(&stripped));
        Some(command.rewritten(|index| (index == at).then_some(stripped.as_slice())))
    }

    fn replaced_hashes(&self, command: &Command, from: usize, to: usize) -> Option<Command> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return None;
        }
        let hashes: Vec<Option<Sha>> = command
            .arguments()
            .enumerate()
            .map(|(index, hash)| {
                let candidate = (from..to).contains(&index).then(|| lowercase(hash)).flatten();
                candidate.and_then(|hash| known.get(&hash).copied())
            })
            .collect();
        drop(known);
        hashes.iter().any(Option::is_some).then(|| {
            command.rewritten(|index| hashes.get(index)?.as_ref().map(<[u8; 40]>::as_slice))
        })
    }

    fn learn(&self, sent: Sha, stored: Sha) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_SCRIPTS && !known.contains_key(&sent) {
            known.clear();
        }
        known.insert(sent, stored);
    }
}

/// The script without the flag; nothing if its first line doesn't carry it. A first line with no
/// flag left becomes empty, so that line numbers stay and servers before Redis 7 take it too.
fn without_key_locking(script: &[u8]) -> Option<Vec<u8>> {
    let rest = script.strip_prefix(b"#!lua")?;
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (line, body) = rest.split_at_checked(end)?;
    let line = std::str::from_utf8(line).ok()?;
    let mut found = false;
    let mut words = Vec::new();
    for word in line.split_ascii_whitespace() {
        let Some(flags) = word.strip_prefix("flags=") else {
            words.push(word.to_owned());
            continue;
        };
        let kept: Vec<_> = flags.split(',').filter(|flag| *flag != KEY_LOCKING).collect();
        found |= kept.len() < flags.split(',').count();
        if !kept.is_empty() {
            words.push(format!("flags={}", kept.join(",")));
        }
    }
    let first = match words.is_empty() {
        true => String::new(),
        false => format!("#!lua {}", words.join(" ")),
    };
    found.then(|| [first.as_bytes(), body].concat())
}

fn sha(text: &[u8]) -> Sha {
    let digest = Sha1::digest(text);
    let mut hex = [0; 40];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(digest.iter()) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    hex
}

fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

fn lowercase(hash: &[u8]) -> Option<Sha> {
    let mut sha = Sha::try_from(hash).ok()?;
    sha.make_ascii_lowercase();
    Some(sha)
}

const KEY_LOCKING: &str = "allow-key-locking";
const MAX_SCRIPTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: &[&str]) -> Command {
        Command::from_arguments(arguments.iter().map(|text| text.as_bytes())).unwrap()
    }

    fn stripped(script: &str) -> Option<String> {
        without_key_locking(script.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn only_the_flag_goes() {
        let kept = stripped("#!lua flags=allow-key-locking,no-writes\nreturn 1");
        assert_eq!(kept.as_deref(), Some("#!lua flags=no-writes\nreturn 1"));
        let alone = stripped("#!lua flags=allow-key-locking\nreturn 1");
        assert_eq!(alone.as_deref(), Some("\nreturn 1"));
        assert_eq!(stripped("#!lua flags=no-writes\nreturn 'allow-key-locking'"), None);
        assert_eq!(stripped("\n#!lua flags=allow-key-locking\nreturn 1"), None);
    }

    #[test]
    fn clients_keep_their_own_hash() {
        let scripts = Scripts::default();
        let text = "#!lua flags=allow-key-locking\nreturn 1";
        let own = String::from_utf8(sha(text.as_bytes()).to_vec()).unwrap();
        assert_eq!(own, "e7d3065bbe862e0ef8706b37e94e4260d9d3bbc3");
        assert!(scripts.translated(&command(&["EVALSHA", &own, "0"])).is_none());

        let load = command(&["SCRIPT", "load", text]);
        let sent = scripts.translated(&load).unwrap();
        assert_eq!(sent.argument(2), Some(b"\nreturn 1".as_slice()));
        let reply = scripts.restored(&load, Value::BulkString(sha(b"\nreturn 1").to_vec()));
        assert_eq!(reply, Value::BulkString(own.clone().into_bytes()));

        let upper = own.to_uppercase();
        let run = scripts.translated(&command(&["EVALSHA", &upper, "0", &own])).unwrap();
        assert_eq!(run.argument(1), Some(sha(b"\nreturn 1").as_slice()));
        assert_eq!(run.argument(3), Some(own.as_bytes()));
    }
}
