//! The program against a whole edge: what it prints and how it ends.

use std::process::{Command, Output};

use xtask::harness::{ADMIN, Edge, READER, Spec, client, eventually};
use xtask::origin::{Origin, Reply};

#[tokio::test]
async fn it_tells_what_the_edge_does() -> Result<(), Box<dyn std::error::Error>> {
    let origin = Origin::start(|asked| match asked.path.as_str() {
        "/cookie" => {
            Reply::ok("x").header("cache-control", "max-age=60").header("set-cookie", "a=b")
        }
        "/sitemap.xml" => Reply::ok(SITEMAP),
        "/down" => Reply::status(503),
        _ => Reply::ok("page").header("cache-control", "max-age=600").header("cache-tag", "pages"),
    })?;
    let mut spec = Spec::of(&origin.url()).as_site("site.test");
    spec.variables.push(("OVERRIDE_SECRET".into(), "the-secret-of-the-tests-is-so-long".into()));
    let mut edge = Edge::start(spec)?;
    let url = edge.url(0).to_owned();
    for _ in 0..5 {
        client().get(format!("{url}/page")).send().await?.text().await?;
    }
    let run = |token: &str, words: &[&str]| breadbox(&url, token, words);

    let status = run("", &["status"]);
    assert_eq!(code(&status), 0, "{status:?}");
    assert!(text(&status).starts_with("redis     connected"), "{}", text(&status));
    let json: serde_json::Value = serde_json::from_str(&text(&run("", &["status", "--json"])))?;
    assert_eq!(json["redis"]["health"]["connected"], true, "{json}");

    advice(&url).await?;

    let refused = run("", &["top"]);
    assert_eq!(code(&refused), 3, "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("401"), "{refused:?}");
    eventually("the page is hot", PATIENCE, async || {
        let _ = client().get(format!("{url}/page")).send().await;
        text(&run(READER, &["top", "tags"])).contains("pages")
    })
    .await?;

    let page = "http://site.test/page";
    let cached = run(READER, &["explain", page]);
    assert_eq!(code(&cached), 0, "{cached:?}");
    assert!(text(&cached).starts_with("verdict   hit"), "{}", text(&cached));
    let record = edge.logs().join("record.json");
    let file = record.to_string_lossy().into_owned();
    let uncached = run(READER, &["explain", "http://site.test/cookie", "--save", &file]);
    assert_eq!(code(&uncached), 1, "{uncached:?}");
    assert!(text(&uncached).contains("The response sets a cookie."), "{}", text(&uncached));
    let replay = run("", &["replay", &file]);
    assert_eq!((code(&replay), text(&replay).ends_with("the replay agrees\n")), (0, true));
    let other = std::fs::read_to_string(&record)?.replace("set-cookie", "x-cookie");
    std::fs::write(&record, other)?;
    let replay = run("", &["replay", &file]);
    assert_eq!(code(&replay), 1, "without the cookie it is stored: {}", text(&replay));

    purge(&url);
    eventually("the purge is seen", PATIENCE, async || code(&run(READER, &["explain", page])) == 1)
        .await?;
    eventually("requests and the purge are followed", PATIENCE, async || {
        let _ = client().get(format!("{url}/page")).send().await;
        let followed = text(&run(READER, &["tail", "--looks", "1"]));
        followed.contains("http://site.test/page") && followed.contains(" purge ")
    })
    .await?;

    warm(&url, &origin, &edge)?;
    overrides(&url, &edge)?;
    edge.redis()?.daemon.kill();
    let down = run("", &["status"]);
    assert_eq!((code(&down), text(&down).contains("DOWN")), (1, true), "{}", text(&down));
    let nobody = breadbox("http://127.0.0.1:9", "", &["status"]);
    assert_eq!(code(&nobody), 3, "{nobody:?}");
    Ok(())
}

/// Who insists on it has what is stored compared with the origin's.
async fn advice(url: &str) -> Result<(), Box<dyn std::error::Error>> {
    let again = client().get(format!("{url}/page")).header("cache-control", "no-cache");
    again.send().await?.text().await?;
    eventually("a comparison is counted", PATIENCE, async || {
        let told = text(&breadbox(url, "", &["advise"]));
        told.lines().any(|line| line.ends_with("no rule"))
    })
    .await?;
    Ok(())
}

/// What is selected is purged, and nothing else is taken for a selection.
fn purge(url: &str) {
    let run = |token: &str, words: &[&str]| breadbox(url, token, words);
    assert_eq!(code(&run(ADMIN, &["purge"])), 3, "nothing is selected");
    assert_eq!(code(&run(ADMIN, &["purge", "--tog", "pages"])), 2, "no such flag");
    let purged = run(ADMIN, &["purge", "--tag", "pages", "--hard"]);
    assert_eq!(code(&purged), 0, "{purged:?}");
    assert!(text(&purged).contains("everywhere within 1000 ms"), "{}", text(&purged));
}

/// A sitemap is asked for page by page, once, and nobody else's pages are.
fn warm(url: &str, origin: &Origin, edge: &Edge) -> Result<(), Box<dyn std::error::Error>> {
    let run = |token: &str, words: &[&str]| breadbox(url, token, &[&["warm"], words].concat());
    let done = edge.logs().join("done.txt").to_string_lossy().into_owned();
    let words = ["--sitemap", "--site", "site.test", "--rate", "1000", "--done", &done];
    let warmed = run("", &words);
    let told = text(&warmed);
    assert_eq!(code(&warmed), 0, "{warmed:?}");
    assert!(told.starts_with("warmed    2 (2 stored)\nleft out  1 of other hosts"), "{told}");
    assert_eq!(origin.requests_for("/warm/1").len(), 1);
    let again = text(&run("", &words));
    assert!(again.contains("warmed    0") && again.contains("2 done before"), "{again}");
    let file = edge.logs().join("list.txt");
    std::fs::write(&file, "/warm/2?a=b\n\nhttps://other.test/\n/down\n")?;
    let failed = run("", &["--file", &file.to_string_lossy(), "--rate", "1000", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text(&failed))?;
    assert_eq!((code(&failed), &json["failed"][0]["path"]), (1, &"/down".into()), "{json}");
    let top = run(READER, &["--top", "2", "--rate", "1000"]);
    assert!(code(&top) == 0 && text(&top).starts_with("warmed    2 ("), "{top:?}");
    for words in [&[][..], &["https://other.test/"], &["/page", "--header", "nothing"]] {
        assert_ne!(code(&run("", words)), 0, "{words:?}");
    }
    assert_eq!(code(&run("", &["/page", "--rate", "0"])), 2);
    jobs(&run, origin);
    Ok(())
}

/// The edge warms by itself; the command follows it, or leaves it to the cron, or ends it.
fn jobs(run: &dyn Fn(&str, &[&str]) -> Output, origin: &Origin) {
    let job = run(ADMIN, &["--job", "/warm/7", "/warm/8", "/warm/9", "--rate", "100"]);
    let told = text(&job);
    assert_eq!(code(&job), 0, "{job:?}");
    assert!(told.contains("3 of 3, done (3 stored), begun by a"), "{told}");
    assert_eq!(origin.requests_for("/warm/9").len(), 1);
    let tagged = text(&run(ADMIN, &["--tag", "pages", "--rate", "100", "--json"]));
    assert!(tagged.contains("\"state\": \"done\""), "{tagged}");
    let left = text(&run(ADMIN, &["/warm/a", "/warm/b", "--rate", "1", "--detach", "--replace"]));
    assert!(left.contains("0 of 2, "), "{left}");
    assert!(text(&run(ADMIN, &["--stop"])).contains("nothing is under way"));
    assert!(text(&run(READER, &["--job"])).contains("nothing is under way"));
    assert_eq!(code(&run(READER, &["--job", "/warm/7"])), 3, "a reader begins nothing");
}

/// Rules are set, shown and cleared, and refused before they are sent if they make no sense.
fn overrides(url: &str, edge: &Edge) -> Result<(), Box<dyn std::error::Error>> {
    let run = |token: &str, words: &[&str]| breadbox(url, token, &[&["override"], words].concat());
    let file = edge.logs().join("other.toml");
    std::fs::write(&file, "[[rule]]\nmatch = \"/x\"\nttl = \"5m\"\n")?;
    let name = file.to_string_lossy().into_owned();
    assert!(text(&run(READER, &["show"])).starts_with("override  none"));
    let set = run(ADMIN, &["set", &name]);
    assert!(text(&set).contains("everywhere within 1000 ms"), "{set:?}");
    let shown = text(&run(READER, &["show"]));
    assert!(shown.contains("\"match\": \"/x\""), "{shown}");
    assert_eq!(code(&run(READER, &["clear"])), 3, "a reader changes nothing");
    assert_eq!(code(&run(ADMIN, &["set", "--bypass", "everything"])), 0);
    assert!(text(&run(READER, &["show"])).contains("\"bypass\": \"everything\""));
    assert_eq!(code(&run(ADMIN, &["set", "--bypass", "something"])), 2);
    std::fs::write(&file, "[[rule]]\nmatch = \"/x\"\nttl = \"5x\"\n")?;
    let refused = run(ADMIN, &["set", &name]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(code(&refused) == 3 && told.contains("rule 1: ttl: found 5x"), "{told}");
    assert!(text(&run(ADMIN, &["clear"])).starts_with("cleared   version "));
    assert!(text(&run(READER, &["show"])).starts_with("override  none"));
    Ok(())
}

fn breadbox(edge: &str, token: &str, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_breadbox"));
    command.args(["--edge", edge]).args(words).env_remove("BREADBOX_TOKEN");
    if !token.is_empty() {
        command.env("BREADBOX_TOKEN", token);
    }
    command.output().unwrap_or_else(|error| panic!("breadbox can't be run: {error}"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// Far more than anything that is waited for takes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

const SITEMAP: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
  <url><loc>http://site.test/warm/1</loc></url>
  <url><loc>http://site.test/warm/2?a=b&amp;c#part</loc></url>
  <url><loc>http://site.test/warm/1</loc></url>
  <url><loc>https://other.test/</loc></url>
</urlset>"#;
