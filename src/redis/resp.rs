//! RESP2 replies, parsed where they lie.

use bytes::Bytes;

/// A reply of Redis. Bulk strings share the buffer that they came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Several replies.
    Array(Vec<Self>),
    /// A bulk string.
    Bulk(Bytes),
    /// An error, as its whole line.
    Error(String),
    /// An integer.
    Integer(i64),
    /// A nil bulk string or array.
    Nil,
    /// A simple string.
    Status(String),
}

impl Reply {
    /// Reads one whole reply; `None` where the bytes are not exactly that.
    pub fn parse(buffer: &Bytes) -> Option<Self> {
        let mut parser = Parser { buffer, at: 0 };
        let reply = parser.reply(0)?;
        (parser.at == buffer.len()).then_some(reply)
    }

    /// The text of a bulk or simple string, or of an integer.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Bulk(bytes) => String::from_utf8(bytes.to_vec()).ok(),
            Self::Status(text) => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Array(_) | Self::Error(_) | Self::Nil => None,
        }
    }
}

struct Parser<'a> {
    buffer: &'a Bytes,
    at: usize,
}

impl Parser<'_> {
    fn reply(&mut self, depth: u32) -> Option<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1)?;
        match kind {
            "+" => Some(Reply::Status(rest.to_owned())),
            "-" => Some(Reply::Error(rest.to_owned())),
            ":" => rest.parse().ok().map(Reply::Integer),
            "$" => self.bulk(rest.parse().ok()?),
            "*" if depth < DEPTH_MAX => self.array(rest.parse().ok()?, depth),
            _ => None,
        }
    }

    fn line(&mut self) -> Option<String> {
        let rest = self.buffer.get(self.at..)?;
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(rest.get(..end)?).ok()?.to_owned();
        self.at = self.at.checked_add(end)?.checked_add(2)?;
        Some(line)
    }

    fn bulk(&mut self, length: i64) -> Option<Reply> {
        if length == -1 {
            return Some(Reply::Nil);
        }
        let end = self.at.checked_add(usize::try_from(length).ok()?)?;
        let after = end.checked_add(2)?;
        if self.buffer.get(end..after)? != b"\r\n" {
            return None;
        }
        let bulk = self.buffer.slice(self.at..end);
        self.at = after;
        Some(Reply::Bulk(bulk))
    }

    fn array(&mut self, length: i64, depth: u32) -> Option<Reply> {
        if length == -1 {
            return Some(Reply::Nil);
        }
        let length = usize::try_from(length).ok()?;
        let mut items = Vec::with_capacity(length.min(64));
        for _ in 0..length {
            items.push(self.reply(depth.saturating_add(1))?);
        }
        Some(Reply::Array(items))
    }
}

/// Deeper than any reply to our commands.
const DEPTH_MAX: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Option<Reply> {
        Reply::parse(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn whole_replies_are_read() {
        let bulk = |text: &'static str| Reply::Bulk(Bytes::from_static(text.as_bytes()));
        for (text, expected) in [
            ("+OK\r\n", Reply::Status("OK".into())),
            ("-ERR no\r\n", Reply::Error("ERR no".into())),
            (":-7\r\n", Reply::Integer(-7)),
            ("$3\r\na\r\n\r\n", bulk("a\r\n")),
            ("$0\r\n\r\n", bulk("")),
            ("$-1\r\n", Reply::Nil),
            ("*-1\r\n", Reply::Nil),
            ("*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", {
                Reply::Array(vec![Reply::Integer(1), Reply::Array(vec![bulk("x")])])
            }),
        ] {
            assert_eq!(parse(text), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "$",
            "$5\r\nabc\r\n",
            "$3\r\nabcd\r\n",
            "*2\r\n:1\r\n",
            ":x\r\n",
            "+OK\r\nmore",
            "$99999999999999999999\r\n",
            "*9223372036854775807\r\n",
            "{\"result\":1}",
            "<html>",
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
            "$-2\r\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
