//! Reading the catalogue: seeding, listings, details, validators, errors and figures.

mod support;

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;
use support::{Origin, draft, field};

fn ids(listing: &Value) -> Vec<i64> {
    listing["builds"].as_array().unwrap().iter().map(|card| card["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn every_new_catalogue_is_the_same() {
    let (one, other) = tokio::join!(Origin::start(&[]), Origin::start(&[]));
    for path in [
        "/api/builds",
        "/api/builds?sort=newest&page=125",
        "/api/builds?class=shade&sort=title&page=3",
        "/api/builds/1",
        "/api/builds/3000",
        "/api/classes",
        "/api/users/3",
        "/api/users/240/liked",
    ] {
        assert_eq!(one.json(path).await, other.json(path).await, "{path}");
    }
    // Written down, because a seed that differs between two versions is no seed.
    assert_eq!(one.json("/api/builds/3000").await["title"], "Confessor of the Burning Orchard");
    let listing = one.json("/api/builds").await;
    assert_eq!(listing["total"], builds::BUILDS);
    assert_eq!(one.get(&format!("/users/{}", builds::USERS)).await.status(), StatusCode::OK);
    assert_eq!(
        one.get(&format!("/users/{}", builds::USERS + 1)).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn seeded_builds_are_acceptable_drafts() {
    let origin = Origin::start(&[]).await;
    for id in [1, 250, 500, 1000, 2000, 3000] {
        let build = origin.json(&format!("/api/builds/{id}")).await;
        let mut draft = draft();
        draft["author"] = build["author"]["id"].clone();
        draft["class"] = build["class"]["id"].clone();
        for name in ["title", "summary", "guide", "skills", "attributes", "difficulty"] {
            draft[name] = build[name].clone();
        }
        let answer = origin.send("PUT", &format!("/api/builds/{id}"), &draft).await;
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    }
}

#[tokio::test]
async fn a_listing_is_filtered_sorted_and_paged() {
    let origin = Origin::start(&[]).await;
    let all = origin.json("/api/builds").await;
    assert_eq!(all["pages"], 125);
    let likes: Vec<i64> =
        all["builds"].as_array().unwrap().iter().map(|c| c["likes"].as_i64().unwrap()).collect();
    assert!(likes.is_sorted_by(|a, b| a >= b) && likes[0] > likes[23], "{likes:?}");

    let newest = ids(&origin.json("/api/builds?sort=newest").await);
    assert_eq!(newest, (2977..=3000).rev().collect::<Vec<_>>());

    let mut seen = BTreeSet::new();
    let first = origin.json("/api/builds?class=warden").await;
    for page in 1..=first["pages"].as_i64().unwrap() {
        let listing = origin.json(&format!("/api/builds?class=warden&page={page}")).await;
        let cards = listing["builds"].as_array().unwrap();
        assert!(cards.iter().all(|card| card["class"]["id"] == "warden"));
        seen.extend(ids(&listing));
    }
    let class = origin.json("/api/classes/warden").await;
    assert_eq!(seen.len() as i64, class["builds"].as_i64().unwrap());
    assert_eq!(class["builds"], first["total"]);
}

#[tokio::test]
async fn a_bad_parameter_is_named_with_what_is_allowed() {
    let origin = Origin::start(&[]).await;
    for (query, name, allowed) in [
        ("sort=best", "sort", "popular, newest, title"),
        ("class=wizard", "class", "warden, arcanist"),
        ("page=0", "page", "1 to"),
        ("page=two", "page", "1 to"),
    ] {
        let response = origin.get(&format!("/api/builds?{query}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(field(&response, "cache-control"), "no-store");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["success"], false);
        assert_eq!(body["error"]["field"], name);
        assert!(body["error"]["message"].as_str().unwrap().contains(allowed), "{body}");
    }
    assert_eq!(origin.get("/builds?sort=best").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(origin.get("/builds?utm_source=x&sort=").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_there_is_404_in_the_form_of_its_path() {
    let origin = Origin::start(&[]).await;
    for path in ["/api/builds/999999", "/api/builds/x", "/api/classes/x", "/api/users/0/liked"] {
        let response = origin.get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], "not_found", "{path}");
    }
    for path in ["/nothing", "/builds/999999", "/builds/007", "/static/x.js", "/builds?page=900"] {
        let response = origin.get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(field(&response, "content-type").starts_with("text/html"), "{path}");
    }
    let response = origin.get("/builds/999999").await;
    assert_eq!(field(&response, "cdn-cache-control"), "max-age=30");
    assert_eq!(field(&response, "cache-tag"), "build:999999");
    assert_eq!(field(&origin.get("/nothing").await, "cache-control"), "no-store");
}

#[tokio::test]
async fn a_method_that_is_not_offered_is_405_with_what_is() {
    let origin = Origin::start(&[]).await;
    let response = origin.request("DELETE", "/api/builds/7").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(field(&response, "allow"), "GET,HEAD,PUT");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "method_not_allowed");
}

#[tokio::test]
async fn answers_say_what_caches_may_do() {
    let origin = Origin::start(&[]).await;
    for (path, targeted, tags) in [
        ("/builds?class=shade", "max-age=300, stale-while-revalidate=600", "class:shade,builds"),
        ("/api/builds/7", "max-age=300, stale-while-revalidate=600", "build:7"),
        ("/api/classes/shade", "max-age=600, stale-while-revalidate=1200", "class:shade"),
        ("/users/3", "max-age=300, stale-while-revalidate=600", "user:3,liked:3"),
    ] {
        let response = origin.get(path).await;
        let found = field(&response, "cdn-cache-control");
        assert!(found.starts_with(targeted), "{path}: {found}");
        assert_eq!(field(&response, "cache-control"), "public, max-age=0", "{path}");
        assert_eq!(field(&response, "cache-tag"), tags, "{path}");
        assert_eq!(field(&response, "set-cookie"), "", "{path}");
    }
    let liked = origin.get("/api/users/3/liked").await;
    let tags: BTreeSet<String> = field(&liked, "cache-tag").split(',').map(str::to_owned).collect();
    let shown = ids(&liked.json().await.unwrap());
    assert_eq!(tags.len(), shown.len() + 1);
    assert!(shown.iter().all(|id| tags.contains(&format!("build:{id}"))), "{tags:?}");
}

#[tokio::test]
async fn personal_answers_are_for_no_shared_cache() {
    let origin = Origin::start(&[]).await;
    let me = origin.get("/me").await;
    assert_eq!(field(&me, "cache-control"), "private, no-cache");
    assert!(field(&me, "set-cookie").starts_with("visited="));
    let form =
        origin.request("GET", "/builds/new").header("cookie", "user=7").send().await.unwrap();
    assert_eq!(field(&form, "cache-control"), "private, no-cache");
    let random = origin.get("/builds/random").await;
    assert_eq!(random.status(), StatusCode::SEE_OTHER);
    assert_eq!(field(&random, "cache-control"), "no-store");
    assert_eq!(origin.get("/api/me").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn public_answers_do_not_depend_on_cookies() {
    let origin = Origin::start(&[]).await;
    for path in ["/api/builds", "/api/builds/7", "/api/users/7/liked"] {
        let plain = origin.get(path).await.text().await.unwrap();
        let signed = origin.request("GET", path).header("cookie", "user=7").send().await.unwrap();
        assert_eq!(plain, signed.text().await.unwrap(), "{path}");
    }
    let signed = origin.request("GET", "/builds/7").header("cookie", "user=7").send().await;
    assert_eq!(field(&signed.unwrap(), "set-cookie"), "");
}

#[tokio::test]
async fn validators_answer_304_until_the_content_changes() {
    let origin = Origin::start(&[]).await;
    let first = origin.get("/api/builds/7").await;
    let (etag, modified) = (field(&first, "etag"), field(&first, "last-modified"));
    assert!(etag.starts_with('"'), "strong: {etag}");
    let ask = |name: &'static str, value: String| {
        origin.request("GET", "/api/builds/7").header(name, value).send()
    };
    let by_tag = ask("if-none-match", format!("\"x\", W/{etag}")).await.unwrap();
    assert_eq!(by_tag.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(field(&by_tag, "etag"), etag);
    assert_eq!(field(&by_tag, "cache-tag"), "build:7");
    let by_date = ask("if-modified-since", modified.to_owned()).await.unwrap();
    assert_eq!(by_date.status(), StatusCode::NOT_MODIFIED);

    let like = serde_json::json!({ "user": 7 });
    assert!(origin.send("POST", "/api/builds/7/likes", &like).await.status().is_success());
    let after = ask("if-none-match", etag.to_owned()).await.unwrap();
    assert_eq!(after.status(), StatusCode::OK);
    let after = ask("if-modified-since", modified.to_owned()).await.unwrap();
    assert_eq!(after.status(), StatusCode::OK);
}

#[tokio::test]
async fn head_has_the_fields_of_get_and_no_content() {
    let origin = Origin::start(&[]).await;
    let get = origin.get("/api/builds/7").await;
    let head = origin.request("HEAD", "/api/builds/7").send().await.unwrap();
    for name in ["etag", "content-length", "content-type", "cdn-cache-control", "cache-tag"] {
        assert_eq!(field(&head, name), field(&get, name), "{name}");
    }
    assert_eq!(head.text().await.unwrap(), "");
}

#[tokio::test]
async fn files_are_kept_for_good_under_the_urls_that_pages_use() {
    let origin = Origin::start(&[]).await;
    let page = origin.get("/").await.text().await.unwrap();
    let urls: BTreeSet<&str> = page
        .split('"')
        .filter(|part| part.starts_with("/static/"))
        .map(|url| url.split('#').next().unwrap())
        .collect();
    assert_eq!(urls.len(), 4, "{urls:?}");
    for url in urls {
        let file = origin.get(url).await;
        assert_eq!(file.status(), StatusCode::OK, "{url}");
        assert!(field(&file, "cache-control").contains("immutable"), "{url}");
    }
    let unversioned = origin.get("/static/app.js").await;
    assert_eq!(field(&unversioned, "cache-control"), "public, max-age=300");
    let foreign = ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "<script>", " style="];
    assert!(foreign.iter().all(|text| !page.contains(text)));
}

#[tokio::test]
async fn figures_count_requests_and_queries() {
    let origin = Origin::start(&[]).await;
    let before = origin.json("/_stats").await;
    assert_eq!((&before["requests"], &before["queries"]), (&0.into(), &0.into()));
    origin.get("/api/builds/7").await;
    origin.get("/static/app.js").await;
    let after = origin.json("/_stats").await;
    assert_eq!((&after["requests"], &after["queries"]), (&2.into(), &2.into()));
    assert_eq!(field(&origin.get("/_stats").await, "cache-control"), "no-store");
    let page = origin.get("/builds/7").await.text().await.unwrap();
    assert!(page.contains("<b>4</b> database queries"), "the footer tells what the page cost");
    assert_eq!(origin.json("/_stats").await["queries"], 6);
}

#[tokio::test]
async fn the_sitemap_lists_pages_that_are_there() {
    let origin = Origin::start(&[]).await;
    let request = origin.request("GET", "/sitemap.xml").header("x-forwarded-host", "site.test");
    let text = request.header("x-forwarded-proto", "https").send().await.unwrap();
    let text = text.text().await.unwrap().replace("&amp;", "&");
    let urls: Vec<&str> =
        text.split("<loc>").skip(1).map(|part| part.split("</loc>").next().unwrap()).collect();
    assert!(urls.len() > 40, "{text}");
    for url in urls {
        let path = url.strip_prefix("https://site.test").unwrap();
        assert_eq!(origin.get(path).await.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn pages_link_what_comes_next() {
    let origin = Origin::start(&[]).await;
    let link = |answer: &reqwest::Response| field(answer, "link").to_owned();
    let listing = link(&origin.get("/builds?class=shade").await);
    assert!(listing.contains("</builds?class=shade&sort=popular&page=2>; rel=next"), "{listing}");
    assert!(listing.contains("; rel=preload; as=style"), "{listing}");
    let last = link(&origin.get("/builds?page=125").await);
    assert!(!last.contains("rel=next"), "{last}");
    assert!(link(&origin.get("/").await).contains("rel=prefetch"));
}

#[tokio::test]
async fn a_search_finds_and_refuses() {
    let origin = Origin::start(&[]).await;
    let found = origin.send("POST", "/api/search", &serde_json::json!({"text": "ORCHARD"})).await;
    assert!(field(&found, "cdn-cache-control").contains("max-age=300"));
    let found: Value = found.json().await.unwrap();
    assert!(!ids(&found).is_empty());
    for card in found["builds"].as_array().unwrap() {
        let text = format!("{} {}", card["title"], card["summary"]).to_lowercase();
        assert!(text.contains("orchard"), "{card}");
    }
    let none = serde_json::json!({"text": "orchard", "class": "no such class"});
    let none: Value = origin.send("POST", "/api/search", &none).await.json().await.unwrap();
    assert!(ids(&none).is_empty());
    let wrong = origin.send("POST", "/api/search", &serde_json::json!({"texts": "x"})).await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
}
