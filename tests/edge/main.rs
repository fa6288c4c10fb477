//! The edge end to end: real workerd, real Redis, real gateway, scripted origin.

mod cost;
mod damage;
mod faults;
mod health;
mod http;
mod origin;
mod passing;
mod platform;
mod purge;
mod receipts;
mod reclaim;
mod refusals;
mod site;
mod stampede;
mod wrangler;
