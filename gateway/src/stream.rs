//! Subscriptions as server-sent events.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use redis::aio::{Monitor, PubSub};
use redis::{Msg, RedisResult, Value};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::backend::{Backend, Fault};
use crate::body::Body;
use crate::metrics::Held;

/// What a client wants to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// Messages on these channels.
    Channels(Vec<Vec<u8>>),
    /// Every command that the server runs.
    Commands,
    /// Messages on channels that match these patterns.
    Patterns(Vec<Vec<u8>>),
}

/// What a stream holds on to while it is open.
pub struct Lease {
    /// Its place among all streams.
    pub permit: OwnedSemaphorePermit,
    /// Its share of the gauge.
    pub counted: Held,
    /// Becomes true when the gateway stops.
    pub stopping: watch::Receiver<bool>,
}

impl Subscription {
    /// Subscribes, and answers a body that carries the events.
    pub async fn open(self, backend: &Backend, lease: Lease) -> Result<Body, Fault> {
        match self {
            Self::Channels(channels) => {
                let mut subscriber = backend.subscriber().await?;
                for channel in &channels {
                    subscribed(subscriber.subscribe(channel.as_slice()).await)?;
                }
                Ok(messages("subscribe", &channels, subscriber, lease))
            }
            Self::Patterns(patterns) => {
                let mut subscriber = backend.subscriber().await?;
                for pattern in &patterns {
                    subscribed(subscriber.psubscribe(pattern.as_slice()).await)?;
                }
                Ok(messages("psubscribe", &patterns, subscriber, lease))
            }
            Self::Commands => Ok(commands(backend.monitor().await?, lease)),
        }
    }
}

fn messages(kind: &str, names: &[Vec<u8>], subscriber: PubSub, lease: Lease) -> Body {
    let first = names.iter().zip(1..).map(|(name, count)| {
        event(&[kind.as_bytes(), name, i32::to_string(&count).as_bytes()].join(&b','))
    });
    let first: Vec<u8> = first.flatten().collect();
    pump(first.into(), subscriber.into_on_message().map(|message| message_event(&message)), lease)
}

fn commands(monitor: Monitor, lease: Lease) -> Body {
    let lines = monitor.into_on_message::<Value>().map(|line| match line {
        Value::SimpleString(text) => event(text.as_bytes()),
        Value::BulkString(bytes) => event(&bytes),
        _ => Vec::new(),
    });
    pump(Bytes::from_static(b"data: \"OK\"\n\n"), lines, lease)
}

fn message_event(message: &Msg) -> Vec<u8> {
    let channel = message.get_channel_name().as_bytes();
    let payload = message.get_payload_bytes();
    match message.get_pattern::<Option<Vec<u8>>>() {
        Ok(Some(pattern)) => {
            event(&[b"pmessage".as_slice(), &pattern, channel, payload].join(&b','))
        }
        _ => event(&[b"message".as_slice(), channel, payload].join(&b',')),
    }
}

/// One event; a line break in the data starts another `data:` line, as the format wants it.
fn event(data: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(data).replace("\r\n", "\n").replace('\r', "\n");
    let mut out = Vec::with_capacity(text.len() + 16);
    for line in text.split('\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

/// Moves events to the client until one of both ends goes, the gateway stops, or the client is
/// so slow that too many events wait for it.
fn pump(first: Bytes, events: impl Stream<Item = Vec<u8>> + 'static, mut lease: Lease) -> Body {
    let (sender, receiver) = mpsc::channel(WAITING);
    spawn_local(async move {
        let mut events = std::pin::pin!(events);
        let mut alive = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let _ = sender.try_send(first);
        loop {
            let next = tokio::select! {
                event = events.next() => match event {
                    Some(event) => Bytes::from(event),
                    None => break,
                },
                _ = alive.tick() => Bytes::from_static(b":keep-alive\n\n"),
                () = sender.closed() => break,
                _ = lease.stopping.wait_for(|stopping| *stopping) => break,
            };
            if !next.is_empty() && sender.try_send(next).is_err() {
                tracing::warn!(limit = WAITING, "subscription ended: the client reads too slowly");
                break;
            }
        }
        drop((lease.permit, lease.counted));
    });
    Body::Stream(receiver)
}

fn subscribed(outcome: RedisResult<()>) -> Result<(), Fault> {
    outcome.map_err(|error| {
        tracing::warn!(%error, "cannot subscribe");
        Fault::Unreachable
    })
}

const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events that may wait for a slow client.
const WAITING: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_does_not_end_an_event() {
        assert_eq!(event(b"message,c,a\r\nb"), b"data: message,c,a\ndata: b\n\n");
        assert_eq!(event(b""), b"data: \n\n");
    }
}
