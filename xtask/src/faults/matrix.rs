//! `cargo xtask fault-matrix`: what each trouble of the store costs each class of traffic.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use reqwest::Client;

use super::record::Published;
use super::traffic::{self, Class, End, PAGES, Sample};
use super::trouble::Trouble;
use crate::harness::{self, Edge, PlatformTier, Spec, Troubles};
use crate::places;
use crate::progress::line;

/// What `cargo xtask fault-matrix` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Write the table into docs/reliability.md
    #[arg(long)]
    pub write: bool,
    /// How long each trouble lasts, in milliseconds
    #[arg(long, default_value_t = 3000)]
    pub span: u64,
    /// Only troubles whose row contains this text
    #[arg(long, default_value = "")]
    pub only: String,
}

/// Where a trouble is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In Redis itself: `maxmemory` is a byte.
    Memory,
    /// In Redis itself: it is a replica of a server that is not there.
    ReadOnly,
    /// On the line between the gateway and Redis.
    Redis(Trouble),
    /// On the line between the Worker and the gateway.
    Store(Trouble),
}

/// What a trouble costs a class.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// The change of the median and of the 99th percentile, in milliseconds.
    added: (f64, f64),
    /// Requests that reached the origin, as a multiple of what they are without the trouble.
    load: f64,
    recovery: Option<Duration>,
    /// Of all answers, those that were neither good nor an honest refusal of a purge.
    bad: usize,
    refused: usize,
    answers: usize,
}

/// Runs every row; whether all cells are within the limits.
pub fn run(options: &Options) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(options))
}

async fn measure(options: &Options) -> Result<bool> {
    let site = Published::start(traffic::terms())?;
    let mut spec = Spec::of(&site.origin.url()).as_site("site.test");
    spec = Spec { processes: 2, platform: PlatformTier::Common, ..spec };
    spec.troubles = Troubles::OnEveryLine;
    let stage = Stage { edge: Edge::start(spec)?, site, client: harness::client() };
    stage.warm().await;
    let span = Duration::from_millis(options.span);
    let mut rows = Vec::new();
    for place in Place::all() {
        if place.to_string().contains(&options.only) {
            let cells = stage.row(place, span).await?;
            line(&format!("  {place}: {}", cells.iter().map(Cell::told).collect::<String>()));
            rows.push((place, cells));
        }
    }
    let table = table(&rows, span);
    line(&table);
    if options.write {
        write(&table)?;
    }
    Ok(rows.iter().all(|(_, cells)| cells.iter().all(Cell::holds)))
}

struct Stage {
    edge: Edge,
    site: Published,
    client: Client,
}

impl Stage {
    async fn warm(&self) {
        for class in [Class::Hit, Class::Stale, Class::Purge] {
            for number in 0..2 * PAGES {
                let (url, path) = (self.edge.url(number / PAGES), class.path(number % PAGES));
                traffic::page(&self.site, &self.client, url, class, &path).await;
            }
        }
    }

    /// The same traffic without and with the trouble, and then the recovery of each class. What a
    /// row is compared with must not be what the one before it has left behind.
    async fn row(&self, place: Place, span: Duration) -> Result<Vec<Cell>> {
        for class in Class::ALL {
            let well = self.recovery(class, Instant::now(), SETTLED).await;
            well.with_context(|| format!("no {} as usual before: {place}", class.name()))?;
        }
        let before = self.window(span).await;
        place.make(&self.edge)?;
        let during = self.window(span).await;
        place.mend(&self.edge)?;
        let mended = Instant::now();
        let recoveries = futures_util::future::join_all(
            Class::ALL.map(|class| self.recovery(class, mended, PATIENCE)),
        );
        let recoveries = recoveries.await;
        self.warm().await;
        let cells = Class::ALL.into_iter().zip(recoveries);
        let cell = |(class, it)| Cell::of(class, &before[&class], &during[&class], it);
        Ok(cells.map(cell).collect())
    }

