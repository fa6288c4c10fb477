//! No purge request, however formed, purges what lies beyond its token's scope.
//!
//! The property knows nothing of how scopes are checked: requests of every dialect, in spellings
//! meant to deceive, are read; what is permitted goes into a ledger; and whatever that ledger then
//! says is purged must have a tag or a host that the token names. A million cases with
//! `PROPTEST_CASES=1000000`.

use breadbox::cache::Time;
use breadbox::cache::ledger::{Epoch, Mirror, Page, Selector, Sequence, Stamp, Subject};
use breadbox::cache::policy::Standing;
use breadbox::cache::purge::{Bounds, Dialect, Order};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::request;

const HOSTS: [&str; 18] = [
    "a.test",
    "A.TEST",
    "a.test:80",
    "a.test:443",
    "a.test:8080",
    "a.test.",
    "b.test:81",
    "b.test",
    "evil.test",
    "a.test.evil.test",
    "a.test@evil.test",
    "evil.test\\@a.test",
    "a.test:80:443",
    "%61.test",
    "a.test%2fevil.test",
    "a.testevil",
    "",
    "*",
];

const PATHS: [&str; 14] = [
    "",
    "/",
    "/x",
    "/../x",
    "//evil.test/x",
    "/%2e%2e/x",
    "?x",
    "#@evil.test/",
    "\\x",
    "/*",
    "/..",
    "/.",
    "*",
    "/.*",
];

const TAGS: [&str; 16] = [
    "shop:1",
    "shop:",
    "shop",
    "n",
    "news",
    "*",
    "shop:*",
    "shop:1,evil",
    "shop:1 evil",
    "evil",
    "shop:1|evil",
    "(shop:1)|(evil)",
    "^evil",
    "(^|,)(shop:1|evil)(,|$)",
    "shop:.*",
    "evil.*",
];

/// A piece of a request: from the vocabularies, or anything.
fn piece() -> impl Strategy<Value = String> {
    let place = (prop::sample::select(&HOSTS[..]), prop::sample::select(&PATHS[..]));
    let place = place.prop_map(|(host, path)| format!("{host}{path}"));
    prop_oneof![
        4 => prop::sample::select(&TAGS[..]).prop_map(str::to_owned),
        4 => place.clone(),
        3 => (prop::sample::select(&["https://", "HTTP://", "//", "ftp://"][..]), place)
            .prop_map(|(scheme, place)| format!("{scheme}{place}")),
        1 => place_key(),
        1 => "[ -~]{0,12}",
    ]
}

fn place_key() -> impl Strategy<Value = String> {
    (prop::sample::select(&HOSTS[..]), prop::sample::select(&PATHS[..]))
        .prop_map(|(host, path)| format!("GET https://{host}{path}"))
}

/// The body of a request of ours or of Cloudflare's, fields doubled now and then.
fn body() -> impl Strategy<Value = String> {
    let names =
        ["tags", "keys", "urls", "prefixes", "hosts", "patterns", "files", "surrogate_keys"];
    let list = prop::collection::vec(piece(), 0..3).prop_map(|list| json!(list));
    let field = (prop::sample::select(names.to_vec()), list);
    let flags = ["everything", "purge_everything", "soft"];
    let flag = (prop::sample::select(flags.to_vec()), any::<bool>().prop_map(Value::from));
    let query = Just(("query", json!("any")));
    prop::collection::vec(prop_oneof![6 => field, 1 => flag, 1 => query], 1..4).prop_map(|fields| {
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    })
}

