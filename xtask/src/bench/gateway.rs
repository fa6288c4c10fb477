//! The gateway beside Redis itself: GET of a value of 1 KB over 64 connections.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::field::{self, TOKEN};
use super::load::{self, Load};
use super::report::median;
use super::spent;
use crate::places::target;
use crate::process::Program;
use crate::progress::line;
use crate::servers::{Gateway, Redis};
use crate::tools;

/// Asks both in turn, so many times; prints and answers rates and the servers' processor time.
pub fn run(rounds: usize, span: Duration) -> Result<Value> {
    let (_, _, redis) = tools::all()?;
    let benchmark = tools::debian("redis-tools", "redis-benchmark")?;
    let logs = target().join("bench");
    let (redis, gateway) = field::store(redis, &logs)?;
    redis.tell(&["SET", KEY, &"x".repeat(1024)])?;
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    let mut count = 50_000;
    for round in 0..=rounds {
        let straight = straight(&benchmark, &redis, count, &logs)?;
        let around = around(&gateway, &redis, span)?;
        // The first round warms up, and tells how many requests take the span.
        if round == 0 {
            count = (straight.rate * span.as_secs_f64()) as u64;
        } else {
            line(&format!("  round {round}/{rounds}  redis {straight}  gateway {around}"));
            direct.push(straight);
            through.push(around);
        }
    }
    Ok(told(&direct, &through))
}

/// What one measurement showed.
#[derive(Clone, Copy, Debug)]
struct Taken {
    /// Answers a second.
    rate: f64,
    /// Microseconds of Redis' processor time for each.
    redis: f64,
    /// Microseconds of the gateway's.
    gateway: f64,
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}/s, {:.1} us Redis", self.rate, self.redis)?;
        if self.gateway > 0.0 {
            write!(f, " + {:.1} us gateway", self.gateway)?;
        }
        Ok(())
    }
}

fn straight(benchmark: &Path, redis: &Redis, count: u64, logs: &Path) -> Result<Taken> {
    let group = redis.daemon.id().context("Redis does not run")?;
    let (port, connections) = (redis.port().to_string(), CONNECTIONS.to_string());
    let (before, began) = (spent(group), Instant::now());
    Program::new("redis-benchmark", benchmark)
        .args(["-p", &port, "-c", &connections, "-n", &count.to_string(), "-q", "GET", KEY])
        .run(logs)?;
    let took = began.elapsed().as_secs_f64();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
    let redis = each(spent(group).saturating_sub(before));
    Ok(Taken { rate: count as f64 / took, redis, gateway: 0.0 })
}

fn around(gateway: &Gateway, redis: &Redis, span: Duration) -> Result<Taken> {
    let groups = [redis.daemon.id(), gateway.daemon.id()];
    let [Some(redis), Some(own)] = groups else { anyhow::bail!("a server does not run") };
    let body = format!("[\"GET\",\"{KEY}\"]");
    let message = format!(
        "POST / HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {TOKEN}\r\n\
         upstash-response-format: resp2\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let load = Load {
        port: gateway.port(),
        connections: CONNECTIONS,
        span,
        count: None,
        rate: None,
        message: Rc::new(move |_| message.clone().into_bytes()),
        sort: Rc::new(|answer| (answer.status == 200 && answer.length > 1024).then_some(0)),
    };
    let before = [redis, own].map(spent);
    let sample = load::run(&load)?;
    anyhow::ensure!(sample.wrong == 0, "wrong answers, such as {:?}", sample.example);
    let count = sample.requests() as f64;
    let each = |group, before| spent(group).saturating_sub(before).as_secs_f64() * 1e6 / count;
    Ok(Taken { rate: sample.rate(), redis: each(redis, before[0]), gateway: each(own, before[1]) })
}

fn told(direct: &[Taken], through: &[Taken]) -> Value {
    let of = |list: &[Taken], part: fn(&Taken) -> f64| {
        median(&list.iter().map(part).collect::<Vec<_>>())
    };
    let pairs = || direct.iter().zip(through);
    let rates: Vec<f64> = pairs().map(|(a, b)| b.rate / a.rate).collect();
    let own: Vec<f64> = pairs().map(|(a, b)| a.redis / b.gateway).collect();
    let both: Vec<f64> = pairs().map(|(a, b)| a.redis / (b.gateway + b.redis)).collect();
    let told = json!({
        "redis": { "rate": of(direct, |it| it.rate), "us": of(direct, |it| it.redis) },
        "gateway": {
            "rate": of(through, |it| it.rate),
            "us": of(through, |it| it.gateway),
            "redisUs": of(through, |it| it.redis),
        },
        "ofRate": median(&rates),
        "ofRatePerCoreOfTheGateway": median(&own),
        "ofRatePerCoreOfBothServers": median(&both),
    });
    line(&format!("{told:#}"));
    json!({ "gateway": told })
}

const CONNECTIONS: usize = 64;
const KEY: &str = "a-value-of-1-KB";
