//! A Redis Cluster: commands go to the node that owns their slot, and follow it when it moves.

use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::ConnectionLike;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{
    Route, RoutingInfo, SingleNodeRoutingInfo, Slot as HashSlot, SlotAddr,
};
use redis::{Client, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult};
use redis::{Value, cmd};
use tokio::time::sleep;

use super::fault::{Fault, Sent};
use super::slot::Slot;
use super::{Limits, Repeat, as_reply, pipeline};
use crate::catalog::{Catalog, Placement};
use crate::command::Command;
use crate::reply::error_reply;

/// A connection to every node that is needed.
pub(super) struct Cluster {
    client: ClusterClient,
    limits: Limits,
    seeds: Vec<ConnectionInfo>,
    slot: Slot<ClusterConnection>,
}

/// Where to send a command next.
#[derive(Clone)]
enum Target {
    Ask(SingleNodeRoutingInfo),
    Moved(SingleNodeRoutingInfo),
    Owner,
}

/// What an error means for the command that met it.
enum Verdict {
    Fault(Fault),
    Redirect(Target),
    Reply(Value),
    Wait,
}

impl Cluster {
    pub(super) fn new(seeds: Vec<ConnectionInfo>, limits: Limits) -> RedisResult<Self> {
        // No retries inside the client: it would repeat writes that may have been executed.
        let client = ClusterClientBuilder::new(seeds.clone())
            .retries(0)
            .connection_timeout(limits.connect_timeout)
            .response_timeout(limits.response_timeout)
            .overall_response_timeout(Some(limits.response_timeout))
            .build()?;
        Ok(Self { client, limits, seeds, slot: Slot::new() })
    }

    pub(super) async fn run(&self, command: &Command, repeat: Repeat) -> Result<Value, Fault> {
        if command.name().as_bytes() == b"SCAN" {
            return self.scan(command).await;
        }
        self.follow(repeat, async |connection, target| match target {
            Target::Owner => connection.req_packed_command(command.packed()).await,
            Target::Moved(node) => {
                let node = RoutingInfo::SingleNode(node);
                connection.route_command(command.packed().clone(), node).await
            }
            Target::Ask(node) => {
                let mut asking = Pipeline::with_capacity(2);
                asking.add_command(cmd("ASKING")).add_command(command.packed().clone());
                let mut replies = connection.route_pipeline(asking, 0, 2, node).await?;
                Ok(replies.pop().unwrap_or(Value::Nil))
            }
        })
        .await
    }

    /// Commands of one slot run in order; slots run side by side. A command without keys, or with
    /// keys in several slots, waits for what stands before it, and what follows waits for it.
    pub(super) async fn run_batch(
        &self,
        commands: &[Command],
        catalog: &Catalog,
    ) -> Vec<Result<Value, Fault>> {
        let mut outcomes: Vec<Option<Result<Value, Fault>>> = vec![None; commands.len()];
        for stage in stages(commands, catalog) {
            let lanes = stage.iter().map(async |lane| {
                let mut replies = Vec::with_capacity(lane.len());
                for (index, command) in lane {
                    let repeat = match catalog.only_reads(command) {
                        true => Repeat::Always,
                        false => Repeat::OnlyUnsent,
                    };
                    replies.push((*index, self.run(command, repeat).await));
                }
                replies
            });
            for (index, outcome) in join_all(lanes).await.into_iter().flatten() {
                if let Some(place) = outcomes.get_mut(index) {
                    *place = Some(outcome);
                }
            }
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or(Err(Fault::Unreachable))).collect()
    }

