//! Responses, from the core's terms to JavaScript.

use http::{HeaderMap, HeaderValue, header};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::{Headers, ReadableStream, Response, ResponseInit};

use super::{js, request};
use crate::cache::exchange::{Content, Piece, Reply};
use crate::cache::field::Coding;
use crate::cache::json;
use crate::cache::policy::Status;
use crate::cache::{ResponseHead, Verdict};

/// Makes the client's response. The origin's answer, if there is one, gives its body.
pub(super) fn response(mut reply: Reply<Uint8Array>, origin: Option<&Response>) -> Response {
    let decode = reply.decode;
    match reply.content {
        Content::Empty => with_stream(&reply.head, None),
        Content::Head(length) => {
            reply.head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            with_stream(&reply.head, None)
        }
        Content::Origin => match origin {
            Some(origin) => passed(&reply.head, origin),
            None => with_stream(&reply.head, None),
        },
        Content::OriginKept => {
            // The stored half is read by `Collect`; the clone goes to the client.
            let copy = origin.and_then(|origin| origin.clone().ok());
            with_coded(&reply.head, copy.and_then(|copy| copy.body()), decode)
        }
        Content::Stored(body, None) if decode.is_some() => {
            with_coded(&reply.head, js::stream(&body), decode)
        }
        Content::Stored(body, None) => with_bytes(&reply.head, &body),
        Content::Stored(body, Some(pieces)) => with_bytes(&reply.head, &joined(&body, &pieces)),
        Content::Text(text) => with_bytes(&reply.head, &js::bytes(text.as_bytes())),
    }
}

/// A response with the stream, without the coding if one is to be taken off.
fn with_coded(
    head: &ResponseHead,
    stream: Option<ReadableStream>,
    coding: Option<Coding>,
) -> Response {
    let (Some(stream), Some(coding)) = (&stream, coding) else {
        return with_stream(head, stream.as_ref());
    };
    match js::piped(stream, "DecompressionStream", coding) {
        Ok(decoded) => with_stream(head, Some(&decoded)),
        Err(_) => bad(),
    }
}

/// An error of our own, as JSON.
pub(super) fn failure(status: u16, code: &str, message: &str, field: Option<&str>) -> Response {
    let mut error = serde_json::json!({ "code": code, "message": message });
    if let (Some(field), Some(error)) = (field, error.as_object_mut()) {
        error.insert("field".into(), field.into());
    }
    json(status, &serde_json::json!({ "success": false, "error": error }))
}

/// A JSON answer of our own; like every response it tells what the cache did.
pub(super) fn json(status: u16, value: &serde_json::Value) -> Response {
    text(status, "application/json", &format!("{}\n", json::text(value)))
}

/// A text of our own, never stored by anybody.
pub(super) fn text(status: u16, kind: &'static str, text: &str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Status::new(if status < 400 { Verdict::Bypass } else { Verdict::Error }).append(&mut headers);
    with_bytes(&ResponseHead { status, headers }, &js::bytes(text.as_bytes()))
}

/// The origin's response with our fields. One that cannot be made anew (another protocol, a
/// status that only passes untouched) goes as it is.
fn passed(head: &ResponseHead, origin: &Response) -> Response {
    if !(200..=599).contains(&head.status) {
        return Clone::clone(origin);
    }
    with_stream(head, origin.body().as_ref())
}

/// The fields of a reply that is made more than once, and what a response with them is made of.
pub(super) fn prepared(head: &ResponseHead) -> (Headers, ResponseInit) {
    let (headers, init) = (request::to_js(&head.headers), ResponseInit::new());
    init.set_status(head.status);
    init.set_headers(&headers);
    js::set(&init, "encodeBody", "manual");
    (headers, init)
}

fn with_stream(head: &ResponseHead, stream: Option<&ReadableStream>) -> Response {
    made(head, stream.map(AsRef::as_ref))
}

fn with_bytes(head: &ResponseHead, body: &Uint8Array) -> Response {
    made(head, Some(body))
}

/// Bodies travel with the coding that they came in.
fn made(head: &ResponseHead, body: Option<&JsValue>) -> Response {
    let none = JsValue::NULL;
    let body = body.filter(|_| carries_body(head.status)).unwrap_or(&none);
    js::response(body, head.status, &request::lines(&head.headers)).unwrap_or_else(|_| bad())
}

fn carries_body(status: u16) -> bool {
    !matches!(status, 101 | 204 | 205 | 304)
}

/// What can't be made into a response, such as a status out of range, is a bad gateway's.
fn bad() -> Response {
    let init = ResponseInit::new();
    init.set_status(502);
    Response::new_with_opt_str_and_init(Some("the response cannot be represented\n"), &init)
        .unwrap_or_else(|_| Response::error())
}

fn joined(body: &Uint8Array, pieces: &[Piece]) -> Uint8Array {
    let index = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => js::bytes(text.as_bytes()),
        Piece::Range(range) => {
            body.subarray(index(range.first), index(range.last.saturating_add(1)))
        }
    };
    js::concat(&pieces.iter().map(piece).collect::<Vec<_>>())
}
