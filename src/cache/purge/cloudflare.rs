//! Purge requests of Cloudflare's API: `POST /client/v4/zones/<any>/purge_cache`.

use serde_json::{Value, json};

use super::Complaint;
use super::native::Fields;
use super::order::{Draft, Forms, Order, Spot};
use crate::cache::json::Json;

/// Whether a path is that of the API's purge; the zone may be any, for all are this site.
pub(super) fn is_route(path: &str) -> bool {
    let zone = path.strip_prefix("/client/v4/zones/");
    let zone = zone.and_then(|rest| rest.strip_suffix("/purge_cache"));
    zone.is_some_and(|zone| !zone.is_empty() && !zone.contains('/'))
}

/// Reads a body. A file that names fields of requests means one variant there; here all variants
/// of its URL are purged.
pub(super) fn read(body: &[u8], fold: &dyn Fn(&str) -> String) -> Result<Order, Complaint> {
    // Libraries send nothing for an empty object.
    let fields = Fields::parse(if body.is_empty() { b"{}" } else { body })?;
    let mut draft = Draft::new(fold);
    if fields.flag("purge_everything")? {
        draft.everything();
    }
    for (index, file) in fields.list("files")?.iter().enumerate() {
        let spot = Spot("files", Some(index));
        let url = match file {
            Json::Table(file) => file.find("url").and_then(Json::as_str),
            file => file.as_str(),
        };
        let wrong = || spot.complain("invalid-field", "must be a URL or an object with a url");
        draft.url(url.ok_or_else(wrong)?, Forms::Exact, spot)?;
    }
    for (text, spot) in fields.texts("tags")? {
        draft.tag(text, spot)?;
    }
    for (text, spot) in fields.texts("hosts")? {
        draft.host(text, spot)?;
    }
    for (text, spot) in fields.texts("prefixes")? {
        draft.prefix(text, spot)?;
    }
    draft.finish()
}

pub(super) fn answer(id: &str) -> Value {
    json!({ "success": true, "errors": [], "messages": [], "result": { "id": id } })
}

pub(super) fn refusal(complaint: &Complaint) -> Value {
    let code = match complaint.code {
        "nothing-selected" => 1012,
        "invalid-field" => 1014,
        "invalid-json" | "invalid-body" => 6007,
        "closed" | "forbidden" => 10000,
        "too-many-purges" => 971,
        "unauthorized" => 9109,
        _ => 1000,
    };
    let field = complaint.field.as_deref().map(|field| format!("{field}: "));
    let message = match complaint.code {
        "nothing-selected" => {
            "Request must contain one of \"purge_everything\", \"files\", \"tags\", \"hosts\" or \
             \"prefixes\""
                .to_owned()
        }
        _ => format!("{}{}", field.unwrap_or_default(), complaint.message),
    };
    let errors = json!([{ "code": code, "message": message }]);
    json!({ "success": false, "errors": errors, "messages": [], "result": null })
}
