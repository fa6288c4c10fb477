//! The platform tier: stored responses in the Cache API of the data centre.
//!
//! Entries lie under synthetic URLs in the envelope that Redis has, too, so that our lifetimes and
//! purges hold; the platform would answer conditions and ranges of a client's request by itself.

use std::time::Duration;

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, Response, ResponseInit};

use super::{js, words};
use crate::cache::exchange::Fault;
use crate::cache::key::{Id, Key};
use crate::redis::{Failure, within};

/// One object of the platform's cache.
#[derive(Clone, Debug)]
pub(super) struct Place {
    url: String,
}

impl Place {
    /// Where a key's entry lies.
    pub fn of_entry(namespace: &str, key: &Key) -> Self {
        Self::of_id(namespace, key, key.id())
    }

    /// Where the entry of an id lies; `key` is of the same URL.
    pub fn of_id(namespace: &str, key: &Key, id: Id) -> Self {
        let url = key.url();
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or(rest);
        Self { url: format!("https://{host}/.breadbox/{namespace}/{id}") }
    }

    /// Where the family of a primary key's variants lies.
    pub fn of_family(namespace: &str, primary: &Key) -> Self {
        let Self { url } = Self::of_entry(namespace, primary);
        Self { url: format!("{url}/family") }
    }

    /// Where the data centre's own purge ledger lies. One for all hosts, so its host is made up.
    pub fn of_ledger(namespace: &str) -> Self {
        Self { url: format!("https://breadbox.internal/{namespace}/ledger") }
    }

    /// Where the data centre remembers the override of the rules.
    pub fn of_override(namespace: &str) -> Self {
        Self { url: format!("https://breadbox.internal/{namespace}/override") }
    }

    /// Reads it.
    pub async fn read(&self) -> Result<Option<Uint8Array>, Failure> {
        let cache = open().await?;
        let found = settled(cache.match_with_str(&self.url)).await?;
        let Ok(response) = found.dyn_into::<Response>() else { return Ok(None) };
        let buffer = response.array_buffer().map_err(|error| unreachable(&error))?;
        let buffer = settled(buffer).await?;
        Ok(Some(Uint8Array::new(&buffer)))
    }

    /// Writes it for `keep`.
    pub async fn write(&self, bytes: &Uint8Array, keep: Duration) -> Result<(), Failure> {
        let cache = open().await?;
        let headers = web_sys::Headers::new().map_err(|error| unreachable(&error))?;
        let lifetime = format!("max-age={}", keep.as_secs().max(1));
        for (name, value) in
            [("cache-control", lifetime.as_str()), ("content-type", "application/octet-stream")]
        {
            headers.append(name, value).map_err(|error| unreachable(&error))?;
        }
        let init = ResponseInit::new();
        init.set_headers(&headers);
        let response = Response::new_with_opt_js_u8_array_and_init(Some(bytes), &init)
            .map_err(|error| unreachable(&error))?;
        settled(cache.put_with_str(&self.url, &response)).await.map(drop)
    }

    /// Removes it.
    pub async fn remove(&self) -> Result<(), Failure> {
        let cache = open().await?;
        settled(cache.delete_with_str(&self.url)).await.map(drop)
    }
}

async fn open() -> Result<Cache, Failure> {
    let caches = js::property(&js_sys::global(), "caches");
    let caches: web_sys::CacheStorage = caches.unchecked_into();
    settled(caches.open(NAME)).await?.dyn_into().map_err(|error| unreachable(&error))
}

/// The platform's cache is near, so whoever waits for it longer than for Redis waits in vain.
async fn settled(promise: Promise) -> Result<JsValue, Failure> {
    let settled = async { JsFuture::from(promise).await.map_err(|error| unreachable(&error)) };
    within(TIMEOUT, settled).await
}

fn unreachable(error: &JsValue) -> Failure {
    Failure { fault: Fault::Unreachable, detail: words(error) }
}

const TIMEOUT: Duration = Duration::from_secs(2);

/// The cache's name; its number changes with the entries' form.
const NAME: &str = "breadbox-1";
