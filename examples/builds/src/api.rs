//! The JSON API under `/api`.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::catalogue;
use crate::draft::Draft;
use crate::edge::Delivery;
use crate::fault::Fault;
use crate::listing;
use crate::purge::tag;
use crate::representation::{Keeping, Representation};
use crate::site::Site;
use crate::writes::{self, Change, Effect};
use crate::{moment::Moment, reader};

/// The routes, without their prefix.
pub fn routes() -> Router<Site> {
    Router::new()
        .route("/builds", get(listing).post(create))
        .route("/builds/{id}", get(build).put(edit))
        .route("/builds/{id}/likes", post(like))
        .route("/classes", get(classes))
        .route("/classes/{id}", get(class))
        .route("/search", post(search))
        .route("/users/{id}", get(user))
        .route("/users/{id}/builds", get(written))
        .route("/users/{id}/liked", get(liked))
        .route("/me", get(me))
}

/// An error in the API's form.
pub fn fault(fault: &Fault, keeping: Keeping) -> Representation {
    let error = json!({
        "code": fault.code,
        "message": fault.message,
        "field": fault.fields.first().map(|wrong| wrong.field),
        "fields": fault.fields,
    });
    Representation::json(&json!({ "success": false, "error": error }), keeping)
}

/// A query string, read or refused.
pub(crate) type Parameters = Result<Query<listing::Query>, QueryRejection>;

/// The parameters of a listing; 400 says what is wrong with the query string.
pub(crate) fn parameters(query: Parameters) -> Result<listing::Query, Fault> {
    let Query(query) = query.map_err(|rejection| Fault::malformed(rejection.body_text()))?;
    Ok(query)
}

/// A number in a path; anything else names nothing.
pub(crate) fn number(what: &str, text: &str) -> Result<i64, Fault> {
    // Only the form in which ids are written, so that each thing has one URL.
    match text.parse::<i64>() {
        Ok(id) if id > 0 && id.to_string() == text => Ok(id),
        _ => Err(Fault::not_found(format!("there is no {what} {text:?}"))),
    }
}

async fn listing(State(site): State<Site>, query: Parameters) -> Result<Representation, Fault> {
    let filter = parameters(query)?.filter()?;
    let class = filter.class.clone();
    let read = site.database.read(move |session| catalogue::listing(session, &filter)).await?;
    let tags = class.map(|class| tag::class(&class)).into_iter().chain([tag::BUILDS.to_owned()]);
    Ok(Representation::json(&read.value, Keeping::BUILDS).tagged(tags))
}

async fn build(State(site): State<Site>, Path(id): Path<String>) -> Result<Representation, Fault> {
    let id = number("build", &id)?;
    let build = site.database.read(move |session| catalogue::build(session, id)).await?.value;
    let changed = build.card.changed_at;
    Ok(Representation::json(&build, Keeping::BUILDS).tagged([tag::build(id)]).modified(changed))
}

/// What is looked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    text: String,
    #[serde(default)]
    class: Option<String>,
}

