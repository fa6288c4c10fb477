//! Several sites in one deployment, each with its own host, origin and namespace.

use anyhow::Result;
use xtask::harness::{ADMIN, Spec, eventually};
use xtask::origin::{Origin, Seen};

use crate::site::{Answer, PATIENCE, PURGE, Site, answer, one, page, set};

/// What a site's own origin says.
fn told(name: &'static str) -> impl Fn(&Seen) -> xtask::origin::Reply + Send + Sync + 'static {
    move |_| page(1).body(name).header("cache-tag", "all")
}

/// The site of all hosts, and two more with origins of their own.
fn sites(change: impl FnOnce(Spec) -> Spec) -> Result<(Site, [Origin; 2])> {
    let origins = [Origin::start(told("shop"))?, Origin::start(told("blog"))?];
    let rules = format!(
        "[[site]]\nhosts = [\"shop.test\", \"*.shop.test\"]\norigin = \"{}\"\n\
         name = \"shop.test\"\nnamespace = \"shop\"\n\
         [[site]]\nhosts = [\"blog.test\"]\norigin = \"{}\"\nnamespace = \"blog\"\n\
         [[site.rule]]\nmatch = \"/draft\"\ncache = \"bypass\"\n",
        origins[0].url(),
        origins[1].url()
    );
    let tokens = format!("a=admin:{ADMIN},shop=purge[host:shop.test]:{SHOP}");
    let site = Site::with(told("rest"), |spec| {
        let spec = Spec { rules, authority: None, ..one(spec) };
        change(set(set(spec, "VISIBILITY", "0s"), "BREADBOX_TOKENS", &tokens))
    })?;
    Ok((site, origins))
}

async fn ask(site: &Site, host: &str, path: &str) -> Result<Answer> {
    answer(site.request("GET", 0, path).header("host", host)).await
}

async fn warm(site: &Site, host: &str, text: &str) -> Result<()> {
    eventually(&format!("{host} has a hit"), PATIENCE, async || {
        ask(site, host, "/page").await.is_ok_and(|asked| asked.is_hit() && asked.text() == text)
    })
    .await
}

async fn purge(site: &Site, host: &str, token: &str, body: &str) -> Result<(u16, String)> {
    let asked = site.request("POST", 0, PURGE).header("host", host).bearer_auth(token);
    let asked = answer(asked.body(body.to_owned())).await?;
    Ok((asked.status, asked.text()))
}

#[tokio::test]
async fn each_site_has_its_own_origin_namespace_and_purges() -> Result<()> {
    let (mut site, origins) = sites(|spec| spec)?;
    let mut wire = site.wire()?;
    let all = [("shop.test", "shop"), ("blog.test", "blog"), ("rest.test", "rest")];
    for (host, text) in all {
        warm(&site, host, text).await?;
    }
    assert!(ask(&site, "de.shop.test", "/page").await?.is_hit(), "it is the same site");
    for (origin, host) in origins.iter().zip(["shop.test", "blog.test"]) {
        let seen = origin.requests_for("/page");
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].header("x-forwarded-host"), host);
    }
    for namespace in ["shop", "blog", "breadbox"] {
        assert_eq!(wire.keys(&format!("{{{namespace}:0}}:e:*"))?.len(), 1, "{namespace}");
    }
    let draft = ask(&site, "blog.test", "/draft").await?;
    assert!(draft.says("detail=rule"), "{}", draft.headers_text());
    assert!(!ask(&site, "shop.test", "/draft").await?.says("detail=rule"));

    for body in [r#"{"tags":["all"]}"#, r#"{"everything":true}"#] {
        assert_eq!(purge(&site, "blog.test", ADMIN, body).await?.0, 200);
        assert!(!ask(&site, "blog.test", "/page").await?.says("hit"));
        warm(&site, "blog.test", "blog").await?;
    }
    assert!(ask(&site, "shop.test", "/page").await?.is_hit(), "another site's purge is not its");
    assert!(ask(&site, "rest.test", "/page").await?.is_hit());
    Ok(())
}

/// A token for one host opens that host's site and nothing else; who names another site's host is
/// told so instead of being told that it is purged.
#[tokio::test]
async fn tokens_and_purges_stay_within_their_site() -> Result<()> {
    let (site, _origins) = sites(|spec| spec)?;
    warm(&site, "shop.test", "shop").await?;
    let url = |host: &str| format!(r#"{{"urls":["http://{host}/page"]}}"#);
    let (status, text) = purge(&site, "blog.test", SHOP, &url("blog.test")).await?;
    assert_eq!(status, 403, "{text}");
    let (status, text) = purge(&site, "shop.test", SHOP, r#"{"everything":true}"#).await?;
    assert_eq!(status, 403, "{text}");
    let (status, text) = purge(&site, "blog.test", ADMIN, &url("shop.test")).await?;
    assert!(status == 422 && text.contains("another-site"), "{status} {text}");
    let hosts = r#"{"hosts":["shop.test"]}"#;
    let (status, text) = purge(&site, "rest.test", ADMIN, hosts).await?;
    assert!(status == 422 && text.contains("another-site"), "{status} {text}");
    assert!(ask(&site, "shop.test", "/page").await?.is_hit());
    let (status, text) = purge(&site, "shop.test", SHOP, &url("shop.test")).await?;
    assert_eq!(status, 200, "{text}");
    assert!(!ask(&site, "shop.test", "/page").await?.says("hit"));
    Ok(())
}

/// Without an origin for all hosts, those that no site names are nobody's.
#[tokio::test]
async fn unknown_hosts_are_refused_where_there_is_no_origin() -> Result<()> {
    let (site, _origins) = sites(|spec| set(spec, "ORIGIN", ""))?;
    let refused = ask(&site, "rest.test", "/page").await?;
    assert_eq!(
        (refused.status, refused.json()?["error"]["code"].as_str()),
        (421, Some("unknown-host"))
    );
    assert_eq!(ask(&site, "blog.test", "/page").await?.text(), "blog");
    Ok(())
}

/// The token of one host.
const SHOP: &str = "shop-secret-of-the-tests";
