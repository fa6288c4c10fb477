//! What an isolate keeps between requests.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::{Object, Promise};
use wasm_bindgen::JsValue;
use web_sys::{Headers, Response};
use worker::{Context, Delay, Env};

use super::colo::Colo;
use super::flights::Flights;
use super::hints::Hints;
use super::live::Live;
use super::memory::Local;
use super::reads::Reads;
use super::{js, log, served};
use crate::cache::exchange::{Fault, Hint, Limits, Plan, SearchNews};
use crate::cache::field::NoVarySearch;
use crate::cache::key::{self, Id};
use crate::cache::policy::{Refresh, Standing, Treatment};
use crate::cache::purge::Spending;
use crate::cache::tally::{Cell as Count, Peer, Tally};
use crate::cache::{RequestHead, Tier, Time};
use crate::config::{Basis, Config, ConfigError, Deployment, Level, Ruling};
use crate::redis::{Counts, Failure, Shared};

/// The isolate's configuration, connections and counts.
#[derive(Debug)]
pub(super) struct Edge {
    pub config: Config,
    pub shared: Option<Shared>,
    pub colo: Colo,
    pub live: Live,
    pub flights: Rc<Flights>,
    pub reads: Reads,
    pub hints: Hints<Id, Hint>,
    /// What matters of the queries of a path.
    pub searches: Hints<String, NoVarySearch>,
    /// What purgers have spent of their limits.
    pub spent: RefCell<BTreeMap<String, Spending>>,
    /// What of the rate of prefetches is spent.
    pub ahead: Cell<Spending>,
    /// When the last refusals that are held back began, and how many there are.
    pub held_back: Cell<(Time, u32)>,
    pub memory: Local,
    pub counts: Counts,
    pub analytics: Option<JsValue>,
    flush: Cell<Option<Time>>,
    /// Resolved when the flush that is under way has ended.
    flushed: RefCell<Option<Promise>>,
    pub canary: Cell<Canary>,
}

/// The rule that has settled a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ruled {
    /// Its number from 0, if one matched.
    pub rule: Option<usize>,
    /// What of a request it goes by.
    pub basis: Basis,
    /// Of which version of the rules it is.
    pub version: u64,
}

/// What became of the last canary that this isolate purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Canary {
    Purged,
    Survived,
    Untried,
}

/// The isolate's state for each site of the deployment.
type Edges = Vec<Rc<Edge>>;

thread_local! {
    static EDGES: RefCell<Option<Result<Edges, ConfigError>>> = const { RefCell::new(None) };
}

impl Edge {
    /// The isolate's state for each site, made with its first request.
    pub fn all(env: &Env) -> Result<Edges, ConfigError> {
        EDGES.with_borrow_mut(|edges| edges.get_or_insert_with(|| Self::read(env)).clone())
    }

    /// The isolate's state for each site, if a request has made it.
    pub fn running() -> Edges {
        EDGES.with_borrow(|edges| match edges {
            Some(Ok(edges)) => edges.clone(),
            Some(Err(_)) | None => Edges::new(),
        })
    }

    fn read(env: &Env) -> Result<Edges, ConfigError> {
        let variable = |name: &str| js::property(env, name).as_string();
        let deployment = Deployment::read(variable, RULES).inspect_err(|error| {
            log::line("CacheManager", "configuration", &[("error", &error.to_string())]);
        })?;
        let sites = deployment.sites();
        let budget = MEMORY.checked_div(sites.len()).unwrap_or(MEMORY);
        Ok(sites.iter().map(|config| Self::new(config.clone(), env, budget)).collect())
    }

