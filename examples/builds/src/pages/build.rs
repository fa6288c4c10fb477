//! A build's page.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::layout::{Making, cards, difficulty, emblem, likes, page, radar};
use crate::api::number;
use crate::catalogue::{self, Build};
use crate::fault::Fault;
use crate::listing::Sort;
use crate::purge::tag;
use crate::representation::{Keeping, Representation};
use crate::site::Site;

/// `GET /builds/{id}`
pub async fn build(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<Representation, Fault> {
    let id = number("build", &id)?;
    let read = site
        .database
        .read(move |session| {
            let build = catalogue::build(session, id)?;
            let mut others = catalogue::top(session, Some(&build.card.class.id), Sort::Popular, 4)?;
            others.retain(|card| card.id != id);
            others.truncate(3);
            Ok((build, others))
        })
        .await?;
    let (build, others) = &read.value;
    let content = html! {
        (article(build))
        section {
            div.heading { h2 { "Popular " (build.card.class.name) " builds" } }
            (cards(others))
        }
    };
    let markup = page(&build.card.title, &Making::of(&read), &content);
    // The page also shows the titles and likes of the others.
    let shown: Vec<String> = others.iter().map(|card| tag::build(card.id)).collect();
    let tags = [tag::build(id)].into_iter().chain(shown);
    Ok(Representation::page(markup, Keeping::BUILDS).tagged(tags))
}

/// `GET /builds/random`: another one each time, so nobody may keep it.
pub async fn random(State(site): State<Site>) -> Result<Response, Fault> {
    let id = site.database.read(catalogue::any).await?.value;
    let location = HeaderValue::from_str(&format!("/builds/{id}")).map_err(Fault::internal)?;
    let mut fields = HeaderMap::new();
    fields.insert(header::LOCATION, location);
    Keeping::Never.put(&mut fields);
    Ok((StatusCode::SEE_OTHER, fields).into_response())
}

fn article(build: &Build) -> Markup {
    let card = &build.card;
    html! {
        article class={ "build class-" (card.class.id) } {
            header.banner {
                (emblem(&card.class.id))
                div {
                    p.kicker {
                        a href={ "/classes/" (card.class.id) } { (card.class.name) }
                        (difficulty(card.difficulty))
                    }
                    h1 { (card.title) }
                    p.lead { (card.summary) }
                    p.byline {
                        span {
                            "by " a href={ "/users/" (card.author.id) } { (card.author.name) }
                            " · " time datetime=(card.created_at) { (card.created_at.day()) }
                        }
                    }
                    div.actions {
                        form method="post" action={ "/builds/" (card.id) "/like" } {
                            button.primary type="submit" { "Like" (likes(card.likes)) }
                        }
                        a.button href={ "/builds/" (card.id) "/edit" } { "Edit" }
                    }
                }
            }
            div.columns {
                div.guide {
                    h2 { "How to play it" }
                    @if build.guide.is_empty() {
                        p.muted { "The author has not written a guide yet." }
                    }
                    @for paragraph in build.guide.split("\n\n") { p { (paragraph) } }
                }
                aside { (sheet(build)) }
            }
        }
    }
}

fn sheet(build: &Build) -> Markup {
    html! {
        section.panel {
            h2 { "Attributes" }
            (radar(&build.card.attributes))
            dl.attributes {
                @for (name, points) in build.card.attributes.named() {
                    dt { (name) }
                    dd {
                        meter min="0" max="20" value=(points) { (points) }
                        " " (points)
                    }
                }
            }
        }
        section.panel {
            h2 { "Skills" }
            ol.skills { @for skill in &build.skills { li { (skill) } } }
        }
    }
}