    /// A window begins when all pages with a lifetime of a second are stale: how many of them are
    /// refreshed must not be a matter of what was before.
    async fn window(&self, span: Duration) -> BTreeMap<Class, (Vec<Sample>, usize)> {
        tokio::time::sleep(STALE).await;
        self.site.origin.forget();
        let samples = traffic::window(&self.edge, &self.site, &self.client, span).await;
        let of = |class| samples.iter().filter(move |it| it.class == class).cloned().collect();
        let fetched = |class| traffic::fetches(&self.site, class);
        Class::ALL.into_iter().map(|class| (class, (of(class), fetched(class)))).collect()
    }

    /// How long until every isolate serves the class as before; `None` if it takes too long.
    async fn recovery(
        &self,
        class: Class,
        mended: Instant,
        patience: Duration,
    ) -> Option<Duration> {
        for isolate in 0..self.edge.urls().len() {
            while !self.serves(class, isolate).await {
                if mended.elapsed() > patience {
                    return None;
                }
                tokio::time::sleep(STEP).await;
            }
        }
        Some(mended.elapsed())
    }

    async fn serves(&self, class: Class, isolate: usize) -> bool {
        let url = self.edge.url(isolate);
        let path = if class == Class::Miss { traffic::fresh_path() } else { class.path(0) };
        let sample = match class {
            Class::Purge => traffic::purge(&self.site, &self.client, url, &path).await,
            _ => traffic::page(&self.site, &self.client, url, class, &path).await,
        };
        let good = sample.end == End::Good && sample.took < PROMPT;
        // What is missed must be stored for everybody again.
        good && (class != Class::Miss || self.is_stored(&path).await)
    }

    async fn is_stored(&self, path: &str) -> bool {
        let key = breadbox::cache::key::Key::of_url(&format!("http://site.test{path}"));
        let name = breadbox::redis::Keys::new("breadbox", 1).entry(key.id());
        let stored = async || {
            let redis = self.edge.redis.as_ref();
            redis.and_then(|it| it.tell(&["EXISTS", &name]).ok()).is_some_and(|it| it == "1")
        };
        harness::eventually("the entry is stored", STORED, stored).await.is_ok()
    }
}

impl Place {
    fn all() -> Vec<Self> {
        let store = Trouble::HTTP.map(Self::Store).into_iter();
        let redis = Trouble::BYTES.map(Self::Redis).into_iter();
        store.chain(redis).chain([Self::Memory, Self::ReadOnly]).collect()
    }

    fn make(self, edge: &Edge) -> Result<()> {
        let redis = edge.redis.as_ref().context("no Redis")?;
        match self {
            Self::Memory => redis.tell(&["CONFIG", "SET", "maxmemory", "1"]).map(drop)?,
            Self::ReadOnly => redis.tell(&["REPLICAOF", "127.0.0.1", "1"]).map(drop)?,
            Self::Redis(trouble) => edge.lines()?.redis.set(trouble),
            Self::Store(trouble) => edge.lines()?.store.set(trouble),
        }
        Ok(())
    }

    fn mend(self, edge: &Edge) -> Result<()> {
        let redis = edge.redis.as_ref().context("no Redis")?;
        match self {
            Self::Memory => redis.tell(&["CONFIG", "SET", "maxmemory", "0"]).map(drop)?,
            Self::ReadOnly => redis.tell(&["REPLICAOF", "NO", "ONE"]).map(drop)?,
            Self::Redis(_) => edge.lines()?.redis.set(Trouble::Fair),
            Self::Store(_) => edge.lines()?.store.set(Trouble::Fair),
        }
        Ok(())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory => f.write_str("Redis: out of memory"),
            Self::ReadOnly => f.write_str("Redis: read-only"),
            Self::Redis(trouble) => write!(f, "gateway to Redis: {trouble}"),
            Self::Store(trouble) => write!(f, "Worker to gateway: {trouble}"),
        }
    }
}

