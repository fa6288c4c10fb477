//! Replaying a real distribution of popularity and sizes: what the cache saves its origin.
//!
//! Objects are drawn from the joint distribution that Akamai published for web traffic (format: see
//! [`Distribution::read`]), requests with the objects' weights. That is an independent reference
//! model, without temporal locality, so hit ratios are lower bounds for such a site.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::field::{Field, MEMORY};
use super::load::{self, Load};
use crate::places::read;
use crate::progress::{line, step};

/// How much is replayed.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Objects of the site.
    pub objects: usize,
    /// Requests for them.
    pub requests: usize,
    /// Where chance begins.
    pub seed: u64,
}

/// Requests a site gets and how large its objects are.
struct Workload {
    sizes: Vec<usize>,
    requests: Vec<usize>,
}

/// Replays and prints; the answer is the same as JSON.
pub fn run(field: &Field, file: &Path, amount: Amount) -> Result<Value> {
    let workload = Distribution::read(file)?.draw(amount);
    let bytes: usize = workload.requests.iter().map(|&object| workload.sizes[object]).sum();
    let what = format!(
        "{} requests for {} objects, {} MB in all",
        workload.requests.len(),
        workload.sizes.len(),
        bytes >> 20
    );
    let port = field.contestant(MEMORY).context("Breadbox takes part")?.port;
    field.origin.forget();
    let mut sample = step(&what, || load::run(&workload.load(port)))?;
    if sample.wrong > 0 {
        bail!(
            "{} answers were wrong, such as\n{}",
            sample.wrong,
            sample.example.unwrap_or_default()
        );
    }
    let fetches = field.origin.requests().len();
    let total = workload.requests.len();
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    let hit_bytes = sample.bytes.first().copied().unwrap_or(0) as usize;
    let hits = sample.latencies.first().map_or(0, Vec::len);
    let infinite = workload.lru(usize::MAX);
    let lru = workload.lru(LRU);
    let rows = [
        ("breadbox", hits, hit_bytes),
        ("infinite cache", infinite.0, infinite.1),
        ("LRU of 64 MB", lru.0, lru.1),
    ];
    line(&format!("\n{:<18}{:>12}{:>14}", "cache", "hits %", "bytes hit %"));
    for (name, hits, hit_bytes) in rows {
        line(&format!("{name:<18}{:>12.2}{:>14.2}", share(hits, total), share(hit_bytes, bytes)));
    }
    let load = share(fetches, total);
    line(&format!("\norigin fetches: {fetches}, {load:.2} % of the requests"));
    for (kind, word) in ["hit", "miss"].into_iter().enumerate() {
        let (p50, p99) = (sample.latency(kind, 0.5), sample.latency(kind, 0.99));
        line(&format!("{word}: p50 {p50:.0} us, p99 {p99:.0} us"));
    }
    let rows: Vec<Value> = rows
        .iter()
        .map(|(name, hits, hit_bytes)| {
            json!({
                "cache": name,
                "hit_percent": share(*hits, total),
                "byte_hit_percent": share(*hit_bytes, bytes),
            })
        })
        .collect();
    Ok(json!({
        "workload": what,
        "seed": amount.seed,
        "origin_fetches": fetches,
        "origin_percent": load,
        "rows": rows,
    }))
}

/// Requests for as many objects as `amount` says, the most popular being object 0.
pub(crate) fn ranks(file: &Path, amount: Amount) -> Result<Vec<usize>> {
    let drawn = Distribution::read(file)?.draw(amount).requests;
    let mut times = vec![0usize; amount.objects];
    drawn.iter().for_each(|&object| times[object] += 1);
    let mut order: Vec<usize> = (0..amount.objects).collect();
    order.sort_by_key(|&object| std::cmp::Reverse(times[object]));
    let mut rank = vec![0; amount.objects];
    order.iter().enumerate().for_each(|(place, &object)| rank[object] = place);
    Ok(drawn.into_iter().map(|object| rank[object]).collect())
}

