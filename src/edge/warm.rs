//! Warming by the Worker itself: jobs that lie in Redis, a slice at each invocation.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use web_sys::{Request, Response};
use worker::{Context, Delay};

use super::state::Edge;
use super::{js, operator, origin, purge};
use crate::cache::key::resolved;
use crate::cache::ledger::{Record, Selector};
use crate::cache::purge::{Bounds, Complaint};
use crate::cache::tally::Cell;
use crate::cache::tally::sheet::Board;
use crate::cache::warm::{self, Item, Job, Order, Other, Outcome, Sitemap, sitemap};
use crate::cache::{RequestHead, Tier};
use crate::config::{Level, Token};
use crate::redis::{Failure, Replaced, Shared};

/// What is to be done about the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Begin,
    End,
    Next,
    Told,
}

/// Who has an invocation go on with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The cron, which has time, and so many subrequests.
    Cron(u64),
    /// A request, whose client may wait.
    Request,
}

pub(super) async fn answer(
    edge: &Rc<Edge>,
    step: Step,
    head: &RequestHead,
    request: &Request,
    context: &Context,
) -> Response {
    let job = async |token: &Token| match (step, token.scope.bounds()) {
        (Step::Told, _) => edge.job().await,
        (_, Some(Bounds::Everything)) => match step {
            Step::Begin => begin(edge, &token.name, head, request, context).await,
            Step::End => edge.end_job(&token.name).await,
            Step::Next | Step::Told => {
                edge.go_on(By::Request).await;
                edge.job().await
            }
        },
        _ => Err(Complaint::new(403, "forbidden", "warming takes a token that may purge all")),
    };
    let data = async |token: &Token| job(token).await.map(|job| told(job.as_ref()));
    operator::ordered(edge, head, context, data).await
}

fn told(job: Option<&Job>) -> Value {
    json!({ "job": job.map(|job| job.told(js::now())) })
}

async fn begin(
    edge: &Rc<Edge>,
    by: &str,
    head: &RequestHead,
    request: &Request,
    context: &Context,
) -> Result<Option<Job>, Complaint> {
    let shared = edge.warming_store()?;
    let body = purge::read(request).await?;
    let mut folded = head.url.clone();
    edge.fold(&mut folded);
    let order = warm::read(&body, &[&head.url, &folded], shared.shards())?;
    let job = edge.begin_job(order, by).await?;
    let later = Rc::clone(edge);
    context.wait_until(async move {
        let _ = later.go_on(By::Request).await;
    });
    Ok(Some(job))
}

impl Edge {
    fn warming_store(&self) -> Result<&Shared, Complaint> {
        self.shared.as_ref().ok_or_else(|| {
            let message = "jobs lie in Redis, and there is none; the command line warms without";
            Complaint::new(409, "not-configured", message)
        })
    }

    fn unwarmed(&self, failure: &Failure) -> Complaint {
        self.fault(Tier::Shared, "warm", failure);
        Complaint::unreached(failure.fault)
    }

    async fn job(&self) -> Result<Option<Job>, Complaint> {
        let Some(shared) = &self.shared else { return Ok(None) };
        let line = shared.job_line().await.map_err(|it| self.unwarmed(&it))?;
        Ok(Job::parse(&line))
    }

    /// Writes down what is to be done; nothing is asked for yet.
    async fn begin_job(&self, order: Order, by: &str) -> Result<Job, Complaint> {
        let shared = self.warming_store()?;
        let mut job = Job::new(js::random(), by, order.rate, order.max, js::now());
        let other = order.other;
        self.list(shared, &mut job, order).await.map_err(|it| self.unwarmed(&it))?;
        if job.is_done() {
            let message = "nothing to warm: of what is hot, nothing is known yet";
            return Err(Complaint::new(422, "nothing-found", message));
        }
        let begun = self.put_job(shared, &job, other).await;
        if begun.is_err() {
            let _ = shared.drop_items(job.id).await;
        }
        begun?;
        self.log(Level::Info, "warm", &[("token", by), ("job", &job.to_string())]);
        Ok(job)
    }

    /// Puts a job in the place of the one before, if that is done or is to end.
    async fn put_job(&self, shared: &Shared, job: &Job, other: Other) -> Result<(), Complaint> {
        for _ in 0..TRIES {
            let line = shared.job_line().await.map_err(|it| self.unwarmed(&it))?;
            let before = Job::parse(&line);
            let under_way = before.as_ref().is_some_and(|job| !job.is_done());
            if under_way && other == Other::Kept {
                let message =
                    "a job is under way; wait for its end, DELETE it, or say \"replace\":true";
                return Err(Complaint::new(409, "under-way", message));
            }
            let replaced = shared.replace_job(&line, Some(job)).await;
            if replaced.map_err(|it| self.unwarmed(&it))? == Replaced::Yes {
                if let Some(before) = before {
                    let _ = shared.drop_items(before.id).await;
                }
                return Ok(());
            }
        }
        Err(Complaint::new(409, "overtaken", "other jobs begin or end meanwhile; try again"))
    }

