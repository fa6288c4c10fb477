//! The presets, by what they make of requests.

use std::time::Duration;

use breadbox::cache::policy::Compression;
use breadbox::config::Rules;

use super::settled;

fn preset(name: &str) -> Rules {
    Rules::from_toml(&format!("preset = \"{name}\"")).unwrap()
}

/// Path and fields of a request, and the key after its host; none if it passes by.
type Case<'a> = (&'a str, &'a [&'a str], Option<&'a str>);

fn check(name: &str, cases: &[Case<'_>]) {
    let rules = preset(name);
    for (path, lines, expected) in cases {
        let found = settled(&rules, &format!("GET https://a.test{path}"), lines);
        let key = expected.map(|rest| format!("GET https://a.test{rest}"));
        assert_eq!(found.key, key, "{name}: {path} {lines:?}");
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn static_sites() {
    check(
        "static",
        &[
            ("/", &["cookie: _ga=1"], Some("/")),
            ("/about?utm_source=x", &[], Some("/about")),
            ("/assets/app.js?v=2&cb=9", &[], Some("/assets/app.js?v=2")),
        ],
    );
    let rules = preset("static");
    let asset = settled(&rules, "GET https://a.test/assets/a.js", &["cookie: a=1"]);
    assert_eq!((asset.treatment.fresh_max, asset.treatment.fresh), (365 * DAY, None));
    assert_eq!(asset.treatment.compression, Compression::Gzip);
    assert!(asset.fields.is_empty(), "{:?}", asset.fields);
    let page = settled(&rules, "GET https://a.test/x", &[]).treatment;
    assert_eq!((page.fresh, page.stale), (Some(Duration::from_secs(300)), Some(DAY)));
}

#[test]
fn json_apis() {
    check(
        "json-api",
        &[
            ("/v1/items?b=1&a=2&utm_x=3", &[], Some("/v1/items?a=2&b=1")),
            ("/v1/items", &["cookie: lang=de"], Some("/v1/items")),
            ("/v1/items", &["cookie: connect.sid=1"], None),
            ("/v1/items", &["cookie: PHPSESSID=1; access_token=2"], None),
        ],
    );
    let found = settled(&preset("json-api"), "GET https://a.test/v1", &["authorization: Bearer x"]);
    assert_eq!(found.fields, ["authorization: Bearer x"], "the prohibition still holds");
    assert_eq!(found.treatment.fresh, None);
    assert_eq!(found.treatment.compression, Compression::Off, "APIs may ask If-Match");
}

#[test]
fn wordpress() {
    check(
        "wordpress",
        &[
            ("/", &["cookie: _ga=1; wp-settings-1=x"], Some("/")),
            ("/?p=7&utm_campaign=a&fbclid=b", &[], Some("/?p=7")),
            ("/", &["cookie: wordpress_logged_in_0a=admin"], None),
            ("/", &["cookie: woocommerce_items_in_cart=1"], None),
            ("/", &["cookie: comment_author_0a=me"], None),
            ("/?preview=true", &[], None),
            ("/shop/?add-to-cart=7", &[], None),
            ("/?wc-ajax=get_refreshed_fragments", &[], None),
            ("/wp-admin/post.php", &[], None),
            ("/wp-login.php", &[], None),
            ("/checkout/", &[], None),
            ("/wp-json/wp/v2/posts?b=1&a=2", &[], Some("/wp-json/wp/v2/posts?a=2&b=1")),
            ("/wp-json/wp/v2/posts?context=edit", &[], None),
            ("/wp-content/a.css?ver=6&x=1", &["cookie: a=1"], Some("/wp-content/a.css?ver=6")),
        ],
    );
    let page = settled(&preset("wordpress"), "GET https://a.test/", &["cookie: wp-settings-1=x"]);
    assert!(page.fields.is_empty(), "{:?}", page.fields);
    let login = ["cookie: wordpress_test_cookie=1"];
    let posted = settled(&preset("wordpress"), "POST https://a.test/", &login);
    assert_eq!(posted.fields, login, "a form is sent with its cookies");
}

#[test]
fn nextjs_keys_payloads_apart() {
    check(
        "nextjs",
        &[
            ("/blog", &[], Some("/blog")),
            ("/blog?_rsc=1x", &["rsc: 1"], Some("/blog?_rsc=1x\n@rsc=1:1")),
            (
                "/blog",
                &["RSC: 1", "Next-Router-Prefetch: 1", "Next-Url: /a"],
                Some("/blog\n@next-router-prefetch=1:1\n@next-url=2:/a\n@rsc=1:1"),
            ),
            ("/blog", &["cookie: __prerender_bypass=x"], None),
            ("/_next/static/a.js?dpl=1&x=2", &["rsc: 1"], Some("/_next/static/a.js?dpl=1")),
            (
                "/_next/image?w=64&url=%2Fa.png&q=75&x=1",
                &[],
                Some("/_next/image?q=75&url=%2Fa.png&w=64"),
            ),
        ],
    );
    let lines = ["x-middleware-subrequest: a", "x-matched-path: /x", "accept: text/html"];
    let found = settled(&preset("nextjs"), "GET https://a.test/blog", &lines);
    assert_eq!(found.fields, ["accept: text/html"]);
}

#[test]
fn nextjs_strips_payloads() {
    check(
        "nextjs-html",
        &[
            (
                "/blog?_rsc=1x&page=2",
                &["rsc: 1", "next-router-state-tree: x"],
                Some("/blog?page=2"),
            ),
            ("/blog", &["cookie: __next_preview_data=x"], None),
        ],
    );
    let found = settled(&preset("nextjs-html"), "GET https://a.test/", &["rsc: 1", "next-url: /"]);
    assert!(found.fields.is_empty(), "{:?}", found.fields);
}