    /// Runs an atomic pipeline on the node that owns all its keys.
    pub(super) async fn run_transaction(
        &self,
        commands: &[Command],
        catalog: &Catalog,
    ) -> Result<Value, Fault> {
        let mut pipeline = pipeline(commands);
        pipeline.atomic();
        let mut slot = None;
        for command in commands {
            match catalog.placement(command) {
                Placement::Anywhere => {}
                Placement::In(own) if slot.is_none_or(|slot| slot == own) => slot = Some(own),
                Placement::In(_) | Placement::Scattered => return Ok(error_reply(CROSSSLOT)),
            }
        }
        let owner = match slot {
            Some(slot) => {
                SingleNodeRoutingInfo::SpecificNode(Route::with_slot(slot, SlotAddr::Master))
            }
            None => SingleNodeRoutingInfo::RandomPrimary,
        };
        let skipped = pipeline.len() + 1;
        self.follow(Repeat::OnlyUnsent, async |connection, target| {
            let node = match target {
                Target::Moved(node) => node,
                Target::Ask(_) | Target::Owner => owner.clone(),
            };
            let mut replies = connection.route_pipeline(pipeline.clone(), skipped, 1, node).await?;
            Ok(replies.pop().unwrap_or(Value::Nil))
        })
        .await
    }

    /// Clients for the seed nodes, for connections of their own.
    pub(super) fn clients(&self) -> Vec<Client> {
        self.seeds.iter().filter_map(|seed| Client::open(seed.clone()).ok()).collect()
    }

    /// Scans one node after the other: the cursor is the node's own, times `MAX_NODES`, plus the
    /// node's place in the list of primaries.
    async fn scan(&self, command: &Command) -> Result<Value, Fault> {
        let cursor = command.argument(1).and_then(|text| std::str::from_utf8(text).ok());
        let Some(cursor) = cursor.and_then(|text| text.parse::<u128>().ok()) else {
            return Ok(error_reply("ERR invalid cursor"));
        };
        let primaries = self.primaries().await?;
        let index = (cursor % MAX_NODES) as usize;
        let Some(node) = primaries.get(index) else {
            return Ok(error_reply("ERR invalid cursor"));
        };
        let own = (cursor / MAX_NODES).to_string();
        let page = command.rewritten(|at| (at == 1).then_some(own.as_bytes()));
        let reply = self
            .follow(Repeat::Always, async |connection, _| {
                let node = RoutingInfo::SingleNode(node.clone());
                connection.route_command(page.packed().clone(), node).await
            })
            .await?;
        let Value::Array(mut parts) = reply else { return Ok(reply) };
        if let Some(Value::BulkString(next)) = parts.first_mut() {
            let own = std::str::from_utf8(next).ok().and_then(|text| text.parse::<u128>().ok());
            let place = match own {
                Some(own) if own > 0 => own * MAX_NODES + index as u128,
                _ if index + 1 < primaries.len() => index as u128 + 1,
                _ => 0,
            };
            *next = place.to_string().into_bytes();
        }
        Ok(Value::Array(parts))
    }

    /// The primaries in the order of their addresses.
    async fn primaries(&self) -> Result<Vec<SingleNodeRoutingInfo>, Fault> {
        let slots = self.follow(Repeat::Always, async |connection, _| {
            connection.req_packed_command(cmd("CLUSTER").arg("SLOTS")).await
        });
        let Value::Array(ranges) = slots.await? else { return Err(Fault::Unreachable) };
        let mut nodes: Vec<(String, u16)> = ranges.iter().filter_map(primary).collect();
        nodes.sort();
        nodes.dedup();
        let by_address = |(host, port)| SingleNodeRoutingInfo::ByAddress { host, port };
        Ok(nodes.into_iter().map(by_address).collect())
    }