    async fn list(&self, shared: &Shared, job: &mut Job, order: Order) -> Result<(), Failure> {
        let (mut pages, others): (Vec<_>, Vec<_>) =
            order.items.into_iter().partition(|item| matches!(item, Item::Page(_)));
        if order.top > 0 {
            // The sheet goes to the place that the flush has found.
            self.flush().await;
            self.counts.publish(shared).await?;
            let mut board = Board::default();
            shared.sheets().await?.iter().for_each(|sheet| board.add(sheet, js::now()));
            pages.extend(board.pages(order.top).into_iter().map(|url| Item::Page(url.to_owned())));
        }
        pages.truncate(job.room());
        shared.add_items(job, &pages).await?;
        shared.add_items(job, &others).await
    }

    async fn end_job(&self, by: &str) -> Result<Option<Job>, Complaint> {
        let shared = self.warming_store()?;
        for _ in 0..TRIES {
            let line = shared.job_line().await.map_err(|it| self.unwarmed(&it))?;
            let Some(job) = Job::parse(&line) else { return Ok(None) };
            let replaced = shared.replace_job(&line, None).await;
            if replaced.map_err(|it| self.unwarmed(&it))? == Replaced::Yes {
                let _ = shared.drop_items(job.id).await;
                self.log(Level::Info, "warm", &[("token", by), ("ended", &job.to_string())]);
                return Ok(None);
            }
        }
        Err(Complaint::new(409, "overtaken", "it went on meanwhile; try again"))
    }

    /// Goes on with the job, if there is one that nobody is at, for as long as one invocation may.
    pub async fn go_on(self: &Rc<Self>, by: By) -> Went {
        let nothing = Went { left: Left::Nothing, spent: 0 };
        let Some(shared) = &self.shared else { return nothing };
        match self.slice(shared, by).await {
            Ok(went) => went,
            Err(failure) => {
                self.fault(Tier::Shared, "warm", &failure);
                nothing
            }
        }
    }

    async fn slice(self: &Rc<Self>, shared: &Shared, by: By) -> Result<Went, Failure> {
        let began = js::now();
        let count = self.items(by);
        let before = shared.job_line().await?;
        let Some(job) = Job::parse(&before).filter(|job| !job.is_done()) else {
            return Ok(Went { left: Left::Nothing, spent: 0 });
        };
        let Some(mut job) = job.claim(began, CLAIM).filter(|_| count > 0) else {
            return Ok(Went { left: Left::Something, spent: 0 });
        };
        let claimed = job.to_string();
        if shared.replace_job(&before, Some(&job)).await? == Replaced::Overtaken {
            return Ok(Went { left: Left::Something, spent: JOB });
        }
        let items = shared.next_items(&job, count).await?;
        if items.is_empty() {
            // The list is gone: what is not done will never be.
            job.known = job.done;
        }
        let mut spent = JOB;
        for item in items {
            let now = js::now();
            if now.since(began).saturating_add(job.pause(now)) > by.span() {
                break;
            }
            match item {
                Some(item) => {
                    if let Err(failure) = self.perform(shared, &mut job, item).await {
                        self.fault(Tier::Shared, "warm", &failure);
                        self.note(&mut job, Outcome::Failed);
                    }
                }
                None => self.note(&mut job, Outcome::Foreign),
            }
            job.done = job.done.saturating_add(1);
            spent = spent.saturating_add(ITEM);
        }
        job.claimed = js::now();
        let replaced = shared.replace_job(&claimed, Some(&job)).await?;
        if replaced == Replaced::Yes && job.is_done() {
            shared.drop_items(job.id).await?;
            self.log(Level::Info, "warm", &[("done", &job.to_string())]);
        }
        Ok(Went { left: if job.is_done() { Left::Nothing } else { Left::Something }, spent })
    }

    /// How many items an invocation has subrequests for.
    fn items(&self, by: By) -> u32 {
        let most = match by {
            By::Cron(most) => most,
            // It looks for the job before and after, and counts.
            By::Request => self.allowance().saturating_sub(ASKING).max(LEAST),
        };
        let items = most.saturating_sub(JOB).checked_div(ITEM).unwrap_or(0);
        u32::try_from(items).unwrap_or(u32::MAX)
    }

    fn note(&self, job: &mut Job, outcome: Outcome) {
        job.note(outcome);
        self.count(Cell::Warmed(outcome), 1);
    }

