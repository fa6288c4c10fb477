//! Requests, responses and rules for the tables.

use std::time::Duration;

use breadbox::cache::exchange::{Limits, Plan};
use breadbox::cache::field::HttpDate;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::Stamp;
use breadbox::cache::policy::{
    Caching, ClientDirectives, Compression, Doubt, Pace, Prohibition, Refresh, Treatment,
};
use breadbox::cache::tuning::Bounds;
use breadbox::cache::{RequestHead, ResponseHead, Tier, Time};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// The moment at which every origin answers: 2027-01-15T08:00:00Z.
pub const NOW: Time = Time(1_800_000_000_000);

/// The address that every request without another one has.
pub const URL: &str = "https://example.com/a/b?q=1";

/// A request from lines: a first line `METHOD [url]` if it is not `GET`, then fields.
pub fn request(lines: &[&str]) -> RequestHead {
    let (first, rest) = match lines.split_first() {
        Some((first, rest)) if !first.contains(": ") => (*first, rest),
        _ => ("GET", lines),
    };
    let (method, url) = first.split_once(' ').unwrap_or((first, URL));
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    RequestHead { method, url: url.to_owned(), headers: fields(rest) }
}

/// The plan of a request for [`URL`] where Redis is the only tier.
pub fn plan(treatment: Treatment) -> Plan {
    Plan {
        key: Key::of_url(URL),
        treatment,
        tags: Vec::new(),
        tiers: vec![Tier::Shared],
        limits: Limits::default(),
        stamp: Stamp::default(),
        hint: None,
        search: None,
    }
}

/// A response from lines: a first line with the status if it is not `200`, then fields.
pub fn response(lines: &[&str]) -> ResponseHead {
    let status = lines.first().and_then(|line| line.parse().ok());
    let rest = lines.get(usize::from(status.is_some())..).unwrap_or_default();
    ResponseHead { status: status.unwrap_or(200), headers: fields(rest) }
}

/// Fields from `name: value` lines; `{-60}` is the date a minute before [`NOW`].
pub fn fields(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').expect("a field has a colon");
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).expect("a field name"),
            HeaderValue::from_str(&dated(value.trim_start())).expect("a field value"),
        );
    }
    headers
}

/// The fields as lines, sorted by name.
pub fn lines(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let mut lines: Vec<String> = headers.iter().map(line).collect();
    lines.sort_by(|a, b| a.split(':').next().cmp(&b.split(':').next()));
    lines
}

/// A rule from words: `ttl=5`, `stale=5`, `rescue=5`, `keep=5`, `negative=5`, `cap=5`,
/// `force=set-cookie`, `bypass`, `deaf` to clients, `body=5`, `method=QUERY`, `gzip`, `auto`,
/// `final` purges.
pub fn rule(words: &str) -> Treatment {
    let mut rule = Treatment::default();
    for word in words.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let span = || Duration::from_secs(value.parse().expect("a number"));
        match name {
            "ttl" => rule.fresh = Some(span()),
            "stale" => rule.stale = Some(span()),
            "rescue" => rule.rescue = Some(span()),
            "keep" => rule.keep = Some(span()),
            "negative" => rule.negative = Some(span()),
            "cap" => rule.fresh_max = span(),
            "ahead" => {
                let requests = value.parse().expect("a number");
                rule.refresh = Refresh::Ahead(Pace { requests, since: NOW });
            }
            "body" => rule.body_max = value.parse().expect("a number"),
            "bypass" => rule.caching = Caching::Bypass,
            "auto" => rule.tuning = Some(Bounds::default()),
            "final" => rule.doubt = Doubt::Withheld,
            "gzip" => rule.compression = Compression::Gzip,
            "deaf" => rule.client_directives = ClientDirectives::Ignore,
            "force" => rule.caching = Caching::Force { ignore: vec![prohibition(value)] },
            "method" => rule.methods.push(Method::from_bytes(value.as_bytes()).expect("method")),
            _ => panic!("unknown word {word}"),
        }
    }
    rule
}

fn prohibition(word: &str) -> Prohibition {
    let named = Prohibition::ALL.into_iter().find(|p| p.as_str() == word);
    named.expect("a prohibition")
}

fn dated(value: &str) -> String {
    let Some((before, rest)) = value.split_once('{') else { return value.to_owned() };
    let (offset, after) = rest.split_once('}').expect("a date ends with a brace");
    let seconds: i64 = offset.parse().expect("a number of seconds");
    format!("{before}{}{after}", HttpDate::at(Time(NOW.0 + seconds * 1000)))
}
