//! Purge requests, carried out: whoever asks, and in whatever words.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use web_sys::{Request, Response};
use worker::{Context, Delay};

use super::state::Edge;
use super::{js, origin, reply};
use crate::cache::exchange::Fault;
use crate::cache::ledger::{Receipt, Record};
use crate::cache::purge::{Complaint, Dialect, Effect, Limit, Order, Spending, Wait};
use crate::cache::tally::Cell;
use crate::cache::tally::sheet::Event;
use crate::cache::{RequestHead, Tier, millis};
use crate::config::{Level, PurgeClients, Signature, Token};
use crate::redis::{Failure, Purged};

/// Whose words a request uses, if it is not the site's own business.
pub(super) fn dialect(edge: &Edge, head: &RequestHead) -> Option<Dialect> {
    let dialect = Dialect::of(head)?;
    let open =
        edge.config.purge_clients == PurgeClients::Answered && !edge.config.tokens.is_empty();
    // These methods are for caches: nobody's server is to see them for want of one that listens.
    let ours = matches!(head.method.as_str(), "BAN" | "PURGE");
    (open || ours).then_some(dialect)
}

pub(super) async fn answer(
    edge: &Rc<Edge>,
    dialect: Dialect,
    head: &RequestHead,
    request: &Request,
    context: &Context,
) -> Response {
    let (status, value, fields) = match carry_out(edge, dialect, head, request, context).await {
        Ok(value) => (200, value, Vec::new()),
        Err(complaint) => {
            edge.hold_back(&complaint).await;
            let fields = dialect.refusal_fields(&complaint, js::now());
            (complaint.status, dialect.refusal(&complaint), fields)
        }
    };
    let response = reply::json(status, &value);
    for (name, value) in fields {
        let _ = response.headers().set(name, &value);
    }
    edge.plan_flush(context);
    response
}

async fn carry_out(
    edge: &Rc<Edge>,
    dialect: Dialect,
    head: &RequestHead,
    request: &Request,
    context: &Context,
) -> Result<Value, Complaint> {
    let (token, body) = match dialect.signature(&head.headers) {
        // Nobody unknown has us read a body, save who says that it is signed.
        None => {
            let token = known(edge, dialect, head)?;
            // Nor somebody whose purge would be refused whatever it says.
            afford(edge, &token.name).map_err(|refusal| complaint(edge, &token.name, &refusal))?;
            (token, read(request).await?)
        }
        Some(text) => {
            let body = read(request).await?;
            (signed(edge, head, text, &body)?, body)
        }
    };
    let wait = dialect.wait(head, edge.config.visibility)?;
    let fold = |url: &str| {
        let mut url = url.to_owned();
        edge.fold(&mut url);
        url
    };
    let order = dialect.read(head, &body, &fold)?;
    order.permit(token.scope.bounds())?;
    order.stays_within(&|host| edge.config.is_at(host))?;
    let mut answer = match order.effect {
        Effect::Preview => dialect.answer(head, &order, None),
        Effect::Record => {
            let recorded = record(edge, Some(&token.name), &order.records).await;
            let receipt = recorded.map_err(|refusal| complaint(edge, &token.name, &refusal))?;
            note(edge, &token.name, &order.records, &receipt);
            edge.warm_after(&order.records, context);
            dialect.answer(head, &order, Some(&receipt))
        }
    };
    if dialect == Dialect::Native {
        promise(edge, &order, wait, &mut answer).await;
    }
    Ok(answer)
}

/// Says when the purge is visible, and waits for that if it is wished.
async fn promise(edge: &Edge, order: &Order, wait: Wait, answer: &mut Value) {
    let bound = edge.config.visibility;
    let scope = if edge.shared.is_some() { "everywhere" } else { "data-centre" };
    let visible_at = js::now().after(bound).0;
    if wait == Wait::Visible && order.effect == Effect::Record {
        Delay::from(bound).await;
    }
    let visible = bound.is_zero() || wait == Wait::Visible;
    if let Some(data) = answer.pointer_mut("/data").and_then(Value::as_object_mut)
        && order.effect == Effect::Record
    {
        data.insert("scope".into(), scope.into());
        data.insert("visible".into(), visible.into());
        data.insert("visible_in_ms".into(), millis(bound).into());
        data.insert("visible_at".into(), visible_at.into());
    }
}

/// The token that a request carries.
fn known<'a>(edge: &'a Edge, dialect: Dialect, head: &RequestHead) -> Result<&'a Token, Complaint> {
    let refused = dialect != Dialect::Native && edge.config.purge_clients == PurgeClients::Refused;
    if edge.config.tokens.is_empty() || refused {
        let message = "purging is closed here (BREADBOX_TOKENS, PURGE_CLIENTS)";
        return Err(Complaint::new(403, "closed", message));
    }
    let secret = dialect.secret(&head.headers);
    let token = secret.and_then(|secret| edge.config.tokens.find(&secret));
    entitled(token, "send a valid token, such as Authorization: Bearer <token>")
}

/// The token that a request is signed with.
fn signed<'a>(
    edge: &'a Edge,
    head: &RequestHead,
    text: &str,
    body: &[u8],
) -> Result<&'a Token, Complaint> {
    let form = "send Breadbox-Signature: <token's name>;t=<seconds>;v1=<hex of HMAC-SHA256>";
    let unauthorized = |message| Complaint::new(401, "unauthorized", message);
    let signature = Signature::parse(text).ok_or_else(|| unauthorized(form))?;
    if !signature.is_current(js::now()) {
        return Err(unauthorized("the signature's time is more than 300 s off"));
    }
    let path = origin::path_and_query(&head.url);
    let signer = edge.config.tokens.signer(&signature, head.method.as_str(), path, body);
    entitled(signer, "the signature is not that of a token for this request")
}