    async fn perform(
        self: &Rc<Self>,
        shared: &Shared,
        job: &mut Job,
        item: Item,
    ) -> Result<(), Failure> {
        match item {
            Item::Page(url) => {
                let (outcome, _) = self.ask(job, &url, 0).await;
                self.note(job, outcome);
            }
            Item::Sitemap(url) => {
                let (outcome, text) = self.ask(job, &url, SITEMAP_MAX).await;
                if matches!(outcome, Outcome::Failed | Outcome::Foreign) {
                    self.note(job, outcome);
                }
                let (found, item): (_, fn(String) -> Item) = match sitemap(&text, job.room()) {
                    Sitemap::Index(found) => (found, Item::Sitemap),
                    Sitemap::Pages(found) => (found, Item::Page),
                };
                let own: Vec<Item> = found
                    .iter()
                    .filter_map(|location| {
                        let own = resolved(&url, location).map(item);
                        if own.is_none() {
                            self.note(job, Outcome::Foreign);
                        }
                        own
                    })
                    .collect();
                shared.add_items(job, &own).await?;
            }
            Item::Tag { shard, cursor, tag } => {
                let (next, mut pages) = shared.tagged(shard, cursor, &tag).await?;
                pages.truncate(job.room());
                shared.add_items(job, &pages).await?;
                if next != 0 && job.room() > 0 {
                    let further = Item::Tag { shard, cursor: next, tag };
                    shared.add_items(job, &[further]).await?;
                }
            }
        }
        Ok(())
    }

    /// Asks for a page when it is time, and waits until all is done that comes of it. Up to so many
    /// bytes of it are read.
    async fn ask(self: &Rc<Self>, job: &mut Job, url: &str, most: u64) -> (Outcome, String) {
        Delay::from(job.pause(js::now())).await;
        job.spend(js::now());
        let mut fields = HeaderMap::new();
        fields.insert(header::USER_AGENT, HeaderValue::from_static("breadbox-warm"));
        let coding = if most == 0 { CODINGS } else { "identity" };
        fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding));
        let asked = async {
            let Some(visit) = self.visit(url, fields).await else {
                return (Outcome::Foreign, String::new());
            };
            let mut outcome = Outcome::of(visit.response.status(), &visit.status);
            let mut text = String::new();
            if most > 0 && outcome != Outcome::Failed {
                match origin::collect(&visit.response, most).await {
                    Ok(body) => text = String::from_utf8_lossy(&body.to_vec()).into_owned(),
                    Err(_) => outcome = Outcome::Failed,
                }
            }
            visit.end().await;
            (outcome, text)
        };
        match select(Box::pin(asked), Delay::from(PATIENCE)).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => (Outcome::Failed, String::new()),
        }
    }

    /// Sees to it that what is hot is warmed after a purge of everything, if that is wished.
    pub fn warm_after(self: &Rc<Self>, records: &[Record], context: &Context) {
        let warming = self.config.warming;
        let all = records.iter().any(|record| record.selector == Selector::All);
        if !all || warming.top == 0 || self.shared.is_none() {
            return;
        }
        let edge = Rc::clone(self);
        context.wait_until(async move {
            let order = Order::hottest(warming.top as usize, warming.rate);
            // What keeps it from beginning is counted and logged where it concerns the store.
            if edge.begin_job(order, "@purge").await.is_ok() {
                edge.go_on(By::Request).await;
            }
        });
    }
}

/// How far an invocation has gone on with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Went {
    pub left: Left,
    /// Up to so many subrequests it took, beside the look for the job.
    pub spent: u64,
}

/// Whether there is something left to warm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    Something,
}

impl By {
    /// How long after its beginning an invocation begins with another item.
    fn span(self) -> Duration {
        match self {
            Self::Cron(_) => Duration::from_secs(45),
            Self::Request => Duration::from_secs(8),
        }
    }
}

/// The codings that browsers take, as Cloudflare hands them on.
const CODINGS: &str = "gzip, br";

/// After so long nobody waits for a page any more.
const PATIENCE: Duration = Duration::from_secs(12);

/// Nobody who is still alive works on a slice for longer.
const CLAIM: Duration = Duration::from_secs(90);

/// The largest sitemap in bytes.
const SITEMAP_MAX: u64 = 4 << 20;

/// What a job takes in subrequests beside its items: its claim, its list, what has come of it, and
/// the end of the list.
const JOB: u64 = 4;

/// What an item takes: for a page the look, the lease, the fetch, the store and the data centre's
/// copy, and for one of several variants two more.
const ITEM: u64 = 7;

/// With fewer subrequests a job gets nowhere.
pub(super) const LEAST: u64 = JOB + ITEM;

/// What a request takes that goes on with a job: two looks for it, and a flush.
const ASKING: u64 = 5;

/// How often it is tried to end a job that goes on.
const TRIES: u32 = 5;
