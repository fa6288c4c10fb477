//! What the site has, for search engines and for whoever warms a cache.

use axum::extract::State;
use axum::http::{HeaderMap, header};

use crate::catalogue;
use crate::fault::Fault;
use crate::listing::Sort;
use crate::pages::listing_url;
use crate::purge::tag;
use crate::representation::{Keeping, Representation};
use crate::site::Site;
use crate::words;

/// `GET /sitemap.xml`: listings, classes, and the builds and authors that are liked most.
pub async fn sitemap(State(site): State<Site>, fields: HeaderMap) -> Result<Representation, Fault> {
    let popular = site
        .database
        .read(|session| catalogue::top(session, None, Sort::Popular, POPULAR))
        .await?
        .value;
    let classes = words::CLASSES.iter().map(|class| class.id);
    let mut paths: Vec<String> = ["/", "/builds", "/classes"].map(str::to_owned).to_vec();
    paths.extend(classes.clone().map(|class| format!("/classes/{class}")));
    paths.extend(classes.map(|class| listing_url(Some(class), Sort::Popular)));
    paths.extend(popular.iter().map(|card| format!("/builds/{}", card.id)));
    paths.extend(popular.iter().map(|card| format!("/users/{}", card.author.id)));
    let base = base(&fields);
    let mut body = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for path in paths {
        let location = format!("{base}{path}").replace('&', "&amp;").replace('<', "&lt;");
        body.push_str(&format!("<url><loc>{location}</loc></url>\n"));
    }
    body.push_str("</urlset>\n");
    let answer = Representation::new(body.into_bytes(), "application/xml", Keeping::BUILDS);
    Ok(answer.tagged([tag::BUILDS.to_owned()]))
}

/// How readers address the site: as the edge says, or as this server is asked.
fn base(fields: &HeaderMap) -> String {
    let text = |name: &str| fields.get(name).and_then(|value| value.to_str().ok());
    let host = text("x-forwarded-host").or_else(|| text(header::HOST.as_str()));
    let scheme = text("x-forwarded-proto").unwrap_or("http");
    format!("{scheme}://{}", host.unwrap_or_default())
}

/// How many builds are named.
const POPULAR: usize = 24;
