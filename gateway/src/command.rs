//! One Redis command as it came in: from a JSON array, or from a path, a body and a query.

use std::io::Write;

use bytes::Bytes;
use redis::{Arg, Cmd, RedisWrite};
use serde_json::value::RawValue;

use crate::request::{decode_query, decode_segment};

/// A command that is ready to be sent: its arguments, and its name in upper case.
#[derive(Clone)]
pub struct Command {
    packed: Cmd,
    name: Name,
}

impl Command {
    /// Reads `["SET","key",1]`: strings as they are, numbers and booleans as their literal text.
    pub fn from_json(body: &[u8]) -> Result<Self, CommandError> {
        let arguments: Vec<&RawValue> =
            serde_json::from_slice(body).map_err(|_| CommandError::Unparsable)?;
        Self::from_values(&arguments, body.len())
    }

    /// Reads `[["SET","a","1"],["GET","a"]]`, at most `limit` commands; each is judged by itself.
    pub fn batch_from_json(
        body: &[u8],
        limit: usize,
    ) -> Result<Vec<Result<Self, CommandError>>, BatchError> {
        let commands: Vec<Vec<&RawValue>> =
            serde_json::from_slice(body).map_err(|_| BatchError::Unparsable)?;
        match commands.len() {
            0 => Err(BatchError::Empty),
            found if found > limit => Err(BatchError::TooMany { found, limit }),
            _ => Ok(commands.iter().map(|each| Self::from_values(each, 64)).collect()),
        }
    }

    /// Reads `/SET/key/value`, then the body as one argument unless it is empty, then the query
    /// (`?EX=100&NX` gives three arguments).
    pub fn from_path(path: &str, body: &[Bytes], query: &str) -> Result<Self, CommandError> {
        let length: usize = body.iter().map(Bytes::len).sum();
        let mut packed = Cmd::with_capacity(8, path.len() + query.len() + length);
        for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
            packed.arg(&*decode_segment(segment));
        }
        if length > 0 {
            let mut argument = packed.writer_for_next_arg();
            for chunk in body {
                argument.write_all(chunk).map_err(|_| CommandError::Unparsable)?;
            }
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').map_or((part, None), |(k, v)| (k, Some(v)));
            if key == "_token" {
                continue;
            }
            packed.arg(&*decode_query(key));
            if let Some(value) = value {
                packed.arg(&*decode_query(value));
            }
        }
        Self::from_packed(packed)
    }

    /// Builds a command out of its arguments, the name first.
    pub fn from_arguments<'a>(
        arguments: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, CommandError> {
        let mut packed = Cmd::new();
        for argument in arguments {
            packed.arg(argument);
        }
        Self::from_packed(packed)
    }

    /// The command's name in upper case.
    pub fn name(&self) -> Name {
        self.name
    }

    /// The command as the Redis client sends it.
    pub fn packed(&self) -> &Cmd {
        &self.packed
    }

    /// The arguments, the name first.
    pub fn arguments(&self) -> impl Iterator<Item = &[u8]> {
        self.packed.args_iter().map(|argument| match argument {
            Arg::Simple(bytes) => bytes,
            _ => b"",
        })
    }

    /// The argument at `index`; 0 is the name.
    pub fn argument(&self, index: usize) -> Option<&[u8]> {
        self.arguments().nth(index)
    }

    /// The second word in upper case, as in `CONFIG GET`.
    pub fn subcommand(&self) -> Option<Name> {
        self.argument(1).map(Name::new)
    }

    /// Whether every argument is short text. Others travel apart: they hold up what stands behind
    /// them, and an error line that repeats bytes which are not text ends its connection.
    pub fn is_plain(&self) -> bool {
        self.arguments()
            .all(|argument| argument.len() <= SHORT && std::str::from_utf8(argument).is_ok())
    }

    /// The same command with the arguments that `replace` answers for their index.
    pub fn rewritten<'a>(&self, replace: impl Fn(usize) -> Option<&'a [u8]>) -> Self {
        let mut packed = Cmd::new();
        for (index, argument) in self.arguments().enumerate() {
            packed.arg(replace(index).unwrap_or(argument));
        }
        Self { packed, name: self.name }
    }

    fn from_values(values: &[&RawValue], size: usize) -> Result<Self, CommandError> {
        let mut packed = Cmd::with_capacity(values.len(), size);
        for value in values {
            push_json(&mut packed, value.get())?;
        }
        Self::from_packed(packed)
    }

    fn from_packed(packed: Cmd) -> Result<Self, CommandError> {
        let name = match packed.args_iter().next() {
            Some(Arg::Simple(name)) if !name.is_empty() => Name::new(name),
            _ => return Err(CommandError::Empty),
        };
        Ok(Self { packed, name })
    }
}

