//! The edge end to end: real workerd, real Redis, real gateway, scripted origin.

mod attacks;
mod budgets;
mod clients;
mod cost;
mod damage;
mod dialects;
mod failover;
mod faults;
mod health;
mod http;
mod origin;
mod origin_purges;
mod passing;
mod plain;
mod platform;
mod purge;
mod purge_api;
mod read_your_purge;
mod receipts;
mod reclaim;
mod refusals;
mod responses;
mod site;
mod stampede;
mod transparency;
mod wrangler;
