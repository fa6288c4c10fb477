//! Requests and response heads, from JavaScript to the core's terms and back.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::js;
use crate::cache::key::normalised;
use crate::cache::{RequestHead, ResponseHead};

/// Why a request is not taken up.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

/// The head of a request, its URL in the one normalised form.
pub(super) fn head(request: &web_sys::Request) -> Result<RequestHead, Refusal> {
    let url = request.url();
    if url.len() > URL_MAX {
        let message = format!("the URL is longer than {URL_MAX} bytes");
        return Err(Refusal { status: 414, code: "url-too-long", message });
    }
    let url = normalised(&url).ok_or_else(|| Refusal {
        status: 400,
        code: "invalid-url",
        message: "the request's URL cannot be read".into(),
    })?;
    let method = Method::from_bytes(request.method().as_bytes()).map_err(|_| Refusal {
        status: 400,
        code: "invalid-method",
        message: "the request's method cannot be read".into(),
    })?;
    Ok(RequestHead { method, url, headers: fields(&request.headers())? })
}

/// The head of a response; a field that can't be read is left out.
pub(super) fn response_head(response: &web_sys::Response) -> ResponseHead {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(&js::fields(&response.headers())) {
        if let (Ok(name), Ok(value)) = parsed(name, value) {
            // What does not fit is more than the platform lets through.
            let _ = headers.try_append(name, value);
        }
    }
    ResponseHead { status: response.status(), headers }
}

/// Fields for JavaScript.
pub(super) fn to_js(headers: &HeaderMap) -> web_sys::Headers {
    js::headers(&lines(headers))
}

/// Fields as alternating lines of names and values.
pub(super) fn lines(headers: &HeaderMap) -> String {
    let mut text = String::with_capacity(512);
    for (name, value) in headers {
        text.push_str(name.as_str());
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(value.as_bytes()));
        text.push('\n');
    }
    text
}

fn fields(headers: &web_sys::Headers) -> Result<HeaderMap, Refusal> {
    let too_large = || Refusal {
        status: 431,
        code: "fields-too-large",
        message: format!("the header fields are larger than {FIELDS_MAX} bytes"),
    };
    let mut map = HeaderMap::new();
    let mut room = FIELDS_MAX;
    for (name, value) in pairs(&js::fields(headers)) {
        room = room.checked_sub(name.len().saturating_add(value.len())).ok_or_else(too_large)?;
        let (Ok(parsed_name), Ok(value)) = parsed(name, value) else {
            let message = format!("the field {name} holds a character that it may not");
            return Err(Refusal { status: 400, code: "invalid-header", message });
        };
        map.try_append(parsed_name, value).map_err(|_| too_large())?;
    }
    Ok(map)
}

fn parsed(
    name: &str,
    value: &str,
) -> (
    Result<HeaderName, http::header::InvalidHeaderName>,
    Result<HeaderValue, http::header::InvalidHeaderValue>,
) {
    (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
}

/// Names and values from alternating lines.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut lines = text.split_terminator('\n');
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?)))
}

/// The platform's limits, which not every place that a Worker runs in enforces.
pub(super) const FIELDS_MAX: usize = 128 * 1024;
const URL_MAX: usize = 16 * 1024;