impl Cell {
    fn of(
        class: Class,
        (before, base): &(Vec<Sample>, usize),
        (during, fetched): &(Vec<Sample>, usize),
        recovery: Option<Duration>,
    ) -> Self {
        let part = |fetches: usize, samples: &[Sample]| match class {
            // Refreshes are due by time: slower answers must not count as more of them.
            Class::Stale => fetches as f64,
            _ => fetches as f64 / samples.len().max(1) as f64,
        };
        let (base, fetched) = (part(*base, before), part(*fetched, during));
        let count = |end: fn(End) -> bool| during.iter().filter(|it| end(it.end)).count();
        let added = |share| percentile(during, share) - percentile(before, share);
        Self {
            added: (added(0.5), added(0.99)),
            load: if fetched == 0.0 { 0.0 } else { fetched / base },
            recovery,
            bad: count(|end| !matches!(end, End::Good | End::Refused)),
            refused: count(|end| end == End::Refused),
            answers: during.len(),
        }
    }

    fn holds(&self) -> bool {
        self.load <= LOAD_MAX && self.bad == 0 && self.recovery.is_some_and(|it| it <= RECOVERY_MAX)
    }

    fn told(&self) -> String {
        let Self { added: (median, tail), load, refused, bad, answers, .. } = self;
        let recovery = self.recovery.map_or("never".to_owned(), |it| format!("{it:.1?}"));
        let mut text = format!(" {median:+.0}/{tail:+.0} ms ×{load:.2} {recovery}");
        for (count, what) in [(refused, "refused"), (bad, "BAD")] {
            if *count > 0 {
                let _ = write!(text, " {count}/{answers} {what}");
            }
        }
        text + " |"
    }
}

/// A percentile of what answers took, in milliseconds.
fn percentile(samples: &[Sample], share: f64) -> f64 {
    let mut took: Vec<f64> = samples.iter().map(|it| it.took.as_secs_f64() * 1e3).collect();
    took.sort_by(f64::total_cmp);
    let at = (took.len() as f64 * share) as usize;
    took.get(at.min(took.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn table(rows: &[(Place, Vec<Cell>)], span: Duration) -> String {
    let mut text = format!(
        "Each row: {span:?} without and {span:?} with the trouble. Each cell: change of the \
         median / the 99th percentile, origin load as a multiple of the baseline, time to \
         recover.\n\n| trouble |"
    );
    for class in Class::ALL {
        let _ = write!(text, " {} |", class.name());
    }
    text.push_str("\n|---|---|---|---|---|\n");
    for (place, cells) in rows {
        let _ = writeln!(text, "| {place} |{}", cells.iter().map(Cell::told).collect::<String>());
    }
    text
}

/// Puts the table between its marks in the page.
fn write(table: &str) -> Result<()> {
    let file = places::root().join("docs/reliability.md");
    let page = places::read(&file)?;
    let (before, rest) = page.split_once(BEGIN).context("the page has no mark for the table")?;
    let (_, after) = rest.split_once(END).context("the page has no mark for the table's end")?;
    places::write(&file, format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}

const BEGIN: &str = "<!-- cargo xtask fault-matrix --write -->";
const END: &str = "<!-- end of fault-matrix -->";
const LOAD_MAX: f64 = 1.2;
const PATIENCE: Duration = Duration::from_secs(6);
/// What counts as prompt once the trouble is over, on a busy machine.
const PROMPT: Duration = Duration::from_millis(200);
const RECOVERY_MAX: Duration = Duration::from_secs(2);
/// Within this time a row must find everything as usual.
const SETTLED: Duration = Duration::from_secs(30);
/// After this long what was just refreshed is stale again.
const STALE: Duration = Duration::from_millis(1100);
const STEP: Duration = Duration::from_millis(20);
const STORED: Duration = Duration::from_millis(500);