    fn new(config: Config, env: &Env, budget: usize) -> Rc<Self> {
        let shared = config.redis.as_ref();
        Rc::new(Self {
            shared: shared.map(|redis| Shared::new(redis, config.visibility, js::now)),
            colo: Colo::new(&config.namespace, config.visibility),
            live: Live::new(&config.rules, &config.namespace),
            config,
            flights: Rc::default(),
            reads: Reads::default(),
            hints: Hints::default(),
            searches: Hints::default(),
            spent: RefCell::default(),
            ahead: Cell::default(),
            held_back: Cell::default(),
            memory: Local::new(budget),
            counts: Counts::new(js::now()),
            analytics: served::analytics(env),
            flush: Cell::default(),
            flushed: RefCell::default(),
            canary: Cell::new(Canary::Untried),
        })
    }

    /// What the operator has settled about a request. Of the query only what counts is left.
    ///
    /// The other value is the rule that matched, and what of a request it goes by.
    pub fn plan(&self, head: &mut RequestHead) -> (Plan, Ruled) {
        let mut ruling = self.fold(&mut head.url);
        let key = ruling.settle(head);
        let basis = ruling.basis();
        let refresh = match ruling.treatment.refresh {
            Refresh::Ahead(_) => Refresh::Ahead(self.memory.pace(key.id())),
            Refresh::Usual => Refresh::Usual,
        };
        let mut tiers = ruling.near.unwrap_or_else(|| self.config.near.clone());
        if self.shared.is_some() {
            tiers.push(Tier::Shared);
        }
        if !tiers.contains(&Tier::Platform) {
            tiers.push(Tier::Platform);
        }
        let plan = Plan {
            hint: self.hints.recall(&key.id()),
            search: None,
            stamp: self.position(key.id()),
            key,
            treatment: Treatment {
                origin: Some(self.config.origin.clone()),
                refresh,
                origin_purges: self.config.origin_purges,
                tag_fields: self.config.tag_fields,
                doubt: self.config.doubt(),
                ..ruling.treatment
            },
            tags: ruling.tags,
            tiers,
            limits: Limits::default(),
        };
        let plan = match self.searches.recall(key::without_query(&head.url)) {
            Some(rule) => plan.modulo(rule, &head.method),
            None => plan,
        };
        (plan, Ruled { rule: ruling.rule, basis, version: self.live.version() })
    }

    /// Takes note of what matters of the queries of a path.
    pub fn search(&self, url: &str, news: SearchNews) {
        let path = || key::without_query(url).to_owned();
        match news {
            SearchNews::Rule(rule) => self.searches.learn(path(), Some(rule)),
            SearchNews::Over => self.searches.learn(path(), None),
            SearchNews::None => {}
        }
    }

    /// Brings a URL into the form that keys are made of: the site's own authority, and of the
    /// query what counts.
    pub fn fold(&self, url: &mut String) -> Ruling {
        if let (Some(site), Some((scheme, rest))) = (&self.config.site, url.split_once("://")) {
            let path = rest.find(['/', '?']).and_then(|end| rest.get(end..)).unwrap_or("");
            *url = format!("{scheme}://{site}{path}");
        }
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let slash = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(slash).unwrap_or((rest, ""));
        let bare = path.split_once('?').map_or(path, |(path, _)| path);
        let mut ruling = self.rules().ruling(host, bare);
        if let Some((before, asked)) = url.split_once('?') {
            let folded = ruling.fold(asked);
            let mark = if folded.is_empty() { "" } else { "?" };
            *url = format!("{before}{mark}{folded}");
        }
        ruling
    }

    /// Answers a GET request at once, if it is a plain hit and nothing else is to be done.
    pub fn hit(&self, url: &str, fields: &str, headers: &Headers) -> Option<Response> {
        match self.flush_is_due(js::now()) {
            true => None,
            false => self.memory.hit(self, url, fields, headers),
        }
    }

    /// Counts something.
    pub fn count(&self, cell: Count, amount: u64) {
        self.counts.add(cell, amount);
    }

    /// Writes a line if the level is that high.
    pub fn log(&self, level: Level, event: &str, fields: &[(&str, &str)]) {
        if self.config.logs.level >= level {
            log::line("CacheManager", event, fields);
        }
    }

