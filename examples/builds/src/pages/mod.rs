//! The HTML pages, the same for everybody except `/me` and the forms.

mod build;
mod forms;
mod home;
mod layout;
mod me;
mod people;

use axum::Router;
use axum::routing::{get, post};
use maud::html;

use crate::fault::Fault;
use crate::representation::{Keeping, Representation};
use crate::site::Site;
pub(crate) use home::listing_url;
use layout::Making;

/// The routes.
pub fn routes() -> Router<Site> {
    Router::new()
        .route("/", get(home::home))
        .route("/builds", get(home::builds).post(forms::create))
        .route("/builds/new", get(forms::blank))
        .route("/builds/random", get(build::random))
        .route("/builds/{id}", get(build::build).post(forms::edit))
        .route("/builds/{id}/edit", get(forms::filled))
        .route("/builds/{id}/like", post(forms::like))
        .route("/classes", get(home::classes))
        .route("/classes/{id}", get(home::class))
        .route("/users/{id}", get(people::written))
        .route("/users/{id}/liked", get(people::liked))
        .route("/me", get(me::me).post(me::sign_in))
}

/// An error as a page.
pub fn fault(fault: &Fault, keeping: Keeping) -> Representation {
    let content = html! {
        section.notice {
            p.code { (fault.status.as_u16()) }
            h1 { (fault.status.canonical_reason().unwrap_or("Error")) }
            p { (fault.message) "." }
            p { a href="/builds" { "All builds" } " · " a href="/" { "Home" } }
        }
    };
    let title = fault.status.canonical_reason().unwrap_or("Error");
    Representation::page(layout::page(title, &Making::PLAIN, &content), keeping)
}
