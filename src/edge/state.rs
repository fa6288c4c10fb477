//! What an isolate keeps between requests.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use worker::{Context, Delay, Env};

use super::colo::Colo;
use super::flights::Flights;
use super::hints::Hints;
use super::reads::Reads;
use super::{js, log};
use crate::cache::exchange::{Fault, Limits, Plan};
use crate::cache::key::Key;
use crate::cache::policy::{Standing, Treatment};
use crate::cache::tally::{Cell as Count, Tally};
use crate::cache::{RequestHead, Tier, Time};
use crate::config::{Config, ConfigError, Ruling};
use crate::redis::{Failure, Haste, Shared};

/// The isolate's configuration, connections and counts.
#[derive(Debug)]
pub(super) struct Edge {
    pub config: Config,
    pub shared: Option<Shared>,
    pub colo: Colo,
    pub flights: Rc<Flights>,
    pub reads: Reads,
    pub hints: Hints,
    tally: RefCell<Tally>,
    flush: Cell<Option<Time>>,
    pub canary: Cell<Canary>,
}

/// What became of the last canary that this isolate purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Canary {
    Purged,
    Survived,
    Untried,
}

thread_local! {
    static EDGE: RefCell<Option<Result<Rc<Edge>, ConfigError>>> = const { RefCell::new(None) };
}

impl Edge {
    /// The isolate's state, made with its first request.
    pub fn of(env: &Env) -> Result<Rc<Self>, ConfigError> {
        EDGE.with_borrow_mut(|edge| edge.get_or_insert_with(|| Self::new(env)).clone())
    }

    fn new(env: &Env) -> Result<Rc<Self>, ConfigError> {
        let variable = |name: &str| js::property(env, name).as_string();
        let config = Config::read(variable, RULES).inspect_err(|error| {
            log::line("CacheManager", "configuration", &[("error", &error.to_string())]);
        })?;
        let shared = config.redis.as_ref();
        Ok(Rc::new(Self {
            shared: shared.map(|redis| Shared::new(redis, config.visibility, js::now)),
            colo: Colo::new(&config.namespace, config.visibility),
            config,
            flights: Rc::default(),
            reads: Reads::default(),
            hints: Hints::default(),
            tally: RefCell::default(),
            flush: Cell::default(),
            canary: Cell::new(Canary::Untried),
        }))
    }

    /// What the operator has settled about a request. Of the query only what counts is left.
    pub fn plan(&self, head: &mut RequestHead) -> Plan {
        let ruling = self.fold(&mut head.url);
        let tiers = match &self.shared {
            Some(_) => vec![Tier::Shared, Tier::Platform],
            None => vec![Tier::Platform],
        };
        let key = Key::of_url(&head.url);
        Plan {
            hint: self.hints.recall(key.id()),
            stamp: match &self.shared {
                Some(shared) => shared.blind_stamp(key.id()),
                None => self.colo.stamp(),
            },
            key,
            treatment: Treatment {
                origin: Some(self.config.origin.clone()),
                origin_purges: self.config.origin_purges,
                tag_fields: self.config.tag_fields,
                ..ruling.treatment
            },
            tags: ruling.tags,
            tiers,
            limits: Limits::default(),
        }
    }

