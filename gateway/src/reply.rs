//! A Redis reply on its way out: as JSON, as JSON with base64 strings, or as RESP2 bytes.

use std::borrow::Cow;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use redis::{ServerError, Value, VerbatimFormat};

use crate::body::Body;
use crate::request::Form;

/// Writes one reply: `{"result":…}`, `{"error":"…"}` or the reply's RESP2 bytes.
pub fn single(reply: Value, form: Form) -> Body {
    match form {
        Form::Resp2 => {
            let mut resp2 = Resp2::with_capacity(resp2_size(&reply));
            resp2.push(reply);
            resp2.finish()
        }
        Form::Json | Form::JsonBase64 => {
            let mut json = Vec::with_capacity(json_size(&reply));
            write_item(&mut json, &reply, form);
            Body::from(json)
        }
    }
}

/// Writes a batch's replies: an array of such objects, or their RESP2 bytes one after the other.
pub fn batch(replies: Vec<Value>, form: Form) -> Body {
    if form == Form::Resp2 {
        let mut resp2 = Resp2::with_capacity(replies.iter().map(resp2_size).sum());
        replies.into_iter().for_each(|reply| resp2.push(reply));
        return resp2.finish();
    }
    let mut json = Vec::with_capacity(replies.iter().map(json_size).sum::<usize>() + 2);
    json.push(b'[');
    for (index, reply) in replies.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write_item(&mut json, reply, form);
    }
    json.push(b']');
    Body::from(json)
}

/// Writes an error of the gateway's own, without a reply behind it.
pub fn error(message: &str, form: Form) -> Body {
    let mut out = Vec::with_capacity(message.len() + 16);
    if form == Form::Resp2 {
        write_resp2_line(&mut out, b'-', message.as_bytes());
    } else {
        write_error(&mut out, message);
    }
    Body::from(out)
}

/// An error of Redis as one line: its code, then its details.
pub fn error_line(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}

/// An error line as a reply, as if Redis had sent it.
pub fn error_reply(line: &str) -> Value {
    let (code, details) = line.split_once(' ').unwrap_or((line, ""));
    let details = (!details.is_empty()).then(|| details.to_owned());
    let error = redis::make_extension_error(code.to_owned(), details);
    let known = error.into_server_errors().and_then(|all| all.first().cloned());
    known.map_or(Value::Nil, |(_, error)| Value::ServerError(error))
}

fn write_item(json: &mut Vec<u8>, reply: &Value, form: Form) {
    if let Value::ServerError(error) = reply {
        return write_error(json, &error_line(error));
    }
    json.extend_from_slice(b"{\"result\":");
    match reply {
        Value::Okay => json.extend_from_slice(b"\"OK\""),
        _ => write_json(json, reply, form),
    }
    json.push(b'}');
}

fn write_error(json: &mut Vec<u8>, message: &str) {
    json.extend_from_slice(b"{\"error\":");
    write_text(json, message);
    json.push(b'}');
}

fn write_json(json: &mut Vec<u8>, value: &Value, form: Form) {
    match value {
        Value::Nil => json.extend_from_slice(b"null"),
        Value::Int(number) => write_display(json, number),
        Value::BulkString(bytes) => write_string(json, bytes, form),
        Value::SimpleString(text) => write_string(json, text.as_bytes(), form),
        Value::Okay => write_string(json, b"OK", form),
        Value::ServerError(error) => write_text(json, &error_line(error)),
        Value::Array(items) | Value::Set(items) => write_array(json, items.iter(), form),
        Value::Map(pairs) => {
            write_array(json, pairs.iter().flat_map(|(key, value)| [key, value]), form);
        }
        other => write_string(json, &scalar(other), form),
    }
}

fn write_array<'a>(json: &mut Vec<u8>, items: impl Iterator<Item = &'a Value>, form: Form) {
    json.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write_json(json, item, form);
    }
    json.push(b']');
}

fn write_string(json: &mut Vec<u8>, bytes: &[u8], form: Form) {
    if form == Form::JsonBase64 {
        let mut text = String::with_capacity(bytes.len() * 4 / 3 + 4);
        STANDARD.encode_string(bytes, &mut text);
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        return json.push(b'"');
    }
    write_text(json, &String::from_utf8_lossy(bytes));
}

fn write_text(json: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(json, text);
}

fn write_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing into memory cannot fail.
    let _ = write!(out, "{value}");
}

/// What only version 3 of the protocol has, as the string that version 2 sends for it.
fn scalar(value: &Value) -> Cow<'_, [u8]> {
    match value {
        Value::Double(number) => Cow::Owned(number.to_string().into_bytes()),
        Value::Boolean(flag) => Cow::Borrowed(if *flag { b"1" } else { b"0" }),
        Value::VerbatimString { text, format: VerbatimFormat::Unknown(_) }
        | Value::VerbatimString { text, .. } => Cow::Borrowed(text.as_bytes()),
        _ => Cow::Borrowed(b""),
    }
}

/// RESP2 bytes in the making; large strings are handed on without being copied.
struct Resp2 {
    done: Vec<Bytes>,
    open: Vec<u8>,
}

