//! One request and its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use redis::Value;
use tokio::sync::{Semaphore, watch};

use crate::access::{Access, Tokens, admit};
use crate::answer::{self, Failure};
use crate::backend::{Backend, Fault, Transaction};
use crate::body::{Body, Intake};
use crate::command::{Command, CommandError};
use crate::metrics::{Held, Kind, Metrics};
use crate::reply::error_reply;
use crate::request::{Form, decode_segment, token};
use crate::scripts::Scripts;
use crate::settings::Settings;
use crate::stream::{Lease, Subscription};

/// What all workers of a gateway share.
pub struct Shared {
    intake: Intake,
    max_batch: usize,
    metrics: Metrics,
    scripts: Scripts,
    stopping: watch::Receiver<bool>,
    streams: Arc<Semaphore>,
    sync: AtomicU64,
    tokens: Tokens,
}

impl Shared {
    /// Prepares what the settings say. `stopping` becomes true when the gateway stops.
    pub fn new(settings: &Settings, stopping: watch::Receiver<bool>) -> Self {
        let (limit, memory) = (settings.max_request, settings.body_memory);
        Self {
            intake: Intake::new(limit, memory, settings.body_timeout),
            max_batch: settings.max_batch,
            metrics: Metrics::new(),
            scripts: Scripts::default(),
            stopping,
            streams: Arc::new(Semaphore::new(settings.max_streams)),
            sync: AtomicU64::new(0),
            tokens: Tokens::new(&settings.token, settings.readonly_token()),
        }
    }
}

/// Answers the requests that come in on one worker thread.
pub struct Service {
    backend: Backend,
    shared: Arc<Shared>,
}

/// What a path asks for.
enum Route {
    Body,
    Health,
    Live,
    Metrics,
    Path,
    Pipeline,
    Stream(Subscription),
    Transaction,
    Welcome,
}

impl Service {
    /// Answers with what `backend` holds.
    pub fn new(backend: Backend, shared: Arc<Shared>) -> Self {
        Self { backend, shared }
    }