    /// Counts and logs an effect on a tier that failed.
    pub fn fault(&self, tier: Tier, verb: &str, failure: &Failure) {
        let (part, place) = match tier {
            Tier::Memory | Tier::Platform => ("CacheManager", Peer::Platform),
            Tier::Shared => ("Redis", Peer::Shared),
        };
        self.count(Count::Faults(place, failure.fault), 1);
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
        if !self.flush_is_due(now) {
            return;
        }
        self.flush.set(Some(now));
        let edge = Rc::clone(self);
        context.wait_until(async move {
            Delay::from(FLUSH).await;
            edge.flush().await;
        });
    }

    /// A plan dies with its request, should that be killed.
    fn flush_is_due(&self, now: Time) -> bool {
        let planned = self.flush.get().is_some_and(|planned| now.since(planned) < FLUSH_LOST);
        self.shared.is_some() && !planned
    }

    /// Adds what was counted to the counts of all isolates.
    pub async fn flush(&self) {
        self.flush.set(None);
        let Some(shared) = &self.shared else { return };
        let strange = shared.strange();
        if strange > 0 {
            let detail = format!("{strange} unknown members, each a purge of everything");
            self.fault(Tier::Shared, "look", &Failure { fault: Fault::Malformed, detail });
        }
        let (flushed, end) = js::shared_promise();
        self.flushed.borrow_mut().get_or_insert_with(|| flushed.clone());
        if let Err(failure) = self.counts.flush(shared, js::random).await {
            self.fault(Tier::Shared, "tally", &failure);
        }
        self.flushed.borrow_mut().take_if(|under_way| Object::is(under_way, &flushed));
        let _ = end.call1(&JsValue::UNDEFINED, &JsValue::TRUE);
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

    /// Deletes a few of the entries that were purged, with about so many commands at the most; how
    /// many it took.
    pub async fn reclaim(&self, most: u64) -> u64 {
        let Some(shared) = &self.shared else { return 0 };
        match shared.reclaim(most, js::random()).await {
            Ok(done) => {
                let [seen, entries, bytes, commands] =
                    [done.seen, done.entries, done.bytes, done.commands].map(|n| n.to_string());
                let fields = [
                    ("seen", seen.as_str()),
                    ("entries", &entries),
                    ("bytes", &bytes),
                    ("commands", &commands),
                ];
                if done.seen > 0 {
                    log::line("CacheManager", "reclaim", &fields);
                }
                done.commands
            }
            Err(failure) => {
                self.fault(Tier::Shared, "reclaim", &failure);
                most
            }
        }
    }

    /// The counts of all isolates, or of this one where there is no store that holds them. What
    /// this one has counted is among them, also what is on its way.
    pub async fn totals(&self, context: &Context) -> Result<Tally, Failure> {
        let Some(shared) = &self.shared else { return Ok(self.counts.unsent()) };
        let under_way = self.flushed.borrow().clone();
        if let Some(under_way) = under_way {
            let stay = |work| context.wait_until(work);
            js::resolved(under_way.clone(), shared.patience(), stay).await;
            // Else it was of a request that was killed.
            self.flushed.borrow_mut().take_if(|other| Object::is(other, &under_way));
        }
        self.flush().await;
        shared.totals().await
    }
}

/// The bytes of memory that all sites have for stored responses: a quarter of what an isolate has.
const MEMORY: usize = 32 << 20;

/// The rules built into the Worker, in JSON.
const RULES: &str = include_str!(concat!(env!("OUT_DIR"), "/breadbox.json"));

/// A flush that was planned so long ago will not come.
const FLUSH_LOST: std::time::Duration = std::time::Duration::from_secs(8);

/// How long counts wait for others to go with them.
const FLUSH: std::time::Duration = std::time::Duration::from_secs(2);
