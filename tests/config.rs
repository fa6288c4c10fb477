//! What operators write: rules, presets, sites, and what is published about them.

#[path = "config/documents.rs"]
mod documents;
#[path = "config/presets.rs"]
mod presets;
#[path = "config/rules.rs"]
mod rules;
#[path = "config/schema.rs"]
mod schema;
#[path = "config/sites.rs"]
mod sites;

use breadbox::cache::RequestHead;
use breadbox::cache::policy::{Caching, Treatment};
use breadbox::config::Rules;
use http::{HeaderMap, HeaderName, Method};

/// What rules make of a request.
#[derive(Clone, Debug)]
struct Settled {
    /// Key's text; none where the request passes the cache by.
    key: Option<String>,
    /// The fields that the origin sees.
    fields: Vec<String>,
    treatment: Treatment,
}

/// Asks rules about a request: a method, a URL, and fields as `name: value`.
fn settled(rules: &Rules, request: &str, lines: &[&str]) -> Settled {
    let (method, url) = request.split_once(' ').unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let bare = url.split_once("://").unwrap().1;
    let (host, path) = bare.split_at(bare.find('/').unwrap());
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut ruling = rules.ruling(host, path);
    let query = ruling.fold(query);
    let mark = if query.is_empty() { "" } else { "?" };
    let url = format!("https://{host}{path}{mark}{query}");
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut head = RequestHead { method, url, headers };
    let key = ruling.settle(&mut head).as_str().to_owned();
    let key = (ruling.treatment.caching != Caching::Bypass).then_some(key);
    let fields =
        head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    Settled { key, fields: fields.collect(), treatment: ruling.treatment }
}
