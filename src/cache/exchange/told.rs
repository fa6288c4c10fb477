//! What the machine asks, in words: for explanations and their replays.

use super::action::Action;
use crate::cache::Tier;

/// An action in words: what is asked of whom.
pub fn action<B>(action: &Action<B>) -> String {
    match action {
        Action::Acquire { .. } => "acquire".to_owned(),
        Action::Collect { .. } => "collect".to_owned(),
        Action::Compress { .. } => "compress".to_owned(),
        Action::Digest { .. } => "digest".to_owned(),
        Action::Fetch(fetch) if fetch.passes => format!("fetch {} passing", fetch.method),
        Action::Fetch(fetch) => {
            let conditional = ["if-none-match", "if-modified-since"];
            let kind = match conditional.iter().any(|name| fetch.headers.contains_key(*name)) {
                true => "conditionally",
                false => "whole",
            };
            format!("fetch {} {kind}", fetch.method)
        }
        Action::Invalidate { .. } => "invalidate".to_owned(),
        Action::Lookup { tier: place, key } => format!("look {} {}", tier(*place), key.id()),
        Action::Purge { .. } => "purge".to_owned(),
        Action::Release { .. } => "release".to_owned(),
        Action::Reply(reply) => {
            let status = &reply.status;
            let reason = status.reason.map_or("", |reason| reason.as_str());
            let stored = if status.stored { " stored" } else { "" };
            format!("reply {} {} {reason}{stored}", reply.head.status, status.verdict)
        }
        Action::Stop => "stop".to_owned(),
        Action::Store { tier: place, .. } => format!("store {}", tier(*place)),
        Action::Wait { .. } => "wait".to_owned(),
    }
}

/// A tier's name.
pub fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Memory => "memory",
        Tier::Platform => "platform",
        Tier::Shared => "shared",
    }
}