    async fn follow(
        &self,
        repeat: Repeat,
        send: impl AsyncFn(&mut ClusterConnection, Target) -> RedisResult<Value>,
    ) -> Result<Value, Fault> {
        let mut target = Target::Owner;
        let mut fault = Fault::Unreachable;
        for attempt in 1..=ATTEMPTS {
            let mut live = self.slot.connection(async || self.dial().await).await?;
            let error = match send(&mut live.connection, target.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            match self.verdict(&error, repeat) {
                Verdict::Reply(reply) if attempt == ATTEMPTS || !is_passing(&reply) => {
                    return Ok(reply);
                }
                Verdict::Reply(_) | Verdict::Wait => target = Target::Owner,
                Verdict::Redirect(redirected) => {
                    target = redirected;
                    continue;
                }
                Verdict::Fault(met) => {
                    fault = met;
                    if met != Fault::Unreachable {
                        break;
                    }
                }
            }
            sleep(PAUSE * attempt).await;
        }
        Err(fault)
    }

    fn verdict(&self, error: &RedisError, repeat: Repeat) -> Verdict {
        if let Some(reply) = as_reply(error) {
            return redirect(&reply).map_or(Verdict::Reply(reply), Verdict::Redirect);
        }
        let unsent =
            error.is_connection_refusal() || error.kind() == ErrorKind::ClusterConnectionNotFound;
        let sent = if unsent { Sent::No } else { Sent::Maybe };
        match Fault::new(error, sent, self.limits.response_timeout) {
            Fault::Lost if repeat == Repeat::Always => Verdict::Wait,
            fault => Verdict::Fault(fault),
        }
    }

    async fn dial(&self) -> Result<ClusterConnection, Fault> {
        match self.client.get_async_connection().await {
            Ok(connection) => {
                tracing::info!("connected to the Redis Cluster");
                Ok(connection)
            }
            Err(error) => {
                tracing::warn!(%error, "cannot connect to the Redis Cluster");
                Err(Fault::Unreachable)
            }
        }
    }
}

/// Lists of commands that may run side by side, each with its place in the batch.
type Stage<'a> = Vec<Vec<(usize, &'a Command)>>;

fn stages<'a>(commands: &'a [Command], catalog: &Catalog) -> Vec<Stage<'a>> {
    let mut stages = Vec::new();
    let mut open: Vec<(HashSlot, Vec<(usize, &Command)>)> = Vec::new();
    for entry @ (_, command) in commands.iter().enumerate() {
        let Placement::In(slot) = catalog.placement(command) else {
            stages.push(open.drain(..).map(|(_, lane)| lane).collect());
            stages.push(vec![vec![entry]]);
            continue;
        };
        match open.iter_mut().find(|(other, _)| *other == slot) {
            Some((_, lane)) => lane.push(entry),
            None => open.push((slot, vec![entry])),
        }
    }
    stages.push(open.into_iter().map(|(_, lane)| lane).collect());
    stages
}

/// Where `MOVED slot host:port` or `ASK slot host:port` sends the command.
fn redirect(reply: &Value) -> Option<Target> {
    let Value::ServerError(error) = reply else { return None };
    let (host, port) = error.details()?.split(' ').nth(1)?.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let node = SingleNodeRoutingInfo::ByAddress { host, port: port.parse().ok()? };
    match error.code() {
        "ASK" => Some(Target::Ask(node)),
        "MOVED" => Some(Target::Moved(node)),
        _ => None,
    }
}

/// Whether the error goes away by itself while the cluster settles.
fn is_passing(reply: &Value) -> bool {
    let Value::ServerError(error) = reply else { return false };
    matches!(
        error.code(),
        "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING" | "READONLY" | "MOVED" | "ASK"
    )
}

/// The primary of one range in the reply of `CLUSTER SLOTS`.
fn primary(range: &Value) -> Option<(String, u16)> {
    let Value::Array(parts) = range else { return None };
    let Value::Array(node) = parts.get(2)? else { return None };
    match (node.first()?, node.get(1)?) {
        (Value::BulkString(host), Value::Int(port)) if !host.is_empty() => {
            Some((String::from_utf8(host.clone()).ok()?, u16::try_from(*port).ok()?))
        }
        _ => None,
    }
}

const ATTEMPTS: u32 = 6;
const CROSSSLOT: &str = "CROSSSLOT Keys in request don't hash to the same slot";
/// More primaries than any Redis Cluster has.
const MAX_NODES: u128 = 16384;
/// Grows with every attempt.
const PAUSE: Duration = Duration::from_millis(40);