/// A whole order, of whichever dialect.
fn order() -> impl Strategy<Value = Option<Order>> {
    let fields = [
        "xkey",
        "xkey-purge",
        "xkey-softpurge",
        "x-cache-tags",
        "cache-tags",
        "x-ban-url",
        "x-url",
        "x-ban-host",
        "x-host",
        "apiplatform-ban-regex",
        "x-magento-tags-pattern",
        "x-ban-regex",
        "surrogate-key",
        "x-purge-method",
    ];
    let field = (prop::sample::select(fields.to_vec()), piece());
    let fields = prop::collection::vec(field, 0..3);
    let place = (prop::sample::select(&HOSTS[..]), prop::sample::select(&PATHS[..]));
    let way = prop::sample::select(vec![
        "native",
        "cloudflare",
        "PURGE",
        "PURGE fastly",
        "BAN",
        "key",
        "keys",
        "url",
        "all",
    ]);
    (way, place, fields, body(), piece()).prop_map(|(way, (host, path), fields, body, piece)| {
        let own = breadbox::cache::key::normalised(&format!("https://{host}{path}"))?;
        let at = |path: String| {
            let url = breadbox::cache::key::normalised(&format!("https://edge.test{path}"))?;
            Some(format!("POST {url}"))
        };
        let (dialect, first) = match way {
            "native" => (Dialect::Native, at("/api/v1/cache/purge".to_owned())?),
            "cloudflare" => (Dialect::Cloudflare, at(String::new())?),
            "PURGE" | "BAN" => (Dialect::Varnish, format!("{way} {own}")),
            "PURGE fastly" => (Dialect::Fastly, format!("PURGE {own}")),
            "key" => (Dialect::Fastly, at(format!("/service/s/purge/{piece}"))?),
            "keys" => (Dialect::Fastly, at("/service/s/purge".to_owned())?),
            "url" => (Dialect::Fastly, at(format!("/purge/{piece}"))?),
            _ => (Dialect::Fastly, at("/service/s/purge_all".to_owned())?),
        };
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}: {}", value.trim())).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let head = request(&first, &fields);
        dialect.read(&head, body.as_bytes(), &str::to_owned).ok()
    })
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let tags = prop::sample::subsequence(vec!["shop:", "n"], 0..=2);
    let hosts = prop::sample::subsequence(vec!["a.test", "b.test:81"], 0..=2);
    let owned = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
    (tags, hosts).prop_map(move |(t, h)| Bounds::Within { tags: owned(t), hosts: owned(h) })
}

/// What a cache may hold: addresses and tags that requests above aim at.
fn world() -> Vec<(String, Vec<String>)> {
    let hosts = [
        "a.test",
        "a.test:8080",
        "a.test.",
        "b.test",
        "b.test:81",
        "evil.test",
        "a.test.evil.test",
        "a.testevil",
        "shop:81",
        "news.test",
    ];
    let paths = ["/", "/x", "/x?x", "//evil.test/x", "/a.test/x", "/.x", "/?x"];
    let tags = ["", "shop:1", "shop", "news", "evil", "shop:1,evil", "a.test/x", "*"];
    let mut world = Vec::new();
    for host in hosts {
        for path in paths {
            for tag in tags {
                let scheme = if path == "/x" { "http" } else { "https" };
                let tags = if tag.is_empty() { Vec::new() } else { vec![tag.to_owned()] };
                world.push((format!("GET {scheme}://{host}{path}"), tags));
            }
        }
    }
    world
}

