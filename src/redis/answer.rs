//! Reading what the endpoint answers, in both dialects.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::Value;

use super::resp::Reply;
use super::rest::Failure;
use super::wire::Blob;
use crate::cache::exchange::Fault;
use crate::cache::json;

/// The values in a reply.
pub(super) fn listed<B: Blob>(reply: Reply) -> Result<Vec<Option<B>>, Failure> {
    let replies = match reply {
        Reply::Array(replies) => replies,
        single => vec![single],
    };
    let value = |reply| match reply {
        Reply::Bulk(bytes) => Ok(Some(B::of(bytes))),
        Reply::Nil => Ok(None),
        _ => Err(Failure::malformed("a read")),
    };
    replies.into_iter().map(value).collect()
}

/// The bulk strings that an answer consists of, without copying them; `None` if it is something
/// else.
pub(super) fn bulks<B: Blob>(status: u16, blob: &B) -> Option<Vec<Option<B>>> {
    let mut at = 0;
    let count = match header(blob, &mut at)? {
        (b'*', count) => usize::try_from(count).ok().filter(|count| *count <= BULKS_MAX)?,
        _ => {
            at = 0;
            1
        }
    };
    let mut values = Vec::new();
    for _ in 0..count {
        match header(blob, &mut at)? {
            (b'$', -1) => values.push(None),
            (b'$', length) => {
                let end = at.checked_add(usize::try_from(length).ok()?)?;
                values.push(Some(blob.part(at..end)));
                at = end.checked_add(2)?;
            }
            _ => return None,
        }
    }
    (at == blob.len() && status == 200).then_some(values)
}

/// The kind and the number in the line at a place, which is moved behind it.
fn header<B: Blob>(blob: &B, at: &mut usize) -> Option<(u8, i64)> {
    let start = blob.copy(*at..at.checked_add(LINE)?);
    let (kind, rest) = start.split_first()?;
    let digits = rest.split(|&byte| byte == b'\r').next()?;
    *at = at.checked_add(digits.len())?.checked_add(3)?;
    Some((*kind, std::str::from_utf8(digits).ok()?.parse().ok()?))
}

/// Reads an answer by its first byte; a status alone says too little.
pub(super) fn read(status: u16, bytes: &Bytes, compat: bool) -> Result<Reply, Failure> {
    if bytes.first() == Some(&b'{') {
        let json = json::value(bytes).unwrap_or_default();
        if let Some(error) = json.get("error").and_then(Value::as_str) {
            if matches!(status, 401 | 403 | 429 | 500..) {
                return Err(Failure::new(Fault::Refused, error));
            }
            return Ok(Reply::Error(error.to_owned()));
        }
        return match json.get("result") {
            Some(result) if compat => {
                from_json(result).ok_or_else(|| Failure::malformed("a command in JSON"))
            }
            Some(_) => Err(Failure::new(Fault::Malformed, JSON_INSTEAD)),
            None => Err(Failure::malformed("a command in JSON")),
        };
    }
    match Reply::parse(bytes) {
        Some(reply) if status < 500 => Ok(reply),
        _ if status == 429 || status >= 500 => {
            Err(Failure::new(Fault::Refused, format!("HTTP {status}")))
        }
        _ => Err(Failure::new(Fault::Malformed, format!("HTTP {status}, not a reply"))),
    }
}

/// A JSON result with its strings in base64, the answer OK excepted by some servers.
fn from_json(value: &Value) -> Option<Reply> {
    Some(match value {
        Value::Null => Reply::Nil,
        Value::Number(number) => Reply::Integer(number.as_i64()?),
        Value::String(text) if text == "OK" => Reply::Status("OK".into()),
        Value::String(text) => Reply::Bulk(BASE64.decode(text).ok()?.into()),
        Value::Array(items) => Reply::Array(items.iter().map(from_json).collect::<Option<_>>()?),
        Value::Bool(_) | Value::Object(_) => return None,
    })
}

pub(super) fn accepted(reply: Reply) -> Result<Reply, Failure> {
    match reply {
        Reply::Error(line) => Err(Failure::new(Fault::Refused, line)),
        reply => Ok(reply),
    }
}

/// What is wrong with a server that does not know the form that was asked for.
pub(super) const JSON_INSTEAD: &str = "JSON instead of RESP2";

/// The first line of a bulk string or an array is shorter than this.
const LINE: usize = 24;

/// No read asks for more values.
const BULKS_MAX: usize = 32;
