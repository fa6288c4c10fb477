//! HTTP answers: which status a reply, a refusal or a fault becomes.

use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use redis::{ServerError, Value};

use crate::access::Refusal;
use crate::backend::Fault;
use crate::body::{Body, IntakeError};
use crate::command::{BatchError, CommandError};
use crate::reply;
use crate::request::Form;

/// A request that gets an error for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The answer's status.
    pub status: StatusCode,
    /// The error's text, which starts with its code.
    pub message: String,
}

impl Failure {
    /// An error that is the request's own fault.
    pub fn bad_request(message: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// An error with a status of its own.
    pub fn new(status: StatusCode, message: impl ToString) -> Self {
        Self { status, message: message.to_string() }
    }

    /// The token is missing or unknown.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "WRONGPASS invalid or missing auth token")
    }

    /// The answer, in the form that the client asked for.
    pub fn into_response(self, form: Form) -> Response<Body> {
        let mut response = respond(self.status, form, reply::error(&self.message, form));
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT"));
        }
        response
    }
}

impl From<BatchError> for Failure {
    fn from(error: BatchError) -> Self {
        Self::bad_request(error)
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::bad_request(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let status = match fault {
            Fault::Lost => StatusCode::BAD_GATEWAY,
            Fault::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Fault::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, fault)
    }
}

impl From<IntakeError> for Failure {
    fn from(error: IntakeError) -> Self {
        let status = match error {
            IntakeError::Broken => StatusCode::BAD_REQUEST,
            IntakeError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            IntakeError::TooSlow => StatusCode::REQUEST_TIMEOUT,
        };
        Self::new(status, error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::bad_request(refusal)
    }
}

/// The answer to one command.
pub fn single(value: Value, form: Form) -> Response<Body> {
    let status = match &value {
        Value::ServerError(error) => error_status(error),
        _ => StatusCode::OK,
    };
    respond(status, form, reply::single(value, form))
}

/// The answer to a batch.
pub fn batch(replies: Vec<Value>, form: Form) -> Response<Body> {
    respond(StatusCode::OK, form, reply::batch(replies, form))
}

/// An answer in plain text.
pub fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", Body::from(text.into().into_bytes()))
}

/// An answer in a content type of its own.
pub fn with_type(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn respond(status: StatusCode, form: Form, body: Body) -> Response<Body> {
    let content_type = match form {
        Form::Json | Form::JsonBase64 => "application/json",
        Form::Resp2 => "application/octet-stream",
    };
    with_type(status, content_type, body)
}

/// Errors that pass by themselves tell the client to come again; all others are its own.
fn error_status(error: &ServerError) -> StatusCode {
    match error.code() {
        "BUSY" | "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" | "READONLY" | "TRYAGAIN" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::BAD_REQUEST,
    }
}