impl Workload {
    fn load(&self, port: u16) -> Load {
        let (requests, sizes) = (Rc::new(self.requests.clone()), Rc::new(self.sizes.clone()));
        let end = requests.len() as u64;
        Load {
            port,
            connections: CONNECTIONS,
            span: Duration::from_secs(3600),
            count: Some(end),
            rate: None,
            message: Rc::new(move |number| {
                let object = requests[usize::try_from(number).unwrap_or(0) % requests.len()];
                let size = sizes[object];
                format!("GET /fresh/{object}/{size} HTTP/1.1\r\nhost: bench.test\r\n\r\n").into()
            }),
            sort: Rc::new(|answer| match answer.status {
                200 if answer.head.contains("; hit;") || answer.head.contains("collapsed") => {
                    Some(0)
                }
                200 => Some(1),
                _ => None,
            }),
        }
    }

    /// Hits, and bytes of them, in a cache of so many bytes that forgets what was used longest ago.
    fn lru(&self, capacity: usize) -> (usize, usize) {
        let mut used: HashMap<usize, usize> = HashMap::new();
        let mut order = BTreeMap::new();
        let (mut hits, mut bytes, mut held) = (0, 0, 0usize);
        for (now, &object) in self.requests.iter().enumerate() {
            let size = self.sizes[object];
            if let Some(before) = used.insert(object, now) {
                order.remove(&before);
                hits += 1;
                bytes += size;
            } else {
                held = held.saturating_add(size);
            }
            order.insert(now, object);
            while held > capacity {
                let Some((_, oldest)) = order.pop_first() else { break };
                used.remove(&oldest);
                held -= self.sizes[oldest];
            }
        }
        (hits, bytes)
    }
}

/// A joint distribution of popularity and size.
struct Distribution(Vec<Group>);

/// Objects of one popularity and size, and the share of all that they are.
#[derive(Clone, Copy)]
struct Group {
    weight: f64,
    size: usize,
    share: f64,
}

impl Distribution {
    /// Reads a file of the footprint descriptors of UMass-LIDS/Tragen: a line with one number opens
    /// a group of objects that are requested so often; each line `size_kb probability` below it is
    /// the share of objects of that size.
    fn read(file: &Path) -> Result<Self> {
        let text = read(file).context(
            "the workload needs the file popularity.txt of Akamai's traffic classes, as \
             github.com/UMass-LIDS/Tragen publishes it; name it with --workload",
        )?;
        let mut weight = 0.0;
        let mut groups = Vec::new();
        for (number, text) in text.lines().enumerate() {
            let mut words = text.split_whitespace().map(str::parse::<f64>);
            match (words.next(), words.next()) {
                (Some(Ok(times)), None) => weight = times,
                (Some(Ok(size)), Some(Ok(share))) => {
                    let size = (size * 1024.0) as usize;
                    groups.push(Group { weight, size, share });
                }
                _ => bail!("{}:{}: not a line of the format", file.display(), number + 1),
            }
        }
        Ok(Self(groups))
    }

    fn draw(&self, amount: Amount) -> Workload {
        let mut chance = Chance(amount.seed | 1);
        let groups = Cumulative::new(self.0.iter().map(|group| group.share));
        let objects: Vec<Group> =
            (0..amount.objects).map(|_| self.0[groups.pick(&mut chance)]).collect();
        let weights = Cumulative::new(objects.iter().map(|object| object.weight));
        let requests = (0..amount.requests).map(|_| weights.pick(&mut chance)).collect();
        Workload { sizes: objects.iter().map(|object| object.size).collect(), requests }
    }
}

/// Weights, summed up.
struct Cumulative(Vec<f64>);

impl Cumulative {
    fn new(weights: impl Iterator<Item = f64>) -> Self {
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self(sums.collect())
    }

    fn pick(&self, chance: &mut Chance) -> usize {
        let at = chance.next() * self.0.last().copied().unwrap_or(0.0);
        self.0.partition_point(|&sum| sum <= at).min(self.0.len() - 1)
    }
}

/// The same numbers for the same seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

const CONNECTIONS: usize = 16;
const LRU: usize = 64 << 20;
