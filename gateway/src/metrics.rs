//! What the gateway counts, in Prometheus' text format.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use hyper::StatusCode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Counters of one gateway. All names begin with `breadbox_gateway_`.
pub struct Metrics {
    registry: Registry,
    commands: Counter,
    connections: Gauge<i64, AtomicI64>,
    faults: Family<FaultLabels, Counter>,
    in_flight: Gauge<i64, AtomicI64>,
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
    streams: Gauge<i64, AtomicI64>,
}

/// What kind of request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Kind {
    /// One command.
    Command,
    /// Health, metrics and the like.
    Other,
    /// Several commands.
    Pipeline,
    /// A subscription.
    Stream,
    /// Several commands at once.
    Transaction,
}

/// A gauge that is one higher while this is held.
pub struct Held(Gauge<i64, AtomicI64>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabels {
    fault: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    kind: Kind,
    status: u16,
}

impl Metrics {
    /// Counters that all stand at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("breadbox_gateway"),
            commands: Counter::default(),
            connections: Gauge::default(),
            faults: Family::default(),
            in_flight: Gauge::default(),
            requests: Family::default(),
            seconds: Histogram::new(BUCKETS),
            streams: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    /// Counts an answered request.
    pub fn answered(&self, kind: Kind, status: StatusCode, took: Duration) {
        self.requests.get_or_create(&RequestLabels { kind, status: status.as_u16() }).inc();
        if kind != Kind::Stream {
            self.seconds.observe(took.as_secs_f64());
        }
    }

    /// Counts commands sent to Redis.
    pub fn sent(&self, commands: usize) {
        self.commands.inc_by(commands as u64);
    }

    /// Counts a command that got no reply; `fault` is one word.
    pub fn failed(&self, fault: &'static str) {
        self.faults.get_or_create(&FaultLabels { fault }).inc();
    }

    /// Counts a client's connection while it is open.
    pub fn connection(&self) -> Held {
        Held::new(&self.connections)
    }

    /// Counts a request while it is being answered.
    pub fn request(&self) -> Held {
        Held::new(&self.in_flight)
    }

    /// Counts a subscription while it is open.
    pub fn stream(&self) -> Held {
        Held::new(&self.streams)
    }

    /// All counters as text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        match text::encode(&mut out, &self.registry) {
            Ok(()) => out,
            Err(_) => String::new(),
        }
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let mut gauge = |name, help, gauge: &Gauge<i64, AtomicI64>| {
            registry.register(name, help, gauge.clone());
        };
        gauge("connections", "Open connections of clients", &self.connections);
        gauge("requests_in_flight", "Requests being answered", &self.in_flight);
        gauge("streams", "Open subscriptions", &self.streams);
        registry.register("commands", "Commands sent to Redis", self.commands.clone());
        registry.register("faults", "Commands without a reply", self.faults.clone());
        registry.register("requests", "Answered requests", self.requests.clone());
        registry.register("request_seconds", "Time to the answer's head", self.seconds.clone());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Held {
    fn new(gauge: &Gauge<i64, AtomicI64>) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Upper bounds of the histogram of answer times, in seconds.
const BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
