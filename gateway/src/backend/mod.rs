//! The real Redis behind the gateway, as one worker thread sees it.

mod cluster;
mod fault;
mod lane;
mod pool;
mod slot;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redis::aio::{Monitor, PubSub};
use redis::{Client, Pipeline, RedisError, RedisResult, Value};
use tokio::time::timeout;

use crate::address::Address;
use crate::catalog::Catalog;
use crate::command::Command;
use crate::reply::{error_line, error_reply};

use cluster::Cluster;
pub use fault::Fault;
use pool::{Connector, Pool};

/// Limits of a worker's connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Connections to a server that is not a cluster.
    pub connections: usize,
    /// Longest time to wait for a reply.
    pub response_timeout: Duration,
}

/// What the server says about its commands, shared by all workers.
#[derive(Default)]
pub struct SharedCatalog {
    current: RwLock<(Option<Instant>, Arc<Catalog>)>,
}

/// How a transaction ended.
pub enum Transaction {
    /// Nothing was executed; the reason is an error line.
    Discarded(String),
    /// `EXEC` ran; these are its replies.
    Executed(Vec<Value>),
}

/// A worker's connections to Redis.
pub struct Backend {
    catalog: Arc<SharedCatalog>,
    limits: Limits,
    place: Place,
}

enum Place {
    Cluster(Box<Cluster>),
    Single(Box<Pool>),
}

impl Place {
    fn single(connector: Connector, limits: Limits) -> Self {
        Self::Single(Box::new(Pool::new(connector, limits)))
    }
}

/// When a command may be sent a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Always,
    OnlyUnsent,
}

impl Backend {
    /// Prepares connections to `address`; they are made when they are needed.
    pub fn new(
        address: &Address,
        limits: Limits,
        catalog: Arc<SharedCatalog>,
    ) -> RedisResult<Self> {
        let place = match address.clone() {
            Address::Cluster(seeds) => Place::Cluster(Box::new(Cluster::new(seeds, limits)?)),
            Address::Sentinel(group) => Place::single(Connector::sentinel(group)?, limits),
            Address::Server(server) => Place::single(Connector::server(server)?, limits),
        };
        Ok(Self { catalog, limits, place })
    }

    /// Runs one command. An error that Redis answers is a reply.
    pub async fn run(&self, command: &Command) -> Result<Value, Fault> {
        let repeat = self.repeat(std::slice::from_ref(command));
        match &self.place {
            Place::Cluster(cluster) => cluster.run(command, repeat).await,
            Place::Single(pool) => pool.run(command, repeat).await,
        }
    }

    /// Runs commands in order, without a guarantee that no others come between them. Each has an
    /// outcome of its own.
    pub async fn run_batch(&self, commands: &[Command]) -> Vec<Result<Value, Fault>> {
        match &self.place {
            Place::Cluster(cluster) => {
                let catalog = self.known_catalog().await;
                cluster.run_batch(commands, &catalog).await
            }
            Place::Single(pool) => {
                let replies = pool.run_batch(commands, self.repeat(commands)).await;
                match replies {
                    Ok(replies) => replies.into_iter().map(Ok).collect(),
                    Err(fault) => vec![Err(fault); commands.len()],
                }
            }
        }
    }

    /// Runs commands as one transaction.
    pub async fn run_transaction(&self, commands: &[Command]) -> Result<Transaction, Fault> {
        let reply = match &self.place {
            Place::Cluster(cluster) => {
                let catalog = self.known_catalog().await;
                cluster.run_transaction(commands, &catalog).await?
            }
            Place::Single(pool) => pool.run_transaction(commands).await?,
        };
        Ok(match reply {
            Value::Array(replies) => Transaction::Executed(replies),
            Value::ServerError(error) if error.code() == "EXECABORT" => {
                Transaction::Discarded(error_line(&error))
            }
            Value::ServerError(error) => {
                Transaction::Discarded(format!("{ABORTED} because of: {}", error_line(&error)))
            }
            _ => Transaction::Discarded(ABORTED.to_owned()),
        })
    }

    /// Opens a connection of its own for subscriptions.
    pub async fn subscriber(&self) -> Result<PubSub, Fault> {
        self.dedicated(async |client| client.get_async_pubsub().await).await
    }

    /// Opens a connection of its own on which the server reports every command it runs. In a
    /// cluster it is one of the seed nodes that reports.
    pub async fn monitor(&self) -> Result<Monitor, Fault> {
        self.dedicated(async |client| client.get_async_monitor().await).await
    }

    /// The catalog, asked from the server if nothing is known yet.
    pub async fn known_catalog(&self) -> Arc<Catalog> {
        let catalog = self.catalog();
        if catalog.is_empty() { self.learnt_catalog().await } else { catalog }
    }

    /// The catalog, empty if no server has been reached yet.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.current.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// The catalog, asked from the server if it is not known yet or old.
    pub async fn learnt_catalog(&self) -> Arc<Catalog> {
        let asked = self.catalog.current.read().unwrap_or_else(PoisonError::into_inner).0;
        if asked.is_some_and(|at| at.elapsed() < CATALOG_AGE) {
            return self.catalog();
        }
        let Ok(command) = Command::from_arguments([b"COMMAND".as_slice()]) else {
            return self.catalog();
        };
        let reply = match &self.place {
            Place::Cluster(cluster) => cluster.run(&command, Repeat::Always).await,
            Place::Single(pool) => pool.run(&command, Repeat::Always).await,
        };
        match reply.as_ref().map(Catalog::from_reply) {
            Ok(catalog) if !catalog.is_empty() => {
                let mut current =
                    self.catalog.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = (Some(Instant::now()), Arc::new(catalog));
            }
            Ok(_) => tracing::warn!("Redis does not answer COMMAND: nothing counts as a read"),
            Err(_) => {}
        }
        self.catalog()
    }

    fn repeat(&self, commands: &[Command]) -> Repeat {
        let current = self.catalog.current.read().unwrap_or_else(PoisonError::into_inner);
        match commands.iter().all(|command| current.1.only_reads(command)) {
            true => Repeat::Always,
            false => Repeat::OnlyUnsent,
        }
    }

    async fn dedicated<T>(
        &self,
        connect: impl AsyncFn(Client) -> RedisResult<T>,
    ) -> Result<T, Fault> {
        let clients = match &self.place {
            Place::Cluster(cluster) => cluster.clients(),
            Place::Single(pool) => vec![pool.client().await?],
        };
        for client in clients {
            if let Ok(Ok(connection)) = timeout(self.limits.connect_timeout, connect(client)).await
            {
                return Ok(connection);
            }
        }
        Err(Fault::Unreachable)
    }
}

fn pipeline(commands: &[Command]) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command(command.packed().clone());
    }
    pipeline
}

/// An error of Redis that reached us as a client error, as the reply that it was.
fn as_reply(error: &RedisError) -> Option<Value> {
    let errors = error.clone().into_server_errors()?;
    errors.first().map(|(_, error)| error_reply(&error_line(error)))
}

const ABORTED: &str = "EXECABORT Transaction discarded";
/// How long the catalog is believed before it is asked for again.
const CATALOG_AGE: Duration = Duration::from_secs(300);
