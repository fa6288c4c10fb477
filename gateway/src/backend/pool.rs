//! One server, named by its address or by Sentinels: a few connections that all requests share.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClient, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, RedisError, RedisResult};
use redis::{ServerErrorKind, Value};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::fault::{Fault, Sent};
use super::lane::Lane;
use super::slot::{Live, Slot};
use super::{Limits, Repeat, as_reply, pipeline};
use crate::address::SentinelGroup;
use crate::command::Command;

/// Shared connections to one server, one of them for what is long or no text.
pub(super) struct Pool {
    bulk: Lane<MultiplexedConnection>,
    connector: Connector,
    limits: Limits,
    lanes: Vec<Lane<MultiplexedConnection>>,
    turn: Cell<usize>,
}

/// How to find the server.
pub(super) enum Connector {
    Sentinel(Box<Mutex<SentinelClient>>),
    Server(Box<Client>),
}

impl Connector {
    pub(super) fn sentinel(group: SentinelGroup) -> RedisResult<Self> {
        let (sentinels, node) = (group.sentinels, Some(group.node));
        let kind = SentinelServerType::Master;
        let client = SentinelClient::build(sentinels, group.primary, node, kind)?;
        Ok(Self::Sentinel(Box::new(Mutex::new(client))))
    }

    pub(super) fn server(server: ConnectionInfo) -> RedisResult<Self> {
        Ok(Self::Server(Box::new(Client::open(server)?)))
    }

    async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Sentinel(sentinel) => sentinel.lock().await.async_get_client().await,
            Self::Server(client) => Ok(Client::clone(client)),
        }
    }
}

impl Pool {
    pub(super) fn new(connector: Connector, limits: Limits) -> Self {
        let lanes = (0..limits.connections.max(1)).map(|_| Lane::new()).collect();
        Self { bulk: Lane::new(), connector, limits, lanes, turn: Cell::new(0) }
    }

    pub(super) async fn run(&self, command: &Command, repeat: Repeat) -> Result<Value, Fault> {
        let packed = command.packed();
        let send = async |live: &mut MultiplexedConnection| live.send_packed_command(packed).await;
        self.attempt(self.lane([command]), repeat, demoted, send).await
    }

    pub(super) async fn run_batch(
        &self,
        commands: &[Command],
        repeat: Repeat,
    ) -> Result<Vec<Value>, Fault> {
        let pipeline = &pipeline(commands);
        let count = commands.len();
        let send = async |live: &mut MultiplexedConnection| {
            live.send_packed_commands(pipeline, 0, count).await
        };
        self.attempt(self.lane(commands), repeat, |_| false, send).await
    }

    /// Runs an atomic pipeline; an error of Redis means that nothing was executed.
    pub(super) async fn run_transaction(&self, commands: &[Command]) -> Result<Value, Fault> {
        let mut pipeline = pipeline(commands);
        let pipeline = &*pipeline.atomic();
        let skipped = commands.len() + 1;
        let send = async |live: &mut MultiplexedConnection| match live
            .send_packed_commands(pipeline, skipped, 1)
            .await
        {
            Ok(mut replies) => Ok(replies.pop().unwrap_or(Value::Nil)),
            Err(error) => as_reply(&error).ok_or(error),
        };
        self.attempt(self.lane(commands), Repeat::OnlyUnsent, demoted, send).await
    }