/// A command's or subcommand's name in upper case; one that is too long for any known command is
/// kept as the empty name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    bytes: [u8; MAX_NAME],
    length: u8,
}

impl Name {
    /// Takes a name in any case.
    pub fn new(text: &[u8]) -> Self {
        let mut bytes = [0; MAX_NAME];
        let mut length = 0;
        if text.len() <= MAX_NAME {
            for (to, from) in bytes.iter_mut().zip(text) {
                *to = from.to_ascii_uppercase();
            }
            length = text.len() as u8;
        }
        Self { bytes, length }
    }

    /// The name's bytes, in upper case.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length as usize).unwrap_or_default()
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

/// Why a command could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no command name.
    #[error("ERR empty command")]
    Empty,
    /// An argument is `null`, an array or an object.
    #[error("ERR failed to parse command: arguments must be strings, numbers or booleans")]
    ArgumentType,
    /// The body is not a JSON array.
    #[error("ERR failed to parse command: expected a JSON array of strings, numbers or booleans")]
    Unparsable,
}

/// Why a list of commands could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The list holds nothing.
    #[error("ERR empty pipeline request")]
    Empty,
    /// The list holds more than the gateway runs in one request.
    #[error("ERR pipeline request has {found} commands, at most {limit} are allowed")]
    TooMany {
        /// Commands in the request.
        found: usize,
        /// Commands allowed.
        limit: usize,
    },
    /// The body is not an array of arrays.
    #[error("ERR failed to parse pipeline request: expected a JSON array of arrays")]
    Unparsable,
}

fn push_json(packed: &mut Cmd, literal: &str) -> Result<(), CommandError> {
    match literal.as_bytes() {
        [b'"', text @ .., b'"'] if !text.contains(&b'\\') => packed.arg(text),
        [b'"', ..] => {
            let text: String =
                serde_json::from_str(literal).map_err(|_| CommandError::Unparsable)?;
            packed.arg(text.as_bytes())
        }
        [b'0'..=b'9' | b'-' | b't' | b'f', ..] => packed.arg(literal.as_bytes()),
        _ => return Err(CommandError::ArgumentType),
    };
    Ok(())
}

const MAX_NAME: usize = 31;
/// The longest argument that counts as short, in bytes.
const SHORT: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> Vec<String> {
        command.arguments().map(|a| String::from_utf8_lossy(a).into_owned()).collect()
    }

    #[test]
    fn json_numbers_keep_their_literal_text() {
        let body = br#"["set","k",1000000000000000000000.10,true,"a\u00e9\n"]"#;
        let command = Command::from_json(body).unwrap();
        assert_eq!(words(&command), ["set", "k", "1000000000000000000000.10", "true", "aé\n"]);
        assert_eq!(command.name().as_bytes(), b"SET");
    }

    #[test]
    fn the_body_stands_before_the_query() {
        let body = [Bytes::from_static(b"\xff\x00"), Bytes::from_static(b"x")];
        let command = Command::from_path("/set/a%2Fb", &body, "EX=100&_token=t&NX").unwrap();
        let arguments: Vec<_> = command.arguments().collect();
        assert_eq!(arguments, [b"set".as_slice(), b"a/b", b"\xff\x00x", b"EX", b"100", b"NX"]);
    }

    #[test]
    fn what_is_no_command_is_refused() {
        assert_eq!(Command::from_json(b"[]").err(), Some(CommandError::Empty));
        assert_eq!(Command::from_json(b"{}").err(), Some(CommandError::Unparsable));
        assert_eq!(Command::from_json(br#"["a",null]"#).err(), Some(CommandError::ArgumentType));
        assert_eq!(Command::batch_from_json(b"[]", 1).err(), Some(BatchError::Empty));
        let two = Command::batch_from_json(br#"[["a"],["b"]]"#, 1);
        assert_eq!(two.err(), Some(BatchError::TooMany { found: 2, limit: 1 }));
    }
}