    /// Brings a URL into the form that keys are made of: the site's own authority, and of the
    /// query what counts.
    pub fn fold(&self, url: &mut String) -> Ruling<'_> {
        if let (Some(site), Some((scheme, rest))) = (&self.config.site, url.split_once("://")) {
            let path = rest.find(['/', '?']).and_then(|end| rest.get(end..)).unwrap_or("");
            *url = format!("{scheme}://{site}{path}");
        }
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let slash = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(slash).unwrap_or((rest, ""));
        let bare = path.split_once('?').map_or(path, |(path, _)| path);
        let ruling = self.config.rules.ruling(host, bare);
        if let (Some(query), Some((before, asked))) = (ruling.query, url.split_once('?')) {
            let folded = query.fold(asked);
            let mark = if folded.is_empty() { "" } else { "?" };
            *url = format!("{before}{mark}{folded}");
        }
        ruling
    }

    /// Counts something.
    pub fn count(&self, cell: Count, amount: u64) {
        self.tally.borrow_mut().add(cell, amount);
    }

    /// Counts and logs an effect on a tier that failed.
    pub fn fault(&self, tier: Tier, verb: &str, failure: &Failure) {
        let (part, cell) = match tier {
            Tier::Platform => ("CacheManager", Count::PlatformFaults),
            Tier::Shared => ("Redis", Count::SharedFaults),
        };
        self.count(cell, 1);
        // An open breaker is one event and not as many as there are requests.
        if failure.fault != Fault::Open {
            let fault = failure.fault.as_str();
            let fields = [("verb", verb), ("fault", fault), ("detail", &failure.detail)];
            log::line(part, "fault", &fields);
        }
    }

    /// Sees to it that what was counted reaches the store, some time after the reply.
    pub fn plan_flush(self: &Rc<Self>, context: &Context) {
        let now = js::now();
        // A plan dies with its request, should that be killed.
        let planned = self.flush.get().is_some_and(|planned| now.since(planned) < FLUSH_LOST);
        if self.shared.is_none() || planned {
            return;
        }
        self.flush.set(Some(now));
        let edge = Rc::clone(self);
        context.wait_until(async move {
            Delay::from(FLUSH).await;
            edge.flush().await;
        });
    }

    /// Adds what was counted to the counts of all isolates: one command.
    pub async fn flush(&self) {
        self.flush.set(None);
        let Some(shared) = &self.shared else { return };
        let counted = self.tally.take();
        if counted.is_empty() {
            return;
        }
        let key = shared.keys().tally();
        let mut args = vec!["BITFIELD".to_owned(), key, "OVERFLOW".into(), "SAT".into()];
        for (place, count) in counted.counted() {
            let place = format!("#{place}");
            args.extend(["INCRBY".into(), "i64".into(), place, count.to_string()]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        if let Err(failure) = shared.rest().command(&args, Haste::Background, js::now).await {
            // Whether the counts arrived is unknown after a lost reply; before it they did not.
            if failure.fault != Fault::Timeout {
                self.tally.borrow_mut().merge(&counted);
            }
            self.fault(Tier::Shared, "tally", &failure);
        }
    }

    /// Purges a canary; a purge path that silently does nothing shows in the health report.
    pub async fn try_purging(&self) {
        let Some(shared) = &self.shared else { return };
        let canary = match shared.canary(js::random()).await {
            Ok(Standing::Dead) => Canary::Purged,
            Ok(_) => Canary::Survived,
            Err(failure) => return self.fault(Tier::Shared, "canary", &failure),
        };
        if canary == Canary::Survived {
            log::line("CacheManager", "canary", &[("fault", "a purge had no effect")]);
        }
        self.canary.set(canary);
    }

    /// Deletes a few of the entries that were purged.
    pub async fn reclaim(&self) {
        let Some(shared) = &self.shared else { return };
        match shared.reclaim(RECLAIM_COMMANDS, js::random()).await {
            Ok(done) if done.seen > 0 => {
                let [seen, entries, bytes, commands] =
                    [done.seen, done.entries, done.bytes, done.commands].map(|n| n.to_string());
                let fields = [
                    ("seen", seen.as_str()),
                    ("entries", &entries),
                    ("bytes", &bytes),
                    ("commands", &commands),
                ];
                log::line("CacheManager", "reclaim", &fields);
            }
            Ok(_) => {}
            Err(failure) => self.fault(Tier::Shared, "reclaim", &failure),
        }
    }

    /// The counts of all isolates, or of this one where there is no store that holds them.
    pub async fn totals(&self) -> Result<Tally, Failure> {
        let Some(shared) = &self.shared else { return Ok(self.tally.borrow().clone()) };
        self.flush().await;
        let key = shared.keys().tally();
        match shared.rest().command(&["GET", &key], Haste::Reply, js::now).await? {
            crate::redis::Reply::Bulk(bytes) => Ok(Tally::from_store(&bytes)),
            _ => Ok(Tally::default()),
        }
    }

    /// The counts of this isolate that have not reached the store.
    pub fn unflushed(&self) -> Tally {
        self.tally.borrow().clone()
    }
}

/// The rules built into the Worker, in JSON.
const RULES: &str = include_str!(concat!(env!("OUT_DIR"), "/breadbox.json"));

/// A flush that was planned so long ago will not come.
const FLUSH_LOST: std::time::Duration = std::time::Duration::from_secs(8);

/// Of the 50 subrequests that an event has on the free plan, what the canary and the flush leave.
const RECLAIM_COMMANDS: u64 = 32;

/// How long counts wait for others to go with them.
const FLUSH: std::time::Duration = std::time::Duration::from_secs(2);
