//! What caches are told to do.

use breadbox::cache::field::{CacheControl, Directives, Scope};

use super::{check, fields};

#[test]
fn cache_control() {
    check(CACHE_CONTROL, |values| {
        let lines: Vec<String> = values.iter().map(|v| format!("cache-control: {v}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        told(&CacheControl::parse(&fields(&lines)))
    });
}

#[test]
fn targeted_directives() {
    check(TARGETED, |lines| {
        let directives = Directives::parse(&fields(lines));
        format!("{:?} {}", directives.source, told(&directives.control)).trim().to_owned()
    });
}

/// The directives in a fixed order and a short form.
fn told(control: &CacheControl) -> String {
    let flags = [
        ("immutable", control.immutable),
        ("must-revalidate", control.must_revalidate),
        ("must-understand", control.must_understand),
        ("no-store", control.no_store),
        ("no-transform", control.no_transform),
        ("only-if-cached", control.only_if_cached),
        ("proxy-revalidate", control.proxy_revalidate),
        ("public", control.public),
    ];
    let spans = [
        ("max-age", control.max_age),
        ("max-stale", control.max_stale),
        ("min-fresh", control.min_fresh),
        ("s-maxage", control.s_maxage),
        ("stale-if-error", control.stale_if_error),
        ("stale-while-revalidate", control.stale_while_revalidate),
    ];
    let mut words: Vec<String> =
        flags.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned()).collect();
    for (name, scope) in [("no-cache", &control.no_cache), ("private", &control.private)] {
        match scope {
            Scope::Absent => {}
            Scope::Fields(fields) => words.push(format!("{name}={fields:?}").replace('"', "")),
            Scope::Whole => words.push(name.to_owned()),
        }
    }
    let set = spans.iter().filter_map(|(name, span)| Some((name, (*span)?)));
    words.extend(set.map(|(name, span)| format!("{name}={}", span.count())));
    words.join(" ")
}

const CACHE_CONTROL: &[(&str, &[&str], &str)] = &[
    ("RFC 9111 §5.2", &["max-age=3600"], "max-age=3600"),
    ("RFC 9111 §5.2", &["MaX-aGe=3600, No-StOrE"], "no-store max-age=3600"),
    ("RFC 9111 §5.2", &["max-age=\"3600\""], "max-age=3600"),
    ("RFC 9111 §5.2", &["foobar, , max-age=1,"], "max-age=1"),
    ("RFC 9111 §5.2", &["max-age=1", "no-cache"], "no-cache max-age=1"),
    ("RFC 9111 §5.2", &["x=\"max-age=3600\", max-age=1"], "max-age=1"),
    ("RFC 9111 §5.2", &["max-age=1, x=\"no-store\""], "max-age=1"),
    ("RFC 9110 §5.6.4", &["x=\"a\\\", no-store\", public"], "public"),
    ("RFC 9110 §5.6.4", &["x=\"open, no-store"], "no-store"),
    ("RFC 9111 §1.2.2", &["max-age=003600"], "max-age=3600"),
    ("RFC 9111 §1.2.2", &["max-age=2147483649"], "max-age=2147483648"),
    ("RFC 9111 §1.2.2", &["max-age=99999999999999999999999"], "max-age=2147483648"),
    ("RFC 9111 §4.2.1", &["max-age=1800, max-age=1"], "max-age=1"),
    ("RFC 9111 §4.2.1", &["max-age=1", "max-age=1800"], "max-age=1"),
    ("RFC 9111 §4.2.1", &["max-age=-3600"], "max-age=0"),
    ("RFC 9111 §4.2.1", &["max-age='3600'"], "max-age=0"),
    ("RFC 9111 §4.2.1", &["max-age=3600.0"], "max-age=0"),
    ("RFC 9111 §4.2.1", &["max-age=3600a"], "max-age=0"),
    ("RFC 9111 §4.2.1", &["max-age"], "max-age=0"),
    ("RFC 9111 §4.2.1", &["max-age="], "max-age=0"),
    ("RFC 9111 §4.2.1", &["max-age =3600"], "max-age=0"),
    ("RFC 9111 §4.2.1", &["max-age= 3600"], "max-age=0"),
    ("RFC 9111 §4.2.1", &["max-age=lolz, no-store"], "no-store max-age=0"),
    ("RFC 9111 §5.2.2.4", &["no-cache=\"a, B\""], "no-cache=[a, b]"),
    ("RFC 9111 §5.2.2.4", &["no-cache=a"], "no-cache=[a]"),
    ("RFC 9111 §5.2.2.4", &["no-cache=\"a\", no-cache"], "no-cache"),
    ("RFC 9111 §5.2.2.4", &["no-cache, no-cache=\"a\""], "no-cache"),
    ("RFC 9111 §5.2.2.7", &["private=\"\""], "private"),
    ("RFC 9111 §5.2.2.7", &["private=\"a, (b)\""], "private"),
    ("RFC 9111 §5.2.2.7", &["private=\"a\"", "private=\"c\""], "private=[a, c]"),
    ("RFC 9111 §5.2.2.5", &["no-store=1"], "no-store"),
    ("RFC 9111 §5.2.1.2", &["max-stale"], "max-stale=2147483648"),
    ("RFC 9111 §5.2.1.2", &["max-stale=10"], "max-stale=10"),
    ("RFC 9111 §5.2.1.2", &["max-stale=x"], ""),
    ("RFC 9111 §5.2.1.3", &["min-fresh=10, only-if-cached"], "only-if-cached min-fresh=10"),
    ("RFC 5861 §3", &["stale-while-revalidate=60"], "stale-while-revalidate=60"),
    ("RFC 5861 §4", &["stale-if-error=x, public"], "public"),
    ("RFC 8246 §2", &["immutable"], "immutable"),
    (
        "RFC 9111 §5.2.2",
        &["must-revalidate, proxy-revalidate, must-understand, no-transform"],
        "must-revalidate must-understand no-transform proxy-revalidate",
    ),
];

const TARGETED: &[(&str, &[&str], &str)] = &[
    (
        "RFC 9213 §2.2",
        &["cdn-cache-control: max-age=60", "cache-control: no-store"],
        "CdnCacheControl max-age=60",
    ),
    (
        "RFC 9213 §2.2",
        &["cdn-cache-control: no-store", "cache-control: max-age=60"],
        "CdnCacheControl no-store",
    ),
    (
        "RFC 9213 §2.1",
        &["cdn-cache-control:", "cache-control: max-age=1"],
        "CacheControl max-age=1",
    ),
    (
        "RFC 9213 §2.1",
        &["cdn-cache-control: max-age=60, &&&", "cache-control: max-age=1"],
        "CacheControl max-age=1",
    ),
    (
        "RFC 9213 §2.1",
        &["cdn-cache-control: Max-Age=60", "cache-control: max-age=1"],
        "CacheControl max-age=1",
    ),
    (
        "RFC 9213 §2.1",
        &["cdn-cache-control: max-age =60", "cache-control: max-age=1"],
        "CacheControl max-age=1",
    ),
    ("RFC 9213 §2.1", &["cdn-cache-control: max-age=\"60\""], "CdnCacheControl max-age=0"),
    ("RFC 9213 §2.1", &["cdn-cache-control: max-age=60.5"], "CdnCacheControl max-age=0"),
    ("RFC 9213 §2.1", &["cdn-cache-control: max-age=-1"], "CdnCacheControl max-age=0"),
    (
        "RFC 9213 §2.1",
        &["cdn-cache-control: max-age=60;a=1, x=(1 2)"],
        "CdnCacheControl max-age=60",
    ),
    ("RFC 9651 §4.2.2", &["cdn-cache-control: max-age=60, max-age=9"], "CdnCacheControl max-age=9"),
    (
        "RFC 9651 §4.2",
        &["cdn-cache-control: max-age=60", "cdn-cache-control: private"],
        "CdnCacheControl private max-age=60",
    ),
    (
        "RFC 9213 §2.1",
        &["cdn-cache-control: private=\"a, b\", no-cache=?0, no-store=?0"],
        "CdnCacheControl private=[a, b]",
    ),
    (
        "RFC 9213 §2.1",
        &["cdn-cache-control: private=a, no-store=1"],
        "CdnCacheControl no-store private",
    ),
    (
        "Edge Architecture §2.3",
        &["surrogate-control: MaX-aGe=60, foo", "cache-control: no-store"],
        "SurrogateControl max-age=60",
    ),
    (
        "Edge Architecture §2.3",
        &["surrogate-control: max-age=60;abc", "cache-control: public"],
        "CacheControl public",
    ),
    (
        "Edge Architecture §2.3",
        &["surrogate-control: max-age=60;breadbox"],
        "SurrogateControl max-age=60",
    ),
    (
        "Edge Architecture §2.3",
        &["surrogate-control: max-age=60+600, content=\"ESI/1.0\""],
        "SurrogateControl max-age=60 stale-while-revalidate=600",
    ),
    (
        "Edge Architecture §2.3",
        &["surrogate-control: no-store-remote"],
        "SurrogateControl no-store",
    ),
    (
        "RFC 9213 §2.2",
        &["surrogate-control: max-age=9", "cdn-cache-control: max-age=8"],
        "CdnCacheControl max-age=8",
    ),
];
