//! The reader's own page: private, with a cookie, and so never for a shared cache.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Making, cards, page};
use crate::catalogue::{self, Listing, User, UserName};
use crate::fault::{Fault, Wrong};
use crate::moment::Moment;
use crate::reader;
use crate::representation::{Keeping, Representation};
use crate::site::Site;

/// Where `/me` leads after signing in.
#[derive(Deserialize)]
pub struct Onward {
    next: Option<String>,
}

/// What the form of `/me` sends.
#[derive(Deserialize)]
pub struct SignIn {
    user: String,
    next: Option<String>,
}

/// `GET /me`
pub async fn me(
    State(site): State<Site>,
    fields: HeaderMap,
    query: Result<Query<Onward>, QueryRejection>,
) -> Result<Response, Fault> {
    let Query(onward) = query.map_err(|rejection| Fault::malformed(rejection.body_text()))?;
    let asked = reader::user(&fields);
    let read = site
        .database
        .read(move |session| {
            let users = catalogue::users(session)?;
            // A cookie that names nobody is as good as none.
            let known = asked.filter(|id| users.iter().any(|user| user.id == *id));
            let own = match known {
                Some(id) => {
                    let user = catalogue::user(session, id)?;
                    let liked = catalogue::liked(session, &user, 1)?;
                    Some((user, liked))
                }
                None => None,
            };
            Ok((users, own))
        })
        .await?;
    let (users, own) = &read.value;
    let content = html! {
        @match own {
            Some((user, liked)) => (signed_in(user, liked, reader::last_visit(&fields))),
            None => {
                h1 { "Who are you today?" }
                p.muted { "This sample has no passwords: choose anybody." }
            }
        }
        (chooser(users, own.as_ref().map(|(user, _)| user.id), onward.next.as_deref()))
    };
    let markup = page("Me", &Making::of(&read), &content);
    let mut response = Representation::page(markup, Keeping::Private).into_response();
    if let Some(cookie) = reader::visit(Moment::now()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `POST /me`
pub async fn sign_in(
    State(site): State<Site>,
    form: Result<Form<SignIn>, FormRejection>,
) -> Result<Response, Fault> {
    let Form(form) = form
        .map_err(|rejection| Fault::new(rejection.status(), "malformed", rejection.body_text()))?;
    let unknown = || {
        let message = format!("{:?} is not the number of a user", form.user);
        Fault::invalid(vec![Wrong::new("user", message)])
    };
    let id: i64 = form.user.parse().map_err(|_| unknown())?;
    site.database
        .read(move |session| catalogue::user(session, id))
        .await
        .map_err(|fault| if fault.status == StatusCode::NOT_FOUND { unknown() } else { fault })?;
    let cookie = reader::sign_in(id).ok_or_else(unknown)?;
    let location = HeaderValue::from_str(&reader::next(form.next)).map_err(Fault::internal)?;
    let mut fields = HeaderMap::new();
    fields.insert(header::LOCATION, location);
    fields.insert(header::SET_COOKIE, cookie);
    Keeping::Never.put(&mut fields);
    Ok((StatusCode::SEE_OTHER, fields).into_response())
}

fn signed_in(user: &User, liked: &Listing, last_visit: Option<Moment>) -> Markup {
    html! {
        div.heading { h1 { "Hello, " (user.name) } }
        @if let Some(at) = last_visit {
            p.muted {
                "Your last visit here: " time datetime=(at) { (at.day()) ", " (at.clock()) " UTC" }
            }
        }
        p {
            a href={ "/users/" (user.id) } { "Your " (user.builds) " builds" } " · "
            a href={ "/users/" (user.id) "/liked" } { (user.liked) " builds that you like" }
        }
        @if !liked.builds.is_empty() {
            div.heading { h2 { "Liked last" } }
            (cards(liked.builds.get(..3).unwrap_or(&liked.builds)))
        }
    }
}

fn chooser(users: &[UserName], current: Option<i64>, next: Option<&str>) -> Markup {
    html! {
        form.panel.narrow method="post" action="/me" {
            label for="user" { "Signed in as" }
            select #user name="user" {
                @for user in users {
                    option value=(user.id) selected[current == Some(user.id)] { (user.name) }
                }
            }
            @if let Some(next) = next { input type="hidden" name="next" value=(next); }
            button.primary type="submit" { "Continue" }
        }
    }
}
