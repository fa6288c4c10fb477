//! What holds whatever clients and origins send.

use std::time::Duration;

use breadbox::cache::policy::{
    Answer, Arrival, Standing, Stored, admit, answer, dated, eligible, forward, freshen,
    initial_age, invalidates, pass, present, reuse, tags,
};
use breadbox::cache::{Lifetime, RequestHead, ResponseHead, Time};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

use super::messages::{NOW, URL, rule};

/// Fields that matter to caches, with values between the sensible and the absurd.
fn any_fields() -> impl Strategy<Value = HeaderMap> {
    let value = prop_oneof![
        Just("no-store".to_owned()),
        Just("private".to_owned()),
        Just("max-age=60".to_owned()),
        Just("\"a\"".to_owned()),
        Just("*".to_owned()),
        Just("bytes=0-4,6-".to_owned()),
        Just("Fri, 15 Jan 2027 08:00:00 GMT".to_owned()),
        "[ -~]{0,20}",
    ];
    proptest::collection::vec((0..NAMES.len(), value), 0..8).prop_map(|pairs| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let value = HeaderValue::from_str(&value).expect("printable");
            headers.append(HeaderName::from_static(NAMES[name]), value);
        }
        headers
    })
}

fn any_request() -> impl Strategy<Value = RequestHead> {
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS];
    (proptest::sample::select(methods.to_vec()), any_fields())
        .prop_map(|(method, headers)| RequestHead { method, url: URL.to_owned(), headers })
}

fn any_response() -> impl Strategy<Value = ResponseHead> {
    (100u16..1100, any_fields()).prop_map(|(status, headers)| ResponseHead { status, headers })
}

fn any_rule() -> impl Strategy<Value = &'static str> {
    let rules = ["", "ttl=60", "ttl=60 stale=60 rescue=60 negative=60", "deaf", "cap=1 keep=0"];
    proptest::sample::select(rules.to_vec())
}

proptest! {
    /// No lifetime, rule or neighbour makes a forbidden response storable (RFC 9111 §3).
    #[test]
    fn a_prohibition_is_final(
        request in any_request(),
        mut response in any_response(),
        words in any_rule(),
        forbidden in 0..FORBIDDEN.len(),
    ) {
        let (name, value) = FORBIDDEN[forbidden];
        for targeted in ["cdn-cache-control", "surrogate-control"] {
            response.headers.remove(targeted);
        }
        response.headers.append(name, HeaderValue::from_static(value));
        let arrival = Arrival { asked: NOW, received: NOW };
        let admitted = admit(&request, &response, arrival, &rule(words));
        let understood = response.headers.get_all("cache-control").iter()
            .any(|line| line.to_str().is_ok_and(|l| l.contains("must-understand")));
        prop_assert!(admitted.is_err() || understood, "{:?}", response);
    }

    /// Every question has an answer for every input, and lifetimes are in order.
    #[test]
    fn every_input_has_an_outcome(
        request in any_request(),
        mut head in any_response(),
        update in any_response(),
        words in any_rule(),
        (start, end) in (any::<i64>(), any::<i64>()),
        body_len in any::<u64>(),
    ) {
        let (asked, received, rule) = (Time(start), Time(end), rule(words));
        dated(&mut head, received);
        let _ = (eligible(&request, &rule), tags(&head), invalidates(&request, &head, None));
        let _ = (forward(&request, Some(&head)), pass(&request), freshen(&head, &update));
        let arrival = Arrival { asked, received };
        let lifetime = admit(&request, &head, arrival, &rule).map(|a| a.lifetime);
        let lifetime = lifetime.unwrap_or_default();
        prop_assert!(lifetime.fresh <= lifetime.stale && lifetime.stale <= lifetime.rescue);
        prop_assert!(lifetime.rescue <= lifetime.keep);
        let generated = received.before(initial_age(&head, asked, received));
        let stored = Stored { head: &head, generated, lifetime };
        let _ = reuse(&request, &stored, Standing::Clean, received, &rule);
        let answered = answer(&request, &head, body_len);
        if let Answer::Partial(range) = &answered {
            prop_assert!(range.first <= range.last && range.last < body_len);
        }
        let shown = present(&stored, &answered, received);
        prop_assert!(shown.headers.contains_key("age"));
        prop_assert!(!shown.headers.contains_key("connection"));
    }

    /// What does not pass to the origin does not pass in any company.
    #[test]
    fn overrides_never_pass(mut request in any_request(), which in 0..OVERRIDES.len()) {
        request.headers.append(OVERRIDES[which], HeaderValue::from_static("evil"));
        prop_assert!(!forward(&request, None).contains_key(OVERRIDES[which]));
        prop_assert!(!pass(&request).contains_key(OVERRIDES[which]));
    }

    /// A response grows no younger: once stale, it stays so.
    #[test]
    fn staleness_is_final(fresh in 0u64..100, first in 0i64..200_000, later in 0i64..200_000) {
        let head = ResponseHead { status: 200, headers: HeaderMap::new() };
        let span = Duration::from_secs(fresh);
        let lifetime = Lifetime { fresh: span, stale: span, rescue: span, keep: span };
        let stored = Stored { head: &head, generated: NOW, lifetime };
        let (url, headers) = (URL.to_owned(), HeaderMap::new());
        let request = RequestHead { method: Method::GET, url, headers };
        let at = |offset| {
            reuse(&request, &stored, Standing::Clean, Time(NOW.0 + offset), &rule(""))
                == breadbox::cache::policy::Reuse::Serve
        };
        prop_assert!(at(first) || !at(first + later));
        prop_assert_eq!(at(first), u64::try_from(first).expect("positive") < fresh * 1000);
    }
}

const FORBIDDEN: [(&str, &str); 5] = [
    ("cache-control", "no-store"),
    ("cache-control", "private"),
    ("cache-control", "max-age=60, private"),
    ("set-cookie", "a=b"),
    ("vary", "*"),
];

const OVERRIDES: [&str; 6] = [
    "x-forwarded-host",
    "x-original-url",
    "x-http-method-override",
    "forwarded",
    "expect",
    "x-forwarded-scheme",
];

const NAMES: [&str; 24] = [
    "cache-control",
    "cdn-cache-control",
    "surrogate-control",
    "age",
    "date",
    "expires",
    "etag",
    "last-modified",
    "vary",
    "range",
    "if-range",
    "if-none-match",
    "if-modified-since",
    "pragma",
    "connection",
    "content-length",
    "content-location",
    "location",
    "authorization",
    "cookie",
    "content-range",
    "cache-tag",
    "cache-groups",
    "upgrade",
];
