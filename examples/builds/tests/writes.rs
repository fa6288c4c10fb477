//! Changing the catalogue: what is accepted, what is escaped, and what is purged.

mod support;

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{Edge, Origin, TOKEN, draft, field};

/// A form for an acceptable build.
const FORM: &str = "title=Paper+Lantern&class=cleric&difficulty=2\
    &summary=Keeps+a+small+light+on.&guide=Stand+still.&skills=Halo%0D%0APurify\
    &might=5&agility=5&focus=20&vigor=15&luck=10";

fn purge(tags: &[&str], soft: bool) -> Value {
    json!({ "tags": tags, "soft": soft })
}

#[tokio::test]
async fn creating_purges_the_tags_it_touched() {
    let edge = Edge::start(&[]).await;
    let origin = Origin::start(&[&edge]).await;
    let response = origin.send("POST", "/api/builds", &draft()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(field(&response, "location"), "/api/builds/3001");
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["title"], &body["purge"]), (&"Paper Lantern".into(), &"sent".into()));

    // The answer comes after the purge, so nothing has to be waited for.
    let tags = ["build:3001", "builds", "class:cleric", "user:7"];
    assert_eq!(edge.acknowledged(), [purge(&tags, false)]);
    assert_eq!(edge.authorizations(), [format!("Bearer {TOKEN}")]);
    assert_eq!(origin.json("/api/builds/3001").await["skills"], json!(["Mending Light", "Halo"]));
    assert_eq!(origin.json("/api/builds?sort=newest").await["builds"][0]["id"], 3001);
    let stats = origin.json("/_stats").await;
    assert_eq!(stats["writes"], 1);
    assert_eq!(stats["purges"][0]["sent"], 1);
}

#[tokio::test]
async fn editing_purges_the_old_class_and_the_new() {
    let edge = Edge::start(&[]).await;
    let origin = Origin::start(&[&edge]).await;
    origin.send("POST", "/api/builds", &draft()).await;
    let mut changed = draft();
    changed["class"] = "warden".into();
    changed["title"] = "Iron Lantern".into();
    let response = origin.send("PUT", "/api/builds/3001", &changed).await;
    assert_eq!(response.status(), StatusCode::OK);
    let tags = ["build:3001", "builds", "class:cleric", "class:warden", "user:7"];
    assert_eq!(edge.acknowledged()[1], purge(&tags, false));
    assert_eq!(origin.json("/api/builds/3001").await["title"], "Iron Lantern");
}

#[tokio::test]
async fn a_like_purges_softly_what_it_hardly_changes() {
    let edge = Edge::start(&[]).await;
    let origin = Origin::start(&[&edge]).await;
    origin.send("POST", "/api/builds", &draft()).await;
    let like = json!({ "user": 9 });
    let first = origin.send("POST", "/api/builds/3001/likes", &like).await;
    assert_eq!(first.status(), StatusCode::CREATED);
    assert_eq!(first.json::<Value>().await.unwrap()["likes"], 1);
    assert_eq!(
        edge.acknowledged()[1..],
        [
            purge(&["build:3001", "liked:9"], false),
            purge(&["builds", "class:cleric", "user:7"], true),
        ]
    );
    assert_eq!(origin.json("/api/users/9/liked").await["builds"][0]["id"], 3001);

    let again = origin.send("POST", "/api/builds/3001/likes", &like).await;
    assert_eq!(again.status(), StatusCode::OK);
    let body: Value = again.json().await.unwrap();
    assert_eq!((&body["likes"], &body["purge"]), (&1.into(), &"nothing".into()));
    assert_eq!(edge.acknowledged().len(), 3);
}

