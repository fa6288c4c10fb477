//! The home page, the listing of builds, and the classes.

use axum::extract::{Path, State};
use maud::{Markup, html};

use super::layout::{Making, cards, emblem, page, pager};
use crate::api::{Parameters, parameters};
use crate::catalogue::{self, Card, Class};
use crate::fault::Fault;
use crate::listing::{Filter, Sort};
use crate::purge::tag;
use crate::representation::{Keeping, Representation};
use crate::site::Site;
use crate::words;

/// `GET /`
pub async fn home(State(site): State<Site>) -> Result<Representation, Fault> {
    let read = site
        .database
        .read(|session| {
            let classes = catalogue::classes(session)?;
            let popular = catalogue::top(session, None, Sort::Popular, 6)?;
            let newest = catalogue::top(session, None, Sort::Newest, 6)?;
            Ok((classes, popular, newest))
        })
        .await?;
    let (classes, popular, newest) = &read.value;
    let total: i64 = classes.iter().map(|class| class.builds).sum();
    let content = html! {
        section.hero {
            h1 { "Find the build that fits your hands" }
            p {
                b { (total) } " character builds for " (classes.len()) " classes, written and "
                "rated by the people who play them."
            }
            p.actions {
                a.button.primary href="/builds" { "Browse builds" }
                a.button href="/builds/random" { "Surprise me" }
            }
        }
        (class_grid(classes))
        (shelf("Most liked", "/builds", popular))
        (shelf("Newest", "/builds?sort=newest", newest))
    };
    let markup = page("Character builds", &Making::of(&read), &content);
    let next = listing_url(None, Sort::Popular);
    let answer = Representation::page(markup, Keeping::BUILDS).linked(&next, "prefetch");
    Ok(answer.tagged([tag::BUILDS.to_owned()]))
}

/// `GET /builds`
pub async fn builds(State(site): State<Site>, query: Parameters) -> Result<Representation, Fault> {
    let filter = parameters(query)?.filter()?;
    let asked = filter.clone();
    let read = site.database.read(move |session| catalogue::listing(session, &asked)).await?;
    let listing = &read.value;
    let content = html! {
        div.heading {
            h1 { "Builds" }
            p.muted { (listing.total) " builds" }
        }
        (filters(&filter))
        h2.hidden { "Found" }
        (cards(&listing.builds))
        (pager(listing, &format!("{}&page=", listing_url(filter.class.as_deref(), filter.sort))))
    };
    let tags = filter.class.iter().map(|class| tag::class(class));
    let tags: Vec<String> = tags.chain([tag::BUILDS.to_owned()]).collect();
    let markup = page("Builds", &Making::of(&read), &content);
    let answer = Representation::page(markup, Keeping::BUILDS).tagged(tags);
    Ok(match listing.page < listing.pages {
        true => {
            let next = listing_url(filter.class.as_deref(), filter.sort);
            answer.linked(&format!("{next}&page={}", listing.page + 1), "next")
        }
        false => answer,
    })
}

/// `GET /classes`
pub async fn classes(State(site): State<Site>) -> Result<Representation, Fault> {
    let read = site.database.read(catalogue::classes).await?;
    let content = html! {
        div.heading { h1 { "Classes" } }
        ul.classes.wide {
            @for class in &read.value {
                li class={ "tile class-" (class.id) } {
                    (emblem(&class.id))
                    div {
                        h2 { a.cover href={ "/classes/" (class.id) } { (class.name) } }
                        p.kicker { (class.role) " · " (class.builds) " builds" }
                        p { (class.description) }
                    }
                }
            }
        }
    };
    let tags: Vec<String> = read.value.iter().map(|class| tag::class(&class.id)).collect();
    let markup = page("Classes", &Making::of(&read), &content);
    Ok(Representation::page(markup, Keeping::CLASSES).tagged(tags))
}

/// `GET /classes/{id}`
pub async fn class(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<Representation, Fault> {
    let read = site
        .database
        .read(move |session| {
            let class = catalogue::class(session, &id)?;
            let popular = catalogue::top(session, Some(&class.id), Sort::Popular, 6)?;
            let newest = catalogue::top(session, Some(&class.id), Sort::Newest, 6)?;
            Ok((class, popular, newest))
        })
        .await?;
    let (class, popular, newest) = &read.value;
    let content = html! {
        section class={ "banner class-" (class.id) } {
            (emblem(&class.id))
            div {
                p.kicker { (class.role) " · " (class.builds) " builds" }
                h1 { (class.name) }
                p { (class.description) }
            }
        }
        (shelf("Most liked", &listing_url(Some(&class.id), Sort::Popular), popular))
        (shelf("Newest", &listing_url(Some(&class.id), Sort::Newest), newest))
    };
    let markup = page(&class.name, &Making::of(&read), &content);
    Ok(Representation::page(markup, Keeping::CLASSES).tagged([tag::class(&class.id)]))
}

fn class_grid(classes: &[Class]) -> Markup {
    html! {
        ul.classes aria-label="Classes" {
            @for class in classes {
                li class={ "tile class-" (class.id) } {
                    (emblem(&class.id))
                    div {
                        a.cover href={ "/classes/" (class.id) } { (class.name) }
                        p.kicker { (class.builds) " builds" }
                    }
                }
            }
        }
    }
}

fn shelf(title: &str, more: &str, builds: &[Card]) -> Markup {
    html! {
        section {
            div.heading {
                h2 { (title) }
                a href=(more) { "All of them →" }
            }
            (cards(builds))
        }
    }
}

fn filters(filter: &Filter) -> Markup {
    let current = filter.class.as_deref();
    html! {
        nav.filters aria-label="Filter and order" {
            ul.chips {
                li { (chip("All", &listing_url(None, filter.sort), current.is_none())) }
                @for class in &words::CLASSES {
                    li {
                        (chip(
                            class.name,
                            &listing_url(Some(class.id), filter.sort),
                            current == Some(class.id),
                        ))
                    }
                }
            }
            ul.chips.order {
                @for sort in Sort::ALL {
                    li { (chip(sort.word(), &listing_url(current, sort), sort == filter.sort)) }
                }
            }
        }
    }
}

fn chip(label: &str, url: &str, current: bool) -> Markup {
    html! { a href=(url) aria-current=[current.then_some("true")] { (label) } }
}

/// The one URL of a listing, so that a cache keeps it once.
pub(crate) fn listing_url(class: Option<&str>, sort: Sort) -> String {
    match class {
        Some(class) => format!("/builds?class={class}&sort={}", sort.word()),
        None => format!("/builds?sort={}", sort.word()),
    }
}