/// A search only reads, so a cache may answer it from its content.
async fn search(
    State(site): State<Site>,
    fields: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Representation, Fault> {
    let Search { text, class } = document(&fields, body)?;
    let read = site
        .database
        .read(move |session| catalogue::search(session, &text, class.as_deref()))
        .await?;
    let body = json!({ "builds": read.value });
    Ok(Representation::json(&body, Keeping::BUILDS).tagged([tag::BUILDS.to_owned()]))
}

async fn classes(State(site): State<Site>) -> Result<Representation, Fault> {
    let classes = site.database.read(catalogue::classes).await?.value;
    let tags: Vec<String> = classes.iter().map(|class| tag::class(&class.id)).collect();
    let body = json!({ "classes": classes });
    Ok(Representation::json(&body, Keeping::CLASSES).tagged(tags))
}

async fn class(State(site): State<Site>, Path(id): Path<String>) -> Result<Representation, Fault> {
    let read = site.database.read(move |session| catalogue::class(session, &id)).await?;
    let tag = tag::class(&read.value.id);
    Ok(Representation::json(&read.value, Keeping::CLASSES).tagged([tag]))
}

async fn user(State(site): State<Site>, Path(id): Path<String>) -> Result<Representation, Fault> {
    let id = number("user", &id)?;
    let read = site.database.read(move |session| catalogue::user(session, id)).await?;
    let tags = [tag::user(id), tag::liked(id)];
    Ok(Representation::json(&read.value, Keeping::BUILDS).tagged(tags))
}

async fn written(
    State(site): State<Site>,
    Path(id): Path<String>,
    query: Parameters,
) -> Result<Representation, Fault> {
    let (id, page) = (number("user", &id)?, parameters(query)?.page()?);
    let read = site
        .database
        .read(move |session| {
            let user = catalogue::user(session, id)?;
            catalogue::written(session, &user, page)
        })
        .await?;
    Ok(Representation::json(&read.value, Keeping::BUILDS).tagged([tag::user(id)]))
}

async fn liked(
    State(site): State<Site>,
    Path(id): Path<String>,
    query: Parameters,
) -> Result<Representation, Fault> {
    let (id, page) = (number("user", &id)?, parameters(query)?.page()?);
    let listing = site
        .database
        .read(move |session| {
            let user = catalogue::user(session, id)?;
            catalogue::liked(session, &user, page)
        })
        .await?
        .value;
    let shown = listing.builds.iter().map(|card| tag::build(card.id));
    let tags: Vec<String> = shown.chain([tag::liked(id)]).collect();
    Ok(Representation::json(&listing, Keeping::BUILDS).tagged(tags))
}

async fn me(State(site): State<Site>, fields: HeaderMap) -> Result<Response, Fault> {
    let Some(id) = reader::user(&fields) else {
        let message = "nobody is signed in; POST /me with user=<id> sets the cookie";
        return Err(Fault::new(StatusCode::UNAUTHORIZED, "signed_out", message));
    };
    let user = site.database.read(move |session| catalogue::user(session, id)).await?.value;
    let mut response = Representation::json(&user, Keeping::Private).into_response();
    if let Some(cookie) = reader::visit(Moment::now()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn create(
    State(site): State<Site>,
    fields: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Fault> {
    let draft: Draft = document::<Draft>(&fields, body)?.checked().map_err(Fault::invalid)?;
    let done = site.change(move |session| writes::create(session, &draft)).await?;
    written_answer(&site, StatusCode::CREATED, done).await
}

async fn edit(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Fault> {
    let id = number("build", &id)?;
    let draft: Draft = document::<Draft>(&fields, body)?.checked().map_err(Fault::invalid)?;
    let done = site.change(move |session| writes::edit(session, id, &draft)).await?;
    written_answer(&site, StatusCode::OK, done).await
}

async fn like(
    State(site): State<Site>,
    Path(id): Path<String>,
    fields: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Fault> {
    let id = number("build", &id)?;
    let Like { user } = document(&fields, body)?;
    let done = site.change(move |session| writes::like(session, id, user)).await?;
    let status = match done.0.effect {
        Effect::Changed => StatusCode::CREATED,
        Effect::Unchanged => StatusCode::OK,
    };
    written_answer(&site, status, done).await
}

/// Who likes a build.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Like {
    user: i64,
}

/// What a write answers: the build as it is now, and how the purge went.
#[derive(Serialize)]
struct Written<'b> {
    #[serde(flatten)]
    build: &'b catalogue::Build,
    purge: Delivery,
}

async fn written_answer(
    site: &Site,
    status: StatusCode,
    (change, purge): (Change, Delivery),
) -> Result<Response, Fault> {
    let id = change.build;
    let build = site.database.read(move |session| catalogue::build(session, id)).await?.value;
    let body = Written { build: &build, purge };
    let mut response = Representation::json(&body, Keeping::Never).status(status).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/api/builds/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A JSON body; 415, 413 or 400 says why it can't be read.
fn document<T: DeserializeOwned>(
    fields: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<T, Fault> {
    let kind = fields.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let message = format!("Content-Type is {kind:?}; application/json is expected");
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            message,
        ));
    }
    let body = body.map_err(|rejection| {
        Fault::new(rejection.status(), "unreadable_body", rejection.body_text())
    })?;
    serde_json::from_slice(&body).map_err(|error| Fault::malformed(format!("body: {error}")))
}
