//! Subscriptions and the monitor, as server-sent events.

use crate::http::{Events, open, send};
use crate::place::{Cluster, Place, TOKEN, command, redis, wait_until};

#[test]
fn messages_arrive_as_events() {
    let server = redis();
    let place = Place::over(&server.url());
    let mut channel = subscribe(&place, "POST /subscribe/news/more");
    assert_eq!(channel.next().as_deref(), Some("subscribe,news,1"));
    assert_eq!(channel.next().as_deref(), Some("subscribe,more,2"));
    let mut pattern = subscribe(&place, "GET /psubscribe/n%2A");
    assert_eq!(pattern.next().as_deref(), Some("psubscribe,n*,1"));
    assert_eq!(place.run(r#"["PUBLISH","news","a,b"]"#), r#"{"result":2}"#);
    assert_eq!(channel.next().as_deref(), Some("message,news,a,b"));
    assert_eq!(pattern.next().as_deref(), Some("pmessage,n*,news,a,b"));
    drop(channel);
    wait_until("the server forgets the client that left", || {
        command(&server, &["PUBSUB", "NUMSUB", "news"]) == "news 0"
    });
}

#[test]
fn the_monitor_reports_commands() {
    let server = redis();
    let place = Place::over(&server.url());
    let mut events = subscribe(&place, "POST /monitor");
    assert_eq!(events.next().as_deref(), Some("\"OK\""));
    place.run(r#"["SET","watched","1"]"#);
    let line = std::iter::from_fn(|| events.next()).find(|line| line.contains("watched"));
    let line = line.expect("the command is reported");
    assert!(line.ends_with(r#""SET" "watched" "1""#), "{line}");
}

#[test]
fn messages_cross_a_cluster() {
    let cluster = Cluster::start();
    let place = Place::over(&cluster.url());
    let mut events = subscribe(&place, "POST /subscribe/news");
    assert_eq!(events.next().as_deref(), Some("subscribe,news,1"));
    command(&cluster.nodes[2], &["PUBLISH", "news", "hello"]);
    assert_eq!(events.next().as_deref(), Some("message,news,hello"));
}

#[test]
fn subscriptions_end_when_their_server_does() {
    let mut server = redis();
    let place = Place::over(&server.url());
    let mut events = subscribe(&place, "POST /subscribe/news");
    assert!(events.next().is_some());
    server.daemon.kill();
    assert_eq!(events.next(), None);
}

#[test]
fn subscriptions_are_limited() {
    let server = redis();
    let place = Place::with(&server.url(), &["--max-streams", "1"]);
    let first = subscribe(&place, "POST /subscribe/a");
    assert_eq!(place.ask("POST /subscribe/b", &[], "").status, 429);
    drop(first);
    wait_until("the place is free again", || {
        let bearer = format!("Bearer {TOKEN}");
        let metrics = send(place.address(), "GET /metrics", &[("Authorization", &bearer)], b"");
        metrics.text().contains("breadbox_gateway_streams 0")
    });
    subscribe(&place, "POST /subscribe/b");
}

fn subscribe(place: &Place, head: &str) -> Events {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str()), ("Accept", "text/event-stream")];
    Events::new(open(place.address(), head, &headers, None))
}
