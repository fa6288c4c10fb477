//! Several sites in one deployment.

use breadbox::config::{Config, ConfigError, Deployment};

const SITES: &str = r#"{
  "rule": [{"match": "/**", "ttl": "1m"}],
  "site": [
    {"hosts": ["shop.test", "*.shop.test"], "origin": "https://shop.internal/",
     "namespace": "shop", "name": "shop.test", "rule": [{"match": "/cart", "cache": "bypass"}]},
    {"hosts": ["blog.test:8080"], "origin": "http://blog.internal", "namespace": "blog",
     "preset": "wordpress"}
  ]
}"#;

fn read(variables: &[(&str, &str)]) -> Result<Vec<Config>, ConfigError> {
    let variable = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    Deployment::read(variable, SITES).map(|deployment| deployment.sites().to_vec())
}

/// Each has its own origin, namespace in every store, name and rules, and those of all after them.
#[test]
fn each_has_its_own() {
    let variables = [
        ("ORIGIN", "https://rest.internal"),
        ("REDIS_REST_URL", "https://redis.internal"),
        ("REDIS_REST_TOKEN", "secret"),
    ];
    let sites = read(&variables).unwrap();
    let told = |site: &Config| {
        let redis = site.redis.as_ref().unwrap().namespace.clone();
        assert_eq!(redis, site.namespace);
        format!("{} {} {:?}", site.origin, site.namespace, site.site)
    };
    let told: Vec<String> = sites.iter().map(told).collect();
    let expected = [
        "https://shop.internal shop Some(\"shop.test\")",
        "http://blog.internal blog None",
        "https://rest.internal breadbox None",
    ];
    assert_eq!(told, expected);
    assert_eq!(sites[0].rules.patterns(), ["/cart", "/**"]);
    assert!(sites[1].rules.patterns().ends_with(&["/**", "/**"]));
    assert_eq!(sites[2].rules.patterns(), ["/**"]);
}

#[test]
fn hosts_lead_to_sites() {
    let sites = read(&[("ORIGIN", "https://rest.internal")]).unwrap();
    for (authority, expected) in [
        ("shop.test", 0),
        ("de.shop.test", 0),
        ("blog.test:8080", 1),
        ("blog.test", 2),
        ("other.test", 2),
    ] {
        let found = sites.iter().position(|site| site.is_at(authority));
        assert_eq!(found, Some(expected), "{authority}");
    }
    assert!(!sites[2].is_at("shop.test"), "nobody purges another site's here");
    let named = read(&[]).unwrap();
    assert!(!named.iter().any(|site| site.is_at("other.test")), "without ORIGIN they are all");
}

#[test]
fn namespaces_are_not_shared() {
    let error = read(&[("ORIGIN", "http://a.internal"), ("NAMESPACE", "shop")]).unwrap_err();
    assert_eq!((error.setting.as_str(), error.found.as_str()), ("NAMESPACE", "shop"));
    let site = |more: &str| {
        let json = format!("{{\"site\":[{{\"hosts\":[\"a.test\"],{more}}}]}}");
        Deployment::read(|_| None, &json).map(drop).map_err(|error| error.to_string())
    };
    for (more, expected) in [
        ("\"namespace\":\"a\",\"origin\":\"http://a.internal\"", ""),
        ("\"namespace\":\"a\"", "site 1: origin: found nothing; allowed: a URL"),
        ("\"origin\":\"http://a.internal\"", "site 1: namespace: found nothing; allowed: up to"),
        ("\"namespace\":\"a b\"", "site 1: namespace: found a b; allowed: up to 64"),
        ("\"hosts\":[\"a/b\"]", "site 1: hosts: found a/b; allowed: hosts such as"),
        (
            "\"name\":\"me@a\",\"namespace\":\"a\",\"origin\":\"http://a\"",
            "site 1: name: found me@a",
        ),
    ] {
        let told = site(more).err().unwrap_or_default();
        assert!(told.starts_with(expected) && told.is_empty() == expected.is_empty(), "{told}");
    }
}

#[test]
fn hosts_and_namespaces_belong_to_one_site() {
    let second = |host: &str, namespace: &str| {
        let site = |host: &str, namespace: &str| {
            format!(
                "{{\"hosts\":[\"{host}\"],\"origin\":\"http://a.internal\",\
                  \"namespace\":\"{namespace}\"}}"
            )
        };
        let json = format!("{{\"site\":[{},{}]}}", site("a.test", "a"), site(host, namespace));
        let read = Deployment::read(|_| None, &json);
        read.map(drop).map_err(|error| error.setting)
    };
    assert_eq!(second("b.test", "b"), Ok(()));
    assert_eq!(second("A.test", "b"), Err("site 2: hosts".to_owned()));
    assert_eq!(second("b.test", "a"), Err("site 2: namespace".to_owned()));
}
