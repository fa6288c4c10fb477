//! Errors that a client sees: one type, shown as JSON under `/api` and as a page elsewhere.

use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request could not be answered.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The status of the answer.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// The fields that are at fault, if the request had any.
    pub fields: Vec<Wrong>,
    /// Tags under which a shared cache may keep this error for a short while; empty: not at all.
    pub tags: Vec<String>,
}

/// A field of a request and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// The field's name in the request.
    pub field: &'static str,
    /// What was found and what is allowed.
    pub message: String,
}

impl Wrong {
    /// A field and its fault.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

impl Fault {
    /// An error of this status.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new(), tags: Vec::new() }
    }

    /// 404 for something that a shared cache may remember as absent until `tag` is purged.
    pub fn absent(what: &str, id: impl fmt::Display, tag: String) -> Self {
        let mut fault = Self::not_found(format!("there is no {what} {id}"));
        fault.tags.push(tag);
        fault
    }

    /// 404 with a sentence.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 400 for a request that can't be read.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// 400 for a query parameter.
    pub fn parameter(field: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut fault = Self::malformed(format!("{field}: {message}"));
        fault.fields.push(Wrong { field, message });
        fault
    }

    /// 403 with a sentence.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 422 for fields that were read but are not acceptable; the first one makes the sentence.
    pub fn invalid(fields: Vec<Wrong>) -> Self {
        let message = match fields.first() {
            Some(wrong) => format!("{}: {}", wrong.field, wrong.message),
            None => "the request is not acceptable".to_owned(),
        };
        let mut fault = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message);
        fault.fields = fields;
        fault
    }

    /// 500; the cause is logged and not shown.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        let message = "the catalogue could not be read; please try again";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::internal(error)
    }
}

/// The bare status; `site::attend` gives it the form that the path asks for.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
