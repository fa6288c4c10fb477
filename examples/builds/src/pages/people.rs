//! What users have written and what they like.

use axum::extract::{Path, State};
use maud::{Markup, html};

use super::layout::{Making, cards, emblem, page, pager};
use crate::api::{Parameters, number, parameters};
use crate::catalogue::{self, Listing, User};
use crate::fault::Fault;
use crate::purge::tag;
use crate::representation::{Keeping, Representation};
use crate::site::Site;

/// `GET /users/{id}`
pub async fn written(
    State(site): State<Site>,
    Path(id): Path<String>,
    query: Parameters,
) -> Result<Representation, Fault> {
    let (id, asked) = (number("user", &id)?, parameters(query)?.page()?);
    let read = site
        .database
        .read(move |session| {
            let user = catalogue::user(session, id)?;
            let listing = catalogue::written(session, &user, asked)?;
            Ok((user, listing))
        })
        .await?;
    let (user, listing) = &read.value;
    let content = profile(user, Tab::Written, listing);
    let markup = page(&user.name, &Making::of(&read), &content);
    // The page also counts what the user likes.
    let tags = [tag::user(id), tag::liked(id)];
    Ok(Representation::page(markup, Keeping::BUILDS).tagged(tags))
}

/// `GET /users/{id}/liked`
pub async fn liked(
    State(site): State<Site>,
    Path(id): Path<String>,
    query: Parameters,
) -> Result<Representation, Fault> {
    let (id, asked) = (number("user", &id)?, parameters(query)?.page()?);
    let read = site
        .database
        .read(move |session| {
            let user = catalogue::user(session, id)?;
            let listing = catalogue::liked(session, &user, asked)?;
            Ok((user, listing))
        })
        .await?;
    let (user, listing) = &read.value;
    let content = profile(user, Tab::Liked, listing);
    let markup = page(&format!("{} likes", user.name), &Making::of(&read), &content);
    let shown = listing.builds.iter().map(|card| tag::build(card.id));
    let tags: Vec<String> = shown.chain([tag::user(id), tag::liked(id)]).collect();
    Ok(Representation::page(markup, Keeping::BUILDS).tagged(tags))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Written,
    Liked,
}

fn profile(user: &User, tab: Tab, listing: &Listing) -> Markup {
    let home = format!("/users/{}", user.id);
    let current = |this: Tab| (this == tab).then_some("page");
    let base = match tab {
        Tab::Written => format!("{home}?page="),
        Tab::Liked => format!("{home}/liked?page="),
    };
    html! {
        section.banner {
            (emblem("hero"))
            div {
                h1 { (user.name) }
                p.muted { "Here since " time datetime=(user.joined_at) { (user.joined_at.day()) } }
            }
        }
        nav.tabs aria-label={ "About " (user.name) } {
            a href=(home) aria-current=[current(Tab::Written)] { "Builds " b { (user.builds) } }
            a href={ (home) "/liked" } aria-current=[current(Tab::Liked)] {
                "Liked " b { (user.liked) }
            }
        }
        h2.hidden { @match tab { Tab::Written => "Builds", Tab::Liked => "Liked" } }
        @if listing.total == 0 { p.muted { "Nothing here yet." } }
        (cards(&listing.builds))
        (pager(listing, &base))
    }
}