impl Resp2 {
    fn with_capacity(capacity: usize) -> Self {
        Self { done: Vec::new(), open: Vec::with_capacity(capacity) }
    }

    fn push(&mut self, value: Value) {
        match value {
            Value::Nil => self.open.extend_from_slice(b"$-1\r\n"),
            Value::Int(number) => self.head(b':', number),
            Value::BulkString(bytes) => self.bulk(bytes),
            Value::SimpleString(text) => write_resp2_line(&mut self.open, b'+', text.as_bytes()),
            Value::Okay => self.open.extend_from_slice(b"+OK\r\n"),
            Value::ServerError(error) => {
                write_resp2_line(&mut self.open, b'-', error_line(&error).as_bytes());
            }
            Value::Array(items) | Value::Set(items) => {
                self.head(b'*', items.len());
                items.into_iter().for_each(|item| self.push(item));
            }
            Value::Map(pairs) => {
                self.head(b'*', pairs.len() * 2);
                pairs.into_iter().flat_map(|(key, value)| [key, value]).for_each(|v| self.push(v));
            }
            other => self.bulk(scalar(&other).into_owned()),
        }
    }

    fn bulk(&mut self, bytes: Vec<u8>) {
        self.head(b'$', bytes.len());
        if bytes.len() < COPIED {
            self.open.extend_from_slice(&bytes);
        } else {
            self.done.push(std::mem::take(&mut self.open).into());
            self.done.push(bytes.into());
        }
        self.open.extend_from_slice(b"\r\n");
    }

    fn head(&mut self, kind: u8, value: impl std::fmt::Display) {
        self.open.push(kind);
        write_display(&mut self.open, value);
        self.open.extend_from_slice(b"\r\n");
    }

    fn finish(mut self) -> Body {
        if self.done.is_empty() {
            return Body::from(self.open);
        }
        self.done.push(self.open.into());
        Body::from(self.done)
    }
}

fn write_resp2_line(out: &mut Vec<u8>, kind: u8, line: &[u8]) {
    out.push(kind);
    out.extend(line.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }));
    out.extend_from_slice(b"\r\n");
}

fn resp2_size(value: &Value) -> usize {
    match value {
        Value::BulkString(bytes) if bytes.len() >= COPIED => 16,
        Value::BulkString(bytes) => bytes.len() + 16,
        Value::Array(items) => items.iter().map(resp2_size).sum::<usize>() + 16,
        _ => 64,
    }
}

fn json_size(value: &Value) -> usize {
    match value {
        Value::BulkString(bytes) => bytes.len() + bytes.len() / 3 + 16,
        Value::Array(items) => items.iter().map(json_size).sum::<usize>() + 16,
        _ => 64,
    }
}

/// Strings from this size on are sent from where they are, in bytes.
const COPIED: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn written(reply: Value, form: Form) -> String {
        String::from_utf8(single(reply, form).into_bytes()).unwrap()
    }

    #[test]
    fn replies_as_json() {
        let nested = Value::Array(vec![bulk("a\"\n"), Value::Nil, Value::Int(-2), Value::Okay]);
        assert_eq!(written(nested, Form::Json), r#"{"result":["a\"\n",null,-2,"OK"]}"#);
        let invalid = Value::BulkString(vec![0xff]);
        assert_eq!(written(invalid, Form::Json), "{\"result\":\"\u{fffd}\"}");
        let pairs = Value::Map(vec![(bulk("f"), Value::Double(1.5))]);
        assert_eq!(written(pairs, Form::Json), r#"{"result":["f","1.5"]}"#);
        let line = error_reply("WRONGTYPE Operation \"x\"");
        assert_eq!(written(line, Form::Json), r#"{"error":"WRONGTYPE Operation \"x\""}"#);
    }

    #[test]
    fn only_a_single_ok_stays_plain_in_base64() {
        assert_eq!(written(Value::Okay, Form::JsonBase64), r#"{"result":"OK"}"#);
        assert_eq!(written(bulk("OK"), Form::JsonBase64), r#"{"result":"T0s="}"#);
        let list = Value::Array(vec![Value::Okay, Value::Int(1)]);
        assert_eq!(written(list, Form::JsonBase64), r#"{"result":["T0s=",1]}"#);
        let items = batch(vec![Value::Okay, Value::Nil], Form::JsonBase64).into_bytes();
        assert_eq!(items, br#"[{"result":"OK"},{"result":null}]"#);
    }

    #[test]
    fn replies_as_resp2() {
        let nested = Value::Array(vec![bulk("ab"), Value::Nil, Value::Int(7), Value::Okay]);
        assert_eq!(written(nested, Form::Resp2), "*4\r\n$2\r\nab\r\n$-1\r\n:7\r\n+OK\r\n");
        assert_eq!(written(error_reply("ERR a\r\nb"), Form::Resp2), "-ERR a  b\r\n");
        let large = "x".repeat(COPIED);
        let expected = format!("${COPIED}\r\n{large}\r\n");
        assert_eq!(written(bulk(&large), Form::Resp2), expected);
    }
}
