//! What HTTP lets a shared cache do: one row per rule, with the section it comes from.
//!
//! Rows are marked `required` or `optimal` in the sense of the public suite for caches, or
//! `choice` where HTTP leaves one (`docs/conformance.md` gives our reasons).

#[path = "policy/again.rs"]
mod again;
#[path = "policy/answering.rs"]
mod answering;
#[path = "policy/asking.rs"]
mod asking;
#[path = "policy/committing.rs"]
mod committing;
#[path = "policy/compressing.rs"]
mod compressing;
#[path = "policy/contents.rs"]
mod contents;
#[path = "policy/courses.rs"]
mod courses;
#[path = "policy/forms.rs"]
mod forms;
#[path = "policy/leases.rs"]
mod leases;
#[path = "policy/lifetimes.rs"]
mod lifetimes;
#[path = "policy/messages.rs"]
mod messages;
#[path = "policy/properties.rs"]
mod properties;
#[path = "policy/reusing.rs"]
mod reusing;
#[path = "policy/selecting.rs"]
mod selecting;
#[path = "policy/storing.rs"]
mod storing;
#[path = "policy/tiers.rs"]
mod tiers;
#[path = "policy/watching.rs"]
mod watching;
#[path = "policy/wishes.rs"]
mod wishes;
