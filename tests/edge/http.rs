//! What HTTP promises of a cache, seen by its clients.

use anyhow::Result;
use xtask::harness::Spec;
use xtask::origin::Reply;

use crate::site::{Answer, Site, answer, asked_exactly, one, page};

#[tokio::test]
async fn head_is_answered_from_get() -> Result<()> {
    let site = Site::strict(|_| page(1).header("etag", "\"v1\""))?;
    let cold = answer(site.request("HEAD", 0, "/head")).await?;
    assert_eq!((cold.status, cold.body.len()), (200, 0), "{}", told(&cold));
    let stored = site.warm(0, "/head").await?;
    let fetches = site.fetches("/head");
    let head = answer(site.request("HEAD", 0, "/head")).await?;
    assert!(head.is_hit() && head.body.is_empty(), "{}", told(&head));
    for name in ["content-length", "etag", "cache-control"] {
        assert_eq!(head.header(name), stored.header(name), "{name}");
    }
    assert_eq!(head.header("content-length"), "9", "{}", told(&head));
    asked_exactly(&site, "/head", fetches);
    Ok(())
}

#[tokio::test]
async fn conditions_are_decided_from_what_is_stored() -> Result<()> {
    let modified = "Sun, 01 Nov 2026 08:00:00 GMT";
    let site =
        Site::strict(move |_| page(1).header("etag", "\"v1\"").header("last-modified", modified))?;
    site.warm(0, "/if").await?;
    for (name, value, status) in [
        ("if-none-match", "\"v1\"", 304),
        ("if-none-match", "W/\"v1\", \"v2\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"v2\"", 200),
        ("if-modified-since", modified, 304),
        ("if-modified-since", "Sat, 31 Oct 2026 08:00:00 GMT", 200),
    ] {
        let answered = answer(site.request("GET", 0, "/if").header(name, value)).await?;
        assert_eq!(answered.status, status, "{name}: {value}: {}", told(&answered));
        assert!(answered.is_hit(), "{name}: {value}: {}", told(&answered));
        assert_eq!(answered.header("etag"), "\"v1\"");
        assert_eq!(answered.body.is_empty(), status == 304, "{name}: {value}");
    }
    asked_exactly(&site, "/if", 1);
    Ok(())
}

#[tokio::test]
async fn ranges_are_cut_from_complete_entries() -> Result<()> {
    let site = Site::strict(|_| {
        page(1).body("0123456789").header("content-type", "text/plain").header("etag", "\"v1\"")
    })?;
    site.warm(0, "/range").await?;
    for (range, status, content_range, body) in [
        ("bytes=0-3", 206, "bytes 0-3/10", "0123"),
        ("bytes=7-", 206, "bytes 7-9/10", "789"),
        ("bytes=-2", 206, "bytes 8-9/10", "89"),
        ("bytes=4-99", 206, "bytes 4-9/10", "456789"),
        ("bytes=10-", 416, "bytes */10", ""),
        ("lines=1-2", 200, "", "0123456789"),
    ] {
        let answered = answer(site.request("GET", 0, "/range").header("range", range)).await?;
        assert_eq!(answered.status, status, "{range}: {}", told(&answered));
        assert_eq!(answered.header("content-range"), content_range, "{range}");
        assert_eq!(answered.text(), body, "{range}");
        assert!(answered.is_hit(), "{range}: {}", told(&answered));
    }
    let several = site.request("GET", 0, "/range").header("range", "bytes=0-1,4-5");
    let several = answer(several).await?;
    assert_eq!(several.status, 206, "{}", told(&several));
    assert!(several.header("content-type").starts_with("multipart/byteranges; boundary="));
    assert!(several.text().contains("01") && several.text().contains("45"), "{}", several.text());
    let outdated = site.request("GET", 0, "/range").header("range", "bytes=0-3");
    let outdated = answer(outdated.header("if-range", "\"v0\"")).await?;
    assert_eq!((outdated.status, outdated.text()), (200, "0123456789".to_owned()));
    asked_exactly(&site, "/range", 1);
    Ok(())
}

