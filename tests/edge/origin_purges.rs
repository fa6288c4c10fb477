//! Purges that the origin asks for in its responses, and the tags that it gives.

use anyhow::Result;
use xtask::origin::{Reply, Seen};

use crate::site::{Site, answer, one, page, set};

/// Pages of one tag and one group; a form that purges what its path names.
fn site(change: &[(&str, &str)]) -> Result<Site> {
    let script = |seen: &Seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/hard") => Reply::status(303).header("breadbox-purge", "news, other"),
        ("POST", "/soft") => Reply::status(204).header("breadbox-soft-purge", "news"),
        ("POST", "/group") => Reply::status(204).header("cache-group-invalidation", "\"g\""),
        ("GET", "/group") => page(2).header("cache-group-invalidation", "\"g\""),
        ("GET", "/private") => {
            Reply::ok("mine").header("cache-control", "private").header("breadbox-purge", "news")
        }
        _ => page(1)
            .header("cache-tag", "news")
            .header("cache-groups", "\"g\"")
            .header("cache-control", "max-age=600, stale-while-revalidate=600"),
    };
    Site::with(script, |spec| {
        let spec = set(one(spec), "VISIBILITY", "0s");
        change.iter().fold(spec, |spec, (name, value)| set(spec, name, value))
    })
}

#[tokio::test]
async fn a_response_purges_before_its_client_sees_it() -> Result<()> {
    let site = site(&[])?;
    for (method, path) in [("POST", "/hard"), ("POST", "/group"), ("GET", "/private")] {
        site.warm(0, "/page").await?;
        let answered = answer(site.request(method, 0, path)).await?;
        assert!(answered.header("breadbox-purge").is_empty(), "{}", answered.headers_text());
        if method == "POST" {
            assert!(!answered.header("breadbox-receipt").is_empty(), "{}", answered.headers_text());
        }
        let next = site.get(0, "/page").await?;
        assert!(!next.is_hit(), "{method} {path}: {}", next.headers_text());
    }
    site.warm(0, "/page").await?;
    answer(site.request("POST", 0, "/soft")).await?;
    let next = site.get(0, "/page").await?;
    assert!(next.says("detail=soft-purged"), "{}", next.headers_text());
    Ok(())
}

/// Groups are an origin's own, and only a change invalidates them (RFC 9875 §3).
#[tokio::test]
async fn groups_are_invalidated_by_changes_alone() -> Result<()> {
    let site = site(&[])?;
    site.warm(0, "/page").await?;
    site.get(0, "/group").await?;
    assert!(site.get(0, "/page").await?.is_hit(), "RFC 9875 §3: GET changes nothing");
    Ok(())
}

#[tokio::test]
async fn an_operator_may_close_it_and_show_tags() -> Result<()> {
    let site = site(&[("ORIGIN_PURGES", "off"), ("TAG_FIELDS", "show")])?;
    let warmed = site.warm(0, "/page").await?;
    assert_eq!(warmed.header("cache-tag"), "news", "{}", warmed.headers_text());
    let answered = answer(site.request("POST", 0, "/hard")).await?;
    assert!(answered.header("breadbox-purge").is_empty(), "{}", answered.headers_text());
    assert!(site.get(0, "/page").await?.is_hit());
    Ok(())
}

/// What cannot be kept track of is served and not stored, and counted.
#[tokio::test]
async fn more_tags_than_can_be_kept_are_not_stored() -> Result<()> {
    let tags: Vec<String> = (0..1001).map(|n| format!("t{n}")).collect();
    let tags = tags.join(",");
    let script = move |_: &Seen| page(1).header("cache-tag", tags.clone());
    let site = Site::with(script, |spec| set(one(spec), "VISIBILITY", "0s"))?;
    let answered = site.get(0, "/many").await?;
    assert_eq!(answered.text(), "version 1");
    assert!(answered.header("cache-tag").is_empty(), "tags are not for clients");
    assert!(answered.says("detail=tags"), "{}", answered.headers_text());
    let health = site.get(0, "/api/v1/cache").await?.json()?;
    assert_eq!(health.pointer("/data/purge/refusedForTags"), Some(&1.into()), "{health}");
    Ok(())
}