#[tokio::test]
async fn a_failed_purge_is_repeated_until_it_succeeds() {
    let edge = Edge::start(&[503; 1000]).await;
    let origin = Origin::start(&[&edge]).await;
    let response = origin.send("POST", "/api/builds", &draft()).await;
    assert_eq!(response.status(), StatusCode::CREATED, "the write itself succeeds");
    assert_eq!(response.json::<Value>().await.unwrap()["purge"], "waiting");

    let failing = |edge: &Value| edge["failed"].as_u64() > Some(1);
    let owing = origin.until_edge("the purge was repeated", failing).await;
    assert_eq!((&owing["waiting"], &owing["sent"]), (&4.into(), &0.into()));
    assert!(owing["last_error"].as_str().unwrap().contains("503"), "{owing}");

    edge.recover();
    let done = |edge: &Value| edge["waiting"] == 0 && edge["last_error"].is_null();
    let caught_up = origin.until_edge("the edge has caught up", done).await;
    assert_eq!(caught_up["sent"], 1);
    let tags = ["build:3001", "builds", "class:cleric", "user:7"];
    assert_eq!(edge.acknowledged(), [purge(&tags, false)]);
    let after = origin.send("POST", "/api/builds", &draft()).await;
    assert_eq!(after.json::<Value>().await.unwrap()["purge"], "sent");
}

#[tokio::test]
async fn purges_wait_together_for_an_edge_that_is_down() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let up = Edge::start(&[]).await;
    let origin = Origin::behind(&[base, up.url()]).await;
    for user in 1..=3 {
        let like = json!({ "user": user });
        let response = origin.send("POST", "/api/builds/2999/likes", &like).await;
        assert!(response.status().is_success());
    }
    let stats = origin.json("/_stats").await;
    let (down, up_figures) = (&stats["purges"][0], &stats["purges"][1]);
    assert!(down["last_error"].as_str().unwrap().contains("connected"), "{down}");
    // build:2999 and three liked:… hard; builds, a class and an author soft.
    assert_eq!((&down["waiting"], &down["sent"]), (&7.into(), &0.into()));
    assert_eq!((&up_figures["waiting"], &up_figures["sent"]), (&0.into(), &6.into()));
}

#[tokio::test]
async fn forms_redirect_to_the_page_that_shows_the_change() {
    let edge = Edge::start(&[]).await;
    let origin = Origin::start(&[&edge]).await;
    let created = origin.submit("/builds", 7, FORM).await;
    assert_eq!(created.status(), StatusCode::SEE_OTHER);
    assert_eq!(field(&created, "location"), "/builds/3001");
    assert_eq!(field(&created, "cache-control"), "no-store");
    let edited = origin.submit("/builds/3001", 7, &FORM.replace("Paper", "Silk")).await;
    assert_eq!(field(&edited, "location"), "/builds/3001");
    let liked = origin.submit("/builds/3001/like", 8, "").await;
    assert_eq!(field(&liked, "location"), "/builds/3001");
    let page = origin.get("/builds/3001").await.text().await.unwrap();
    assert!(page.contains("Silk Lantern") && page.contains("Purify"));
    assert_eq!(edge.acknowledged().len(), 4);

    let nobody = origin.request("POST", "/builds/3001/like").send().await.unwrap();
    assert_eq!(field(&nobody, "location"), "/me?next=/builds/3001");
    let signed = origin.submit("/me", 0, "user=9&next=%2Fbuilds%2F3001").await;
    assert_eq!(field(&signed, "location"), "/builds/3001");
    assert!(field(&signed, "set-cookie").starts_with("user=9;"));
    let elsewhere = origin.submit("/me", 0, "user=9&next=%2F%2Fevil.test").await;
    assert_eq!(field(&elsewhere, "location"), "/me");
}

#[tokio::test]
async fn only_the_author_may_edit() {
    let origin = Origin::start(&[]).await;
    origin.submit("/builds", 7, FORM).await;
    let form = origin.submit("/builds/3001", 8, FORM).await;
    assert_eq!(form.status(), StatusCode::FORBIDDEN);
    let mut foreign = draft();
    foreign["author"] = 8.into();
    let api = origin.send("PUT", "/api/builds/3001", &foreign).await;
    assert_eq!(api.status(), StatusCode::FORBIDDEN);
    assert_eq!(origin.json("/_stats").await["writes"], 1);
}