/// The member of the world that a permitted order purges although it lies beyond the bounds.
fn breach(order: &Order, bounds: &Bounds) -> Option<String> {
    order.permit(Some(bounds)).ok()?;
    let Bounds::Within { tags: starts, hosts } = bounds else { return None };
    let (epoch, sequence, floor) = (Epoch(1), Sequence(2), Sequence(0));
    let records = order.records.iter().map(|record| (record.clone(), sequence)).collect();
    let mut mirror = Mirror::default();
    mirror.apply(
        Page::Present { epoch, sequence, floor, records, changes: Vec::new() },
        Sequence(0),
        Time(0),
    );
    world().into_iter().find_map(|(key, tags)| {
        let stamp = Stamp { epoch, sequence: Sequence(1) };
        let standing = mirror.judge(&Subject { stamp, key: &key, tags: &tags });
        let at = key.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("");
        let within = hosts.iter().any(|host| host == at)
            || tags.iter().any(|tag| starts.iter().any(|start| tag.starts_with(start)));
        (standing != Standing::Clean && !within)
            .then(|| format!("{key} {tags:?} by {:?}", order.records))
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_request_purges_beyond_its_scope(order in order(), bounds in bounds()) {
        if let Some(order) = order {
            prop_assert_eq!(breach(&order, &bounds), None);
        }
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(3000)
}

/// The property would not be worth much if it could not fail, or if nothing were ever permitted.
#[test]
fn the_property_sees_what_it_is_for() {
    let bounds = Bounds::Within { tags: vec!["shop:".into()], hosts: vec!["a.test".into()] };
    let order = |body: &str| {
        Dialect::Native
            .read(&request("POST https://edge.test/", &[]), body.as_bytes(), &str::to_owned)
            .expect("an order")
    };
    for (body, permitted) in [
        (r#"{"tags":["shop:1"]}"#, true),
        (r#"{"tags":["shop"]}"#, false),
        (r#"{"tags":["shop:1","news"]}"#, false),
        (r#"{"hosts":["A.test"]}"#, true),
        (r#"{"hosts":["a.test:8080"]}"#, false),
        (r#"{"urls":["http://a.test:80/x"]}"#, true),
        (r#"{"urls":["https://a.test@evil.test/x"]}"#, false),
        (r#"{"urls":["https://a.test/x"],"query":"any"}"#, true),
        (r#"{"prefixes":["a.test"]}"#, true),
        (r#"{"prefixes":["a.test.evil.test/"]}"#, false),
        (r#"{"prefixes":["/x"]}"#, false),
        (r#"{"keys":["GET https://a.test/x"]}"#, true),
        (r#"{"keys":["GET https://evil.test/x"]}"#, false),
        (r#"{"patterns":["shop:*"]}"#, false),
        (r#"{"everything":true}"#, false),
    ] {
        let order = order(body);
        assert_eq!(order.permit(Some(&bounds)).is_ok(), permitted, "{body}");
        assert_eq!(order.permit(None).map_err(|c| c.status), Err(403), "{body}");
        assert_eq!(order.permit(Some(&Bounds::Everything)), Ok(()), "{body}");
    }
    let mut beyond = order(r#"{"tags":["shop:1"]}"#);
    assert_eq!(breach(&beyond, &bounds), None);
    let record = &mut beyond.records[0];
    record.selector = Selector::Prefix("a.test".to_owned());
    assert!(beyond.permit(Some(&bounds)).is_err(), "a host's beginning is no host");
}

/// A site's ledger is its own: what names a host of another site would be recorded where nobody
/// looks, so it is refused, however it is named.
#[test]
fn purges_of_another_sites_hosts_are_refused() {
    for (body, stays) in [
        (r#"{"hosts":["a.test"]}"#, true),
        (r#"{"hosts":["b.test"]}"#, false),
        (r#"{"urls":["https://a.test/x"]}"#, true),
        (r#"{"urls":["https://b.test/x"]}"#, false),
        (r#"{"prefixes":["a.test/x"]}"#, true),
        (r#"{"prefixes":["b.test/x"]}"#, false),
        (r#"{"prefixes":["/x"]}"#, true),
        (r#"{"keys":["GET https://b.test/x"]}"#, false),
        (r#"{"tags":["b.test"]}"#, true),
        (r#"{"everything":true}"#, true),
        (r#"{"tags":["a"],"hosts":["a.test","b.test"]}"#, false),
    ] {
        let order = Dialect::Native
            .read(
                &request("POST https://a.test/api/v1/cache/purge", &[]),
                body.as_bytes(),
                &|url| url.to_owned(),
            )
            .unwrap_or_else(|complaint| panic!("{body}: {complaint:?}"));
        let found = order.stays_within(&|host| host == "a.test").map_err(|it| it.code);
        assert_eq!(found, if stays { Ok(()) } else { Err("another-site") }, "{body}");
    }
}
