//! The static files, compiled in.

use std::sync::LazyLock;

use axum::extract::{Path, RawQuery};
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::representation::{Keeping, Representation};

/// `GET /static/{name}`: for good under the URL that pages use, for minutes under any other.
pub async fn file(
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Representation, Fault> {
    let file = FILES
        .iter()
        .find(|file| file.name == name)
        .ok_or_else(|| Fault::not_found(format!("there is no file {name:?}")))?;
    let current = format!("v={}", *VERSION);
    let keeping = match query {
        Some(query) if query == current => Keeping::Immutable,
        _ => Keeping::Briefly,
    };
    Ok(Representation::new(file.content.as_bytes().to_vec(), file.kind, keeping))
}

/// The URL under which pages use a file; it changes when any file does.
pub fn url(name: &str) -> String {
    format!("/static/{name}?v={}", *VERSION)
}

struct File {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for file in &FILES {
        digest.update(file.content);
    }
    digest.finalize().iter().take(5).map(|byte| format!("{byte:02x}")).collect()
});

static FILES: [File; 4] = [
    File {
        name: "style.css",
        kind: "text/css; charset=utf-8",
        content: include_str!("../static/style.css"),
    },
    File {
        name: "app.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("../static/app.js"),
    },
    File {
        name: "emblems.svg",
        kind: "image/svg+xml",
        content: include_str!("../static/emblems.svg"),
    },
    File {
        name: "favicon.svg",
        kind: "image/svg+xml",
        content: include_str!("../static/favicon.svg"),
    },
];
