//! A server that dies, hangs or comes back.

use std::sync::mpsc;
use std::thread;

use xtask::faults::{Proxy, Speech, Trouble};
use xtask::servers::Redis;

use crate::http::send;
use crate::place::{Cluster, Place, command, redis, wait_until};

#[test]
fn a_restart_is_survived_by_the_next_request() {
    let mut server = redis();
    let place = Place::over(&server.url());
    for n in 0..8 {
        assert_eq!(place.run(&format!(r#"["SET","k","{n}"]"#)), OK);
    }
    server.daemon.kill();
    let answer = place.ask("POST /", &[], r#"["SET","k","lost"]"#);
    assert_eq!(answer.status, 503, "{}", answer.text());
    let expected = "ERR Redis cannot be reached; the command was not executed";
    assert_eq!(answer.text(), format!(r#"{{"error":"{expected}"}}"#));
    assert_eq!(send(place.address(), "GET /health", &[], b"").status, 503);
    assert_eq!(send(place.address(), "GET /livez", &[], b"").status, 200);
    assert_eq!(place.ask("POST /pipeline", &[], r#"[["SET","k","lost"]]"#).status, 503);
    assert_eq!(place.ask("POST /multi-exec", &[], r#"[["SET","k","lost"]]"#).status, 503);
    server.daemon.start_again().expect("Redis starts again");
    place.wait_until_healthy();
    for n in 0..8 {
        assert_eq!(place.run(&format!(r#"["INCR","n{n}"]"#)), r#"{"result":1}"#);
    }
}

#[test]
fn connections_that_died_unused_lose_no_write() {
    let mut server = redis();
    let place = Place::with(&server.url(), &["--threads", "1", "--connections", "3"]);
    for _ in 0..6 {
        assert_eq!(place.run(r#"["SET","k","v"]"#), OK);
    }
    server.daemon.kill();
    server.daemon.start_again().expect("Redis starts again");
    for n in 1..=6 {
        assert_eq!(place.run(r#"["INCR","n"]"#), format!(r#"{{"result":{n}}}"#));
    }
}

#[test]
fn a_read_under_way_is_repeated_and_a_write_is_not() {
    let mut server = redis();
    let flags = ["--threads", "1", "--connections", "1"];
    let place = Place::with(&server.url(), &flags);
    assert_eq!(place.run(r#"["SET","k","v"]"#), OK);
    wait_until("the gateway knows which commands read", || {
        command(&server, &["INFO", "commandstats"]).contains("cmdstat_command:")
    });
    server.daemon.freeze();
    thread::scope(|scope| {
        let read = scope.spawn(|| place.ask("GET /get/k", &[], ""));
        let write = scope.spawn(|| place.ask("GET /incr/n", &[], ""));
        wait_until("both are under way", || in_flight(&place) == 3);
        server.daemon.kill();
        server.daemon.start_again().expect("Redis starts again");
        let read = read.join().expect("a thread");
        assert_eq!((read.status, read.text().as_str()), (200, r#"{"result":null}"#));
        let write = write.join().expect("a thread");
        assert_eq!(write.status, 502, "{}", write.text());
        assert!(write.text().contains("may have been executed"), "{}", write.text());
    });
}

#[test]
fn a_server_that_hangs_is_given_up_in_time() {
    let server = redis();
    let flags = ["--threads", "1", "--connections", "1", "--response-timeout", "200ms"];
    let place = Place::with(&server.url(), &flags);
    place.wait_until_healthy();
    server.daemon.freeze();
    let answer = place.ask("GET /get/k", &[], "");
    assert_eq!(answer.status, 504, "{}", answer.text());
    server.daemon.thaw();
    place.wait_until_healthy();
}

/// A connection that has died without a word, as when the other end lost its power, is replaced
/// long before what was sent on it is given up.
#[test]
fn a_connection_that_has_gone_silent_is_replaced() {
    let server = redis();
    let line = Proxy::start(server.port(), Speech::Bytes).expect("a proxy");
    let url = format!("redis://127.0.0.1:{}", line.port());
    let flags = ["--threads", "1", "--connections", "1", "--response-timeout", "60s"];
    let place = Place::with(&url, &flags);
    assert_eq!(place.run(r#"["SET","k","v"]"#), OK);
    line.set(Trouble::Silent);
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let ask = || {
            let tell = tell.clone();
            let place = &place;
            scope.spawn(move || tell.send(place.ask("GET /get/k", &[], "").status));
        };
        ask();
        wait_until("it is under way", || in_flight(&place) == 2);
        line.set(Trouble::Fair);
        let mut polls = 0_u32;
        wait_until("another connection answers", || {
            polls += 1;
            if polls.is_multiple_of(20) {
                ask();
            }
            told.try_iter().any(|status| status == 200)
        });
        // What went the old way is still waited for, and ends with the line.
        assert!(in_flight(&place) > 1);
        drop(line);
    });
}

#[test]
fn an_error_that_is_no_text_harms_only_its_like() {
    let server = redis();
    let flags = ["--threads", "1", "--connections", "1"];
    let place = Place::with(&server.url(), &flags);
    assert_eq!(place.run(r#"["SET","k","v"]"#), OK);
    let before = connections(&server);
    for _ in 0..3 {
        let answer = place.ask("GET /xreadgroup/group/g/c/streams/%ff%fe/%3E", &[], "");
        assert_eq!(answer.status, 502, "{}", answer.text());
    }
    assert_eq!(place.run(r#"["GET","k"]"#), r#"{"result":"v"}"#);
    let id = |list: &str| list.split(' ').next().map(str::to_owned);
    assert_eq!(id(&connections(&server)), id(&before), "the shared connection was given up");
    assert_eq!(place.ask("POST /set/k", &[], [0xff, 0xfe]).status, 200);
}

/// The gateway's oldest connection, as the server lists it.
fn connections(server: &Redis) -> String {
    let list = command(server, &["CLIENT", "LIST", "TYPE", "normal"]);
    list.lines().find(|line| !line.contains("cmd=client")).unwrap_or_default().to_owned()
}

#[test]
fn a_cluster_node_that_returns_serves_again() {
    let mut cluster = Cluster::start();
    let place = Place::over(&cluster.url());
    place.wait_until_healthy();
    for key in ["a", "b", "c", "d"] {
        assert_eq!(place.run(&format!(r#"["SET","{key}","v"]"#)), OK);
    }
    for node in &mut cluster.nodes {
        node.daemon.kill();
        node.daemon.start_again().expect("the node starts again");
    }
    wait_until("every slot is served again", || {
        ["a", "b", "c", "d"]
            .iter()
            .all(|key| place.ask("POST /", &[], format!(r#"["SET","{key}","w"]"#)).status == 200)
    });
}

fn in_flight(place: &Place) -> u32 {
    let text = place.ask("GET /metrics", &[], "").text();
    let line = text.lines().find_map(|l| l.strip_prefix("breadbox_gateway_requests_in_flight "));
    line.and_then(|count| count.parse().ok()).expect("the gauge")
}

const OK: &str = r#"{"result":"OK"}"#;