    /// Answers one request. Every answer carries a sync token; the gateway always talks to the
    /// primary, so each read sees every write that was answered before it.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let _in_flight = self.shared.metrics.request();
        let (head, body) = request.into_parts();
        let route = Route::of(&head);
        let kind = route.kind();
        let mut response = match &route {
            Route::Live => {
                self.shared.intake.discard(body).await;
                answer::text(StatusCode::OK, "ok\n")
            }
            Route::Health => {
                self.shared.intake.discard(body).await;
                self.health().await
            }
            Route::Welcome => answer::text(StatusCode::OK, WELCOME),
            _ => self.admitted(route, &head, body).await,
        };
        let turn = self.shared.sync.fetch_add(1, Ordering::Relaxed);
        if let Ok(token) = HeaderValue::try_from(format!("r{turn}")) {
            response.headers_mut().insert(SYNC_TOKEN, token);
        }
        let (status, took) = (response.status(), started.elapsed());
        self.shared.metrics.answered(kind, status, took);
        tracing::debug!(?kind, status = status.as_u16(), micros = took.as_micros(), "answered");
        response
    }

    /// Counts a client's connection while it is open.
    pub fn connection(&self) -> Held {
        self.shared.metrics.connection()
    }

    /// Asks the server about its commands where that is due; false if nothing is known.
    pub async fn learn(&self) -> bool {
        !self.backend.learnt_catalog().await.is_empty()
    }

    /// Answers what needs a token.
    async fn admitted(&self, route: Route, head: &Parts, body: Incoming) -> Response<Body> {
        let form = Form::wanted(&head.headers);
        let query = head.uri.query().unwrap_or("");
        let token = token(&head.headers, query);
        let access = token.and_then(|token| self.shared.tokens.access(&token));
        let method = &head.method;
        let served = [Method::POST, Method::GET, Method::PUT, Method::HEAD].contains(method);
        let (access, form) = match (served, access, form) {
            (true, Some(access), Ok(form)) => (access, form),
            (served, access, form) => {
                self.shared.intake.discard(body).await;
                let failure = match (served, access, form) {
                    (false, ..) => {
                        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "ERR method not allowed")
                    }
                    (_, None, _) => Failure::unauthorized(),
                    (_, _, form) => Failure::bad_request(form.err().unwrap_or_default()),
                };
                return failure.into_response(Form::Json);
            }
        };
        let form = match route {
            Route::Transaction if form == Form::Resp2 => Form::Json,
            _ => form,
        };
        let answered = self.routed(route, head, body, access, form).await;
        answered.unwrap_or_else(|failure| failure.into_response(form))
    }

    async fn routed(
        &self,
        route: Route,
        head: &Parts,
        body: Incoming,
        access: Access,
        form: Form,
    ) -> Result<Response<Body>, Failure> {
        let body = self.shared.intake.read(body).await?;
        match route {
            Route::Path => {
                let carries = [Method::POST, Method::PUT].contains(&head.method);
                let chunks = if carries { body.chunks() } else { &[] };
                let query = head.uri.query().unwrap_or("");
                let command = Command::from_path(head.uri.path(), chunks, query)?;
                Ok(answer::single(self.run(&command, access).await?, form))
            }
            Route::Pipeline => {
                let commands = Command::batch_from_json(&body.whole(), self.shared.max_batch)?;
                let replies = self.run_batch(commands, access).await?;
                Ok(answer::batch(replies, form))
            }
            Route::Transaction => {
                let commands = Command::batch_from_json(&body.whole(), self.shared.max_batch)?;
                let replies = self.run_transaction(commands, access).await?;
                Ok(answer::batch(replies, form))
            }
            Route::Stream(subscription) => self.subscribe(subscription, access).await,
            Route::Metrics => {
                let text = self.shared.metrics.text().into_bytes();
                Ok(answer::with_type(StatusCode::OK, OPEN_METRICS, Body::from(text)))
            }
            _ => {
                let whole = body.whole();
                if whole.is_empty() {
                    return Err(CommandError::Empty.into());
                }
                let command = Command::from_json(&whole)?;
                Ok(answer::single(self.run(&command, access).await?, form))
            }
        }
    }

    async fn run(&self, command: &Command, access: Access) -> Result<Value, Failure> {
        self.admit(command, access).await?;
        self.shared.metrics.sent(1);
        let translated = self.shared.scripts.translated(command);
        let outcome = self.backend.run(translated.as_ref().unwrap_or(command)).await;
        let reply = outcome.inspect_err(|fault| self.failed(*fault))?;
        Ok(match translated {
            Some(_) => self.shared.scripts.restored(command, reply),
            None => reply,
        })
    }

    async fn run_batch(
        &self,
        commands: Vec<Result<Command, CommandError>>,
        access: Access,
    ) -> Result<Vec<Value>, Failure> {
        let mut replies = Vec::with_capacity(commands.len());
        let mut sent = Vec::with_capacity(commands.len());
        for command in commands {
            match self.judged(command, access).await {
                Ok(command) => {
                    replies.push(None);
                    sent.push(command);
                }
                Err(failure) => replies.push(Some(error_reply(&failure.message))),
            }
        }
        let outcomes = match sent.is_empty() {
            true => Vec::new(),
            false => self.send_batch(&sent).await?,
        };
        let mut outcomes = outcomes.into_iter();
        let replies = replies.into_iter().map(|own| own.or_else(|| outcomes.next()));
        Ok(replies.map(|reply| reply.unwrap_or(Value::Nil)).collect())
    }

    async fn send_batch(&self, commands: &[Command]) -> Result<Vec<Value>, Failure> {
        self.shared.metrics.sent(commands.len());
        let outcomes = self.backend.run_batch(&self.translated(commands)).await;
        for fault in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            self.failed(*fault);
        }
        if let Some(fault) = outcomes.iter().find_map(|outcome| outcome.as_ref().err())
            && outcomes.iter().all(Result::is_err)
        {
            return Err((*fault).into());
        }
        let replies = outcomes.into_iter().zip(commands);
        let replies = replies.map(|(outcome, command)| match outcome {
            Ok(reply) => self.shared.scripts.restored(command, reply),
            Err(fault) => error_reply(&fault.to_string()),
        });
        Ok(replies.collect())
    }

    async fn run_transaction(
        &self,
        commands: Vec<Result<Command, CommandError>>,
        access: Access,
    ) -> Result<Vec<Value>, Failure> {
        let mut sent = Vec::with_capacity(commands.len());
        for command in commands {
            sent.push(self.judged(command, access).await?);
        }
        self.shared.metrics.sent(sent.len());
        let outcome = self.backend.run_transaction(&self.translated(&sent)).await;
        match outcome.inspect_err(|fault| self.failed(*fault))? {
            Transaction::Discarded(line) => Err(Failure::bad_request(line)),
            Transaction::Executed(replies) => {
                let replies = replies.into_iter().zip(&sent);
                let restored = |(reply, sent)| self.shared.scripts.restored(sent, reply);
                Ok(replies.map(restored).collect())
            }
        }
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        access: Access,
    ) -> Result<Response<Body>, Failure> {
        if access != Access::Standard {
            return Err(Failure::bad_request("NOPERM this token has no permissions to subscribe"));
        }
        let Ok(permit) = self.shared.streams.clone().try_acquire_owned() else {
            let message = "ERR max number of subscriptions reached";
            return Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, message));
        };
        let lease = Lease {
            permit,
            counted: self.shared.metrics.stream(),
            stopping: self.shared.stopping.clone(),
        };
        let outcome = subscription.open(&self.backend, lease).await;
        let body = outcome.inspect_err(|fault| self.failed(*fault))?;
        Ok(answer::with_type(StatusCode::OK, "text/event-stream", body))
    }

    async fn health(&self) -> Response<Body> {
        let Ok(ping) = Command::from_arguments([b"PING".as_slice()]) else {
            return answer::text(StatusCode::INTERNAL_SERVER_ERROR, "");
        };
        match self.backend.run(&ping).await {
            Ok(reply @ Value::ServerError(_)) => {
                let mut response = answer::single(reply, Form::Json);
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                response
            }
            Ok(_) => answer::single(Value::Okay, Form::Json),
            Err(fault) => {
                self.failed(fault);
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Failure::new(status, fault).into_response(Form::Json)
            }
        }
    }

    async fn judged(
        &self,
        command: Result<Command, CommandError>,
        access: Access,
    ) -> Result<Command, Failure> {
        let command = command.map_err(|error| match error {
            CommandError::Empty => Failure::bad_request("ERR empty pipeline command"),
            other => other.into(),
        })?;
        self.admit(&command, access).await?;
        Ok(command)
    }

    async fn admit(&self, command: &Command, access: Access) -> Result<(), Failure> {
        if access == Access::ReadOnly {
            self.backend.known_catalog().await;
        }
        Ok(admit(command, access, || self.backend.catalog())?)
    }

    fn translated(&self, commands: &[Command]) -> Vec<Command> {
        let translated = |command| self.shared.scripts.translated(command);
        commands.iter().map(|each| translated(each).unwrap_or_else(|| each.clone())).collect()
    }

    fn failed(&self, fault: Fault) {
        self.shared.metrics.failed(match fault {
            Fault::Lost => "lost",
            Fault::TimedOut(_) => "timeout",
            Fault::Unreachable => "unreachable",
        });
    }
}

