//! What every page has in common, and the parts that pages share.

use std::time::Duration;

use maud::{DOCTYPE, Markup, html};

use crate::assets;
use crate::catalogue::{Attributes, Card, Listing};
use crate::database::Read;
use crate::moment::Moment;

/// How a page was made at the origin; its footer says so, and a cached page says so still.
#[derive(Clone, Copy)]
pub struct Making {
    queries: u64,
    took: Duration,
}

impl Making {
    /// Made without the database.
    pub const PLAIN: Self = Self { queries: 0, took: Duration::ZERO };

    /// Made from what was read.
    pub fn of<T>(read: &Read<T>) -> Self {
        Self { queries: read.queries, took: read.took }
    }

    /// The same, and from this too.
    pub fn and<T>(self, read: &Read<T>) -> Self {
        Self { queries: self.queries + read.queries, took: self.took + read.took }
    }
}

/// A whole page around `content`.
pub fn page(title: &str, making: &Making, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Embervault" }
                link rel="icon" type="image/svg+xml" href=(assets::url("favicon.svg"));
                link rel="stylesheet" href=(assets::url("style.css"));
                script src=(assets::url("app.js")) defer {}
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header.top {
                    div.wrap {
                        a.brand href="/" { (emblem("ember")) "Embervault" }
                        nav aria-label="Main" {
                            a href="/builds" { "Builds" }
                            a href="/classes" { "Classes" }
                            a.extra href="/builds/random" { "Surprise me" }
                            a href="/me" { "Me" }
                            a.button href="/builds/new" { "New build" }
                        }
                    }
                }
                main #content.wrap { (content) }
                footer.bottom { div.wrap { (footer(making)) } }
            }
        }
    }
}

fn footer(making: &Making) -> Markup {
    let now = Moment::now();
    let millis = format!("{:.1}", making.took.as_secs_f64() * 1000.0);
    html! {
        p {
            "Rendered by the origin at "
            time #rendered datetime=(now) { (now.clock()) " UTC" }
            " with " b { (making.queries) } " database "
            @if making.queries == 1 { "query" } @else { "queries" }
            " in " (millis) " ms. "
            span #age {}
        }
        p #cache hidden { "Asked again just now: " span.badge #verdict {} " " span #detail {} }
        p.small {
            "Embervault is the sample site of Breadbox. Its heroes are made up; its database, "
            "latency and purges are real."
        }
    }
}

/// An emblem from the sprite: a class' id or another name in it.
pub fn emblem(name: &str) -> Markup {
    html! {
        svg.emblem viewBox="0 0 24 24" aria-hidden="true" {
            use href={ (assets::url("emblems.svg")) "#" (name) } {}
        }
    }
}

/// A grid of builds.
pub fn cards(builds: &[Card]) -> Markup {
    html! {
        ul.cards {
            @for card in builds { li { (self::card(card)) } }
        }
    }
}

fn card(card: &Card) -> Markup {
    html! {
        article class={ "card class-" (card.class.id) } {
            div.crest {
                (emblem(&card.class.id))
                (radar(&card.attributes))
            }
            div.body {
                p.kicker {
                    a href={ "/classes/" (card.class.id) } { (card.class.name) }
                    (difficulty(card.difficulty))
                }
                h3 { a.cover href={ "/builds/" (card.id) } { (card.title) } }
                p.summary { (card.summary) }
                p.byline {
                    span { "by " a href={ "/users/" (card.author.id) } { (card.author.name) } }
                    (likes(card.likes))
                }
            }
        }
    }
}

/// A number of likes with a heart.
pub fn likes(count: i64) -> Markup {
    html! {
        span.likes { (emblem("heart")) (count) span.hidden { " likes" } }
    }
}

/// A difficulty as pips.
pub fn difficulty(level: i64) -> Markup {
    html! {
        span.pips role="img" aria-label={ "Difficulty " (level) " of 5" } {
            @for pip in 1..=5 { i.on[pip <= level] {} }
        }
    }
}

/// The shape of a build's attributes: one corner each, the first on top.
pub fn radar(attributes: &Attributes) -> Markup {
    let values = attributes.named().map(|(_, points)| points);
    let corners = |scale: &dyn Fn(usize) -> f64| -> String {
        let corner = |at: usize| {
            let turn = std::f64::consts::TAU * at as f64 / values.len() as f64;
            let reach = 44.0 * scale(at);
            format!("{:.1},{:.1}", 50.0 + reach * turn.sin(), 50.0 - reach * turn.cos())
        };
        (0..values.len()).map(corner).collect::<Vec<_>>().join(" ")
    };
    let share = |at: usize| values.get(at).map_or(0.0, |&points| points as f64 / 20.0);
    html! {
        svg.radar viewBox="0 0 100 100" aria-hidden="true" {
            @for ring in [1.0, 0.66, 0.33] { polygon.ring points=(corners(&|_| ring)) {} }
            polygon.shape points=(corners(&share)) {}
        }
    }
}

/// Links to the other pages of a listing; `base` ends so that a page's number can follow.
pub fn pager(listing: &Listing, base: &str) -> Markup {
    let Listing { page, pages, .. } = *listing;
    html! {
        @if pages > 1 {
            nav.pager aria-label="Pages" {
                @if page > 1 {
                    a rel="prev" href={ (base) (page - 1) } { "← Previous" }
                } @else {
                    span {}
                }
                span { "Page " (page) " of " (pages) }
                @if page < pages {
                    a rel="next" href={ (base) (page + 1) } { "Next →" }
                } @else {
                    span {}
                }
            }
        }
    }
}