#[tokio::test]
async fn what_people_write_is_shown_and_never_run() {
    let origin = Origin::start(&[]).await;
    let attack = "\"><script>alert(1)</script>&'";
    let mut hostile = draft();
    hostile["title"] = attack.into();
    hostile["summary"] = format!("{attack} summary").into();
    hostile["guide"] = format!("<img src=x onerror=alert(1)>\n\n{attack}").into();
    hostile["skills"] = json!([attack]);
    origin.send("POST", "/api/builds", &hostile).await;
    for path in ["/builds/3001", "/builds?sort=newest", "/users/7", "/"] {
        let page = origin.get(path).await.text().await.unwrap();
        assert!(page.contains("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;"), "{path}");
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}");
    }
    let edit = origin.request("GET", "/builds/3001/edit").header("cookie", "user=7").send().await;
    let page = edit.unwrap().text().await.unwrap();
    assert!(page.contains("value=\"&quot;&gt;&lt;script&gt;"), "the form holds what was written");
    assert!(!page.contains("<script>") && !page.contains("<img"));
    let wrong = origin.get("/%3Cscript%3E").await.text().await.unwrap();
    assert!(!wrong.contains("<script>"));
}

#[tokio::test]
async fn unacceptable_fields_are_named() {
    let edge = Edge::start(&[]).await;
    let origin = Origin::start(&[&edge]).await;
    for (name, value) in [
        ("title", json!("ab")),
        ("title", json!("line\nbreak")),
        ("class", json!("wizard")),
        ("difficulty", json!(6)),
        ("summary", json!("short")),
        ("guide", json!("x".repeat(4001))),
        ("skills", json!([])),
        ("skills", json!(["x"])),
        ("author", json!(9999)),
    ] {
        let mut wrong = draft();
        wrong[name] = value;
        let response = origin.send("POST", "/api/builds", &wrong).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["field"], name, "{body}");
    }
    let mut rich = draft();
    rich["attributes"]["luck"] = 20.into();
    rich["attributes"]["might"] = i64::MAX.into();
    let body: Value = origin.send("POST", "/api/builds", &rich).await.json().await.unwrap();
    let named: Vec<&str> = body["error"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wrong| wrong["field"].as_str().unwrap())
        .collect();
    assert_eq!(named, ["attributes", "might"]);
    assert_eq!(origin.json("/_stats").await["writes"], 0);
    assert_eq!(edge.acknowledged().len(), 0, "nothing changed, so nothing is purged");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let origin = Origin::start(&[]).await;
    let post = |kind: &'static str, body: String| {
        origin.request("POST", "/api/builds").header("content-type", kind).body(body).send()
    };
    let json = "application/json";
    let mut extra = draft();
    extra["likes"] = 1000.into();
    for (kind, body, status) in [
        (json, "{".to_owned(), StatusCode::BAD_REQUEST),
        (json, "{}".to_owned(), StatusCode::BAD_REQUEST),
        (json, extra.to_string(), StatusCode::BAD_REQUEST),
        ("text/plain", draft().to_string(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (json, " ".repeat(70_000), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let response = post(kind, body).await.unwrap();
        assert_eq!(response.status(), status);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["success"], false, "{body}");
    }
}

#[tokio::test]
async fn a_form_with_mistakes_comes_back_as_it_was_filled_in() {
    let origin = Origin::start(&[]).await;
    let form = FORM.replace("Paper+Lantern", "%3Cb%3E").replace("might=5", "might=much");
    let response = origin.submit("/builds", 7, &form.replace("luck=10", "luck=99")).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = response.text().await.unwrap();
    assert!(page.contains("value=\"&lt;b&gt;\"") && page.contains("value=\"much\""));
    assert!(page.contains("&quot;much&quot; is not a whole number"));
    assert!(page.contains("99 is not a number from 1 to 20"));
    let not_a_user = origin.submit("/me", 7, "user=9999").await;
    assert_eq!(not_a_user.status(), StatusCode::UNPROCESSABLE_ENTITY);
}
