//! Setting, showing and clearing the override of a site's rules.

use std::rc::Rc;

use http::Method;
use serde_json::{Value, json};
use web_sys::{Request, Response};
use worker::Context;

use super::state::Edge;
use super::{js, operator, purge};
use crate::cache::json;
use crate::cache::purge::Complaint;
use crate::cache::{RequestHead, Tier, millis};
use crate::config::{Level, Rules, Scope, Seal, Token};
use crate::redis::{Failure, Replaced, Shared, override_record};

pub(super) async fn answer(
    edge: &Rc<Edge>,
    head: &RequestHead,
    request: &Request,
    context: &Context,
) -> Response {
    let data = async |token: &Token| match head.method {
        Method::GET | Method::HEAD => Ok(shown(edge)),
        _ if token.scope != Scope::Admin => {
            Err(Complaint::new(403, "forbidden", "only an admin token may change the rules"))
        }
        Method::DELETE => set(edge, &token.name, &Value::Null, context).await,
        _ => set(edge, &token.name, &read(request).await?, context).await,
    };
    operator::ordered(edge, head, context, data).await
}

fn shown(edge: &Edge) -> Value {
    let (version, written, ignored, why) = edge.live.told();
    json!({
        "configured": edge.config.seal.is_some() && edge.shared.is_some(),
        "version": version,
        "set": !written.is_null(),
        "rules": written,
        "ignored": { "count": ignored, "last": (ignored > 0).then_some(why) },
    })
}

/// The JSON form of a breadbox.toml, checked.
async fn read(request: &Request) -> Result<Value, Complaint> {
    let body = purge::read(request).await?;
    let written = json::value(&body).map_err(|error| {
        let message = format!("the body must be the JSON form of a breadbox.toml: {error}");
        Complaint::new(400, "invalid-json", message)
    })?;
    match Rules::overriding(&written) {
        Ok(_) => Ok(written),
        Err(error) => {
            let complaint = Complaint::new(400, "invalid-rules", error.to_string());
            Err(Complaint { field: Some(error.setting), ..complaint })
        }
    }
}

/// Sets the override, or clears it, and has every isolate look at it.
async fn set(
    edge: &Rc<Edge>,
    by: &str,
    written: &Value,
    context: &Context,
) -> Result<Value, Complaint> {
    let (Some(seal), Some(shared)) = (&edge.config.seal, &edge.shared) else {
        let message = "overrides need OVERRIDE_SECRET and Redis";
        return Err(Complaint::new(409, "not-configured", message));
    };
    let text = replace(edge, seal, shared, written).await?;
    edge.take(&text);
    edge.remember(text, context);
    let records = [override_record()];
    let recorded = purge::record(edge, None, &records).await;
    let receipt = recorded.map_err(|refusal| purge::complaint(edge, by, &refusal))?;
    let version = edge.live.version();
    let (number, receipt) = (version.to_string(), receipt.to_string());
    let fields = [("token", by), ("version", &number), ("receipt", &receipt)];
    edge.log(Level::Info, "override", &fields);
    let bound = edge.config.visibility;
    Ok(json!({
        "version": version,
        "set": !written.is_null(),
        "receipt": receipt,
        "visible_in_ms": millis(bound),
        "visible_at": js::now().after(bound).0,
    }))
}

/// Writes a document under a version that is higher than any that is known.
async fn replace(
    edge: &Edge,
    seal: &Seal,
    shared: &Shared,
    written: &Value,
) -> Result<String, Complaint> {
    let namespace = &edge.config.namespace;
    let unreached = |failure: Failure| {
        edge.fault(Tier::Shared, "override", &failure);
        let message = format!("the store did not take it ({}); try again", failure.fault.as_str());
        Complaint::new(503, "store-unreachable", message)
    };
    for _ in 0..TRIES {
        let before = shared.override_text().await.map_err(unreached)?;
        let found = seal.open(namespace, &before).map_or(0, |document| document.version);
        let known = found.max(edge.live.version()).saturating_add(1);
        let version = known.max(js::now().0.unsigned_abs());
        let text = seal.seal(namespace, version, written);
        let replaced = shared.replace_override(&before, &text).await.map_err(unreached)?;
        if replaced == Replaced::Yes {
            return Ok(text);
        }
    }
    Err(Complaint::new(409, "overtaken", "somebody else is setting it; look at it and try again"))
}

/// How often it is tried to be the next.
const TRIES: u32 = 3;