fn entitled<'a>(token: Option<&'a Token>, message: &str) -> Result<&'a Token, Complaint> {
    match token {
        Some(token) if token.scope.bounds().is_some() => Ok(token),
        Some(_) => Err(Complaint::new(403, "forbidden", "the token's scope does not cover this")),
        None => Err(Complaint::new(401, "unauthorized", message)),
    }
}

/// Why a purge was not recorded.
pub(super) enum Refusal {
    /// The ledger could not be written.
    Failed(Tier, Failure),
    /// Its purger has spent the limit, and has to wait for so long.
    Overspent(Limit, Duration),
}

/// Records purges in the ledger that there is, unless their purger has spent its limit; what nobody
/// is named for has none.
pub(super) async fn record(
    edge: &Edge,
    purger: Option<&str>,
    records: &[Record],
) -> Result<Receipt, Refusal> {
    if let Some(name) = purger {
        afford(edge, name)?;
    }
    let limited = purger.zip(edge.config.purge_limit);
    let failed = |tier| move |failure| Refusal::Failed(tier, failure);
    let purged = match &edge.shared {
        Some(shared) => {
            let purged = shared.purge_within(records, limited, js::random()).await;
            purged.map_err(failed(Tier::Shared))?
        }
        None => edge.colo.purge(records).await.map_err(failed(Tier::Platform))?,
    };
    let note = |change: &dyn Fn(&mut Spending, Limit)| {
        if let Some((name, limit)) = limited {
            change(edge.spent.borrow_mut().entry(name.to_owned()).or_default(), limit);
        }
    };
    match purged {
        Purged::Recorded(receipt, new) => {
            note(&|spent, limit| spent.spend(limit, new, js::now()));
            Ok(receipt)
        }
        Purged::Refused(limit, wait) => {
            note(&|spent, limit| spent.exhaust(limit, wait, js::now()));
            Err(Refusal::Overspent(limit, wait))
        }
    }
}

impl Edge {
    /// Has who purges too much wait for the answer, so that a client that does not heed it asks no
    /// more often than that. Only so many are made to wait at a time: each is held in memory.
    async fn hold_back(&self, complaint: &Complaint) {
        if complaint.status != 429 {
            return;
        }
        let now = js::now();
        let (began, count) = self.held_back.get();
        let (began, count) = if now.since(began) >= HOLD { (now, 0) } else { (began, count) };
        if count < HELD_MAX {
            self.held_back.set((began, count.saturating_add(1)));
            Delay::from(HOLD).await;
        }
    }
}

/// Whether a purger may purge, as far as this isolate knows: nobody else has to be asked for a no.
fn afford(edge: &Edge, name: &str) -> Result<(), Refusal> {
    let Some(limit) = edge.config.purge_limit else { return Ok(()) };
    let spent = edge.spent.borrow().get(name).copied().unwrap_or_default();
    match spent.wait(limit, js::now()) {
        None => Ok(()),
        Some(wait) => Err(Refusal::Overspent(limit, wait)),
    }
}

/// What a caller is told of a purge that was not recorded; counted and, where it is news, logged.
pub(super) fn complaint(edge: &Edge, name: &str, refusal: &Refusal) -> Complaint {
    match refusal {
        Refusal::Failed(tier, failure) => {
            edge.fault(*tier, "purge", failure);
            Complaint::unreached(failure.fault)
        }
        Refusal::Overspent(limit, wait) => {
            edge.count(Cell::RefusedPurges, 1);
            Complaint::overspent(name, *limit, *wait)
        }
    }
}

/// Counts and logs who has purged what; many records take several lines.
pub(super) fn note(edge: &Edge, by: &str, records: &[Record], receipt: &Receipt) {
    edge.count(Cell::Purges, 1);
    let receipt = receipt.to_string();
    for records in records.chunks(LINE_RECORDS) {
        let members: Vec<String> = records.iter().map(Record::member).collect();
        let members = members.join(" ");
        let words = [by, receipt.as_str(), members.as_str()];
        edge.counts.write(|sheet| sheet.note_purge(Event::new(js::now(), words)));
        let fields = [("token", by), ("receipt", &receipt), ("records", &members)];
        edge.log(Level::Info, "purge", &fields);
    }
}

pub(super) async fn read(request: &Request) -> Result<Bytes, Complaint> {
    let unread = || Complaint::new(400, "unreadable-body", "the body could not be read");
    let stream = Response::new_with_opt_readable_stream(request.body().as_ref());
    match origin::collect(&stream.map_err(|_| unread())?, BODY_MAX).await {
        Ok(bytes) => Ok(bytes.to_vec().into()),
        Err(Fault::TooLarge) => {
            let message = format!("the body is larger than {BODY_MAX} bytes");
            Err(Complaint::new(413, "body-too-large", message))
        }
        Err(_) => Err(unread()),
    }
}

/// The published form of a purge request.
pub(super) const SCHEMA: &str = include_str!("../../docs/purge.schema.json");

/// The largest purge request in bytes.
const BODY_MAX: u64 = 1024 * 1024;

/// How long a refusal for purging too much takes.
const HOLD: Duration = Duration::from_millis(250);

/// So many refusals take that long; the others come at once.
const HELD_MAX: u32 = 64;

/// The origin among the purgers; no token has this name.
pub(super) const ORIGIN: &str = "@origin";

/// How many records a log line names.
const LINE_RECORDS: usize = 50;
