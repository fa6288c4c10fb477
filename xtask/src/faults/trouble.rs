//! What can go wrong on a line between two parts.

use std::fmt;
use std::time::Duration;

/// How a line behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// It carries everything.
    #[default]
    Fair,
    /// Requests are answered with a page that somebody's proxy made: HTTP alone.
    Html,
    /// Answers say that they are compressed, and are not: HTTP alone.
    Miscoded,
    /// Answers arrive so much later: HTTP alone.
    Late(Duration),
    /// Nobody listens; what is open is cut.
    Refused,
    /// Connections are taken and reset at once, open ones too.
    Reset,
    /// Connections are taken, requests are read, and nothing is ever answered.
    Silent,
    /// Requests arrive so much later.
    Slow(Duration),
    /// Requests are answered with this status: HTTP alone.
    Status(u16),
    /// Answers end early, and their connection with them.
    Truncated,
}

impl Trouble {
    /// What an HTTP line is tried with.
    pub const HTTP: [Self; 11] = [
        Self::Refused,
        Self::Status(429),
        Self::Status(500),
        Self::Slow(Duration::from_millis(50)),
        Self::Slow(Duration::from_millis(200)),
        Self::Slow(Duration::from_millis(1000)),
        Self::Silent,
        Self::Truncated,
        Self::Miscoded,
        Self::Html,
        Self::Reset,
    ];

    /// What a line of plain bytes is tried with.
    pub const BYTES: [Self; 7] = [
        Self::Refused,
        Self::Slow(Duration::from_millis(50)),
        Self::Slow(Duration::from_millis(200)),
        Self::Slow(Duration::from_millis(1000)),
        Self::Silent,
        Self::Truncated,
        Self::Reset,
    ];

    /// The answer that is made up for every request, if that is what this trouble does.
    pub(super) fn answer(self) -> Option<Vec<u8>> {
        let (status, kind, body) = match self {
            Self::Html => (200, "text/html", "<!doctype html><h1>It works!</h1>\n".to_owned()),
            Self::Status(status) => {
                let body = format!("{{\"error\":\"ERR made up with status {status}\"}}");
                (status, "application/json", body)
            }
            _ => return None,
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Made Up\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        Some([head, body].concat().into_bytes())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fair => f.write_str("none"),
            Self::Html => f.write_str("HTML instead of a reply"),
            Self::Miscoded => f.write_str("wrong encoding"),
            Self::Refused => f.write_str("refused"),
            Self::Reset => f.write_str("connections reset"),
            Self::Silent => f.write_str("accepts and never answers"),
            Self::Late(by) => write!(f, "late by {} ms", by.as_millis()),
            Self::Slow(by) => write!(f, "slow by {} ms", by.as_millis()),
            Self::Status(status) => write!(f, "answers {status}"),
            Self::Truncated => f.write_str("truncated"),
        }
    }
}