impl Route {
    fn of(head: &Parts) -> Self {
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        let path = head.uri.path();
        match path {
            "/" if reads => return Self::Welcome,
            "/" | "" => return Self::Body,
            "/health" if reads => return Self::Health,
            "/livez" if reads => return Self::Live,
            "/metrics" if reads => return Self::Metrics,
            "/monitor" => return Self::Stream(Subscription::Commands),
            "/multi-exec" | "/multi-exec/" => return Self::Transaction,
            "/pipeline" | "/pipeline/" => return Self::Pipeline,
            _ => {}
        }
        let names = |list: &str| list.split('/').map(|name| decode_segment(name).into()).collect();
        if let Some(channels) = path.strip_prefix("/subscribe/") {
            Self::Stream(Subscription::Channels(names(channels)))
        } else if let Some(patterns) = path.strip_prefix("/psubscribe/") {
            Self::Stream(Subscription::Patterns(names(patterns)))
        } else {
            Self::Path
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Body | Self::Path => Kind::Command,
            Self::Health | Self::Live | Self::Metrics | Self::Welcome => Kind::Other,
            Self::Pipeline => Kind::Pipeline,
            Self::Stream(_) => Kind::Stream,
            Self::Transaction => Kind::Transaction,
        }
    }
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const SYNC_TOKEN: &str = "upstash-sync-token";
const WELCOME: &str = "breadbox-gateway: the Upstash REST protocol over your own Redis\n";
