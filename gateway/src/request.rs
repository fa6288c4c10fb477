//! What a request's head says: the token, the wanted form of the answer, decoded path parts.

use std::borrow::Cow;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue};
use percent_encoding::percent_decode_str;

/// The form in which a reply is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON; bytes that are not UTF-8 become U+FFFD.
    Json,
    /// JSON whose strings are base64.
    JsonBase64,
    /// The bytes of the Redis protocol, version 2.
    Resp2,
}

impl Form {
    /// Reads `Upstash-Response-Format` and `Upstash-Encoding`; the error is the answer's text.
    pub fn wanted(headers: &HeaderMap) -> Result<Self, &'static str> {
        let format = headers.get(RESPONSE_FORMAT).or_else(|| headers.get(RESPONSE_FORMAT_TYPO));
        let resp2 = match text(format) {
            "" | "json" => false,
            "resp2" => true,
            _ => return Err("ERR invalid Upstash-Response-Format: allowed are json and resp2"),
        };
        match (resp2, text(headers.get(ENCODING))) {
            (false, "") => Ok(Self::Json),
            (true, "") => Ok(Self::Resp2),
            (false, "base64") => Ok(Self::JsonBase64),
            (true, "base64") => {
                Err("ERR Upstash-Encoding: base64 cannot be combined with the resp2 format")
            }
            _ => Err("ERR invalid Upstash-Encoding: allowed is base64"),
        }
    }
}

/// The token that came with a request: the header's, else the query's `_token`.
pub fn token<'a>(headers: &'a HeaderMap, query: &'a str) -> Option<Cow<'a, [u8]>> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let (scheme, token) = value.as_bytes().split_at_checked(BEARER.len())?;
        return scheme.eq_ignore_ascii_case(BEARER).then(|| Cow::Borrowed(token.trim_ascii()));
    }
    query.split('&').find_map(|part| part.strip_prefix("_token=")).map(decode_query)
}

/// Decodes one path segment to bytes; a plus is a plus.
pub fn decode_segment(segment: &str) -> Cow<'_, [u8]> {
    percent_decode_str(segment).into()
}

/// Decodes a part of a query to bytes; a plus is a space.
pub fn decode_query(part: &str) -> Cow<'_, [u8]> {
    if part.contains('+') {
        let spaced = part.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).collect());
    }
    percent_decode_str(part).into()
}

fn text(value: Option<&HeaderValue>) -> &str {
    value.map_or("", |value| value.to_str().unwrap_or("invalid"))
}

const BEARER: &[u8] = b"Bearer ";
const ENCODING: &str = "upstash-encoding";
const RESPONSE_FORMAT: &str = "upstash-response-format";
/// How the header is spelled in two samples of Upstash's documentation.
const RESPONSE_FORMAT_TYPO: &str = "upstash-reponse-format";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (name.parse().unwrap(), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn the_form_is_what_the_headers_ask_for() {
        let wanted = |pairs| Form::wanted(&headers(pairs));
        assert_eq!(wanted(&[]), Ok(Form::Json));
        assert_eq!(wanted(&[("upstash-reponse-format", "resp2")]), Ok(Form::Resp2));
        assert_eq!(wanted(&[("upstash-encoding", "base64")]), Ok(Form::JsonBase64));
        assert!(wanted(&[("upstash-response-format", "xml")]).is_err());
        let both = [("upstash-response-format", "resp2"), ("upstash-encoding", "base64")];
        assert!(wanted(&both).is_err());
    }

    #[test]
    fn the_header_wins_over_the_query() {
        let bearer = headers(&[("authorization", "bearer one")]);
        assert_eq!(token(&bearer, "_token=two").as_deref(), Some(b"one".as_slice()));
        let none = headers(&[]);
        assert_eq!(token(&none, "EX=1&_token=tw%6F").as_deref(), Some(b"two".as_slice()));
        assert_eq!(token(&headers(&[("authorization", "Basic eA==")]), "_token=two"), None);
        assert_eq!(token(&none, ""), None);
    }
}
