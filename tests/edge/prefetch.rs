//! What a stored page links is fetched before anybody asks.

use anyhow::Result;
use xtask::harness::{Spec, Troubles, eventually};
use xtask::origin::{Origin, Reply, Seen};

use crate::budgets::{SUBREQUESTS, subrequests};
use crate::site::{PATIENCE, Site, asked_exactly, one, page, set};

#[tokio::test]
async fn what_a_page_links_is_there_when_it_is_asked_for() -> Result<()> {
    let site = site("[[rule]]\nmatch = \"/**\"\nprefetch = 3\n", |seen| {
        let links = match seen.path.as_str() {
            "/page" => {
                "</style.css>; rel=preload; as=style, </next>; rel=next, </me>; rel=prev, \
                        </third>; rel=prefetch, </fourth>; rel=prefetch"
            }
            "/next" => "</after>; rel=next",
            _ => "",
        };
        page(1).header("link", links)
    })?;
    let first = site.get(0, "/page").await?;
    assert!(!first.is_hit(), "{}", first.headers_text());
    for path in ["/style.css", "/next", "/third"] {
        eventually(path, PATIENCE, async || site.fetches(path) == 1).await?;
        let answer = site.warm(0, path).await?;
        assert!(answer.is_hit(), "{path}: {}", answer.headers_text());
        asked_exactly(&site, path, 1);
    }
    for path in ["/me", "/fourth", "/after"] {
        asked_exactly(&site, path, 0);
    }
    let seen = site.origin.requests_for("/next").pop();
    let agent = seen.as_ref().map_or("", |seen| seen.header("user-agent"));
    assert_eq!(agent, "breadbox-prefetch");
    let report = site.get(0, "/api/v1/cache").await?.json()?;
    assert_eq!(report.pointer("/data/counts/prefetches/asked"), Some(&3.into()), "{report}");
    Ok(())
}

/// Nobody's cookies and credentials go with it, and it leads nowhere but to the origin.
#[tokio::test]
async fn links_are_followed_for_nobody_and_to_nobody_else() -> Result<()> {
    let victim = Origin::start(|_| Reply::ok("a secret"))?;
    let elsewhere = victim.url();
    let site = site("[[rule]]\nmatch = \"/**\"\nprefetch = 5\n", move |seen| {
        let links = format!(
            "<{elsewhere}/>; rel=next, <//127.0.0.1/>; rel=preload, <file:///etc/passwd>; \
             rel=prefetch, </api/v1/cache/purge>; rel=next, </last>; rel=next"
        );
        if seen.path == "/page" { page(1).header("link", links) } else { page(1) }
    })?;
    let request = site.request("GET", 0, "/page").header("cookie", "a=b");
    crate::site::answer(request.header("x-secret", "c")).await?;
    eventually("/last", PATIENCE, async || site.fetches("/last") == 1).await?;
    let seen = site.origin.requests_for("/last").pop();
    let told = |name: &str| seen.as_ref().map_or(String::new(), |it| it.header(name).to_owned());
    assert_eq!((told("cookie"), told("x-secret")), (String::new(), String::new()));
    assert!(victim.requests().is_empty(), "{:?}", victim.requests());
    asked_exactly(&site, "/api/v1/cache/purge", 0);
    Ok(())
}

/// However many pages are stored, an isolate follows no more links than its rate allows.
#[tokio::test]
async fn links_beyond_the_rate_are_dropped_and_counted() -> Result<()> {
    let site = site("[[rule]]\nmatch = \"/page/**\"\nprefetch = 5\n", |seen| {
        let link = |n: usize| format!("<{}/{n}>; rel=prefetch", seen.path.replace("page", "to"));
        page(1).header("link", (0..5).map(link).collect::<Vec<_>>().join(", "))
    })?;
    let began = std::time::Instant::now();
    for number in 0..20 {
        site.get(0, &format!("/page/{number}")).await?;
    }
    let most = 20 + 5 * (usize::try_from(began.elapsed().as_secs())? + 1);
    let count = |report: &serde_json::Value, name: &str| {
        let count = report.pointer(&format!("/data/counts/prefetches/{name}"));
        count.and_then(serde_json::Value::as_u64).unwrap_or(0)
    };
    let mut report = serde_json::Value::Null;
    eventually("all is counted", PATIENCE, async || {
        let answer = site.get(0, "/api/v1/cache").await;
        report = answer.and_then(|answer| answer.json()).unwrap_or_default();
        count(&report, "asked") + count(&report, "dropped") == 100
    })
    .await?;
    let asked = usize::try_from(count(&report, "asked"))?;
    assert!((20..=most).contains(&asked), "{asked} of 100, at most {most}");
    Ok(())
}

#[tokio::test]
async fn a_page_and_its_links_stay_within_the_free_plans_subrequests() -> Result<()> {
    let rules = "[[rule]]\nmatch = \"/**\"\nprefetch = 5\n".to_owned();
    let change = |spec| Spec { troubles: Troubles::OnEveryLine, rules, ..one(spec) };
    let links = (0..5).map(|n| format!("</{n}>; rel=next")).collect::<Vec<_>>().join(", ");
    let site = Site::with(move |_| page(1).header("link", &links), change)?;
    let before = subrequests(&site)?;
    site.get(0, "/page").await?;
    eventually("all links", PATIENCE, async || site.fetches("/4") == 1).await?;
    for number in 0..5 {
        site.warm(0, &format!("/{number}")).await?;
    }
    // The requests for the links are invocations of their own; they are left in.
    let spent = subrequests(&site)? - before;
    assert!(spent <= SUBREQUESTS, "{spent} subrequests");
    Ok(())
}

fn site(rules: &str, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Result<Site> {
    let rules = rules.to_owned();
    Site::with(script, |spec| Spec { rules, ..set(one(spec), "VISIBILITY", "0s") })
}
