//! The cache asks for pages by itself: it must not be led anywhere but to its own origin.

use anyhow::Result;
use xtask::harness::ADMIN;
use xtask::origin::{Origin, Reply};

use crate::site::{HOST, Site, page};
use crate::warming::{finish, order};

/// By a list: other hosts, schemes, ports, credentials, and what only looks like this site.
#[tokio::test]
async fn a_list_cannot_name_another_server() -> Result<()> {
    let victim = Origin::start(|_| Reply::ok("a secret"))?;
    let site = Site::strict(|_| page(1))?;
    let port = victim.url().rsplit(':').next().unwrap_or_default().to_owned();
    for url in [
        format!("{}/", victim.url()),
        format!("//127.0.0.1:{port}/"),
        format!("\\\\127.0.0.1:{port}/"),
        format!("http://{HOST}@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}#@{HOST}/"),
        format!("http://{HOST}:{port}/"),
        format!("http://{HOST}.evil.example/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://[::1]:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
        format!("http://127.0.0.1:{port}\r\nHost: {HOST}/"),
    ] {
        for name in ["urls", "sitemaps"] {
            let body = serde_json::json!({ name: [url] }).to_string();
            let refused = order(&site, ADMIN, "POST", "", &body).await?;
            assert_eq!(refused.status, 422, "{url:?}: {}", refused.text());
        }
    }
    assert!(victim.requests().is_empty(), "{:?}", victim.requests());
    assert!(site.origin.requests().is_empty(), "{:?}", site.origin.requests());
    Ok(())
}

/// By what the origin, or somebody who writes on its pages, answers.
#[tokio::test]
async fn answers_lead_nowhere() -> Result<()> {
    let victim = Origin::start(|_| Reply::ok("a secret"))?;
    let elsewhere = victim.url();
    let site = Site::strict(move |seen| match seen.path.as_str() {
        "/sitemap.xml" => page(1).body(format!(
            "<urlset><loc>{elsewhere}/</loc><loc>{elsewhere}&#x2f;x</loc><loc>/moved</loc>\
             <loc>/api/v1/cache/purge</loc></urlset>"
        )),
        _ => Reply::status(301).header("location", &elsewhere),
    })?;
    order(&site, ADMIN, "POST", "", r#"{"sitemaps":["/sitemap.xml"],"rate":100}"#).await?;
    let job = finish(&site).await?;
    assert_eq!(job["foreign"], 3, "two of another server and one of the API: {job}");
    assert!(victim.requests().is_empty(), "{:?}", victim.requests());
    assert_eq!(site.fetches("/api/v1/cache/purge"), 0, "the API is not the origin's");
    Ok(())
}

/// By whoever can write to Redis: whatever a list holds, connections are made to the origin alone,
/// and nothing of it ends the Worker.
#[tokio::test]
async fn a_forged_list_leads_nowhere() -> Result<()> {
    let victim = Origin::start(|_| Reply::ok("a secret"))?;
    let mut site = Site::strict(|_| page(1))?;
    let job = "1 7 100 10 1 0 1 0 6 6 0 0 0 0 0 mallory";
    let mut wire = site.wire()?;
    wire.ask(&[b"SET", b"{breadbox:0}:warm", job.as_bytes()])?;
    let elsewhere = format!("p {}/", victim.url());
    for (place, item) in [
        elsewhere.as_str(),
        "p file:///etc/passwd",
        "p http://site.test/api/v1/cache/purge",
        "t 99 0 x",
        "\u{0}\r\n",
        "s not a URL",
    ]
    .into_iter()
    .enumerate()
    {
        let place = place.to_string();
        let words = ["ZADD", "{breadbox:0}:warm:0000000000000007", &place, item];
        wire.ask(&words.map(str::as_bytes))?;
    }
    let job = finish(&site).await?;
    assert_eq!(job["done"], 6, "{job}");
    assert!(victim.requests().is_empty(), "{:?}", victim.requests());
    assert_eq!(site.get(0, "/").await?.text(), "version 1");
    Ok(())
}