/// Whoever asks with a range or HEAD first does not leave a part behind as the whole.
#[tokio::test]
async fn a_part_is_never_stored_as_the_whole() -> Result<()> {
    let site = Site::strict(|seen| match seen.header("range") {
        "" => page(1).body("0123456789"),
        _ => page(1).body("0123").header("content-range", "bytes 0-3/10").header("x-part", "yes"),
    })?;
    let part = answer(site.request("GET", 0, "/part").header("range", "bytes=0-3")).await?;
    assert_eq!(part.text().get(..4), Some("0123"), "{}", told(&part));
    assert_eq!(site.get(0, "/part").await?.text(), "0123456789");
    assert_eq!(site.warm(0, "/part").await?.text(), "0123456789");
    Ok(())
}

#[tokio::test]
async fn what_is_for_one_client_is_never_stored() -> Result<()> {
    let fields = [
        ("set-cookie", "id=1"),
        ("cache-control", "private, max-age=600"),
        ("cache-control", "no-store"),
        ("vary", "*"),
    ];
    for (name, value) in fields {
        let site = Site::start(move |_| {
            let reply = if name == "cache-control" { Reply::ok("mine") } else { page(1) };
            reply.header(name, value)
        })?;
        for times in 1..4 {
            let answered = site.get(times, "/mine").await?;
            assert_eq!(answered.status, 200, "{name}: {}", told(&answered));
            assert!(!answered.says("hit") && !answered.says("stored"), "{}", told(&answered));
            assert_eq!(answered.header(name), value, "{}", told(&answered));
            asked_exactly(&site, "/mine", times);
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_needs_credentials_is_never_shared() -> Result<()> {
    let site = Site::strict(|seen| match seen.header("authorization") {
        "" => Reply::status(401).header("cache-control", "no-store"),
        who => page(1).body(who.to_owned()),
    })?;
    for who in ["Basic YTph", "Basic Yjpi", "Basic YTph"] {
        let request = site.request("GET", 0, "/own").header("authorization", who);
        let answered = answer(request).await?;
        assert_eq!(answered.text(), who, "{}", told(&answered));
        assert!(!answered.says("hit") && !answered.says("stored"), "{}", told(&answered));
    }
    assert_eq!(site.get(0, "/own").await?.status, 401);
    asked_exactly(&site, "/own", 4);
    Ok(())
}

/// Bodies travel in the coding that the origin chose, hit or miss.
#[tokio::test]
async fn coded_bodies_stay_as_they_are() -> Result<()> {
    let length = GZIP.len().to_string();
    let site = Site::strict(|_| {
        page(1).body(GZIP).header("content-encoding", "gzip").header("etag", "\"zip\"")
    })?;
    let asking = || site.request("GET", 0, "/zip").header("accept-encoding", "gzip");
    let first = answer(asking()).await?;
    assert!(first.says("stored"), "{}", told(&first));
    site.warm(0, "/zip").await?;
    for answered in [first, answer(asking()).await?] {
        assert_eq!(answered.body.as_ref(), GZIP, "{}", told(&answered));
        assert_eq!(answered.header("content-encoding"), "gzip", "{}", told(&answered));
        assert_eq!(answered.header("content-length"), length, "{}", told(&answered));
        assert_eq!(answered.header("etag"), "\"zip\"", "{}", told(&answered));
    }
    asked_exactly(&site, "/zip", 1);
    Ok(())
}

#[tokio::test]
async fn variants_are_kept_apart() -> Result<()> {
    let site = Site::start(|seen| {
        let language = seen.header("accept-language").to_owned();
        page(1).body(language).header("vary", "Accept-Language")
    })?;
    for round in 0..3 {
        for language in ["de", "en", "fr"] {
            let request = site.request("GET", 0, "/vary").header("accept-language", language);
            let answered = answer(request).await?;
            assert_eq!(answered.text(), language, "{}", told(&answered));
            assert!(round < 2 || answered.is_hit(), "{language}: {}", told(&answered));
        }
    }
    let fetches = site.fetches("/vary");
    for language in ["fr", "de", "en"] {
        let request = site.request("GET", 3, "/vary").header("accept-language", language);
        assert_eq!(answer(request).await?.text(), language);
    }
    asked_exactly(&site, "/vary", fetches);
    Ok(())
}

#[tokio::test]
async fn rules_give_lifetimes_tags_and_keys() -> Result<()> {
    let rules = r#"
        [[rule]]
        match = "/api/items/*"
        ttl = "10m"
        tags = ["items", "item:{1}"]
        query = { ignore = ["utm_*"], sort = true }

        [[rule]]
        match = "/account/**"
        cache = "bypass"
    "#;
    let site = Site::with(
        |_| Reply::ok("plain"),
        |spec| {
            let spec = Spec { rules: rules.to_owned(), ..one(spec) };
            crate::site::set(spec, "VISIBILITY", "0s")
        },
    )?;
    site.warm(0, "/api/items/7?b=2&a=1").await?;
    let folded = site.get(0, "/api/items/7?utm_source=x&a=1&b=2").await?;
    assert!(folded.is_hit(), "{}", told(&folded));
    assert!(!site.get(0, "/api/items/7?a=2&b=1").await?.is_hit());
    site.purge(r#"{"tags":["item:8"]}"#).await?;
    assert!(site.get(0, "/api/items/7?a=1&b=2").await?.is_hit());
    site.purge(r#"{"tags":["item:7"]}"#).await?;
    let purged = site.get(0, "/api/items/7?a=1&b=2").await?;
    assert!(!purged.says("hit"), "{}", told(&purged));
    let queries: Vec<String> =
        site.origin.requests_for("/api/items/7").into_iter().map(|seen| seen.query).collect();
    assert_eq!(queries, ["a=1&b=2", "a=2&b=1", "a=1&b=2"], "the origin sees what the key covers");
    site.origin.rescript(|_| page(1));
    for times in 1..3 {
        let account = site.get(0, "/account/me").await?;
        assert!(account.says("fwd=bypass"), "{}", told(&account));
        asked_exactly(&site, "/account/me", times);
    }
    Ok(())
}

/// Whatever is asked, the answer tells what the cache did, as the last cache on the way.
#[tokio::test]
async fn every_answer_says_what_the_cache_did() -> Result<()> {
    let site = Site::strict(|seen| match seen.path.as_str() {
        "/404" => Reply::status(404),
        "/302" => Reply::status(302).header("location", "/"),
        "/204" => Reply::status(204),
        "/nested" => page(1).header("cache-status", "Inner; hit"),
        "/close" => Reply::close(),
        _ => page(1),
    })?;
    let paths = ["/", "/404", "/302", "/204", "/close", "/api/v1/cache", "/api/v1/cache/none"];
    for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE"] {
        for path in paths {
            let answered = answer(site.request(method, 0, path)).await?;
            let status = answered.cache_status();
            assert!(status.starts_with("Breadbox; "), "{method} {path}: {}", told(&answered));
            assert!(status.contains("detail="), "{method} {path}: {status}");
        }
    }
    let nested = site.get(0, "/nested").await?;
    let members: Vec<_> = nested.headers.get_all("cache-status").iter().collect();
    let joined = members.iter().filter_map(|it| it.to_str().ok()).collect::<Vec<_>>().join(", ");
    assert!(joined.starts_with("Inner; hit, Breadbox; "), "{joined}");
    Ok(())
}

/// The origin learns under which name it was asked, and from nobody but the edge.
#[tokio::test]
async fn the_origin_learns_the_sites_name() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    let forged = site.request("GET", 0, "/name").header("x-forwarded-host", "evil.test");
    answer(forged.header("x-forwarded-proto", "ftp")).await?;
    let requests = site.origin.requests_for("/name");
    let [seen] = requests.as_slice() else { panic!("one request, not {requests:?}") };
    assert_eq!(seen.header("x-forwarded-host"), crate::site::HOST);
    assert_eq!(seen.header("x-forwarded-proto"), "http");
    assert_eq!(site.origin.url(), format!("http://{}", seen.header("host")));
    Ok(())
}

fn told(answer: &Answer) -> String {
    answer.headers_text()
}

/// "breadbox" three times, compressed: text that is decoded on the way would not come back so.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0x2a, 0x4a, 0x4d, 0x4c, 0x49,
    0xca, 0xaf, 0x48, 0x42, 0xa3, 0x01, 0x96, 0xb5, 0xf4, 0x84, 0x18, 0x00, 0x00, 0x00,
];
