//! Where an HTTP/1.1 message ends (RFC 9112 §6.3).

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// What kind of message is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request.
    Request,
    /// The answer to a request of another method than HEAD.
    Response,
    /// The answer to HEAD.
    ResponseToHead,
}

/// How far a message reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// To the end of the connection.
    Close,
    /// Farther than what has arrived.
    More,
    /// So many bytes.
    Whole(usize),
}

/// Reads one whole message; what follows it stays in `inbox`. `None` where the peer has closed.
///
/// Nothing is lost if this is given up and asked again.
pub(super) async fn read(
    stream: &mut TcpStream,
    inbox: &mut Vec<u8>,
    kind: Kind,
) -> io::Result<Option<Vec<u8>>> {
    loop {
        let extent = extent(inbox, kind)?;
        if let Extent::Whole(length) = extent {
            let rest = inbox.split_off(length);
            return Ok(Some(std::mem::replace(inbox, rest)));
        }
        if stream.read_buf(inbox).await? == 0 {
            return match extent {
                Extent::Close => Ok(Some(std::mem::take(inbox))),
                _ if inbox.is_empty() => Ok(None),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
    }
}

/// The length of a message's head, its empty line included.
pub(super) fn head_length(message: &[u8]) -> Option<usize> {
    message.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn extent(buffer: &[u8], kind: Kind) -> io::Result<Extent> {
    let Some(head) = head_length(buffer) else { return Ok(Extent::More) };
    let bad = |error: httparse::Error| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let bodiless = if kind == Kind::Request {
        httparse::Request::new(&mut headers).parse(buffer).map_err(bad)?;
        false
    } else {
        let mut response = httparse::Response::new(&mut headers);
        response.parse(buffer).map_err(bad)?;
        kind == Kind::ResponseToHead || matches!(response.code, Some(100..=199 | 204 | 304))
    };
    if bodiless {
        return Ok(Extent::Whole(head));
    }
    let value = |name: &str| {
        let field = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(field.value).ok()
    };
    if value("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        return Ok(chunked(&buffer[head..]).map_or(Extent::More, |body| Extent::Whole(head + body)));
    }
    Ok(match value("content-length").and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) if buffer.len() >= head + length => Extent::Whole(head + length),
        Some(_) => Extent::More,
        None if kind == Kind::Request => Extent::Whole(head),
        None => Extent::Close,
    })
}

/// The length of a chunked body without trailers, if it is there as a whole.
fn chunked(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = body[at..].windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&body[at..at + line]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        at = at.checked_add(line + 2)?.checked_add(size)?.checked_add(2)?;
        if at > body.len() {
            return None;
        }
        if size == 0 {
            return Some(at);
        }
    }
}

const HEADERS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_end_where_their_framing_says() {
        for (text, kind, expected) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n", Kind::Request, Extent::More),
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET", Kind::Request, Extent::Whole(27)),
            ("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nab", Kind::Request, Extent::More),
            ("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcd", Kind::Request, Extent::Whole(41)),
            ("HTTP/1.1 204 x\r\n\r\n", Kind::Response, Extent::Whole(18)),
            ("HTTP/1.1 200 x\r\n\r\nabc", Kind::Response, Extent::Close),
            (
                "HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\n",
                Kind::ResponseToHead,
                Extent::Whole(37),
            ),
        ] {
            assert_eq!(extent(text.as_bytes(), kind).expect("readable"), expected, "{text:?}");
        }
        assert_eq!(chunked(b"3\r\nabc\r\n0\r\n\r\nrest"), Some(13));
        assert_eq!(chunked(b"3\r\nabc\r\n0\r\n"), None);
        assert_eq!(chunked(b"a\r\nabc"), None);
    }
}