    /// A client for a connection of its own, for subscriptions.
    pub(super) async fn client(&self) -> Result<Client, Fault> {
        let wait = self.limits.connect_timeout;
        match timeout(wait, self.connector.client()).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(unreachable(&error)),
            Err(_) => Err(Fault::Unreachable),
        }
    }

    async fn attempt<T>(
        &self,
        lane: &Lane<MultiplexedConnection>,
        repeat: Repeat,
        demoted: impl Fn(&T) -> bool,
        send: impl AsyncFn(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, Fault> {
        let slot = &lane.slot;
        if lane.is_silent() && slot.renew(async || self.dial().await).await {
            lane.renewed();
        }
        let underway = lane.enter();
        let mut repeats = 0;
        loop {
            let mut live = match repeats {
                0 => slot.connection(async || self.dial().await).await?,
                _ => self.reconnected(slot).await?,
            };
            let (sent, outcome) = watched(send(&mut live.connection)).await;
            underway.ended();
            let again = match &outcome {
                Ok(reply) => repeats == 0 && live.made.elapsed() > SETTLED && demoted(reply),
                Err(error) => self.may_repeat(error, sent, repeat, repeats),
            };
            if outcome.is_err() || again {
                self.discard(slot, &live, outcome.as_ref().err());
            }
            match outcome {
                _ if again => repeats += 1,
                Ok(reply) => return Ok(reply),
                Err(error) => return Err(Fault::new(&error, sent, self.limits.response_timeout)),
            }
        }
    }

    /// Waits for a server that is starting again: a command that has lost its connection may not
    /// be lost as well.
    async fn reconnected(
        &self,
        slot: &Slot<MultiplexedConnection>,
    ) -> Result<Live<MultiplexedConnection>, Fault> {
        let deadline = Instant::now() + self.limits.connect_timeout;
        loop {
            match slot.connection(async || self.dial().await).await {
                Err(_) if Instant::now() < deadline => sleep(PAUSE).await,
                outcome => return outcome,
            }
        }
    }

    fn may_repeat(&self, error: &RedisError, sent: Sent, repeat: Repeat, repeats: u32) -> bool {
        match (sent, repeat) {
            (Sent::No, _) => repeats < 2,
            (Sent::Maybe, Repeat::Always) => {
                repeats == 0 && !error.is_timeout() && error.kind() != ErrorKind::Parse
            }
            (Sent::Maybe, Repeat::OnlyUnsent) => false,
        }
    }

    /// The first connection that flows, so that commands travel together while they can.
    fn lane<'a>(
        &self,
        commands: impl IntoIterator<Item = &'a Command>,
    ) -> &Lane<MultiplexedConnection> {
        if !commands.into_iter().all(Command::is_plain) {
            return &self.bulk;
        }
        if let Some(lane) = self.lanes.iter().find(|lane| lane.flows()) {
            return lane;
        }
        let turn = self.turn.get();
        let next = turn + 1;
        self.turn.set(if next < self.lanes.len() { next } else { 0 });
        self.lanes.get(turn).unwrap_or(&self.bulk)
    }

    fn discard(
        &self,
        slot: &Slot<MultiplexedConnection>,
        live: &Live<MultiplexedConnection>,
        error: Option<&RedisError>,
    ) {
        match error {
            Some(error) => tracing::warn!(%error, "connection to Redis given up"),
            None => tracing::warn!("connection to Redis given up: the server became a replica"),
        }
        slot.discard(live);
    }

    async fn dial(&self) -> Result<MultiplexedConnection, Fault> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.limits.connect_timeout))
            .set_response_timeout(Some(self.limits.response_timeout))
            .set_pipeline_buffer_size(QUEUE);
        let client = self.client().await?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.map_err(|error| unreachable(&error))?;
        tracing::info!(server = %client.get_connection_info().addr(), "connected to Redis");
        Ok(connection)
    }
}

/// Whether the server answered that it takes no writes: a failover has made it a replica.
fn demoted(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::ReadOnly))
}

fn unreachable(error: &RedisError) -> Fault {
    tracing::warn!(%error, "cannot connect to Redis");
    Fault::Unreachable
}

/// Runs a sending future and tells whether its command can have left. The connection's own task
/// shares this thread, so a failure at the first poll means that the queue was closed already.
async fn watched<T>(sending: impl Future<Output = RedisResult<T>>) -> (Sent, RedisResult<T>) {
    let mut sending = pin!(sending);
    let mut waited = false;
    let outcome = std::future::poll_fn(|cx| {
        let polled = sending.as_mut().poll(cx);
        waited |= polled.is_pending();
        polled
    })
    .await;
    let sent = if waited || outcome.is_ok() { Sent::Maybe } else { Sent::No };
    (sent, outcome)
}

/// Time between attempts to reach a server that was there a moment ago.
const PAUSE: Duration = Duration::from_millis(30);
/// Commands that may wait for one connection.
const QUEUE: usize = 4096;
/// A connection older than this may be given up because its server became a replica.
const SETTLED: Duration = Duration::from_secs(1);
